"""From an outage to what is paid, and from a figure back to the raw probes, by clicks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Service, Watched, sign_in
from tests.browser.last_month import UNIT
from tests.peers import require
from tests.running import Running, running_govnet

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECONDS = 1000  # milliseconds, as Playwright counts
HOUR = 3600


@dataclass(frozen=True)
class Outage:
    """What stands in the database: the target, when it went down, a day of that month."""

    target: int
    since: int
    day: str


@pytest.fixture(scope="module")
def line() -> Iterator[Service]:
    """What the line leads to; nobody listens there until a test opens it, which is the repair."""
    service = Service("127.77.0.9")
    service.close()
    yield service
    service.close()


@pytest.fixture(scope="module")
def started(
    tmp_path_factory: pytest.TempPathFactory, line: Service
) -> Iterator[tuple[Running, Outage]]:
    """An installation that is started again while the line is down, with its raw probes."""
    require("chromium")
    told: list[str] = []
    build = f"from tests.browser.last_month import build; build({line.host!r}, {line.port})"
    with running_govnet(
        tmp_path_factory.mktemp("site"), lambda made: told.append(made.django(build))
    ) as running:
        found = Outage(**json.loads(told[0]))
        # An hour of probes around the outage's begin, one every ten seconds.
        running.sql(
            "INSERT INTO probe_result (target_id, ts, outcome, sent, received, rtt_ms, reason)"
            f" SELECT {found.target}, toDateTime64({found.since} - 1800 + number * 10, 3),"
            " if(number < 180, 0, 2), 1, number < 180, if(number < 180, 2.5, NULL),"
            " if(number < 180, '', 'refused') FROM numbers(360)"
        )
        yield running, found


@pytest.fixture(scope="module")
def site(started: tuple[Running, Outage]) -> Running:
    return started[0]


@pytest.fixture(scope="module")
def outage(started: tuple[Running, Outage]) -> Outage:
    return started[1]


def step(page: Page, action: str, **values: str) -> None:
    """Take the next step of the work order whose page is open."""
    form = page.locator(f"form[action$='/{action}/']")
    for name, value in values.items():
        form.locator(f"[name={action}-{name}]").select_option(value)
    form.locator("button.btn-primary").click()
    expect(page.locator("main")).to_contain_text("已完成", timeout=10 * SECONDS)


def table_text(path: Path) -> str:
    """All that a Word file says in its paragraphs and tables."""
    file = docx.Document(str(path))
    cells = (cell.text for table in file.tables for row in table.rows for cell in row.cells)
    return "\n".join([*(each.text for each in file.paragraphs), *cells])


def test_a_figure_of_the_self_evaluation_leads_to_the_raw_probes(
    site: Running, watched: Watched, outage: Outage
) -> None:
    page = watched.page
    sign_in(page, site)
    page.goto("/evaluation/projects/")
    page.get_by_role("link", name="骨干网自评").click()
    page.click("form[action$='/measure-all/'] button")
    page.get_by_role("link", name="平台取数").click()
    row = page.locator("tr", has_text=UNIT)
    expect(row).to_contain_text(str(8 * HOUR))
    row.get_by_role("link").click()
    expect(page.locator("h1")).to_contain_text(UNIT)
    page.locator("tr", has_text="8小时").get_by_role("link", name="专线业务").click()
    assert str(outage.since - HOUR // 2) in page.url
    expect(page.locator(".chart canvas").first).to_be_visible(timeout=20 * SECONDS)
    expect(page.locator("main")).to_contain_text("连接被拒绝")


def test_an_outage_becomes_a_work_order_a_statement_a_deduction_and_a_certificate(
    site: Running, watched: Watched, outage: Outage, line: Service, tmp_path: Path
) -> None:
    page = watched.page
    sign_in(page, site)
    mend(page, line)
    issue_statement(page, outage.day)
    page.locator("tr", has_text=UNIT).get_by_role("link").click()
    expect(page.locator("tr", has_text="8小时")).to_contain_text("运营商 · 光缆中断")
    page.go_back()
    page.locator("main dl").get_by_role("link", name="YY-2026-01").click()
    page.click("form[action$='/from-statement/'] button")
    expect(page.locator("main")).to_contain_text("1,200.00")
    page.click("button[name=confirm]")
    page.locator(".instalment", has_text="首期").locator("form[action$='/certify/'] button").click()
    with page.expect_download() as download:
        page.click("a[href$='.docx']")
    download.value.save_as(tmp_path / "certificate.docx")
    said = table_text(tmp_path / "certificate.docx")
    assert "70,800.00" in said  # 72,000 less twelve percent of one monthly fee of 10,000
    assert "柒万零捌佰元整" in said


def mend(page: Page, line: Service) -> None:
    """From the alarm through the whole life of its work order."""
    page.goto("/alarms/")
    alarm = page.locator("tbody tr", has_text=UNIT).locator("a[href^='/alarms/']")
    alarm.first.click(timeout=60 * SECONDS)
    page.click("form[action*='/from-alarm/'] button")
    step(page, "dispatch", contractor="电信政企")
    step(page, "accept")
    step(page, "arrive")
    line.open()
    step(page, "restore", cause="fibre_cut", party="carrier")
    step(page, "confirm", score="5")
    step(page, "close", cause="fibre_cut", party="carrier")
    expect(page.locator("main")).to_contain_text("已销单")


def issue_statement(page: Page, day: str) -> None:
    """The contract's statement of the outage's month."""
    page.goto("/sla/statements/")
    page.click("a[href$='/statements/issue/']")
    page.select_option("[name=scope]", label="YY-2026-01 线路租赁")
    page.fill("[name=day]", day)
    page.click("main form button.btn-primary")
    expect(page.locator(".sla-figure")).to_contain_text("98.")
