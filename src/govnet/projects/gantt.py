"""The milestones of a project as bars on a time axis: pure geometry for an SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from govnet.projects.arithmetic import whole_months
from govnet.projects.models import Milestone

WIDTH = 1000
ROW = 34
TOP = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time; ``x`` and ``width`` of 0 to ``WIDTH``."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    """A milestone: the stage that ends with it, as planned and as it was."""

    label: str
    y: int
    planned: Bar | None
    actual: Bar | None
    planned_on: date | None
    reached_on: date | None
    late_days: int


@dataclass(frozen=True, slots=True)
class Tick:
    """The first of a month."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Gantt:
    """Everything that the SVG draws."""

    rows: list[Row]
    ticks: list[Tick]
    today: float | None
    height: int


def gantt(milestones: Sequence[Milestone], today: date) -> Gantt | None:
    """Bars for milestones in their order; None when none has a day."""
    days = [d for m in milestones for d in (m.planned_on, m.reached_on) if d]
    if not days:
        return None
    first = min(days).replace(day=1)
    last = max(days) + timedelta(days=1)
    span = max((last - first).days, 1)

    def x(day: date) -> float:
        return (day - first).days / span * WIDTH

    rows: list[Row] = []
    planned_from: date | None = None
    actual_from: date | None = None
    for number, milestone in enumerate(milestones):
        planned, reached = milestone.planned_on, milestone.reached_on
        late = (reached or max(today, planned)) - planned if planned else timedelta(0)
        rows.append(
            Row(
                str(milestone),
                TOP + number * ROW,
                _bar(planned_from, planned, x),
                _bar(actual_from, reached, x),
                planned,
                reached,
                late.days,
            )
        )
        planned_from, actual_from = planned or planned_from, reached or actual_from
    now = x(today) if first <= today <= last else None
    return Gantt(rows, _ticks(first, last, x), now, TOP + len(milestones) * ROW)


def _bar(start: date | None, end: date | None, x: Callable[[date], float]) -> Bar | None:
    if end is None:
        return None
    left = x(start or end)
    return Bar(left, max(x(end) - left, 6))


def _ticks(first: date, last: date, x: Callable[[date], float]) -> list[Tick]:
    months = whole_months(first.year, first.month, last.year, last.month)
    step = max(1, -(-months // 10))
    found = []
    for number in range(0, months + 1, step):
        year, month = divmod(first.year * 12 + first.month - 1 + number, 12)
        found.append(Tick(x(date(year, month + 1, 1)), f"{year}-{month + 1:02d}"))
    return found
