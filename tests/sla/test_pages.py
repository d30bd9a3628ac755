"""Pages of availability: owner, colleague and stranger on every page and export."""

from __future__ import annotations

import io
import zipfile
from datetime import date, timedelta
from pathlib import Path

import docx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from govnet.accounts.models import User
from govnet.alarms.models import Alarm, Rule
from govnet.inventory.models import AccessPoint, Circuit, Device, Port, Unit
from govnet.monitor.models import Target
from govnet.sla.inputs import Inputs
from govnet.sla.models import Exclusion, ExclusionStatus, PeriodKind, Statement, StatementSchedule
from govnet.sla.periods import Period
from govnet.sla.services import SITE, Scope
from govnet.sla.statements import differences, due, issue, issue_due, reasons, verify
from tests.city import City, build_city
from tests.people import person
from tests.query_counts import compare
from tests.sla.history import at, down

pytestmark = pytest.mark.django_db

NOVEMBER = Period.holding(PeriodKind.MONTH, date(2025, 11, 1))


@pytest.fixture
def city(settings: Settings, tmp_path: Path) -> City:
    settings.MEDIA_ROOT = tmp_path
    found = build_city()
    down(found.target_east, [("2025-11-10 08:00", "2025-11-10 10:00")])
    down(found.target_west, [])
    return found


@pytest.fixture
def owner(city: City) -> User:
    return person("owner", "contract_officer", whole_site=True)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def unit_statement(city: City) -> Statement:
    return issue(Scope("unit", city.unit_east.pk), NOVEMBER)[0]


def pages_about(city: City, statement: Statement, exclusion: Exclusion) -> list[str]:
    unit, point = city.unit_east.pk, city.point_east.pk
    return [
        reverse("sla:object", args=["unit", unit]) + "?month=2025-11",
        reverse("sla:object", args=["access_point", point]) + "?month=2025-11",
        reverse("sla:object", args=["circuit", city.access.pk]) + "?month=2025-11",
        reverse("sla:object", args=["region", city.east.pk]) + "?month=2025-11",
        reverse("sla:object_workbook", args=["unit", unit]) + "?month=2025-11",
        reverse("sla:statement", args=[statement.pk]),
        reverse("sla:statement_line", args=[statement.pk, "access_point", point]),
        reverse("sla:line_workbook", args=[statement.pk, "access_point", point]),
        reverse("sla:statement_file", args=[statement.pk, "docx"]),
        reverse("sla:statement_file", args=[statement.pk, "xlsx"]),
        reverse("sla:exclusion", args=[exclusion.pk]),
        reverse("sla:exclusion_proof", args=[exclusion.pk]),
    ]


def proposed(client: Client, city: City) -> Exclusion:
    answer = client.post(
        reverse("sla:exclusion_add"),
        {
            "access_point": city.point_east.code,
            "starts_at": "2025-11-10T08:00:00",
            "ends_at": "2025-11-10T09:00:00",
            "reason": "user_caused",
            "explanation": "东区停电",
            "proof": SimpleUploadedFile("停电说明.pdf", b"%PDF-1.4 signed"),
        },
    )
    assert answer.status_code == 302, answer.content.decode()[-2000:]
    return Exclusion.objects.get()


def test_owner_and_colleague_see_every_page_and_a_stranger_none(city: City, owner: User) -> None:
    statement, exclusion = unit_statement(city), proposed(client_of(owner), city)
    colleague = person("colleague", "contract_officer", regions=[city.east])
    stranger = person("stranger", "contract_officer", regions=[city.west])
    nobody = person("nobody", "unit_contact", units=[city.unit_east])
    for url in pages_about(city, statement, exclusion):
        assert client_of(owner).get(url).status_code == 200, url
        assert client_of(colleague).get(url).status_code == 200, url
        assert client_of(stranger).get(url).status_code == 404, url
        assert client_of(nobody).get(url).status_code == 403, url
        assert Client().get(url).status_code == 302, url


def test_an_outage_names_its_alarm_and_who_answers_for_it(city: City, owner: User) -> None:
    """Alarms of another time or on measured values only are not about the outage."""
    for code, start, end in (
        ("unreachable", "2025-11-10 08:01", "2025-11-10 10:01"),
        ("unreachable", "2025-11-11 08:00", "2025-11-11 09:00"),
        ("contract_90", "2025-11-01 00:00", "2025-12-01 00:00"),
    ):
        Alarm.objects.create(
            kind=code, rule=Rule.objects.get(code=code), object_kind="access_point",
            object_id=city.point_east.pk, object_name="东区", region=city.east, level="major",
            state="closed", first_at=at(start), last_at=at(end), raised_at=at(start),
            cleared_at=at(end), cause="fibre_cut", party="carrier",
        )  # fmt: skip
    statement = unit_statement(city)
    urls = pages_about(city, statement, proposed(client_of(owner), city))
    for url in (urls[1], urls[6]):
        page = client_of(owner).get(url)
        ((_outage, _first, _last, alarms),) = page.context["outages"]
        assert [(each.kind, each.first_at) for each in alarms] == [
            ("unreachable", at("2025-11-10 08:01"))
        ]
        assert reverse("alarms:alarm", args=[alarms[0].pk]) in page.content.decode()


def test_the_printed_statement_lists_every_outage(city: City, owner: User) -> None:
    url = reverse("sla:statement_file", args=[unit_statement(city).pk, "docx"])
    file = docx.Document(io.BytesIO(client_of(owner).get(url).content))
    rows = [[cell.text for cell in row.cells] for table in file.tables for row in table.rows]
    spans = [row for row in rows if "2025-11-10 08:00:00 至 2025-11-10 10:00:00" in row]
    assert [row[-1] for row in spans] == ["2小时"]


def test_lists_hold_only_what_lies_in_scope(city: City, owner: User) -> None:
    unit_statement(city)
    issue(SITE, NOVEMBER)
    proposed(client_of(owner), city)
    stranger = client_of(person("stranger", "contract_officer", regions=[city.west]))
    for name in ("overview", "statement_list", "exclusion_list"):
        mine = client_of(owner).get(reverse(f"sla:{name}") + "?month=2025-11&by=unit")
        assert city.unit_east.name in mine.content.decode(), name
        other = stranger.get(reverse(f"sla:{name}") + "?month=2025-11&by=unit").content.decode()
        assert city.unit_east.name not in other, name
    carriers = stranger.get(reverse("sla:overview") + "?month=2025-11&by=carrier")
    assert reverse("sla:object", args=["carrier", city.access.carrier_id]) not in (
        carriers.content.decode()
    )


def test_an_outage_of_a_line_leads_to_its_ports_and_to_the_alarm_of_a_device_at_its_end(
    city: City, owner: User
) -> None:
    """In the statement's frozen inputs and its workbook the line's changes are like all others."""
    far = Device.objects.create(name="对端", layer="core", region=city.west)
    port = Port.objects.create(device=far, name="1", if_index=1)
    Circuit.objects.filter(pk=city.egress.pk).update(a_port=port)
    line = Target.objects.create(name="出口 LINE", kind="line", address="1", circuit=city.egress)
    down(line, [("2025-11-10 08:00", "2025-11-10 10:00")])
    other = Device.objects.create(name="别处", layer="core", region=city.west)
    for place, kind in ((city.egress, "circuit"), (far, "device"), (other, "device")):
        Alarm.objects.create(
            kind="unreachable", rule=Rule.objects.get(code="unreachable"), object_kind=kind,
            object_id=place.pk, object_name=str(place), region=city.east, level="major",
            state="closed", first_at=at("2025-11-10 08:01"), last_at=at("2025-11-10 10:00"),
            raised_at=at("2025-11-10 08:01"), cleared_at=at("2025-11-10 10:00"),
        )  # fmt: skip
    whole = person("whole", "contract_officer", whole_site=True)
    statement, _new = issue(Scope("circuit", city.egress.pk), NOVEMBER)
    url = reverse("sla:statement_line", args=[statement.pk, "circuit", city.egress.pk])
    page = client_of(whole).get(url)
    ((_outage, first, last, alarms),) = page.context["outages"]
    assert {each.object_name for each in alarms} == {"DX-OUT-1", "对端"}
    raw = reverse("dashboards:target", args=[line.pk])
    assert f"{raw}?from={first}&amp;to={last}" in page.content.decode()
    frozen = Inputs.from_data(statement.opened_inputs())
    assert len(frozen.targets[line.pk].at) == 2
    assert verify(statement) == []


def test_a_stranger_can_neither_issue_nor_decide(city: City, owner: User) -> None:
    statement, exclusion = unit_statement(city), proposed(client_of(owner), city)
    stranger = client_of(person("stranger", "contract_officer", regions=[city.west]))
    leader = client_of(person("leader", "leader", whole_site=True))
    reissue = reverse("sla:statement_reissue", args=[statement.pk])
    approve = reverse("sla:exclusion_decide", args=[exclusion.pk, "approved"])
    assert stranger.post(reissue).status_code == 404
    assert stranger.post(approve).status_code == 404
    assert leader.post(reissue).status_code == 403
    assert leader.post(approve).status_code == 403
    form = {"scope": f"unit:{city.unit_east.pk}", "period": "month", "day": "2025-11-05"}
    assert stranger.post(reverse("sla:statement_issue"), form).status_code == 422
    assert Statement.objects.count() == 1


def test_an_exclusion_approved_by_another_amends_the_statement(city: City, owner: User) -> None:
    first, client = unit_statement(city), client_of(owner)
    exclusion = proposed(client, city)
    approve = reverse("sla:exclusion_decide", args=[exclusion.pk, "approved"])
    client.post(approve)
    exclusion.refresh_from_db()
    assert exclusion.status == ExclusionStatus.PROPOSED
    client_of(person("second", "contract_officer", whole_site=True)).post(approve)
    client.post(reverse("sla:statement_reissue", args=[first.pk]), {"reason": "补证明"})
    second = Statement.objects.get(version=2)
    assert (second.amends_id, second.reason) == (first.pk, "补证明")
    head, *rows = differences(second)
    assert head.changed == ["percent", "excluded_s", "down_s", "longest_s"]
    assert [row.name for row in rows] == [city.point_east.name]
    assert len(reasons(second)) == 1
    page = client.get(second.get_absolute_url()).content.decode()
    assert "99.7222%" in page
    assert "99.8609%" in page  # (720 − 1 − 1) h ÷ (720 − 1) h
    assert verify(first) == verify(second) == []


def test_the_same_statement_is_not_issued_twice(city: City) -> None:
    first = unit_statement(city)
    again, new = issue(Scope("unit", city.unit_east.pk), NOVEMBER)
    assert (again.pk, new) == (first.pk, False)


def test_a_changed_statement_is_found_out(city: City, owner: User) -> None:
    found = unit_statement(city)
    assert verify(found) == []
    found.figures["rows"][0]["down_s"] = 0
    found.save()
    assert len(verify(found)) == 1
    page = client_of(owner).get(found.get_absolute_url()).content.decode()
    assert "alert-danger" in page


def test_a_statement_prints_the_same_numbers_a_year_later(city: City, owner: User) -> None:
    found, client = unit_statement(city), client_of(owner)
    url = reverse("sla:statement_file", args=[found.pk, "docx"])

    def printed() -> str:
        file = zipfile.ZipFile(io.BytesIO(client.get(url).content))
        return file.read("word/document.xml").decode()

    before = printed()
    Target.objects.all().delete()  # the raw material is gone, the statement is not
    assert printed() == before
    assert "99.7222%" in before
    assert verify(found) == []


def test_the_schedule_issues_each_period_once_and_catches_up(city: City) -> None:
    StatementSchedule.objects.all().delete()
    month = timezone.localdate().replace(day=1)
    since = (month - timedelta(days=70)).replace(day=1)
    StatementSchedule.objects.create(scope_kind="site", period="month", since=since)
    waiting = list(due())
    assert len(waiting) == 3
    assert issue_due() == 3
    assert issue_due() == 0
    assert not list(due())


def test_bad_proofs_and_spans_are_refused_with_the_reason(city: City, owner: User) -> None:
    client, url = client_of(owner), reverse("sla:exclusion_add")
    data = {
        "access_point": city.point_east.code,
        "circuit": city.access.number,
        "starts_at": "2025-11-10T08:00:00",
        "ends_at": "2025-11-10T07:00:00",
        "reason": "user_caused",
        "explanation": "东区停电",
        "proof": SimpleUploadedFile("x.exe", b"MZ"),
    }
    answer = client.post(url, data)
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert {"proof", "ends_at", "__all__"} <= set(errors)
    assert not Exclusion.objects.exists()


@pytest.mark.parametrize("month", ["2999-01", "x", "2025-13"])
def test_a_month_that_is_none_is_not_found(city: City, owner: User, month: str) -> None:
    assert client_of(owner).get(reverse("sla:overview") + f"?month={month}").status_code == 404


def test_the_panel_stands_on_the_pages_of_the_ledger(city: City, owner: User) -> None:
    statement = unit_statement(city)
    page = client_of(owner).get(city.unit_east.get_absolute_url()).content.decode()
    assert statement.get_absolute_url() in page
    engineer = person("engineer", "network_engineer", whole_site=True)
    page = client_of(engineer).get(city.unit_east.get_absolute_url()).content.decode()
    assert reverse("sla:object", args=["unit", city.unit_east.pk]) not in page


@pytest.mark.parametrize("name", ["overview", "statement_list", "exclusion_list"])
def test_queries_do_not_grow_with_rows(city: City, owner: User, name: str) -> None:
    for number in range(12):
        unit = Unit.objects.create(code=f"N{number}", name=f"新{number}", region=city.east)
        AccessPoint.objects.create(code=f"NP{number}", name="点", unit=unit)
        issue(Scope("unit", unit.pk), NOVEMBER)
    client, url = client_of(owner), reverse(f"sla:{name}") + "?month=2025-11&by=unit"
    client.get(url)
    with compare(f"sla:{name}"):
        client.get(url)


def test_calendars_agreements_and_holidays_have_their_pages(city: City, owner: User) -> None:
    client = client_of(owner)
    for name in ("servicecalendar", "agreement", "specialday"):
        assert client.get(reverse(f"sla:{name}_list")).status_code == 200
        assert client.get(reverse(f"sla:{name}_add")).status_code == 200
    data = {"name": "夜间", "monday": "18:00-24:00、00:00-06:00", "sunday": "9:00-25:00"}
    answer = client.post(reverse("sla:servicecalendar_add"), data)
    assert list(answer.context["form"].errors) == ["sunday"]
    answer = client.post(reverse("sla:servicecalendar_add"), {**data, "sunday": ""})
    assert answer.status_code == 302
    page = client.get(answer["Location"]).content.decode()
    assert "00:00-06:00, 18:00-24:00" in page
