"""Plans of runs, and samples merged into one row per interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.result import Outcome, ProbeKind, Result, Target
from govnet.engine.sampling import Windows, plan

TS = 1_800_000_000.0


def icmp(target_id: int = 1, **more: float) -> Target:
    return Target(target_id, ProbeKind.ICMP, "127.0.0.1", **more)  # type: ignore[arg-type]


def sample(
    second: float, rtt_ms: float | None = 1.0, outcome: Outcome | None = None, reason: str = ""
) -> Result:
    found = outcome if outcome is not None else Outcome.FAILED if rtt_ms is None else Outcome.OK
    return Result(1, TS + second, found, 1, int(rtt_ms is not None), rtt_ms, reason=reason)


def test_echoes_are_spread_over_the_interval() -> None:
    planned = plan(icmp())
    assert planned.period_s == 1.25
    assert planned.worst_s == pytest.approx(4.65)
    assert (planned.regular.params["count"], planned.regular.tries) == (1, 1)
    assert (planned.recheck.params["interval_s"], planned.recheck.tries) == (0.1, 1)


@given(interval_s=st.integers(1, 86400), timeout_s=st.floats(0.05, 60), count=st.integers(1, 100))
def test_the_period_divides_the_interval_and_is_no_shorter_than_a_second(
    interval_s: int, timeout_s: float, count: int
) -> None:
    target = Target(1, ProbeKind.ICMP, "::1", interval_s, timeout_s, 2, {"count": count})
    planned = plan(target)
    parts = interval_s / planned.period_s
    assert parts == pytest.approx(round(parts))
    assert 1 <= planned.period_s <= interval_s
    assert planned.worst_s > planned.period_s + timeout_s


@pytest.mark.parametrize("interval_s", [10, 15, 20, 30, 60, 300])
def test_an_outage_is_confirmed_within_half_the_interval(interval_s: int) -> None:
    assert plan(icmp(interval_s=interval_s)).worst_s <= interval_s / 2


def test_other_kinds_run_once_per_interval_and_retry_only_in_regular_runs() -> None:
    target = Target(1, ProbeKind.HTTP, "http://a/", 60, 5, 2)
    planned = plan(target)
    assert (planned.period_s, planned.regular, planned.recheck.tries) == (60, target, 1)


def test_references_are_asked_often_enough_to_prove_sight() -> None:
    assert plan(Target(1, ProbeKind.ICMP, "::1", 60, reference=True)).period_s == 1
    assert plan(Target(1, ProbeKind.TCP, "::1", 60, reference=True)).period_s == 2
    assert plan(Target(1, ProbeKind.TCP, "::1", 1, reference=True)).period_s == 1


def test_wrong_parameters_do_not_break_the_plan() -> None:
    planned = plan(Target(1, ProbeKind.ICMP, "::1", params={"count": "many"}))
    assert planned.period_s == 10


def merged(samples: list[Result], target: Target | None = None) -> list[Result]:
    windows = Windows()
    windows.set_targets([target or icmp()])
    rows = [row for result in samples for row in windows.add(result)]
    return rows + windows.flush()


def test_eight_samples_make_one_row() -> None:
    rows = merged([sample(i * 1.25, float(i % 2)) for i in range(24)])
    assert [row.sent for row in rows] == [8, 8, 8]
    first = rows[0]
    assert (first.ts, first.outcome, first.reason) == (TS, Outcome.OK, "")
    assert (first.received, first.rtt_ms, first.jitter_ms) == (8, 0.5, 1.0)


def test_a_lost_echo_among_others_is_loss() -> None:
    (row,) = merged([sample(i * 1.25, None if i == 3 else 2.0) for i in range(8)])
    assert (row.outcome, row.reason, row.sent, row.received) == (Outcome.DEGRADED, "loss", 8, 7)
    assert row.rtt_ms == 2.0


def test_all_lost_is_failed_with_the_reason() -> None:
    (row,) = merged([sample(i * 1.25, None, reason="timeout") for i in range(8)])
    assert (row.outcome, row.reason, row.rtt_ms) == (Outcome.FAILED, "timeout", None)


def test_what_could_not_be_measured_counts_neither_way() -> None:
    void = [sample(i, None, Outcome.UNKNOWN, "engine_lag") for i in range(3)]
    (row,) = merged([*void, sample(4), sample(5)])
    assert (row.outcome, row.sent, row.received) == (Outcome.OK, 2, 2)
    (alone,) = merged(void)
    assert (alone.outcome, alone.reason, alone.sent) == (Outcome.UNKNOWN, "engine_lag", 0)


def test_mostly_slow_is_degraded_with_that_reason() -> None:
    slow = [sample(i, 300.0, Outcome.DEGRADED, "latency") for i in range(5)]
    (row,) = merged([*slow, sample(6)])
    assert (row.outcome, row.reason) == (Outcome.DEGRADED, "latency")


def test_a_target_run_once_per_interval_passes_through() -> None:
    target = Target(1, ProbeKind.HTTP, "http://a/", 60)
    result = Result(1, TS, Outcome.OK, phases_ms={"total": 5.0})
    assert merged([result], target) == [result]
    assert merged([result], target)[0] is result


def test_open_rows_of_removed_targets_are_handed_out() -> None:
    windows = Windows()
    windows.set_targets([icmp(1)])
    windows.add(sample(0))
    (row,) = windows.set_targets([icmp(2)])
    assert (row.target_id, row.sent) == (1, 1)
    assert windows.flush() == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.3, 1.0, 1.25, 30.0, -3600.0, 3600.0]),
            st.one_of(st.none(), st.floats(0.01, 5000)),
        ),
        min_size=1,
        max_size=100,
    )
)
def test_every_sample_counts_exactly_once(steps: list[tuple[float, float | None]]) -> None:
    second, samples = 0.0, []
    for step, rtt_ms in steps:
        second += step
        samples.append(sample(second, rtt_ms))
    rows = merged(samples)
    assert sum(row.sent for row in rows) == len(samples)
    answered = [s.rtt_ms for s in samples if s.rtt_ms is not None]
    assert sum(row.received for row in rows) == len(answered)
    total = sum((row.rtt_ms or 0.0) * row.received for row in rows)
    assert total == pytest.approx(sum(answered))
