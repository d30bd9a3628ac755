"""What a duty officer does with alarms, in a real browser: from the sound to the cause.

The alarms are made by the services that the correlator calls, so nothing has to fail first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched, sign_in
from tests.running import Installation, installation, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECONDS = 1000  # milliseconds, as Playwright counts
LIVE = 12 * SECONDS
"""The list asks again every 5 s, an alarm's page every 8 s."""

LEDGER = """
from datetime import timedelta
from django.utils import timezone
from govnet.alarms.refs import Ref
from govnet.alarms.services import Fault, reconcile
from govnet.inventory.models import *
from govnet.monitor.models import *
KINDS = ["unreachable", "link_down"]
begun = timezone.now() - timedelta(minutes=3)
def points():
    return list(AccessPoint.objects.order_by("code"))
def outage(**more):
    root = Fault("unreachable", Ref.of(Device.objects.get(name="汇聚-1")), begun,
                 level="critical", impact={"units": 3, "devices": 1}, **more)
    behind = [Fault("unreachable", Ref.of(p), begun, root=root.key) for p in points()[:3]]
    return [root, *behind]
def alone():
    return [Fault("unreachable", Ref.of(p), begun, level="minor") for p in points()[3:]]
"""

CITY = """
from govnet.config import get_config
from govnet.telemetry.writer import Writer
region = Region.objects.create(code="430600", name="岳阳市", level="city")
core, agg = (Device.objects.create(name=n, layer=l, region=region)
             for n, l in (("核心-1", "core"), ("汇聚-1", "aggregation")))
carrier = Carrier.objects.create(name="电信")
a, z = (Port.objects.create(device=d, name="GE0/0/1") for d in (agg, core))
Circuit.objects.create(number="GG-1", kind="backbone", carrier=carrier, a_port=a, z_port=z)
for n in range(6):
    unit = Unit.objects.create(code=f"U{n}", name=f"单位{n}", region=region, level="city")
    point = AccessPoint.objects.create(code=f"A{n}", name=f"单位{n}接入点", unit=unit)
    port = Port.objects.create(device=agg, name=f"GE0/1/{n}")
    Circuit.objects.create(number=f"JR-{n}", carrier=carrier, access_point=point, z_port=port)
for device, state in ((core, "up"), (agg, "down")):
    target = Target.objects.create(
        name=device.name, kind="icmp", address="127.0.0.1", device=device)
    TargetState.objects.create(target=target, state=state, since=begun, checked_at=timezone.now())
writer = Writer("test", get_config())
writer.append("log_message", {
    "ts": [begun.timestamp()], "device_id": [core.pk], "source_id": [1], "severity": [3],
    "address": [bytes(10) + b"\\xff\\xff\\x0a\\x00\\x00\\x01"], "channel": ["udp"],
    "facility": [23], "host": ["core"], "program": ["OSPF"], "vendor": [""],
    "event": ["ospf_down"], "about": [""],
    "port_id": [0], "skew_s": [None], "head": ["<187>"], "text": ["Neighbor 10.0.0.2 left FULL"],
    "raw": [b""]})
assert writer.flush(60) and writer.wait_inserted(60)
writer.close()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Pages and the store; nothing measures, and nothing clears what the test raised."""
    settings = installation(tmp_path_factory.mktemp("site"))
    settings.run("prepare")
    processes = [settings.start("store"), settings.start("web")]
    try:
        store = f"http://127.0.0.1:{settings.port('store_port')}/ping"
        for url in (store, settings.url):
            until(lambda url=url: _answers(url), 120, url, settings.log_tail)  # type: ignore[misc]
        settings.django(LEDGER + CITY + "reconcile(alone(), KINDS)")
        yield settings
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code < 500
    except httpx.TransportError:
        return False


def _open(page: Page, site: Installation, path: str) -> None:
    """Open a page that must not be loaded again while the test looks at it."""
    sign_in(page, site)
    page.goto(path)
    page.evaluate("window.sameDocument = true")


def _same(page: Page) -> bool:
    return page.evaluate("window.sameDocument === true") is True


def test_a_new_critical_alarm_comes_by_itself_and_is_heard_where_the_sound_is_on(
    site: Installation, watched: Watched
) -> None:
    page = watched.page
    page.add_init_script(
        """window.tones = 0;
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (at) { window.tones += 1; start.call(this, at); };
        """
    )
    _open(page, site, "/alarms/")
    expect(page.locator("tbody tr")).to_have_count(3)
    sound = page.locator("[data-sound]")
    expect(sound).to_have_attribute("aria-pressed", "false")
    sound.click()
    expect(sound).to_have_attribute("aria-pressed", "true")
    tried = page.evaluate("window.tones")
    assert tried, "the switch lets one hear what it switches on"

    site.django(LEDGER + "reconcile([*outage(), *alone()], KINDS)")
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("汇聚-1", timeout=LIVE)
    expect(first).to_contain_text("紧急")
    expect(first).to_contain_text("+3")
    assert _same(page), "the page was loaded again"
    assert page.evaluate("window.tones") == 2 * tried

    page.goto("/alarms/")
    assert page.evaluate("window.tones") == 0, "one alarm is heard once"
    expect(sound).to_have_attribute("aria-pressed", "true")
    sound.click()
    expect(sound).to_have_attribute("aria-pressed", "false")


def test_an_alarm_is_acknowledged_commented_and_closed_with_its_cause(
    site: Installation, watched: Watched
) -> None:
    page = watched.page
    _open(page, site, "/alarms/")
    page.locator("tbody a", has_text="汇聚-1").first.click()
    expect(page.locator("h1")).to_contain_text("紧急")
    expect(page.locator(".log-row")).to_contain_text("Neighbor 10.0.0.2 left FULL")
    expect(page.locator("#alarm-body")).to_contain_text("单位0接入点")
    acknowledge = page.locator("form[action='/alarms/act/acknowledge/']")
    acknowledge.locator("[name=text]").fill("已电话通知电信")
    acknowledge.locator("button").click()
    expect(page.locator("#alarm-body")).to_contain_text("已电话通知电信")
    expect(acknowledge).to_have_count(0)
    comment = page.locator("form[action='/alarms/act/comment/']")
    comment.locator("textarea").fill("抢修人员在途")
    comment.locator("button").click()
    expect(page.locator(".timeline-list")).to_contain_text("抢修人员在途")

    # It recovers while the page is open and somebody writes: the form to close it appears.
    page.evaluate("window.sameDocument = true")
    comment.locator("textarea").fill("写到一半")
    close = page.locator("form[action='/alarms/act/close/']")
    expect(close).to_have_count(0)
    site.django(LEDGER + "reconcile(alone(), KINDS)")
    expect(close).to_be_visible(timeout=LIVE)
    expect(comment.locator("textarea")).to_have_value("写到一半")
    assert _same(page), "the page was loaded again"

    close.locator("button").click()
    assert page.evaluate("document.activeElement.name") == "cause", "a cause has to be chosen"
    close.locator("[name=cause]").select_option("power_outage")
    close.locator("[name=party]").select_option("power")
    close.locator("[name=text]").fill("恢复供电")
    close.locator("button").click()
    body = page.locator("#alarm-body")
    for said in ("已关闭", "停电", "恢复供电"):
        expect(body).to_contain_text(said)
    states = site.rows("select distinct state, cause from alarms_alarm where cause != ''")
    assert states == [("closed", "power_outage")]
    assert site.rows("select count(*) from alarms_alarm where state = 'closed'") == [(4,)]


def test_several_are_acknowledged_at_once_and_the_list_waits_meanwhile(
    site: Installation, watched: Watched
) -> None:
    page = watched.page
    _open(page, site, "/alarms/")
    boxes = page.locator("input[name=pk]")
    expect(boxes).to_have_count(3)
    button = page.locator("button[formaction='/alarms/act/acknowledge/']")
    expect(button).to_be_disabled()
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(page.locator("[data-bulk-count]")).to_have_text("已选 2")
    page.evaluate("htmx.trigger(document.querySelector('[data-live-list]'), 'govnet:visible')")
    expect(boxes.nth(1)).to_be_checked()
    button.click()
    expect(page.locator("h1")).to_contain_text("(2)")
    page.fill("[name=text]", "统一处理")
    page.click("main form button[type=submit]")
    expect(page.locator("main")).to_contain_text("2 条")
    expect(page.locator("tbody tr", has_text="已确认")).to_have_count(2)
    expect(page.locator("tbody tr", has_text="未确认")).to_have_count(1)


def test_the_way_from_an_alarm_to_its_object_on_the_map(
    site: Installation, watched: Watched
) -> None:
    page = watched.page
    site.django(LEDGER + "reconcile([*outage(), *alone()], KINDS)")
    _open(page, site, "/alarms/")
    page.locator("tbody a", has_text="汇聚-1").first.click()
    behind = page.locator(".card", has=page.locator("a[href^='/topology/']"))
    expect(behind).to_contain_text("单位5")
    behind.locator("a[href^='/topology/']").click()
    node = page.locator(".map-node[aria-label^='汇聚-1']")
    expect(node).to_have_class(re.compile("is-found"))
    expect(node).to_have_class(re.compile("role-root"))
    expect(node).to_contain_text("中断")
