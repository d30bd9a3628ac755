"""The map in a real browser: arranged by mouse and keyboard, zoomed, asked what a fault takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, Response, expect

from tests.browser.conftest import Watched, sign_in
from tests.running import Installation, installation, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEDGER = """
from govnet.inventory.models import *
region = Region.objects.create(code="430600", name="岳阳市", level="city")
core, agg = (Device.objects.create(name=n, layer=l, region=region)
             for n, l in (("核心-1", "core"), ("汇聚-1", "aggregation")))
a, z = (Port.objects.create(device=d, name="GE0/0/1") for d in (agg, core))
carrier = Carrier.objects.create(name="电信")
Circuit.objects.create(number="GG-1", kind="backbone", carrier=carrier, a_port=a, z_port=z)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Pages without anything that measures: the map needs no more."""
    settings = installation(tmp_path_factory.mktemp("site"))
    settings.run("prepare")
    web = settings.start("web")
    try:
        until(lambda: _answers(settings.url), 120, "pages", settings.log_tail)
        yield settings
    finally:
        web.terminate()
        web.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code < 500
    except httpx.TransportError:
        return False


def _place(node: Locator) -> tuple[float, float]:
    found = re.match(r"translate\(([\d.]+) ([\d.]+)\)", node.get_attribute("transform") or "")
    assert found
    return float(found[1]), float(found[2])


def _node(page: Page, name: str) -> Locator:
    return page.locator(f".map-node[aria-label^='{name}']")


def _saved(answer: Response) -> bool:
    return "/topology/move/" in answer.url and answer.ok


def test_what_is_arranged_by_mouse_or_keys_is_still_there_after_a_reload(
    site: Installation, watched: Watched
) -> None:
    site.django(LEDGER)
    page = watched.page
    sign_in(page, site)
    page.goto("/topology/")
    node = _node(page, "汇聚-1")
    before = _place(node)
    page.click("[data-map-arrange]")
    box = node.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 60, steps=4)
    with page.expect_response(_saved):
        page.mouse.up()
    assert page.url.endswith("/topology/"), "a node that is moved is not followed"
    dragged = _place(node)
    assert dragged[0] > before[0] + 50
    line = page.locator(".map-link line")
    assert float(line.get_attribute("x1") or 0) == dragged[0], "its line goes with it"
    node.focus()
    with page.expect_response(_saved):
        page.keyboard.press("Shift+ArrowDown")
    assert _place(node) == (dragged[0], dragged[1] + 10)

    page.reload()
    assert _place(node) == (dragged[0], dragged[1] + 10)
    width = page.locator("svg.map").bounding_box()
    page.click("[data-map-zoom='1.25']")
    wider = page.locator("svg.map").bounding_box()
    assert width
    assert wider
    assert wider["width"] > width["width"] * 1.1

    page.fill("[name=q]", "核心-1")
    page.click("button[value=fail]")
    expect(_node(page, "汇聚-1")).to_have_class(re.compile("is-hit"))
    expect(page.locator(".map-losses")).to_contain_text("汇聚-1")
    _node(page, "核心-1").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("核心-1")
