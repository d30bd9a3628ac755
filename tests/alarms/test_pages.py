"""Pages of alarms: who sees what, what people do, how many queries it takes."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from govnet.accounts.models import User
from govnet.alarms.models import Alarm, AlarmEntry, MaintenanceWindow, Rule
from govnet.alarms.refs import Ref
from govnet.alarms.services import Fault, reconcile
from govnet.inventory.models import AccessPoint, Circuit, Port
from govnet.monitor.models import Flip
from govnet.telemetry.log_queries import LogFilter, LogRow
from govnet.topology import services as topology
from tests.alarms.faults import NOON
from tests.city import City
from tests.people import person
from tests.query_counts import compare


@pytest.fixture
def people(city: City) -> dict[str, User]:
    return {
        "officer": person("officer", "duty_officer", whole_site=True),
        "west": person("west", "duty_officer", regions=[city.west]),
        "east": person("east", "duty_officer", regions=[city.east]),
        "leader": person("leader", "leader", whole_site=True),
        "nobody": person("nobody", whole_site=True),
    }


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def outage(city: City) -> Alarm:
    """The core router explains the access point of the west."""
    root = Fault("unreachable", Ref.of(city.device), NOON, level="critical")
    flip = Flip.objects.get()
    child = Fault(
        "unreachable",
        Ref.of(city.point_west),
        NOON,
        root=root.key,
        evidence={"flips": [flip.pk], "events": [{"source": "syslog", "text": "LINK <down>"}]},
    )
    root.impact = {"units": 20, "names": ["西区财政局"]}
    reconcile([root, child], ["unreachable"])
    return Alarm.objects.get(object_kind="device")


def text(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.content.decode()


def test_the_list_folds_what_a_root_explains(people: dict[str, User], outage: Alarm) -> None:
    client = browser(people["officer"])
    page = text(client, "/alarms/")
    assert "核心路由器1" in page
    assert "+1" in page
    assert "西区财政局接入点" not in page
    assert "西区财政局接入点" in text(client, "/alarms/?folded=no")
    assert "核心路由器1" not in text(client, "/alarms/?level=minor")
    assert "核心路由器1" in text(client, "/alarms/?level=critical&level=minor")


def test_a_root_out_of_sight_folds_nothing_away_and_stays_unnamed(
    people: dict[str, User], outage: Alarm
) -> None:
    client = browser(people["west"])
    page = text(client, "/alarms/")
    assert "西区财政局接入点" in page
    assert "核心路由器1" not in page
    child = Alarm.objects.get(object_kind="access_point")
    detail = text(client, child.get_absolute_url())
    assert "核心路由器1" not in detail
    assert client.get(outage.get_absolute_url()).status_code == 404


def test_a_stranger_sees_no_alarm_on_any_page(
    city: City, people: dict[str, User], outage: Alarm
) -> None:
    client = browser(people["east"])
    urls = ("/alarms/", "/alarms/?folded=no&show=all", "/alarms/counts/")
    for url in (*urls, "/alarms/export/?format=csv", "/alarms/export/?format=csv&columns=all"):
        answer = client.get(url)
        body = b"".join(answer) if answer.streaming else answer.content
        assert "西区" not in body.decode()
        assert "核心" not in body.decode()
    child = Alarm.objects.get(object_kind="access_point")
    assert client.get(child.get_absolute_url()).status_code == 404
    client.post("/alarms/act/acknowledge/", {"pk": child.pk, "ready": "1", "text": "mine"})
    assert Alarm.objects.get(pk=child.pk).state == "raised"


def test_without_the_permission_nothing_opens(people: dict[str, User], outage: Alarm) -> None:
    client = browser(people["nobody"])
    for url in ("/alarms/", "/alarms/counts/", outage.get_absolute_url()):
        assert client.get(url).status_code == 403
    leader = browser(people["leader"])
    assert "核心路由器1" in text(leader, outage.get_absolute_url())
    data = {"pk": outage.pk, "ready": "1", "text": "x"}
    assert leader.post("/alarms/act/acknowledge/", data).status_code == 403
    assert client.post("/alarms/act/comment/", data).status_code == 403


def test_nobody_can_add_change_or_delete_an_alarm_by_hand(
    people: dict[str, User], outage: Alarm
) -> None:
    client = browser(people["officer"])
    for tail in ("add/", "import/", f"{outage.pk}/edit/", f"{outage.pk}/delete/"):
        assert client.get(f"/alarms/alarm/{tail}").status_code == 404


def test_the_page_says_what_since_when_whom_and_what_next(
    people: dict[str, User], outage: Alarm
) -> None:
    page = text(browser(people["officer"]), outage.get_absolute_url())
    for said in ("核心路由器1", "20", "西区财政局", "先看根因告警", "西区财政局接入点"):
        assert said in page


def test_the_timeline_shows_its_evidence_escaped(people: dict[str, User], outage: Alarm) -> None:
    child = Alarm.objects.get(object_kind="access_point")
    page = text(browser(people["officer"]), child.get_absolute_url())
    assert "LINK &lt;down&gt;" in page
    assert "西区财政局 ICMP" in page
    assert "state-down" in page


def test_the_page_says_what_hangs_on_the_object_and_shows_it_on_the_map(
    city: City, people: dict[str, User], outage: Alarm
) -> None:
    page = text(browser(people["officer"]), outage.get_absolute_url())
    assert f"/topology/?q={quote(city.device.name)}&amp;act=find" in page
    assert city.egress.get_absolute_url() in page
    child = Alarm.objects.get(object_kind="access_point")
    assert "act=find" not in text(browser(people["west"]), child.get_absolute_url())


def test_the_page_shows_what_the_object_and_its_neighbours_logged(
    city: City, people: dict[str, User], outage: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    uplink = Port.objects.create(device=city.device, name="GE0/0/2")
    carrier = city.egress.carrier
    Circuit.objects.create(
        number="DX-0002", carrier=carrier, access_point=city.point_west, z_port=uplink
    )
    topology.forget_graph()
    row = LogRow(
        at=NOON, device_id=city.device.pk, source_id=1, address="::ffff:10.1.0.1", channel="udp",
        facility=23, severity=3, host="", program="IFNET", vendor="", event="", about="",
        port_id=0, skew_s=None, head="", text="<down> GE0/0/1", raw="", key="1",
    )  # fmt: skip
    asked: list[LogFilter] = []

    def search(_client: object, wanted: LogFilter, _rows: int) -> list[LogRow]:
        asked.append(wanted)
        return [row]

    monkeypatch.setattr("govnet.logs.pages.shared_client", lambda _config: None)
    monkeypatch.setattr("govnet.logs.pages.log_search", search)
    child = Alarm.objects.get(object_kind="access_point")
    page = text(browser(people["officer"]), child.get_absolute_url())
    assert "&lt;down&gt; GE0/0/1" in page
    assert [wanted.devices for wanted in asked] == [[city.device.pk]]
    assert asked[0].start == NOON - timedelta(minutes=30)
    assert asked[0].end == NOON + timedelta(minutes=30)
    # The router stands outside of what the west may see, and so does what it logged.
    assert "GE0/0/1" not in text(browser(people["west"]), child.get_absolute_url())


def test_a_page_that_stays_open_changes_its_forms_with_the_state(
    people: dict[str, User], outage: Alarm
) -> None:
    client = browser(people["officer"])
    url, live = outage.get_absolute_url(), {"HX-Request": "true"}

    def fragment(seen: str) -> str:
        return client.get(f"{url}?seen={seen}", headers=live).content.decode()

    assert 'id="alarm-acts"' not in fragment("raised"), "what somebody is typing stays"
    acknowledge = '/alarms/act/acknowledge/"'
    assert acknowledge in text(client, url)
    client.post("/alarms/act/acknowledge/", {"pk": outage.pk, "ready": "1", "text": "好"})
    changed = fragment("raised")
    assert 'id="alarm-acts" hx-swap-oob="true"' in changed
    assert acknowledge not in changed
    assert "/alarms/act/close/" not in changed
    reconcile([], ["unreachable"])
    assert "/alarms/act/close/" in fragment("acknowledged")
    assert "/alarms/act/comment/" not in fragment("acknowledged"), "a comment fits every state"


def test_acknowledge_comment_and_close_by_the_page(people: dict[str, User], outage: Alarm) -> None:
    client = browser(people["officer"])
    url = outage.get_absolute_url()
    data = {"pk": outage.pk, "ready": "1", "back": url}
    assert client.post("/alarms/act/acknowledge/", {**data, "text": ""}).status_code == 422
    answer = client.post("/alarms/act/acknowledge/", {**data, "text": "已通知电信"})
    assert answer.status_code == 303
    assert answer["Location"] == url
    client.post("/alarms/act/comment/", {**data, "text": "抢修中"})
    close = {**data, "cause": "power_outage", "party": "power", "text": "恢复供电"}
    client.post("/alarms/act/close/", close)
    assert Alarm.objects.get(pk=outage.pk).state == "acknowledged"  # still there
    reconcile([], ["unreachable"])
    assert client.post("/alarms/act/close/", {**close, "cause": "x"}).status_code == 422
    client.post("/alarms/act/close/", close)
    assert set(Alarm.objects.values_list("state", "cause")) == {("closed", "power_outage")}
    page = text(client, url)
    for said in ("已通知电信", "抢修中", "恢复供电", "停电"):
        assert said in page
    assert AlarmEntry.objects.filter(alarm=outage, actor=people["officer"]).count() == 3


def test_all_matching_are_acknowledged_at_once_inside_the_scope(
    city: City, people: dict[str, User]
) -> None:
    faults = [Fault("unreachable", Ref.of(p), NOON) for p in (city.point_west, city.point_east)]
    reconcile(faults, ["unreachable"])
    client = browser(people["west"])
    ask = client.post("/alarms/act/acknowledge/", {"all": "1", "query": ""})
    assert ask.status_code == 200
    client.post("/alarms/act/acknowledge/", {"all": "1", "query": "", "ready": "1", "text": "好"})
    states = dict(Alarm.objects.values_list("object_name", "state"))
    assert states == {"西区财政局接入点": "acknowledged", "东区政务中心接入点": "raised"}


def test_the_way_back_stays_on_our_pages(people: dict[str, User], outage: Alarm) -> None:
    data = {"pk": outage.pk, "ready": "1", "text": "x", "back": "//evil.example/alarms/"}
    answer = browser(people["officer"]).post("/alarms/act/comment/", data)
    assert answer.status_code == 404


def test_an_objects_page_and_the_overview_show_its_alarms(
    city: City, people: dict[str, User], outage: Alarm
) -> None:
    client = browser(people["officer"])
    assert outage.get_absolute_url() in text(client, city.device.get_absolute_url())
    child = Alarm.objects.get(object_kind="access_point")
    for page in (city.unit_west, city.point_west):
        assert child.get_absolute_url() in text(client, page.get_absolute_url())
    assert "alarms-panel" not in text(client, city.unit_east.get_absolute_url())
    assert outage.get_absolute_url() in text(client, "/")


def test_planned_work_is_told_on_the_page(city: City, people: dict[str, User]) -> None:
    now = timezone.now()
    MaintenanceWindow.objects.create(
        device=city.device, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1),
        reason="机房断电检修",
    )  # fmt: skip
    reconcile([Fault("unreachable", Ref.of(city.device), NOON)], ["unreachable"])
    page = text(browser(people["officer"]), Alarm.objects.get().get_absolute_url())
    assert "机房断电检修" in page


def test_an_objects_page_writes_moments_and_zeros_as_people_do(
    city: City, people: dict[str, User]
) -> None:
    window = MaintenanceWindow.objects.create(
        device=city.device, starts_at=NOON, ends_at=NOON + timedelta(hours=1), reason="割接"
    )
    page = text(browser(people["officer"]), window.get_absolute_url())
    assert "2026-03-02 12:00" in page
    assert "+00:00" not in page


def test_the_number_of_queries_does_not_grow(city: City, people: dict[str, User]) -> None:
    client = browser(people["officer"])

    def raised(number: int) -> None:
        points = AccessPoint.objects.bulk_create(
            AccessPoint(code=f"Q{number}-{n}", name=f"点{n}", unit=city.unit_west)
            for n in range(number)
        )
        reconcile([Fault("unreachable", Ref.of(p), NOON) for p in points], ["cpu"])

    raised(3)
    client.get("/alarms/")
    with compare("alarms:alarm_list"):
        client.get("/alarms/")
    with CaptureQueriesContext(connection) as few:
        client.get("/alarms/")
    raised(20)
    with CaptureQueriesContext(connection) as many:
        client.get("/alarms/")
    assert len(many) == len(few)
    with compare("alarms:alarm"):
        client.get(Alarm.objects.all()[0].get_absolute_url())
    with compare("alarms:counts"):
        client.get("/alarms/counts/")


def test_ten_thousand_open_alarms_are_listed_fast(city: City, people: dict[str, User]) -> None:
    rule = Rule.objects.get(code="unreachable")
    Alarm.objects.bulk_create(
        (
            Alarm(
                kind="unreachable", rule=rule, object_kind="target", object_id=n,
                object_name=f"对象{n}", unit=city.unit_west, region=city.west, level="minor",
                urgency=1, first_at=NOON, last_at=NOON, raised_at=NOON + timedelta(seconds=n),
            )
            for n in range(10_000)
        ),
        batch_size=1000,
    )  # fmt: skip
    for name in ("officer", "west"):
        client = browser(people[name])
        client.get("/alarms/")
        spent = min(_cpu(client) for _ in range(3))
        assert spent < 0.3, f"{name}: {spent:.3f} s"


def _cpu(client: Client) -> float:
    start = time.process_time()
    assert client.get("/alarms/").status_code == 200
    return time.process_time() - start


def test_a_unit_contact_has_no_alarms(city: City) -> None:
    contact = person("contact", "unit_contact", units=[city.unit_west])
    assert Group.objects.filter(name="unit_contact").exists()
    assert browser(contact).get("/alarms/").status_code == 403
    assert "alarms:alarm_list" not in text(browser(contact), "/")
