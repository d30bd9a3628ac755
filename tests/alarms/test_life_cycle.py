from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from govnet.alarms import services
from govnet.alarms.choices import AlarmState, Cause, Level, ResponsibleParty
from govnet.alarms.models import Alarm, MaintenanceWindow, NoticeEvent, Rule
from govnet.alarms.refs import Ref
from govnet.alarms.services import Fault, Key, reconcile
from govnet.inventory.models import AccessPoint
from tests.alarms.faults import NOON, fault, only, see, timeline, told
from tests.city import City
from tests.people import person


def test_one_fault_is_one_alarm_and_one_notice_however_often_it_is_seen(city: City) -> None:
    for minute in range(3):
        see(fault(city.point_west), minutes=minute)
    alarm = only()
    assert (alarm.state, alarm.occurrences) == (AlarmState.RAISED, 1)
    assert (alarm.unit, alarm.region) == (city.unit_west, city.west)
    assert told() == ["raised 西区财政局接入点"]


def test_a_recovered_fault_is_cleared_and_told_once(city: City) -> None:
    see(fault(city.point_west))
    see(minutes=5)
    see(minutes=6)
    assert only().state == AlarmState.CLEARED
    assert only().cleared_at == NOON + timedelta(minutes=5)
    assert told() == ["raised 西区财政局接入点", "cleared 西区财政局接入点"]


def test_two_alarms_of_one_fault_cannot_be_active(city: City) -> None:
    see(fault(city.point_west))
    twin = only()
    twin.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()


def test_what_nobody_knows_anything_of_stays(city: City) -> None:
    see(fault(city.point_west))
    reconcile([], ["unreachable"], keep=lambda _alarm: True)
    assert only().state == AlarmState.RAISED


def test_kinds_that_the_caller_does_not_see_are_left_alone(city: City) -> None:
    see(fault(city.point_west))
    reconcile([], ["cpu"])
    assert only().state == AlarmState.RAISED


def test_children_are_quiet_and_a_child_that_stays_down_is_told_once(city: City) -> None:
    parent = fault(city.device)
    children = [fault(p, root=parent.key) for p in (city.point_east, city.point_west)]
    see(parent, *children)
    root = Alarm.objects.get(object_kind="device")
    assert root.shadowed.count() == 2
    assert told() == ["raised 核心路由器1"]
    see(fault(city.point_west), minutes=10)
    see(fault(city.point_west), minutes=11)
    assert told() == ["raised 核心路由器1", "raised 西区财政局接入点", "cleared 核心路由器1"]
    left = Alarm.objects.active().get()
    assert left.root is None
    assert timeline(left) == ["raised", "shadowed", "released"]


def test_a_parent_found_later_adopts_children_that_were_told(city: City) -> None:
    see(fault(city.point_east), fault(city.point_west))
    parent = fault(city.device)
    see(parent, *(fault(p, root=parent.key) for p in (city.point_east, city.point_west)), minutes=1)
    assert [line.split()[0] for line in told()] == ["raised"] * 3
    assert Alarm.objects.active().roots().count() == 1
    see(minutes=2)
    assert [line.split()[0] for line in told()] == ["raised"] * 3 + ["cleared"] * 3


def test_a_fault_that_returns_soon_is_the_same_alarm_and_flaps_quietly(city: City) -> None:
    for turn in range(6):
        see(fault(city.point_west), minutes=2 * turn)
        see(minutes=2 * turn + 1)
    alarm = only()
    assert alarm.occurrences == 6
    assert alarm.flapping
    assert alarm.is_active  # not well for ten minutes yet
    # raised, cleared, raised, cleared, raised; from then on it flaps and nobody is told again
    assert len(told()) == 5
    see(minutes=22)
    see(minutes=23)
    assert only().state == AlarmState.CLEARED
    assert len(told()) == 6


def test_a_fault_that_returns_late_is_a_new_alarm(city: City) -> None:
    see(fault(city.point_west))
    see(minutes=1)
    see(fault(city.point_west), minutes=30)
    assert Alarm.objects.count() == 2


def test_the_level_comes_from_the_rule_else_from_the_fault(city: City) -> None:
    rule = Rule.objects.get(code="unreachable")
    assert rule.level == ""
    seen = fault(city.point_west)
    seen.level = Level.MAJOR
    see(seen)
    assert only().level == Level.MAJOR
    rule.level = Level.CRITICAL
    rule.save()
    see(seen, minutes=1)
    assert (only().level, only().urgency) == (Level.CRITICAL, 3)
    assert told() == ["raised 西区财政局接入点", "escalated 西区财政局接入点"]


def test_planned_work_holds_the_notice_back_and_nothing_else(city: City) -> None:
    window = MaintenanceWindow.objects.create(
        region=city.west,
        starts_at=NOON - timedelta(minutes=1),
        ends_at=NOON + timedelta(minutes=30),
        reason="割接",
    )
    see(fault(city.point_west))
    assert (only().state, only().window) == (AlarmState.RAISED, window)
    assert told() == []
    # Still down when the work should be over: now somebody must know, once.
    see(fault(city.point_west), minutes=31)
    see(fault(city.point_west), minutes=32)
    assert told() == ["raised 西区财政局接入点"]


def test_an_acknowledgement_and_a_cause_are_kept_with_who_gave_them(city: City) -> None:
    officer = person("officer")
    see(fault(city.point_west))
    mine = Alarm.objects.all()
    assert services.acknowledge(mine, officer, "已联系电信") == 1
    assert services.acknowledge(mine, officer, "again") == 0
    assert services.close(mine, officer, Cause.FIBRE_CUT, ResponsibleParty.CARRIER) == 0
    see(minutes=5)
    assert services.close(mine, officer, Cause.FIBRE_CUT, ResponsibleParty.CARRIER, "挖断") == 1
    alarm = only()
    assert (alarm.state, alarm.cause, alarm.party) == ("closed", "fibre_cut", "carrier")
    assert (alarm.acknowledged_by, alarm.closed_by) == (officer, officer)
    assert sorted(timeline(alarm)) == ["acknowledged", "cleared", "closed", "raised"]


def test_closing_a_root_closes_what_it_explained(city: City) -> None:
    officer = person("officer")
    parent = fault(city.device)
    see(parent, fault(city.point_west, root=parent.key))
    see(minutes=3)
    roots = Alarm.objects.filter(object_kind="device")
    assert services.close(roots, officer, Cause.POWER_OUTAGE, ResponsibleParty.POWER) == 2
    assert set(Alarm.objects.values_list("cause", flat=True)) == {"power_outage"}


def test_alarms_whose_rule_says_so_close_by_themselves(city: City) -> None:
    Rule.objects.filter(code="unreachable").update(close_after_h=24)
    see(fault(city.point_west))
    see(minutes=5)
    assert services.close_by_themselves(NOON + timedelta(hours=24)) == 0
    assert services.close_by_themselves(NOON + timedelta(hours=24, minutes=6)) == 1
    assert only().cause == Cause.BY_ITSELF


def test_a_notice_event_has_exactly_one_taker(city: City) -> None:
    see(fault(city.point_west))
    (event,) = services.pending_notices()
    assert [services.mark_handled(event), services.mark_handled(event)] == [True, False]
    assert services.pending_notices() == []


def test_a_thousand_simultaneous_faults_are_one_notice_and_few_queries(city: City) -> None:
    parent = fault(city.device)
    points = AccessPoint.objects.bulk_create(
        AccessPoint(code=f"M{n}", name=f"点{n}", unit=city.unit_west) for n in range(1000)
    )
    children = [
        Fault("unreachable", Ref("access_point", p.pk), NOON, root=parent.key) for p in points
    ]
    with CaptureQueriesContext(connection) as queries:
        see(parent, *children)
    assert len(queries) < 60
    assert NoticeEvent.objects.count() == 1
    assert Alarm.objects.filter(root__object_kind="device").count() == 1000


def test_a_fault_of_something_that_is_gone_is_passed_over(city: City) -> None:
    gone = Fault("unreachable", Ref("device", 999), NOON, root=Key("x", Ref("unit", 7)))
    assert see(gone).raised == 0
