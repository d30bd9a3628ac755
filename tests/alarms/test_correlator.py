"""States, traps and windows become alarms: on a small network with a topology."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from govnet.alarms import inbox, network
from govnet.alarms.choices import AlarmState, Level
from govnet.alarms.correlator import FULL_LOOK_S, HELD_LOOK_S, SETTLE_S, Correlator
from govnet.alarms.models import Alarm, EventState, MaintenanceWindow, NoticeEvent, ReportedEvent
from govnet.alarms.planned import planned_spans
from govnet.alarms.services import report_event
from govnet.inventory.models import AccessPoint
from govnet.monitor.models import Flip, PortState, Target, TargetState
from govnet.topology import services as topology
from tests.alarms.faults import told
from tests.city import set_state
from tests.topology.net import Net, build_net


@pytest.fixture
def net(db: None) -> Iterator[Net]:
    made = build_net()
    made.set("up", *made.targets)
    yield made
    topology.forget_graph()


@pytest.fixture
def correlator(net: Net) -> Correlator:
    """One that has looked at a network in which all is well."""
    made = Correlator()
    made._clock.rules_at = float("inf")  # no column store here
    made.step(0.0)
    return made


def down(net: Net, *names: str, state: str = "down", ago_s: float = 9) -> None:
    """These changed their state a moment ago, each with its flip; what stands above was seen
    since."""
    now = timezone.now()
    begun = now - timedelta(seconds=ago_s)
    for name in names:
        target = net.targets[name]
        set_state(target, state, minutes=0, answered_at=now)
        TargetState.objects.filter(target=target).update(since=begun)
        Flip.objects.create(
            target=target, old_state="up", new_state=state, at=begun,
            confirmed_at=now, reason="timeout",
        )  # fmt: skip
    TargetState.objects.filter(state="up").update(answered_at=now)


def settle(correlator: Correlator, mono: float) -> None:
    """The first sign, and the look after it has settled."""
    correlator.step(mono)
    correlator.step(mono + SETTLE_S)


def active() -> dict[str, str | None]:
    """Names of active alarms with the name of what explains each."""
    rows = Alarm.objects.active().select_related("root")
    return {a.object_name: a.root.object_name if a.root else None for a in rows}


def test_an_aggregation_router_without_power_is_one_alarm(net: Net, correlator: Correlator) -> None:
    down(net, "agg-e", "e1", "e2")
    settle(correlator, 10)
    assert active() == {"agg-e": None, "e1接入点": "agg-e", "e2接入点": "agg-e"}
    root = Alarm.objects.get(object_name="agg-e")
    assert (root.kind, root.level) == ("unreachable", Level.CRITICAL)
    assert root.impact["units"] == 2
    assert told() == ["raised agg-e"]
    assert root.entries.get(kind="raised").evidence["flips"]


def test_a_dual_homed_unit_survives_one_of_its_ways(net: Net, correlator: Correlator) -> None:
    down(net, "agg-w", "w1")
    settle(correlator, 10)
    assert "dual接入点" not in active()


def test_a_parent_that_is_seen_later_adopts_its_children(net: Net, correlator: Correlator) -> None:
    down(net, "e1")
    settle(correlator, 10)
    assert active() == {"e1接入点": None}
    down(net, "agg-e", "e2")
    settle(correlator, 20)
    assert active()["e1接入点"] == "agg-e"


def test_a_notice_waits_for_news_of_what_stands_above(net: Net, correlator: Correlator) -> None:
    down(net, "e1")
    before = timezone.now() - timedelta(minutes=1)
    TargetState.objects.filter(state="up").update(answered_at=before)
    settle(correlator, 10)
    assert active() == {"e1接入点": None}  # visible at once
    assert told() == []
    looked = 10 + SETTLE_S
    assert correlator.step(looked + HELD_LOOK_S / 2) is None
    assert correlator.step(looked + HELD_LOOK_S) is not None, "it looks again soon"
    correlator.step(20, timezone.now() + network.HOLD)
    assert told() == ["raised e1接入点"]
    assert correlator.step(20 + HELD_LOOK_S) is None, "nothing is held any more"


def test_an_agent_that_answers_proves_its_device(net: Net, correlator: Correlator) -> None:
    agent = Target.objects.create(
        name="agg-e SNMP", kind="snmp", address="127.77.1.1", device=net.devices["agg-e"]
    )
    net.targets[agent.name] = agent
    topology.forget_graph()
    down(net, "e1")
    before = timezone.now() - timedelta(minutes=1)
    TargetState.objects.filter(state="up").update(answered_at=before)
    set_state(agent, "up", answered_at=before)
    settle(correlator, 10)
    assert told() == []
    TargetState.objects.filter(target=agent).update(answered_at=timezone.now())
    correlator.step(20)
    assert told() == ["raised e1接入点"]


def test_a_device_on_a_single_line_waits_for_a_word_of_the_line(
    net: Net, correlator: Correlator
) -> None:
    """Its ping fails before the trap of its port comes: one fault, one notice, of the line."""
    line = net.circuits["e1-agg-e"]
    assert line.z_port is not None
    before = timezone.now() - timedelta(seconds=30)
    PortState.objects.update_or_create(
        port=line.z_port, defaults={"oper_up": True, "sampled_at": before}
    )
    down(net, "e1", ago_s=4)
    settle(correlator, 10)
    assert active() == {"e1接入点": None}
    assert told() == []
    report_event("link_down", line.z_port, raised=True, source="trap")
    inbox.inbox.store()
    TargetState.objects.filter(state="up").update(answered_at=timezone.now())
    correlator.step(14)
    assert active() == {"e1接入点": line.number, line.number: None}
    assert told() == [f"raised {line.number}"]


def test_a_device_whose_line_says_nothing_is_told_after_a_moment(
    net: Net, correlator: Correlator
) -> None:
    line = net.circuits["e1-agg-e"]
    assert line.z_port is not None
    PortState.objects.update_or_create(
        port=line.z_port,
        defaults={"oper_up": True, "sampled_at": timezone.now() - timedelta(seconds=30)},
    )
    down(net, "e1", ago_s=4)
    settle(correlator, 10)
    assert told() == []
    TargetState.objects.filter(state="up").update(answered_at=timezone.now())
    correlator.step(20, timezone.now() + network.WORD_HOLD)
    assert told() == ["raised e1接入点"]


def test_a_line_that_is_read_as_down_after_its_device_was_told_is_not_told_again(
    net: Net, correlator: Correlator
) -> None:
    """No trap came; the poll of the port a minute later names the line."""
    line = net.circuits["e1-agg-e"]
    assert line.z_port is not None
    down(net, "e1", ago_s=30)
    settle(correlator, 10)
    assert told() == ["raised e1接入点"]
    PortState.objects.filter(port=line.z_port).update(oper_up=False, sampled_at=timezone.now())
    correlator.step(20)
    assert active() == {"e1接入点": line.number, line.number: None}
    assert told() == ["raised e1接入点"]
    other = net.circuits["agg-w-core1"]
    report_event("link_down", other, raised=True, source="trap")
    inbox.inbox.store()
    TargetState.objects.filter(state="up").update(answered_at=timezone.now() + timedelta(seconds=1))
    correlator.step(30)
    assert told()[1:] == [f"raised {other.number}"]


def test_a_fault_of_more_than_its_device_is_told_though_the_device_was(
    net: Net, correlator: Correlator
) -> None:
    """Its router has other lines: that it fell is more than what was told."""
    down(net, "e1", ago_s=30)
    settle(correlator, 10)
    down(net, "agg-e", "e2")
    settle(correlator, 20)
    assert told() == ["raised e1接入点", "raised agg-e"]


def test_what_nobody_has_placed_is_told_once_anything_else_answered(
    net: Net, correlator: Correlator
) -> None:
    loose = Target.objects.create(name="loose", kind="tcp", address="127.0.0.1")
    net.targets["loose"] = loose
    topology.forget_graph()
    down(net, "loose")
    TargetState.objects.filter(state="up").update(answered_at=timezone.now() - timedelta(minutes=1))
    settle(correlator, 10)
    assert active() == {"loose": None}
    assert told() == []
    TargetState.objects.filter(target=net.targets["w1"]).update(answered_at=timezone.now())
    correlator.step(20)
    assert told() == ["raised loose"]


def test_a_child_that_stays_down_when_its_parent_recovers_is_told_once(
    net: Net, correlator: Correlator
) -> None:
    down(net, "agg-e", "e1", "e2")
    settle(correlator, 10)
    down(net, "agg-e", "e1", state="up")
    for mono in (20, 30, 40):
        settle(correlator, mono)
    assert active() == {"e2接入点": None}
    assert sorted(told()) == ["cleared agg-e", "raised agg-e"]  # it may need a moment, too
    correlator.step(50, timezone.now() + network.HOLD)
    assert sorted(told()) == ["cleared agg-e", "raised agg-e", "raised e2接入点"]


def test_a_service_that_is_down_on_a_host_that_answers_is_not_the_path(
    net: Net, correlator: Correlator
) -> None:
    portal = Target.objects.create(
        name="portal", kind="http", address="http://127.0.0.1/", unit=net.units["e1"]
    )
    net.targets["portal"] = portal
    topology.forget_graph()
    down(net, "portal")
    settle(correlator, 10)
    assert Alarm.objects.get().kind == "service_down"
    down(net, "e1")
    settle(correlator, 20)
    assert active() == {"portal": "e1接入点", "e1接入点": None}


def test_what_becomes_unknown_stays_as_it_is(net: Net, correlator: Correlator) -> None:
    down(net, "e1")
    settle(correlator, 10)
    down(net, "e1", state="unknown")
    settle(correlator, 20)
    assert active() == {"e1接入点": None}


@pytest.mark.parametrize("reason", ["probe_blind", "no_route"])
def test_the_probe_points_blindness_is_one_alarm_and_heals(
    net: Net, correlator: Correlator, reason: str
) -> None:
    references = [
        Target.objects.create(name=f"ref{n}", kind="icmp", address=f"127.0.0.{n}", reference=True)
        for n in (1, 2)
    ]
    for target in references:
        set_state(target, "up")
    down(net, "e1")
    settle(correlator, 10)
    for target in [*references, *net.targets.values()]:
        set_state(target, "unknown", reason=reason)
    settle(correlator, 20)
    correlator.step(20 + FULL_LOOK_S + SETTLE_S)
    blind = Alarm.objects.active().get(object_kind="platform")
    assert (blind.kind, blind.level, blind.detail["reason"]) == (
        "probe_blind", "critical", "references",
    )  # fmt: skip
    assert set(active()) == {"", "e1接入点"}  # nobody else is blamed, nobody is cleared
    for target in [*references, *net.targets.values()]:
        set_state(target, "up")
    settle(correlator, 60)
    assert active() == {}
    assert told()[-1] in ("cleared ", "cleared e1接入点")


def test_an_engine_that_gives_no_results_is_blindness_too(net: Net, correlator: Correlator) -> None:
    TargetState.objects.update(checked_at=timezone.now() - timedelta(minutes=2))
    correlator.step(30)
    assert Alarm.objects.get().detail["reason"] == "engine_silent"


def test_a_trap_raises_a_link_within_one_step_and_both_ends_are_one_alarm(
    net: Net, correlator: Correlator
) -> None:
    circuit = net.circuits["agg-e-core1"]
    for port in (circuit.a_port, circuit.z_port):
        assert port is not None
        report_event("link_down", port, raised=True, source="trap", evidence={"text": "linkDown"})
    report_event("link_down", circuit, raised=True, source="syslog")
    inbox.inbox.store()
    correlator.step(11)
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.object_name) == ("link_down", "agg-e-core1")
    assert alarm.entries.get(kind="raised").evidence["events"]
    assert told() == []  # it may be one of its ends that lost power
    TargetState.objects.filter(state="up").update(answered_at=timezone.now())
    correlator.step(17)
    assert told() == ["raised agg-e-core1"]
    down(net, "agg-e", "e1", "e2")
    settle(correlator, 20)
    assert set(active().values()) == {None, "agg-e-core1"}
    report_event("link_down", circuit, raised=False, source="trap")
    inbox.inbox.store()
    down(net, "agg-e", "e1", "e2", state="up")
    settle(correlator, 30)
    assert active() == {}


def test_what_was_read_before_the_fault_above_proves_nothing(
    net: Net, correlator: Correlator
) -> None:
    """SNMP is asked once a minute: it still reads "up" behind a router that is dead."""
    for name in ("agg-e", "e1"):
        owner = net.targets[name]
        agent = Target.objects.create(
            name=f"{name} SNMP", kind="snmp", address=f"{owner.address}1",
            device=owner.device, access_point=owner.access_point,
        )  # fmt: skip
        set_state(agent, "up", answered_at=timezone.now() - timedelta(seconds=40))
        net.targets[agent.name] = agent
    topology.forget_graph()
    for mono, name in ((10, "agg-e"), (20, "e1")):
        down(net, name)
        TargetState.objects.filter(state="up").exclude(target__name__startswith="core").update(
            answered_at=timezone.now() - timedelta(seconds=40)
        )
        settle(correlator, mono)
    assert active() == {"agg-e": None, "e1接入点": "agg-e"}
    assert told() == ["raised agg-e"]


def test_what_failed_with_its_host_is_unknown_until_it_is_asked_again(
    net: Net, correlator: Correlator
) -> None:
    agent = Target.objects.create(
        name="agg-e SNMP", kind="snmp", address="127.77.1.1", device=net.devices["agg-e"]
    )
    net.targets[agent.name] = agent
    topology.forget_graph()
    down(net, "agg-e", "agg-e SNMP")
    settle(correlator, 10)
    TargetState.objects.filter(target=agent).update(
        checked_at=timezone.now() - timedelta(seconds=10)
    )
    down(net, "agg-e", state="up")
    settle(correlator, 20)
    assert told() == ["raised agg-e", "cleared agg-e"]
    set_state(agent, "up")
    settle(correlator, 30)
    assert active() == {}


def test_a_lost_link_up_trap_is_made_up_for_by_the_poll(net: Net, correlator: Correlator) -> None:
    circuit = net.circuits["agg-e-core1"]
    report_event("link_down", circuit, raised=True, source="trap")
    inbox.inbox.store()
    correlator.step(11)
    for port in (circuit.a_port, circuit.z_port):
        PortState.objects.update_or_create(
            port=port, defaults={"oper_up": True, "sampled_at": timezone.now()}
        )
    correlator.step(20)
    assert Alarm.objects.get().state == AlarmState.CLEARED


def test_other_events_raise_and_clear_by_their_own_word(net: Net, correlator: Correlator) -> None:
    device = net.devices["agg-e"]
    report_event("fan_failure", device, raised=True, source="syslog", evidence={"text": "FAN 1"})
    inbox.inbox.store()
    correlator.step(11)
    assert Alarm.objects.get().kind == "fan_failure"
    report_event("fan_failure", device, raised=False, source="syslog")
    inbox.inbox.store()
    correlator.step(12)
    assert Alarm.objects.get().state == AlarmState.CLEARED


def test_a_lost_routing_neighbour_belongs_to_what_took_it_away(
    net: Net, correlator: Correlator
) -> None:
    """The neighbours of a router without power say so a second before it is known."""
    report_event("ospf_down", net.devices["core1"], raised=True, source="trap")
    inbox.inbox.store()
    correlator.step(11)
    assert active() == {"core1": None}
    assert told() == []
    down(net, "agg-e", "e1", "e2")
    settle(correlator, 14)
    assert active()["core1"] == "agg-e"
    assert told() == ["raised agg-e"]
    down(net, "agg-e", "e1", "e2", state="up", ago_s=1)
    correlator.step(40)
    report_event("ospf_down", net.devices["core1"], raised=False, source="trap")
    inbox.inbox.store()
    correlator.step(44)
    assert told() == ["raised agg-e", "cleared agg-e"]


def test_a_routing_neighbour_lost_with_nothing_else_is_told_after_the_dead_interval(
    net: Net, correlator: Correlator
) -> None:
    report_event("ospf_down", net.devices["core1"], raised=True, source="syslog")
    inbox.inbox.store()
    correlator.step(11)
    assert told() == []
    correlator.step(60, timezone.now() + network.NEIGHBOUR_HOLD)
    assert told() == ["raised core1"]


def test_a_routing_neighbour_lost_on_a_line_that_was_read_since_waits_no_longer(
    net: Net, correlator: Correlator
) -> None:
    report_event("ospf_down", net.devices["core1"], raised=True, source="syslog")
    inbox.inbox.store()
    correlator.step(11)
    later = timezone.now() + network.WORD_HOLD
    TargetState.objects.update(answered_at=later)
    correlator.step(20, later)
    assert told() == []  # the ports at its lines still read as before
    PortState.objects.update(sampled_at=later)
    correlator.step(30, later)
    assert told() == ["raised core1"]


def test_a_routing_neighbour_that_was_told_of_tells_of_the_line_that_is_read_later(
    net: Net, correlator: Correlator
) -> None:
    line = net.circuits["agg-e-core1"]
    report_event("ospf_down", net.devices["core1"], raised=True, source="syslog")
    inbox.inbox.store()
    correlator.step(11)
    correlator.step(60, timezone.now() + network.NEIGHBOUR_HOLD)
    assert told() == ["raised core1"]
    PortState.objects.filter(port=line.a_port).update(oper_up=False)
    correlator.step(70)
    assert active() == {"core1": line.number, line.number: None}
    correlator.step(80, timezone.now() + network.HOLD)
    assert told() == ["raised core1"]


def test_a_storm_of_reports_is_merged_without_loss(net: Net, correlator: Correlator) -> None:
    for number in range(20_000):
        report_event("link_down", net.circuits["agg-e-core1"], raised=True, source="trap")
        if number % 5000 == 0:
            inbox.inbox.store()
    inbox.inbox.store()
    correlator.step(11)
    assert ReportedEvent.objects.count() == 0
    assert EventState.objects.get().count == 20_000
    assert Alarm.objects.count() == 1


def test_planned_work_on_a_router_covers_what_lies_behind_it(
    net: Net, correlator: Correlator
) -> None:
    now = timezone.now()
    MaintenanceWindow.objects.create(
        device=net.devices["agg-e"], reason="检修",
        starts_at=now - timedelta(minutes=5), ends_at=now + timedelta(hours=1),
    )  # fmt: skip
    down(net, "agg-e", "e1", "e2")
    settle(correlator, 10)
    assert told() == []
    assert Alarm.objects.active().filter(window__isnull=False).count() == 3
    behind = [net.targets["e1"], net.targets["w1"], net.targets["dual"]]
    assert set(planned_spans(behind, now, now + timedelta(hours=2))) == {net.targets["e1"].pk}


def test_a_restart_changes_nothing(net: Net, correlator: Correlator) -> None:
    down(net, "agg-e", "e1")
    settle(correlator, 10)
    before = (active(), told())
    again = Correlator()
    again._clock.rules_at = float("inf")
    settle(again, 0)
    assert (active(), told()) == before


def test_a_thousand_simultaneous_flips_are_one_notice_in_bounded_time(
    net: Net, correlator: Correlator
) -> None:
    points = AccessPoint.objects.bulk_create(
        AccessPoint(code=f"M{n}", name=f"点{n}", unit=net.units["e1"]) for n in range(1000)
    )
    template = net.circuits["e1-agg-e"]
    type(template).objects.bulk_create(
        type(template)(
            number=f"M{n}", carrier_id=template.carrier_id, access_point=p, z_port=template.z_port
        )
        for n, p in enumerate(points)
    )
    targets = Target.objects.bulk_create(
        Target(name=f"点{n} ICMP", kind="icmp", address="127.0.0.1", access_point=p)
        for n, p in enumerate(points)
    )
    now = timezone.now()
    TargetState.objects.bulk_create(
        TargetState(target=t, state="down", since=now, checked_at=now) for t in targets
    )
    Flip.objects.bulk_create(
        Flip(target=t, old_state="up", new_state="down", at=now, confirmed_at=now) for t in targets
    )
    topology.forget_graph()
    down(net, "agg-e", "e1", "e2")
    started = time.process_time()
    with CaptureQueriesContext(connection) as queries:
        settle(correlator, 10)
    spent = time.process_time() - started
    print(f"{spent:.2f} s of CPU")
    assert spent < 10
    assert len(queries) < 120
    assert NoticeEvent.objects.count() == 1
    assert Alarm.objects.active().filter(root__object_name="agg-e").count() == 1002
