"""The clocks of work orders: service time used, pauses left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.service_hours import DayKind, ServiceHours
from govnet.operations.choices import ClockName
from govnet.operations.clocks import Clock, ClockState, Timing, clock

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=ZONE)
OFFICE = ServiceHours([((540, 1080),)] * 5 + [()] * 2)  # 09:00 to 18:00, Monday to Friday
HOUR = 3600

moments = st.integers(0, 20 * 24 * 60).map(lambda m: MONDAY + timedelta(minutes=m))
pauses = st.lists(st.tuples(moments, moments).map(lambda p: (min(p), max(p))), max_size=5)


def restore(
    ended: datetime | None,
    now: datetime,
    hours: ServiceHours | None = None,
    paused: list[tuple[datetime, datetime]] | None = None,
    started: datetime | None = MONDAY,
) -> Clock:
    timing = Timing(hours, paused or [], ZONE)
    return clock(ClockName.RESTORE, 4 * HOUR, started, ended, timing, now)


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def test_round_the_clock_every_second_counts() -> None:
    found = restore(None, at(1))
    assert (found.used_s, found.state, found.due_at) == (HOUR, ClockState.RUNNING, at(4))


def test_a_clock_that_has_not_begun_waits() -> None:
    assert restore(None, at(1), started=None).state is ClockState.WAITING


def test_in_time_is_met_and_a_second_over_is_missed() -> None:
    assert restore(at(4), at(9)).state is ClockState.MET
    late = restore(at(4) + timedelta(seconds=1), at(9))
    assert (late.state, late.left_s) == (ClockState.MISSED, -1)


def test_a_night_outside_of_service_hours_does_not_count() -> None:
    """Reported Monday 16:00: two hours until 18:00, two more from Tuesday 09:00."""
    started = at(7)
    found = restore(None, at(20), OFFICE, started=started)  # Tuesday 05:00
    assert (found.used_s, found.state) == (2 * HOUR, ClockState.RUNNING)
    assert found.due_at == datetime(2026, 3, 3, 11, tzinfo=ZONE)


def test_a_holiday_counts_only_when_worked_in_exchange() -> None:
    special = {date(2026, 3, 3): DayKind.OFF, date(2026, 3, 7): DayKind.WORK}
    hours = ServiceHours(OFFICE.week, special)
    friday = datetime(2026, 3, 6, 17, tzinfo=ZONE)
    assert restore(None, at(24 + 8), hours, started=at(7)).used_s == 2 * HOUR
    assert restore(None, friday + timedelta(days=1), hours, started=friday).used_s == 9 * HOUR


def test_a_pause_stops_the_clock_and_moves_its_end() -> None:
    found = restore(None, at(3), paused=[(at(1), at(2))])
    assert (found.used_s, found.due_at) == (2 * HOUR, at(5))
    open_end = [(at(1), at(9999))]
    paused = restore(None, at(3), paused=open_end)
    assert (paused.used_s, paused.state, paused.due_at) == (HOUR, ClockState.PAUSED, None)


def test_a_clock_that_ran_over_before_the_pause_stays_overdue() -> None:
    found = restore(None, at(8), paused=[(at(5), at(9999))])
    assert (found.state, found.due_at) == (ClockState.OVERDUE, at(4))


@given(moments, moments, pauses)
def test_used_and_paused_time_make_up_the_time_that_passed(
    first: datetime, last: datetime, paused: list[tuple[datetime, datetime]]
) -> None:
    start, end = min(first, last), max(first, last)
    used = Timing(None, paused, ZONE).used_s(start, end)
    minutes = int((end - start).total_seconds() // 60)
    inside = sum(
        any(a <= start + timedelta(minutes=m) < b for a, b in paused) for m in range(minutes)
    )
    assert used == (minutes - inside) * 60


@given(moments, moments, pauses)
def test_no_pause_makes_a_clock_run_faster(
    first: datetime, last: datetime, paused: list[tuple[datetime, datetime]]
) -> None:
    start, end = min(first, last), max(first, last)
    with_pauses = Timing(OFFICE, paused, ZONE).used_s(start, end)
    assert 0 <= with_pauses <= Timing(OFFICE, [], ZONE).used_s(start, end)


@given(moments, st.integers(0, 3 * 24 * HOUR), pauses)
def test_the_end_of_a_limit_is_where_it_is_used_up(
    start: datetime, seconds: int, paused: list[tuple[datetime, datetime]]
) -> None:
    timing = Timing(OFFICE, paused, ZONE)
    reached = timing.reached(start, seconds)
    assert reached is not None
    assert timing.used_s(start, reached.astimezone(UTC)) == seconds
