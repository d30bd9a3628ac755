"""Rates: exact when both readings belong together, silent when they do not; never a spike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.result import Outcome
from govnet.engine.snmp import CounterHistory, DevicePoll, InterfaceTable, SystemInfo, merge_columns
from govnet.engine.snmp.rates import COUNTERS, Clock, elapsed
from govnet.engine.snmp.tables import COUNTERS_32, COUNTERS_64
from govnet.telemetry.columns import to_batch

START = 10**14


def table(
    counters: dict[int, int],
    *,
    bits: int = 64,
    speed: int = 1000,
    if_type: int = 6,
    discontinuity: int = 0,
    names: dict[int, str] | None = None,
    oper: int = 1,
) -> InterfaceTable:
    """Interfaces whose counters of octets and packets all have the value given."""
    columns = COUNTERS_64 if bits == 64 else COUNTERS_32
    values = np.zeros((len(counters), 10), np.uint64)
    for row, value in enumerate(counters.values()):
        values[row, :4] = value
        values[row, 8:] = (oper, discontinuity)
    return InterfaceTable(
        np.array(list(counters), np.uint32),
        columns.names,
        values,
        np.ones(values.shape, np.bool_),
        bits,
        name=[(names or {}).get(i, f"ge{i}") for i in counters],
        if_type=np.full(len(counters), if_type, np.uint32),
        speed_mbps=np.full(len(counters), speed, np.uint32),
    )


def poll(
    at_s: float, interfaces: InterfaceTable, *, uptime_s: float | None = None, device_id: int = 1
) -> DevicePoll:
    ticks = int((1e6 + at_s if uptime_s is None else uptime_s) * 100) % 2**32
    return DevicePoll(
        device_id,
        ts=1.7e9 + at_s,
        monotonic_s=at_s,
        outcome=Outcome.OK,
        system=SystemInfo("", "", "", ticks),
        interfaces=interfaces,
    )


def two(first: DevicePoll, second: DevicePoll) -> dict[str, list[float]]:
    """The second poll's columns."""
    history = CounterHistory()
    history.deltas(first)
    return {name: column.tolist() for name, column in history.deltas(second).interface.items()}


def test_a_first_poll_has_rows_without_deltas() -> None:
    columns = CounterHistory().deltas(poll(0, table({1: START, 2: START}))).interface
    assert columns["seconds"].tolist() == [0, 0]
    assert columns["in_octets"].tolist() == [0, 0]
    assert columns["in_octets_counter"].tolist() == [START, START]


def test_a_second_poll_has_exact_deltas() -> None:
    found = two(poll(0, table({1: START})), poll(60, table({1: START + 123_456})))
    assert found["seconds"] == [60.0]
    assert found["in_octets"] == found["out_octets"] == [123_456]
    assert found["oper_up"] == [1]
    assert found["speed_mbps"] == [1000]


def test_columns_are_what_the_column_store_takes() -> None:
    history = CounterHistory()
    history.deltas(poll(0, table({1: START})))
    found = history.deltas(poll(10, table({1: START + 5})))
    assert to_batch("interface_sample", found.interface).num_rows == 1
    assert to_batch("device_sample", found.device).num_rows == 1


def test_a_reboot_never_makes_a_spike() -> None:
    found = two(poll(0, table({1: START})), poll(60, table({1: 5_000}), uptime_s=30))
    assert (found["seconds"], found["in_octets"]) == ([0], [0])


def test_a_reboot_is_seen_even_when_the_new_life_is_longer_than_the_old_one() -> None:
    first = poll(0, table({1: 1000}), uptime_s=60)
    found = two(first, poll(600, table({1: 50_000}), uptime_s=500))
    assert (found["seconds"], found["in_octets"]) == ([0], [0])


def test_rates_return_one_poll_after_a_reboot() -> None:
    history = CounterHistory()
    history.deltas(poll(0, table({1: START})))
    history.deltas(poll(60, table({1: 5_000}), uptime_s=30))
    columns = history.deltas(poll(120, table({1: 6_000}), uptime_s=90)).interface
    assert (columns["seconds"].tolist(), columns["in_octets"].tolist()) == ([60], [1000])


def test_the_wrap_of_sysuptime_after_497_days_is_no_reboot() -> None:
    wrap = 2**32 / 100
    first = poll(0, table({1: START}), uptime_s=wrap - 20)
    history = CounterHistory()
    history.deltas(first)
    found = history.deltas(poll(60, table({1: START + 77}), uptime_s=wrap + 40))
    assert found.clocks == {1: Clock.RUNNING}
    assert found.interface["seconds"].tolist() == [60]
    assert found.interface["in_octets"].tolist() == [77]
    assert found.device["uptime_s"].tolist() == [int(wrap + 40)]


def test_a_reboot_close_before_the_wrap_is_still_a_reboot() -> None:
    wrap = 2**32 / 100
    found = elapsed(int((wrap - 20) * 100), 1000, 600.0)
    assert found == (Clock.REBOOTED, 0.0)


@given(st.integers(0, 2**32 - 1), st.floats(1, 3600), st.floats(-1, 1))
def test_a_running_clock_is_taken_wherever_it_stands(
    before: int, seconds: float, error: float
) -> None:
    now = (before + int(seconds * 100)) % 2**32
    clock, found = elapsed(before, now, max(0.5, seconds + error))
    assert clock is Clock.RUNNING or not (before or now)
    if clock is Clock.RUNNING:
        assert found == pytest.approx(int(seconds * 100) / 100)


def test_a_wall_clock_that_jumps_changes_nothing() -> None:
    first, second = poll(0, table({1: START})), poll(60, table({1: START + 600}))
    second.ts = first.ts - 86_400
    assert two(first, second)["seconds"] == [60]


def test_two_answers_of_an_agent_that_stands_still_give_no_rate() -> None:
    found = two(poll(0, table({1: START})), poll(1, table({1: START}), uptime_s=1e6))
    assert found["seconds"] == [0]


def test_a_changed_discontinuity_time_gives_no_delta() -> None:
    found = two(poll(0, table({1: START})), poll(60, table({1: START + 9}, discontinuity=5)))
    assert found["seconds"] == [0]


def test_a_64_bit_wrap_is_a_small_delta() -> None:
    found = two(poll(0, table({1: 2**64 - 10})), poll(60, table({1: 15})))
    assert (found["seconds"], found["in_octets"]) == ([60], [25])


def test_a_32_bit_wrap_is_a_small_delta() -> None:
    first = poll(0, table({1: 2**32 - 10}, bits=32, speed=100))
    found = two(first, poll(60, table({1: 15}, bits=32, speed=100)))
    assert (found["seconds"], found["in_octets"]) == ([60], [25])


def test_a_32_bit_counter_that_may_wrap_twice_says_nothing() -> None:
    first = poll(0, table({1: 10}, bits=32, speed=1000))
    assert two(first, poll(60, table({1: 15}, bits=32, speed=1000)))["seconds"] == [0]


def test_a_cleared_counter_gives_no_delta() -> None:
    found = two(poll(0, table({1: START})), poll(60, table({1: 0})))
    assert (found["seconds"], found["in_octets"]) == ([0], [0])


def test_a_cleared_error_counter_is_seen_at_any_speed() -> None:
    before, now = table({1: START}, if_type=24), table({1: START + 1}, if_type=24)
    before.values[:, 4] = 1000
    found = two(poll(0, before), poll(60, now))
    assert (found["seconds"], found["in_errors"]) == ([0], [0])


def test_a_jump_that_the_line_cannot_carry_gives_no_delta() -> None:
    most = 1000 * 1e6 / 8 * 60
    fits = two(poll(0, table({1: START})), poll(60, table({1: START + 10_000_000})))
    jumps = two(poll(0, table({1: START})), poll(60, table({1: START + int(most * 1.5)})))
    assert (fits["seconds"], jumps["seconds"]) == ([60], [0])


def test_full_line_rate_is_believed() -> None:
    before, now = table({1: START}), table({1: START})
    now.values[0, :2] += np.uint64(1000 * 10**6 // 8 * 60)
    assert two(poll(0, before), poll(60, now))["seconds"] == [60]


def test_a_tunnel_that_claims_9_kbit_is_not_judged_by_it() -> None:
    first = poll(0, table({1: START}, speed=1, if_type=131))
    found = two(first, poll(60, table({1: START + 10**9}, speed=1, if_type=131)))
    assert found["in_octets"] == [10**9]


def test_another_interface_at_the_same_index_gives_no_delta() -> None:
    first = poll(0, table({1: START, 2: START}))
    second = poll(60, table({1: START + 1, 2: START + 1}, names={2: "vlan7"}))
    assert two(first, second)["seconds"] == [60, 0]


def test_rows_that_come_go_and_move_are_matched_by_index() -> None:
    first = poll(0, table({1: START, 5: START + 50, 9: START + 90}))
    second = poll(60, table({5: START + 57, 7: START, 9: START + 99}))
    found = two(first, second)
    assert found["if_index"] == [5, 7, 9]
    assert (found["seconds"], found["in_octets"]) == ([60, 0, 60], [7, 0, 9])


def test_a_row_missed_once_gives_no_delta_in_the_next_poll() -> None:
    history = CounterHistory()
    history.deltas(poll(0, table({1: START, 2: START})))
    history.deltas(poll(60, table({1: START + 1})))
    columns = history.deltas(poll(120, table({1: START + 2, 2: START + 2}))).interface
    assert columns["seconds"].tolist() == [60, 0]


def test_a_missing_counter_reads_zero_and_missing_octets_give_no_delta() -> None:
    before, now = table({1: START, 2: START}), table({1: START + 8, 2: START + 8})
    for one in (before, now):
        one.valid[:, COUNTERS.index("in_errors")] = False
        one.valid[1, COUNTERS.index("in_octets")] = False
    found = two(poll(0, before), poll(60, now))
    assert (found["seconds"], found["in_octets"], found["in_errors"]) == ([60, 0], [8, 0], [0, 0])


def test_a_device_that_did_not_answer_keeps_its_history() -> None:
    history = CounterHistory()
    history.deltas(poll(0, table({1: START})))
    lost = history.deltas(DevicePoll(1, 1.7e9 + 60, 60.0, Outcome.FAILED, "timeout"))
    assert (lost.interface, lost.device) == ({}, {})
    columns = history.deltas(poll(120, table({1: START + 240}))).interface
    assert (columns["seconds"].tolist(), columns["in_octets"].tolist()) == ([120], [240])


def test_forgetting_a_device_starts_it_anew() -> None:
    history = CounterHistory()
    history.deltas(poll(0, table({1: START})))
    history.forget(1)
    assert history.deltas(poll(60, table({1: START + 1}))).valid_rows == 0


def test_health_without_a_sensor_is_null_in_the_store() -> None:
    found = CounterHistory().deltas(poll(0, table({1: START})))
    assert np.isnan(found.device["cpu_percent"]).all()
    assert to_batch("device_sample", found.device).column("cpu_percent").null_count == 1


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**64 - 1),
            st.integers(0, 2**64 - 1),
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**32 - 1),
            st.floats(0.1, 10_000),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_no_pair_of_polls_makes_a_rate_above_the_line(
    rows: list[tuple[int, int, int, int, float]],
) -> None:
    history = CounterHistory()
    polls = []
    for device, (before, now, up_before, up_now, seconds) in enumerate(rows):
        history.deltas(poll(0, table({1: before}), uptime_s=up_before / 100, device_id=device))
        later = poll(seconds, table({1: now}), uptime_s=up_now / 100, device_id=device)
        polls.append(later)
    columns = history.deltas(*polls).interface
    octets, seconds_found = columns["in_octets"].astype(float), columns["seconds"].astype(float)
    assert (octets <= 1000e6 / 8 * 1.2 * (seconds_found + 2.01)).all()
    assert (octets[seconds_found == 0] == 0).all()


def test_many_devices_at_once_give_what_each_gives_alone() -> None:
    firsts = [poll(0, table({1: START, d: START}), device_id=d) for d in range(2, 30)]
    seconds = [
        poll(
            60, table({1: START + d, d: START + 2 * d}), device_id=d, uptime_s=9 if d % 5 else None
        )
        for d in range(2, 30)
    ]
    together, apart = CounterHistory(), CounterHistory()
    together.deltas(*firsts)
    for one in firsts:
        apart.deltas(one)
    merged = merge_columns([apart.deltas(one).interface for one in seconds])
    batch = together.deltas(*seconds).interface
    assert merged.keys() == batch.keys()
    for name, column in batch.items():
        assert np.array_equal(column, merged[name]), name
