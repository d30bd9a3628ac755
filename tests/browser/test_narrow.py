"""No page is wider than a phone: every list, and every page that links lead to from there."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import Browser, Page, Response, ViewportSize
from playwright.sync_api import Error as BrowserError

from govnet.core.registry import resources
from govnet.demo.layout import USER
from tests.running import Installation, installation, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

PHONE: ViewportSize = {"width": 390, "height": 844}
DRAWN_MS = 200
LOAD_S = 600
NOT_PAGES = ("export", "download", "docx", "pdf", "xlsx", "file", "workbook")
"""How the names of views end that send a file."""

GENERIC = ("_add", "_edit", "_delete", "_import")
"""How names of the generic forms end: all alike, and looking at each would double the time."""

LOOK = """() => {
  const page = document.documentElement, limit = page.clientWidth + 1;
  const clipped = (node) => {
    for (let at = node.parentElement; at && at !== document.body; at = at.parentElement)
      if (getComputedStyle(at).overflowX !== "visible") return true;
    return false;
  };
  const wide = page.scrollWidth;
  const right = (node) => node.getBoundingClientRect().right;
  const culprit = wide < limit ? null : [...document.body.querySelectorAll("*")]
    .filter((node) => node.checkVisibility({visibilityProperty: true}) && !clipped(node))
    .reduce((most, node) => right(node) > right(most) ? node : most, document.body);
  return {
    wide,
    culprit: culprit ? culprit.outerHTML.slice(0, 160) : "",
    links: [...document.querySelectorAll("a[href]:not([download])")].map(
      (link) => new URL(link.getAttribute("href"), location.href).href),
  };
}"""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The demo city's data, served but not measured."""
    made = installation(tmp_path_factory.mktemp("city"))
    assert made.start("demo", "--load-only").wait(LOAD_S) == 0, made.log_tail()
    processes = [made.start("store"), made.start("web")]
    try:
        until(lambda: answers(made), 180, "pages", made.log_tail)
        yield made
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def answers(made: Installation) -> bool:
    return bool(made.status()["processes"]["web"]["ok"])


@pytest.fixture(scope="module")
def phone(browser: Browser, city: Installation) -> Iterator[Page]:
    """One session of the demo's administrator on a phone."""
    secrets = json.loads((city.data_dir / "demo" / "secrets.json").read_text())
    context = browser.new_context(base_url=city.url, viewport=PHONE, locale="zh-CN")
    page = context.new_page()
    page.goto("/")
    page.fill("[name=username]", USER)
    page.fill("[name=password]", secrets["password"])
    page.click("button.btn-primary")
    page.wait_for_selector(".shell-nav", state="attached")
    yield page
    context.close()


def view_of(url: str, site: str) -> str:
    """Name of the view that answers a link of ours; empty for anything else."""
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" != site:
        return ""
    try:
        name = resolve(parts.path).view_name
    except Resolver404:
        return ""
    return "" if name.endswith(GENERIC + NOT_PAGES) else name


def look(page: Page, url: str) -> dict[str, Any]:
    """Open a page and measure it; empty when a link sends a file or no page of ours."""
    try:
        answer: Response | None = page.goto(url, wait_until="load")
    except BrowserError as error:
        if "Download is starting" in str(error) or "ERR_ABORTED" in str(error):
            return {}
        raise
    if answer is None or "text/html" not in answer.headers.get("content-type", ""):
        return {}
    assert answer.status < 400, f"{url} answers {answer.status}"
    page.wait_for_timeout(DRAWN_MS)
    found: dict[str, Any] = page.evaluate(LOOK)
    return found


def test_no_page_is_wider_than_a_phone(phone: Page, city: Installation) -> None:
    """One page of every view: every list, and what links lead to from there."""
    waiting = deque([f"{city.url}/", *(city.url + each.url("list") for each in resources())])
    seen = {view_of(url, city.url) for url in waiting}
    wide = {}
    while waiting:
        url = waiting.popleft()
        found = look(phone, url)
        if found.get("wide", 0) > PHONE["width"]:
            wide[url.removeprefix(city.url)] = f"{found['wide']} px: {found['culprit']}"
        for link in found.get("links", ()):
            name = view_of(link, city.url)
            if name and name not in seen:
                seen.add(name)
                waiting.append(link)
    assert len(seen) > 80, "the walk ended early"
    assert not wide, json.dumps(wide, indent=1, ensure_ascii=False)
