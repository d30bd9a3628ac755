"""Figures from the database: lines, windows, exclusions, calendars, silence."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from govnet.alarms.models import MaintenanceWindow
from govnet.inventory.models import AccessPoint, Circuit
from govnet.monitor.models import Target
from govnet.sla.exclusions import DecisionError, decide, propose, target_ids
from govnet.sla.figures import figures
from govnet.sla.inputs import Inputs
from govnet.sla.models import (
    Agreement,
    Exclusion,
    ExclusionReason,
    ExclusionStatus,
    PeriodKind,
    ServiceCalendar,
)
from govnet.sla.periods import Period
from govnet.sla.services import SITE, Availability, Scope, availabilities, availability, inputs_of
from tests.city import City, build_city, set_state
from tests.people import person
from tests.sla.history import at, down, record

pytestmark = pytest.mark.django_db

START, END = "2025-11-01", "2025-12-01"
MONTH_S = 30 * 86400


@pytest.fixture
def city() -> City:
    return build_city()


def november(kind: str, pk: int) -> Availability:
    return availability(Scope(kind, pk), at(START), at(END))


def test_a_circuit_is_as_available_as_its_access_point(city: City) -> None:
    down(city.target_east, [("2025-11-10 08:00", "2025-11-10 10:00")])
    point = november("access_point", city.point_east.pk)
    line = november("circuit", city.access.pk)
    assert point.terms == line.terms
    assert point.terms.down_s == 7200
    assert point.percent == Decimal("99.7222")  # 99.72222…, cut off
    assert line.about == "东区政务中心 · 电信"


def test_a_unit_with_two_access_points_is_down_only_while_both_are(city: City) -> None:
    second = AccessPoint.objects.create(
        code="AP-2", name="东区第二接入点", unit=city.unit_east, ipv4="127.20.0.9"
    )
    other = Target.objects.create(name="二", kind="icmp", address="127.20.0.9", access_point=second)
    down(city.target_east, [("2025-11-10 08:00", "2025-11-10 10:00")])
    down(other, [("2025-11-10 09:30", "2025-11-10 11:00")])
    unit = november("unit", city.unit_east.pk)
    assert unit.terms.down_s == 1800
    assert len(unit.outages) == 1


def test_nothing_measured_is_said_and_never_counts_as_up(city: City) -> None:
    egress = november("circuit", city.egress.pk)
    assert not egress.measured
    assert egress.percent is None
    assert egress.terms.unknown_s == MONTH_S


def test_a_circuit_between_devices_is_judged_by_its_ports_not_by_a_device(city: City) -> None:
    """Down 2 h, then shut by hand 1 h, which is no outage, then down 1 h of planned work."""
    router = Target.objects.create(
        name="路由器", kind="icmp", address="127.20.0.7", device=city.device
    )
    down(router, [("2025-11-01", "2025-11-30")])
    line = Target.objects.create(name="线路", kind="line", address="Gi0/9", circuit=city.egress)
    down(line, [("2025-11-10 08:00", "2025-11-10 10:00"), ("2025-11-12 02:00", "2025-11-12 03:00")])
    shut = ("2025-11-11 08:00", "unknown"), ("2025-11-11 09:00", "up")
    record(line, *shut, reason="admin_down")
    MaintenanceWindow.objects.create(
        circuit=city.egress,
        starts_at=at("2025-11-12 02:00"),
        ends_at=at("2025-11-12 04:00"),
        reason="割接",
    )
    egress = november("circuit", city.egress.pk)
    assert (egress.terms.down_s, egress.terms.unknown_s) == (7200, 3600)
    assert (egress.terms.planned_s, egress.terms.outages) == (7200, 1)
    # (2,592,000 − 7,200 − 3,600 − 7,200) / (2,592,000 − 7,200 − 3,600)
    assert egress.percent == Decimal("99.7210")


def test_an_exclusion_of_a_circuit_reaches_its_line(city: City) -> None:
    line = Target.objects.create(name="线路", kind="line", address="Gi0/9", circuit=city.egress)
    assert target_ids(Exclusion(circuit=city.egress)) == {line.pk}


def test_before_the_first_change_is_unknown(city: City) -> None:
    record(city.target_east, ("2025-11-16", "up"))
    found = november("access_point", city.point_east.pk)
    assert found.terms.unknown_s == found.terms.up_s == MONTH_S // 2
    assert found.percent is None


def test_a_target_switched_off_says_nothing_of_the_line(city: City) -> None:
    """An address that was given up must not make the rest of the line unknown."""
    old = Target.objects.create(
        name="旧", kind="icmp", address="127.20.0.8", access_point=city.point_east, withdrawn=True
    )
    down(city.target_east, [])
    record(old, ("2025-01-01", "up"), ("2025-11-05", "unknown"), reason="not_measured")
    assert november("access_point", city.point_east.pk).percent == Decimal("100.0000")


def test_while_the_engine_is_silent_nothing_is_known(city: City) -> None:
    down(city.target_east, [])
    state = set_state(city.target_east, "up")
    state.checked_at = at("2025-11-21")
    state.save()
    found = november("access_point", city.point_east.pk)
    assert found.terms.up_s == 20 * 86400 + 10
    assert found.terms.unknown_s == 10 * 86400 - 10
    assert found.percent is None


def test_an_engine_that_runs_makes_no_gap_at_the_end(city: City) -> None:
    now = timezone.now()
    record(city.target_east, ((now - timedelta(days=2)).isoformat()[:19], "up"))
    set_state(city.target_east, "up")
    found = availability(
        Scope("access_point", city.point_east.pk), now - timedelta(days=1), now + timedelta(days=9)
    )
    assert found.terms.unknown_s == 0
    assert abs(found.terms.period_s - 86400) < 5


def test_planned_work_is_taken_out_also_when_entered_afterwards(city: City) -> None:
    down(city.target_east, [("2025-11-10 22:00", "2025-11-11 00:00")])
    before = november("circuit", city.access.pk)
    MaintenanceWindow.objects.create(
        circuit=city.access,
        starts_at=at("2025-11-10 22:00"),
        ends_at=at("2025-11-10 23:30"),
        reason="割接",
    )
    after = november("circuit", city.access.pk)
    assert (before.terms.down_s, before.terms.planned_s) == (7200, 0)
    assert (after.terms.down_s, after.terms.planned_s) == (1800, 5400)
    inputs = inputs_of(Scope("circuit", city.access.pk), at(START), at(END))
    (window,) = inputs.windows
    assert (window["reason"], window["amended"]) == ("割接", True)


def _exclusion(city: City, **fields: object) -> Exclusion:
    proposer = person("proposer", "contract_officer", whole_site=True)
    made = Exclusion(
        starts_at=at("2025-11-10 08:00"),
        ends_at=at("2025-11-10 09:00"),
        reason=ExclusionReason.USER_CAUSED,
        explanation="用户停电",
        **{"access_point": city.point_east, **fields},
    )
    return propose(made, SimpleUploadedFile("proof.pdf", b"%PDF-1.4 proof"), proposer)


def test_an_exclusion_counts_only_once_another_person_has_approved_it(
    city: City, settings: object, tmp_path: object
) -> None:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    down(city.target_east, [("2025-11-10 08:00", "2025-11-10 10:00")])
    exclusion = _exclusion(city)
    assert november("circuit", city.access.pk).terms.down_s == 7200
    proposer, other = exclusion.proposed_by, person("other", "contract_officer", whole_site=True)
    assert proposer is not None
    with pytest.raises(DecisionError):
        decide(exclusion, ExclusionStatus.APPROVED, "", proposer)
    decide(exclusion, ExclusionStatus.APPROVED, "", other)
    with pytest.raises(DecisionError):
        decide(exclusion, ExclusionStatus.REJECTED, "太晚", other)
    found = november("circuit", city.access.pk)
    assert (found.terms.down_s, found.terms.excluded_s) == (3600, 3600)
    decide(exclusion, ExclusionStatus.WITHDRAWN, "证明不实", other)
    assert november("circuit", city.access.pk).terms.down_s == 7200


@pytest.mark.parametrize("about", ["region", "unit", "access_point", "circuit", "target"])
def test_an_exclusion_reaches_what_belongs_to_its_object(
    city: City, about: str, settings: object, tmp_path: object
) -> None:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    for target in (city.target_east, city.target_west):
        down(target, [("2025-11-10 08:00", "2025-11-10 10:00")])
    objects = {
        "region": city.east,
        "unit": city.unit_east,
        "access_point": city.point_east,
        "circuit": city.access,
        "target": city.target_east,
    }
    exclusion = _exclusion(city, **{"access_point": None, about: objects[about]})
    decide(exclusion, ExclusionStatus.APPROVED, "", person("other", whole_site=True))
    assert november("unit", city.unit_east.pk).terms.excluded_s == 3600
    assert november("unit", city.unit_west.pk).terms.excluded_s == 0


def test_an_agreement_brings_its_hours_and_what_is_owed(city: City) -> None:
    """Down 16:30 to 09:30 costs half an hour on each of two working days."""
    down(city.target_east, [("2025-11-10 16:30", "2025-11-11 09:30")])
    office = ServiceCalendar.objects.get(name="办公时间")
    common = {"kind": "circuit", "calendar": office, "valid_from": date(2025, 1, 1)}
    Agreement.objects.create(
        name="线路", availability=Decimal("99.9"), restore_minutes=30, **common
    )
    found = november("circuit", city.access.pk)
    assert found.terms.service_s == 20 * 23_400  # 20 working days in November 2025
    assert found.terms.down_s == 3600
    assert found.met is False
    carrier = {"availability": Decimal(99), "carrier": city.access.carrier}
    Agreement.objects.create(name="电信线路", **carrier, **common)
    own = november("circuit", city.access.pk)
    assert (own.agreement, own.owed, own.met) == ("电信线路", Decimal(99), True)
    assert november("access_point", city.point_east.pk).terms.service_s == MONTH_S


def test_time_before_a_circuit_was_opened_is_not_owed(city: City) -> None:
    Circuit.objects.filter(pk=city.access.pk).update(opened_on=date(2025, 11, 16))
    record(city.target_east, ("2025-11-16", "up"))
    found = november("circuit", city.access.pk)
    assert (found.terms.out_s, found.terms.unknown_s) == (MONTH_S // 2, 0)
    assert found.percent == Decimal("100.0000")


def test_aggregates_add_the_seconds_of_their_members(city: City) -> None:
    down(city.target_east, [("2025-11-10 08:00", "2025-11-10 10:00")])
    down(city.target_west, [])
    scopes = [
        Scope("region", city.east.pk),
        Scope("region", city.city.pk),
        SITE,
        Scope("carrier", city.access.carrier_id),
    ]
    found = availabilities(scopes, at(START), at(END))
    east, whole, site, carrier = (found[scope] for scope in scopes)
    assert east.terms.down_s == whole.terms.down_s == 7200
    assert whole.terms.period_s == 2 * MONTH_S
    assert whole.percent == Decimal("99.8611")
    assert site.terms == whole.terms
    assert [member.name for member in carrier.members] == ["DX-0001", "DX-OUT-1"]
    assert carrier.insufficient_members == 1
    assert carrier.percent is None  # half of its circuits' time is unknown


def test_frozen_inputs_give_the_same_figures(city: City) -> None:
    down(city.target_east, [("2025-11-10 08:00:07", "2025-11-10 10:00:01")])
    inputs = inputs_of(Scope("unit", city.unit_east.pk), at(START), at(END))
    again = Inputs.from_data(inputs.as_data())
    (one, *_), (two, *_) = figures(again), figures(inputs)
    assert one == two
    assert one.outages == two.outages
    assert again.packed() == inputs.packed()


def test_periods_end_at_local_midnight() -> None:
    quarter = Period.holding(PeriodKind.QUARTER, date(2025, 12, 31))
    assert (quarter.first, quarter.last) == (date(2025, 10, 1), date(2025, 12, 31))
    assert quarter.following.first == date(2026, 1, 1)
    month = Period.holding(PeriodKind.MONTH, date(2025, 11, 9))
    assert month.start == datetime.fromisoformat("2025-10-31T16:00:00+00:00")
    assert month.seconds[1] - month.seconds[0] == MONTH_S
