from __future__ import annotations

from itertools import islice

from govnet.demo.faults import FAULT_S, FIRST_AFTER_S, played_faults
from govnet.demo.targets import SNMP_INTERVAL_S


def test_the_play_is_the_same_every_time_and_starts_after_everything_was_seen_working() -> None:
    first = list(islice(played_faults(("a", "b"), ("x",)), 50))
    assert first == list(islice(played_faults(("a", "b"), ("x",)), 50))
    assert first[0].after_s == FIRST_AFTER_S > 90
    assert {fault.kind for fault in first} == {"port", "agent"}
    assert all(fault.for_s == FAULT_S[fault.kind] and fault.after_s >= 90 for fault in first)


def test_without_agents_only_ports_fail_and_without_both_nothing_does() -> None:
    assert {fault.name for fault in islice(played_faults(("a",), ()), 20)} == {"a"}
    assert list(played_faults((), ())) == []


def test_an_agent_is_silent_long_enough_for_two_polls_to_notice() -> None:
    assert FAULT_S["agent"] >= 2 * SNMP_INTERVAL_S
