"""What a duty officer does, in a real browser against a real installation."""

from __future__ import annotations

import io
import re

import pytest
from openpyxl import Workbook
from playwright.sync_api import Page, expect

from tests.browser.conftest import Service, Watched, sign_in
from tests.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

UNIT = "东城区政务服务中心"
SECONDS = 1000  # milliseconds, as Playwright counts


def workbook(*rows: tuple[str, ...]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]  # a new workbook has a sheet
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def import_file(page: Page, path: str, name: str, content: bytes) -> None:
    """Upload, read the dry run, write."""
    page.goto(path)
    page.set_input_files(
        "input[type=file]",
        {
            "name": name,
            "mimeType": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "buffer": content,
        },
    )
    page.locator("main form button.btn-primary").click()
    page.wait_for_selector("form[action$='/apply/']", timeout=30 * SECONDS)
    page.click("form[action$='/apply/'] button")
    page.wait_for_selector("form[action$='/undo/']", timeout=30 * SECONDS)


def test_sign_in_import_and_see_a_unit_go_down_and_come_back(
    site: Running, watched: Watched, service: Service
) -> None:
    page = watched.page
    sign_in(page, site)
    expect(page.locator("main")).to_contain_text("台账为空")

    import_file(
        page,
        "/inventory/region/import/",
        "regions.xlsx",
        workbook(("code", "name", "level"), ("430600", "岳阳市", "city")),
    )
    import_file(
        page,
        "/inventory/unit/import/",
        "units.xlsx",
        workbook(("code", "name", "region", "level"), ("YY-1", UNIT, "430600", "city")),
    )
    page.goto("/inventory/unit/")
    expect(page.locator("main")).to_contain_text(UNIT)

    site.django(
        "from govnet.inventory.models import Unit; from govnet.monitor.models import Target\n"
        f"Target.objects.create(name='业务', kind='tcp', address='{service.host}',"
        f" params={{'port': {service.port}}}, interval_s=2, unit=Unit.objects.get())"
    )
    page.goto("/")
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#overview-main")).to_contain_text("均正常", timeout=40 * SECONDS)

    service.close()
    row = page.locator("#overview-main tr", has_text=UNIT)
    expect(row.locator(".state-down")).to_be_visible(timeout=40 * SECONDS)
    expect(row).to_contain_text("连接被拒绝")

    service.open()
    expect(row).to_have_count(0, timeout=40 * SECONDS)
    expect(page.locator("#overview-main .figure-states").first).to_contain_text("正常")
    flips = page.locator("#overview-flips tbody tr")
    expect(flips.first.locator(".state-up").last).to_be_visible(timeout=20 * SECONDS)
    assert page.evaluate("window.sameDocument") is True, "the page was reloaded"


def test_ctrl_k_finds_a_unit_by_keyboard_alone(site: Running, watched: Watched) -> None:
    page = watched.page
    sign_in(page, site)
    page.keyboard.press("Control+k")
    expect(page.locator("#search-input")).to_be_focused()
    page.keyboard.type("YY-1")
    expect(page.locator("#search-results .search-hit")).to_have_count(1, timeout=5 * SECONDS)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/inventory/unit/\d+/$"))
    expect(page.locator("h1")).to_contain_text(UNIT)


def test_escape_closes_the_search_and_the_skip_link_comes_first(
    site: Running, watched: Watched
) -> None:
    page = watched.page
    sign_in(page, site)
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.locator("#search-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#search-dialog")).to_be_hidden()


def test_one_click_switches_the_language_and_back(site: Running, watched: Watched) -> None:
    page = watched.page
    sign_in(page, site)
    expect(page.locator("h1")).to_have_text("总览")
    page.click("button[value=en]")
    expect(page.locator("h1")).to_have_text("Overview")
    assert page.get_attribute("html", "lang") == "en"
    page.click("button[value=zh-hans]")
    expect(page.locator("h1")).to_have_text("总览")


def test_dark_is_kept_and_charts_draw_in_it(site: Running, watched: Watched) -> None:
    page = watched.page
    sign_in(page, site)
    page.click("button[aria-label=主题]")
    page.click("button[value=dark]")
    assert page.get_attribute("html", "data-bs-theme") == "dark"
    page.goto("/monitor/targets/")
    page.locator("tbody a", has_text="业务").first.click()
    expect(page.locator(".chart canvas").first).to_be_visible(timeout=20 * SECONDS)
    page.click("[data-range-button='24h']")
    assert "range=24h" in page.url
    page.click("button[aria-label=主题]")
    page.click("button[value=light]")


def test_dragging_over_a_chart_zooms_and_keeps_the_span_in_the_address(
    site: Running, watched: Watched
) -> None:
    page = watched.page
    sign_in(page, site)
    page.goto("/monitor/targets/")
    page.locator("tbody a", has_text="业务").first.click()
    canvas = page.locator(".chart canvas").first
    expect(canvas).to_be_visible(timeout=20 * SECONDS)
    box = canvas.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=8)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=\d+&to=\d+"), timeout=10 * SECONDS)


def watch(page: Page, host: str, port: int) -> None:
    """Add a lasting target: a probe by hand reaches this machine only where one measures it."""
    page.goto("/monitor/targets/add/")
    page.fill("[name=name]", f"{host} {port}")
    page.select_option("[name=kind]", "tcp")
    page.fill("[name=address]", host)
    page.fill("[name=port]", str(port))
    page.click("main form button.btn-primary")
    page.wait_for_url(re.compile(r"/monitor/targets/\d+/"), timeout=10 * SECONDS)


def test_the_probe_page_shows_the_exchange_and_a_failure_as_well(
    site: Running, watched: Watched, service: Service
) -> None:
    page = watched.page
    sign_in(page, site)
    for port, word in ((service.port, "正常"), (1, "连接被拒绝")):
        watch(page, service.host, port)
        page.goto("/monitor/probe/")
        page.select_option("[name=kind]", "tcp")
        page.fill("[name=address]", service.host)
        page.fill("[name=port]", str(port))
        page.click("form[data-probe-form] button[type=submit]")
        expect(page.locator("#probe")).to_contain_text(word, timeout=30 * SECONDS)
        expect(page.locator("#probe-result .exchange")).to_contain_text(service.host)


@pytest.mark.parametrize("path", ["/", "/monitor/targets/", "/monitor/changes/", "/status/"])
def test_a_telephone_shows_every_page_without_scrolling_sideways(
    site: Running, watched: Watched, path: str
) -> None:
    page = watched.page
    sign_in(page, site)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click(".topbar-menu")
    entry = page.locator(".shell-nav a", has_text="监测目标")
    entry.scroll_into_view_if_needed()
    expect(entry).to_be_in_viewport()
