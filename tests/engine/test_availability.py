"""Interval algebra: properties on random intervals, and golden cases worked out by hand."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import chinese_calendar
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.availability import (
    Account,
    Code,
    Spans,
    Steps,
    account,
    is_partition,
    longest,
    overlay,
    parallel,
    series,
    spans,
    steps,
)
from govnet.engine.service_hours import DayKind, ServiceHours

SHANGHAI = ZoneInfo("Asia/Shanghai")
PERIOD = (1_000, 3_000)
MEASURED = (Code.UP, Code.DEGRADED, Code.UNKNOWN, Code.DOWN, Code.ABSENT)

moments = st.integers(0, 4_000)
intervals = st.lists(st.tuples(moments, moments), max_size=12)
flips = st.lists(st.tuples(moments, st.sampled_from(MEASURED)), max_size=30)


def line_of(changes: list[tuple[int, Code]], period: tuple[int, int] = PERIOD) -> Steps:
    ordered = sorted(changes, key=lambda change: change[0])
    return steps(
        np.array([at for at, _code in ordered], np.int64),
        np.array([code for _at, code in ordered], np.int8),
        period,
    )


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp())


def by_the_second(line: Steps) -> list[int]:
    """Every second of a line written out: the slow truth that the algebra must agree with."""
    return [int(c) for c in np.repeat(line.code, line.lengths())]


def in_any(marks: list[tuple[int, int]], second: int) -> bool:
    return any(a <= second < b for a, b in marks)


# ---- Properties ----------------------------------------------------------------------------


@given(flips, intervals, intervals, intervals)
def test_every_second_has_one_code_and_they_sum_to_the_period(
    changes: list[tuple[int, Code]],
    windows: list[tuple[int, int]],
    exclusions: list[tuple[int, int]],
    hours: list[tuple[int, int]],
) -> None:
    line = line_of(changes)
    laid = overlay(overlay(line, spans(exclusions), Code.EXCLUDED), spans(windows), Code.PLANNED)
    found = account(laid, spans(hours))
    assert is_partition(found.slices)
    t = found.terms
    parts = t.out_s + t.planned_s + t.excluded_s + t.unknown_s + t.down_s + t.up_s
    assert parts == t.period_s == PERIOD[1] - PERIOD[0]
    assert t.degraded_s <= t.up_s
    assert sum(outage.counted_s for outage in found.outages) == t.down_s
    expected = []
    for second, code in zip(range(*PERIOD), by_the_second(line), strict=True):
        if not in_any(hours, second):
            expected.append(Code.OUT)
        elif code == Code.ABSENT:
            expected.append(Code.UNKNOWN)
        elif in_any(windows, second):
            expected.append(Code.PLANNED)
        elif in_any(exclusions, second):
            expected.append(Code.EXCLUDED)
        else:
            expected.append(Code(code))
    assert by_the_second(found.slices) == expected


@given(flips, intervals)
def test_more_downtime_never_makes_availability_better(
    changes: list[tuple[int, Code]], more: list[tuple[int, int]]
) -> None:
    line = line_of(changes)
    worse = overlay(line, spans(more), Code.DOWN)
    before, after = account(line).terms, account(worse).terms
    assert after.down_s >= before.down_s
    known = [c for c in changes if c[1] not in (Code.UNKNOWN, Code.ABSENT)]
    sure = line_of([(0, Code.UP), *known])
    a, b = account(sure).terms.ratio, account(overlay(sure, spans(more), Code.DOWN)).terms.ratio
    assert a is not None
    assert b is not None
    assert b <= a


@given(intervals, st.randoms(use_true_random=False))
def test_merging_and_splitting_intervals_changes_nothing(
    given_spans: list[tuple[int, int]], random: object
) -> None:
    whole = spans(given_spans)
    pieces = []
    for a, b in given_spans:
        if b > a:
            middle = random.randint(a, b)  # type: ignore[attr-defined]
            pieces += [(middle, b), (a, middle), (a, min(b, middle + 1))]
    assert np.array_equal(spans(pieces), whole)
    assert all(x[1] < y[0] for x, y in pairwise(whole.tolist()))


@given(flips, flips)
def test_a_second_line_never_makes_a_unit_worse(
    one: list[tuple[int, Code]], two: list[tuple[int, Code]]
) -> None:
    first, second = line_of(one), line_of(two)
    both = parallel([first, second])
    table = zip(by_the_second(first), by_the_second(second), strict=True)
    assert by_the_second(both) == [min(pair) for pair in table]
    alone = account(first).terms
    if not (first.code == Code.ABSENT).any() and not (second.code == Code.ABSENT).any():
        assert account(both).terms.down_s <= alone.down_s


@given(flips, flips)
def test_a_line_of_two_targets_is_as_bad_as_the_worse(
    one: list[tuple[int, Code]], two: list[tuple[int, Code]]
) -> None:
    def worse(a: int, b: int) -> int:
        known = [code for code in (a, b) if code != Code.ABSENT]
        return max(known, default=int(Code.ABSENT))

    first, second = line_of(one), line_of(two)
    table = zip(by_the_second(first), by_the_second(second), strict=True)
    assert by_the_second(series([first, second])) == [worse(a, b) for a, b in table]


@given(flips, st.integers(*PERIOD))
def test_a_period_cut_in_two_has_the_seconds_of_the_whole(
    changes: list[tuple[int, Code]], cut: int
) -> None:
    whole = account(line_of(changes)).terms
    if cut in PERIOD:
        return
    left = account(line_of(changes, (PERIOD[0], cut))).terms
    right = account(line_of(changes, (cut, PERIOD[1]))).terms
    for name in ("period_s", "unknown_s", "down_s", "up_s", "degraded_s"):
        assert getattr(left + right, name) == getattr(whole, name)


# ---- Golden cases, by hand -----------------------------------------------------------------

OFFICE = ((9 * 60, 12 * 60), (13 * 60 + 30, 17 * 60))
WORKDAYS = ServiceHours(week=(OFFICE,) * 5 + ((),) * 2)
GOLDEN_WEEK = ServiceHours(
    week=WORKDAYS.week,
    special=dict.fromkeys(chinese_calendar.constants.holidays, DayKind.OFF)
    | dict.fromkeys(chinese_calendar.constants.workdays, DayKind.WORK),
)


def month(
    changes: list[tuple[int, Code]], hours: ServiceHours | None, start: str, end: str
) -> Account:
    period = (at(start), at(end))
    service: Spans | None = hours.spans(*period, SHANGHAI) if hours else None
    return account(line_of(changes, period), service)


def test_a_night_outage_costs_only_its_service_hours() -> None:
    """Down Monday 16:30 to Tuesday 09:30: 30 minutes on Monday and 30 on Tuesday."""
    found = month(
        [
            (at("2026-11-01"), Code.UP),
            (at("2026-11-02 16:30"), Code.DOWN),
            (at("2026-11-03 09:30"), Code.UP),
        ],
        WORKDAYS,
        "2026-11-02",
        "2026-11-07",
    )
    assert found.terms.service_s == 5 * int(6.5 * 3600)
    assert found.terms.down_s == 3600
    assert found.terms.outages == 1
    assert found.terms.mttr_s == 3600
    assert found.terms.ratio == pytest.approx(1 - 3600 / 117_000)
    assert longest(found.outages) == found.outages[0]
    assert found.outages[0].end - found.outages[0].start == 17 * 3600


def test_national_day_with_days_worked_in_exchange() -> None:
    """October 2026: 1st to 7th off, Saturday the 10th worked; 17 weekdays remain, one is added.

    The month has 22 weekdays; 1, 2, 5, 6, 7 are off, which leaves 17.
    """
    outages = [
        (at("2026-09-30"), Code.UP),
        (at("2026-10-05 09:00"), Code.DOWN),  # a Monday, but a holiday: costs nothing
        (at("2026-10-05 17:00"), Code.UP),
        (at("2026-10-10 09:00"), Code.DOWN),  # a Saturday, but worked: costs two hours
        (at("2026-10-10 11:00"), Code.UP),
    ]
    found = month(outages, GOLDEN_WEEK, "2026-10-01", "2026-11-01")
    assert found.terms.service_s == 18 * 23_400
    assert found.terms.down_s == 7200
    assert found.terms.outages == 1
    plain = month(outages, WORKDAYS, "2026-10-01", "2026-11-01")
    assert plain.terms.service_s == 22 * 23_400
    assert plain.terms.down_s == 23_400


def test_the_spring_festival_crosses_a_month_border_in_local_time() -> None:
    """A flip at 00:30 of 1 March in Shanghai is still February in UTC; it belongs to March."""
    changes = [(at("2026-01-01"), Code.UP), (at("2026-03-01 00:30"), Code.DOWN)]
    changes += [(at("2026-03-01 01:00"), Code.UP)]
    assert month(changes, None, "2026-02-01", "2026-03-01").terms.down_s == 0
    assert month(changes, None, "2026-03-01", "2026-04-01").terms.down_s == 1800
    off = [d for d in chinese_calendar.constants.holidays if (d.year, d.month) == (2026, 2)]
    service = GOLDEN_WEEK.spans(at("2026-02-01"), at("2026-03-01"), SHANGHAI)
    weekdays_off = sum(d.weekday() < 5 for d in off)
    worked = sum((d.year, d.month) == (2026, 2) for d in chinese_calendar.constants.workdays)
    assert int((service[:, 1] - service[:, 0]).sum()) == (20 - weekdays_off + worked) * 23_400


def test_a_window_entered_afterwards_turns_downtime_into_planned_time() -> None:
    period = (at("2026-11-01"), at("2026-12-01"))
    line = line_of(
        [
            (period[0], Code.UP),
            (at("2026-11-10 22:00"), Code.DOWN),
            (at("2026-11-11 00:00"), Code.UP),
        ],
        period,
    )
    before = account(line).terms
    window = spans([(at("2026-11-10 22:00"), at("2026-11-10 23:30"))])
    after = account(overlay(line, window, Code.PLANNED)).terms
    assert (before.down_s, before.planned_s) == (7200, 0)
    assert (after.down_s, after.planned_s) == (1800, 5400)
    assert before.ratio == pytest.approx(1 - 7200 / 2_592_000)
    assert after.ratio == pytest.approx(1 - 1800 / (2_592_000 - 5400))


def test_a_blind_monitor_gives_no_percentage() -> None:
    """36 hours of 720 are exactly 5 %: still a figure; one second more is not."""
    period = (at("2026-11-01"), at("2026-12-01"))
    blind = at("2026-11-10")
    for extra, sufficient in ((0, True), (1, False)):
        line = line_of(
            [(period[0], Code.UP), (blind, Code.UNKNOWN), (blind + 129_600 + extra, Code.UP)],
            period,
        )
        terms = account(line).terms
        assert terms.sufficient is sufficient
        assert (terms.ratio == 1.0) is sufficient
        assert terms.unknown_s == 129_600 + extra
        assert terms.down_s == 0


def test_the_input_of_a_twelve_per_cent_deduction() -> None:
    """97.00 % for a month: 21.6 of 720 hours down; 98 % was owed, so a step below it applies."""
    period = (at("2026-11-01"), at("2026-12-01"))
    start = at("2026-11-05 08:00")
    line = line_of([(period[0], Code.UP), (start, Code.DOWN), (start + 77_760, Code.UP)], period)
    terms = account(line).terms
    assert terms.ratio == 0.97
    assert terms.mttr_s == 77_760
    assert terms.mtbf_s == 2_592_000 - 77_760


def test_before_the_first_change_nothing_is_known() -> None:
    terms = account(line_of([(2_000, Code.UP)])).terms
    assert (terms.unknown_s, terms.up_s, terms.ratio) == (1_000, 1_000, None)


def test_open_ends_are_said() -> None:
    found = account(line_of([(0, Code.DOWN), (1_100, Code.UP), (2_900, Code.DOWN)]))
    first, last = found.outages
    assert (first.began_before, first.goes_on, first.counted_s) == (True, False, 100)
    assert (last.began_before, last.goes_on, last.counted_s) == (False, True, 100)


def test_only_planned_time_leaves_nothing_to_judge() -> None:
    line = overlay(line_of([(0, Code.UP)]), spans([PERIOD]), Code.PLANNED)
    terms = account(line).terms
    assert (terms.base_s, terms.ratio, terms.coverage) == (0, None, 1.0)


def test_degraded_counts_as_up_and_is_summed() -> None:
    terms = account(line_of([(0, Code.UP), (1_500, Code.DEGRADED), (1_700, Code.UP)])).terms
    assert (terms.up_s, terms.degraded_s, terms.ratio) == (2_000, 200, 1.0)


def test_a_unit_with_two_lines_is_down_only_while_both_are() -> None:
    one = line_of([(0, Code.UP), (1_100, Code.DOWN), (1_300, Code.UP)])
    two = line_of([(0, Code.UP), (1_200, Code.DOWN), (1_400, Code.UP)])
    assert account(one).terms.down_s == account(two).terms.down_s == 200
    assert account(parallel([one, two])).terms.down_s == 100


def test_a_line_opened_later_says_nothing_of_the_time_before() -> None:
    old = line_of([(0, Code.UP), (1_200, Code.DOWN), (1_250, Code.UP)])
    new = line_of([(0, Code.ABSENT), (2_000, Code.UP)])
    terms = account(parallel([old, new])).terms
    assert (terms.unknown_s, terms.down_s) == (0, 50)


def test_maintenance_of_one_line_does_not_hide_the_fault_of_the_other() -> None:
    planned = overlay(line_of([(0, Code.UP)]), spans([(1_000, 1_500)]), Code.PLANNED)
    broken = line_of([(0, Code.UP), (1_200, Code.DOWN), (1_600, Code.UP)])
    terms = account(parallel([planned, broken])).terms
    assert (terms.down_s, terms.planned_s, terms.up_s) == (300, 0, 1_700)


def test_round_the_clock_is_recognised() -> None:
    week = (((0, 1440),),) * 7
    assert ServiceHours(week).always
    assert not ServiceHours(week, {date(2026, 10, 1): DayKind.OFF}).always
    period = (at("2026-10-01"), at("2026-11-01"))
    assert np.array_equal(ServiceHours(week).spans(*period, SHANGHAI), [period])
