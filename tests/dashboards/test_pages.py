"""Pages: each person sees their part, nothing breaks without the store, and what is old says so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from govnet.dashboards import platform
from govnet.dashboards.navigation import JOBS
from govnet.dashboards.overview import ProbePoint, figures, probe_point, worst_units
from govnet.dashboards.search import find
from govnet.dashboards.sources import EGRESS, SOURCES
from govnet.dashboards.templatetags.ui import state_badge
from govnet.inventory.models import Circuit, Device, Port, Unit
from govnet.monitor.models import Target, TargetState
from govnet.runtime.health import HealthReport
from govnet.telemetry.writer import AlarmKind
from tests.city import City, build_city, set_state
from tests.people import person
from tests.query_counts import compare
from tests.store_process import installation

pytestmark = pytest.mark.django_db

ALL_WELL = {name: HealthReport(ok=True, process=name) for name in platform.NAMES}


@pytest.fixture(autouse=True)
def _processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No installation runs in these tests; what its processes say is set here."""
    cache.clear()
    monkeypatch.setattr(platform, "ask_all", lambda _config: ALL_WELL)


@pytest.fixture
def city() -> City:
    return build_city()


def everybody(client: Client) -> Client:
    client.force_login(person("chief", "administrator", whole_site=True))
    return client


def easterner(client: Client, city: City) -> Client:
    client.force_login(person("east", "duty_officer", regions=[city.east]))
    return client


def body(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, path
    return response.content.decode()


def test_every_entry_of_the_navigation_leads_to_a_page() -> None:
    for job in JOBS:
        for entry in job.entries:
            if entry.url_name != "lab:twin":  # only inside a twin of a city has it an address
                assert reverse(entry.url_name).startswith("/")


def test_the_overview_says_what_is_wrong_first(client: Client, city: City) -> None:
    page = body(everybody(client), "/")
    assert page.index("异常单位") < page.index("最近状态翻转")
    assert city.unit_west.name in page
    assert "应答超时" in page


def test_an_empty_ledger_shows_the_next_step(client: Client) -> None:
    page = body(everybody(client), "/")
    assert "台账为空" in page
    assert "govnet demo" in page


def test_everybody_sees_only_their_part_everywhere(client: Client, city: City) -> None:
    signed_in = easterner(client, city)
    for path in ("/", "/live/", "/monitor/targets/", "/monitor/changes/", "/search/?q=西区"):
        assert city.unit_west.name not in body(signed_in, path), path
    assert city.unit_east.name in body(signed_in, "/monitor/targets/")
    for path in (
        f"/monitor/targets/{city.target_west.pk}/",
        f"/monitor/targets/{city.target_west.pk}/state/",
        f"/charts/latency/{city.target_west.pk}/",
        f"/samples/latency/{city.target_west.pk}/",
    ):
        assert signed_in.get(path).status_code == 404, path


def test_a_person_without_roles_sees_no_object(client: Client, city: City) -> None:
    client.force_login(person("nobody", whole_site=True))
    assert city.unit_east.name not in body(client, "/")
    for path in ("/monitor/targets/", "/monitor/changes/", "/monitor/probe/"):
        assert "无权访问" in body(client, path, 403)
    assert client.get(f"/charts/latency/{city.target_east.pk}/").status_code == 403
    assert client.get("/charts/egress/").status_code == 403


def test_counts_are_of_what_the_person_sees(city: City) -> None:
    east = person("east", "duty_officer", regions=[city.east])
    chief = person("chief", "administrator", whole_site=True)
    units = {figure.url: figure for figure in figures(chief)}[
        reverse("dashboards:object_states", args=["unit"])
    ]
    assert units.states == [("down", 1), ("up", 1)]
    assert sum(width for _state, _start, width in units.segments) == pytest.approx(100, abs=0.01)
    assert {figure.url: figure for figure in figures(east)}[
        reverse("dashboards:object_states", args=["unit"])
    ].states == [("up", 1)]


def test_the_longest_outage_of_a_unit_is_named(city: City) -> None:
    chief = person("chief", "administrator", whole_site=True)
    second = Target.objects.create(
        name="西区财政局 v6", kind="icmp", address="::1", access_point=city.point_west
    )
    set_state(second, "down", minutes=500, reason="timeout")
    (row,) = worst_units(chief)
    assert row.unit == city.unit_west
    assert row.target == second


def test_old_data_is_called_old_and_never_good(client: Client, city: City) -> None:
    long_ago = timezone.now() - timedelta(minutes=10)
    TargetState.objects.update(checked_at=long_ago)
    assert probe_point().stale
    page = body(everybody(client), "/")
    assert "无新监测结果" in page
    assert "stale" in page


def test_a_probe_point_without_results_is_unknown() -> None:
    assert ProbePoint([], None, 5).state == "unknown"
    assert not ProbePoint([], None, 0).stale


def test_unknown_and_nonsense_states_are_drawn_as_unknown() -> None:
    with translation.override("zh-hans"):
        for state in ("unknown", None, "", "fine"):
            badge = state_badge(state)
            assert "state-unknown" in badge
            assert "未知" in badge
        assert "●" in state_badge("up")
        assert "✖" in state_badge("down")
        assert "▲" in state_badge("degraded")


def test_a_process_that_fails_is_on_every_page(
    client: Client, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in = everybody(client)
    assert body(signed_in, "/banner/").strip() == ""
    cache.clear()
    failed = {**ALL_WELL, "engine": HealthReport(ok=False, detail="does not run")}
    monkeypatch.setattr(platform, "ask_all", lambda _config: failed)
    assert "采集引擎" in body(signed_in, "/banner/")
    assert "does not run" in body(signed_in, "/status/")


@pytest.mark.parametrize("kind", list(get_args(AlarmKind))[1:])
def test_samples_at_risk_are_a_warning_and_never_said_to_stop_measuring(
    client: Client, city: City, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    signed_in = everybody(client)
    cache.clear()
    report = HealthReport(ok=False, detail="samples are at risk", impaired=kind)
    monkeypatch.setattr(platform, "ask_all", lambda _config: {**ALL_WELL, "engine": report})
    page = body(signed_in, "/banner/")
    assert "状态仍为最新" in page
    assert "采集引擎" not in page
    (alarm,) = platform.alarms(ProbePoint([], None, 0))
    assert alarm.level == "warning"


def test_the_status_page_is_for_those_who_see_the_whole_site(client: Client, city: City) -> None:
    assert easterner(client, city).get("/status/").status_code == 403


@pytest.mark.parametrize("path", ["/charts/latency/{}/", "/samples/latency/{}/"])
def test_a_store_that_is_away_is_said_and_is_no_server_error(
    client: Client, city: City, path: str, tmp_path: Path
) -> None:
    with installation(tmp_path):  # of which no store runs
        assert "数据存储未应答" in body(everybody(client), path.format(city.target_east.pk), 503)


def test_a_wrong_time_span_is_the_askers_error(client: Client, city: City) -> None:
    signed_in = everybody(client)
    base = f"/charts/latency/{city.target_east.pk}/"
    assert signed_in.get(f"{base}?range=2h").status_code == 400
    assert signed_in.get(f"{base}?from=9&to=1").status_code == 400
    assert signed_in.get(f"/samples/latency/{city.target_east.pk}/?at=x").status_code == 400
    assert signed_in.get(f"/charts/nonsense/{city.target_east.pk}/").status_code == 404
    assert signed_in.get("/charts/egress/1/").status_code == 404


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("东区政务", "东区政务中心"),
        ("U-E", "东区政务中心"),
        ("127.20.0.1", "东区政务中心接入点"),
        ("DX-0001", "DX-0001"),
        ("核心路由器", "核心路由器1"),
        ("127.20.1.1", "核心路由器1"),
        ("8880001", "张伟 0730-8880001"),
        ("东区 中心", "东区政务中心"),
    ],
)
def test_the_search_finds_what_people_know(city: City, text: str, label: str) -> None:
    chief = person("chief", "administrator", whole_site=True)
    assert label in [hit.label for group in find(chief, text) for hit in group.hits]


def test_the_search_is_bounded_by_permission_scope_and_length(city: City) -> None:
    east = person("east", "duty_officer", regions=[city.east])
    assert find(east, "西区财政") == []
    assert find(person("nobody", whole_site=True), "东区政务") == []
    assert find(person("chief", superuser=True), "东") == []
    for number in range(30):
        Unit.objects.create(
            code=f"X{number}", name=f"批量{number}", region=city.east, level="county"
        )
    assert all(len(group.hits) <= 6 for group in find(east, "批量"))


def test_the_search_dialog_gets_a_fragment_and_a_browser_without_script_a_page(
    client: Client, city: City
) -> None:
    signed_in = everybody(client)
    assert "<html" in body(signed_in, "/search/?q=东区")
    fragment = signed_in.get("/search/?q=东区", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment
    assert "东区政务中心" in fragment
    hostile = signed_in.get("/search/?q=<script>x</script>").content.decode()
    assert "<script>x" not in hostile


def test_lists_filter_by_state_text_and_day(client: Client, city: City) -> None:
    signed_in = everybody(client)
    down = body(signed_in, "/monitor/targets/?state=down")
    assert "西区财政局 ICMP" in down
    assert "东区政务中心 ICMP" not in down
    assert "西区财政局 ICMP" in body(signed_in, "/monitor/targets/?q=127.20.0.2")
    today = timezone.localdate()
    assert "西区财政局 ICMP" in body(signed_in, f"/monitor/changes/?since={today - timedelta(1)}")
    assert "西区财政局 ICMP" not in body(
        signed_in, f"/monitor/changes/?until={today - timedelta(2)}"
    )
    assert signed_in.get("/monitor/changes/?since=nonsense").status_code == 200
    assert signed_in.get("/monitor/targets/?page=999").status_code == 200


def test_a_target_without_a_state_row_is_found_as_unknown(client: Client, city: City) -> None:
    TargetState.objects.filter(target=city.target_east).delete()
    assert "东区政务中心 ICMP" in body(everybody(client), "/monitor/targets/?state=unknown")


def test_a_lines_page_draws_both_of_its_ports_and_belongs_to_its_circuit(
    client: Client, city: City
) -> None:
    other = Port.objects.create(device=city.device, name="a", if_index=7)
    Circuit.objects.filter(pk=city.egress.pk).update(a_port=other)
    line = Target.objects.create(name="出口 LINE", kind="line", address="p", circuit=city.egress)
    page = body(everybody(client), reverse("dashboards:target", args=[line.pk]))
    for port in (other, city.port):
        assert reverse("dashboards:chart", args=["link", port.pk]) in page
    assert city.egress.get_absolute_url() in page
    assert reverse("dashboards:probe") + "?target" not in page
    edit = reverse("dashboards:target_edit", args=[line.pk])
    assert "interval_s" not in body(client, edit)
    assert client.post(edit, {"enabled": ""}).status_code == 302
    line.refresh_from_db()
    assert (line.enabled, line.kind, line.interval_s) == (False, "line", 10)


def test_a_targets_page_shows_state_and_no_secret(client: Client, city: City) -> None:
    city.target_east.params = {"credential": {"community": "hidden-community"}, "count": 3}
    city.target_east.save()
    page = body(everybody(client), f"/monitor/targets/{city.target_east.pk}/")
    assert "hidden-community" not in page
    assert "1.50 ms" in page
    assert "/charts/latency/" in page


def test_demo_data_is_marked_on_every_page(client: Client, city: City) -> None:
    signed_in = everybody(client)
    assert "banner-demo" not in body(signed_in, "/")
    Unit.objects.filter(pk=city.unit_east.pk).update(demo=True)
    for path in ("/", "/monitor/targets/", "/accounts/users/"):
        assert "演示数据" in body(signed_in, path), path


def test_a_page_that_is_not_there_says_so_inside_the_shell(client: Client, city: City) -> None:
    page = body(everybody(client), "/no-such-page/", 404)
    assert "未找到" in page
    assert "shell-nav" in page


def test_a_count_of_the_overview_leads_to_exactly_those_objects(client: Client, city: City) -> None:
    signed_in = everybody(client)
    page = body(signed_in, "/monitor/states/unit/?state=down")
    assert city.unit_west.name in page
    assert city.unit_east.name not in page
    for kind in ("access_point", "device", "circuit"):
        assert signed_in.get(f"/monitor/states/{kind}/?q=x&state=none").status_code == 200
        assert signed_in.get(f"/monitor/states/{kind}/").status_code == 200
    assert signed_in.get("/monitor/states/nonsense/").status_code == 404
    east = easterner(Client(), city)
    assert city.unit_west.name not in body(east, "/monitor/states/unit/")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/live/",
        "/banner/",
        "/search/?q=127",
        "/monitor/targets/",
        "/monitor/targets/{target}/",
        "/monitor/targets/{target}/state/",
        "/monitor/changes/",
        "/monitor/states/unit/",
        "/monitor/states/circuit/",
        "/accounts/users/",
    ],
)
def test_a_page_asks_the_database_as_often_as_the_baseline_says(
    client: Client, city: City, path: str
) -> None:
    signed_in = everybody(client)
    page = path.format(target=city.target_west.pk)
    signed_in.get(page)  # content types and permissions are cached from here on
    with compare(f"dashboards {path}"):
        assert signed_in.get(page).status_code == 200


DETAILS = {
    "region": "east",
    "unit": "unit_east",
    "accesspoint": "point_east",
    "device": "device",
    "port": "port",
    "circuit": "egress",
}


@pytest.mark.parametrize("kind", DETAILS)
def test_an_objects_page_asks_the_database_as_often_as_the_baseline_says(
    client: Client, city: City, kind: str, tmp_path: Path
) -> None:
    signed_in = everybody(client)
    pk = getattr(city, DETAILS[kind]).pk
    page = reverse(f"inventory:{kind}", args=[pk])
    with installation(tmp_path):  # of which no store runs
        signed_in.get(page)
        with compare(f"inventory:{kind}"):
            assert signed_in.get(page).status_code == 200


@pytest.mark.parametrize("name", SOURCES)
def test_a_chart_asks_the_database_as_often_as_the_baseline_says(
    client: Client, city: City, name: str, tmp_path: Path
) -> None:
    """What is read of the ledger before the store is asked, which does not answer here."""
    signed_in = everybody(client)
    owner = {Target: city.target_east, Port: city.port, Circuit: city.egress, Device: city.device}
    tail = "" if name == EGRESS else f"{owner[SOURCES[name].model].pk}/"
    with installation(tmp_path):  # of which no store runs
        signed_in.get(f"/charts/{name}/{tail}")
        with compare(f"dashboards /charts/{name}/"):
            assert signed_in.get(f"/charts/{name}/{tail}").status_code == 503


def test_traffic_and_loss_stand_on_the_pages_of_unit_access_point_and_device(
    client: Client, city: City
) -> None:
    """Each person's own: an officer of the west sees no chart of the east's circuit."""
    city.access.z_port = city.port
    city.access.save()
    circuit, port = f"/charts/circuit/{city.access.pk}/", f"/charts/traffic/{city.port.pk}/"
    loss = f"/charts/loss/{city.target_east.pk}/"
    unit = reverse("inventory:unit", args=[city.unit_east.pk])
    point = reverse("inventory:accesspoint", args=[city.point_east.pk])
    device = reverse("inventory:device", args=[city.device.pk])
    signed_in = everybody(client)
    for page, charts in ((unit, (circuit, loss)), (point, (circuit, loss)), (device, (port,))):
        html = body(signed_in, page)
        assert all(chart in html for chart in charts), page
    Port.objects.update(if_index=None)  # nothing counts it any more
    for page in (unit, point, device):
        html = body(signed_in, page)
        assert circuit not in html
        assert port not in html
