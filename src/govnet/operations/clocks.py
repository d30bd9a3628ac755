"""The clocks of a work order: service time used of what is allowed, pauses left out.

Pure arithmetic to the second. Response and on-site count from the dispatch, restoration from
the report. A clock that ran over stays missed, however the order ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from govnet.engine.service_hours import ServiceHours
from govnet.operations.choices import ClockName

Span = tuple[datetime, datetime]

FARTHEST = timedelta(days=400)
"""A limit that is not reached within so long has no moment at which it ends."""


class ClockState(StrEnum):
    """How a clock stands."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    OVERDUE = "overdue"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of one order.

    Attributes:
        name: what is timed.
        limit_s: service seconds allowed.
        used_s: service seconds used so far, or in all when it has ended.
        state: how it stands.
        due_at: when the limit is reached if nothing pauses it any more; None while it waits,
            is paused or has ended.
    """

    name: ClockName
    limit_s: int
    used_s: int
    state: ClockState
    due_at: datetime | None = None

    @property
    def late(self) -> bool:
        """True when more was used than is allowed."""
        return self.state in (ClockState.OVERDUE, ClockState.MISSED)

    @property
    def left_s(self) -> int:
        """Seconds left; negative when it is late."""
        return self.limit_s - self.used_s


@dataclass(frozen=True, slots=True)
class Timing:
    """What the clocks of one order run by.

    Attributes:
        hours: the service calendar; None is round the clock.
        pauses: spans that do not count; an open one ends in the future.
        zone: the site's time zone.
    """

    hours: ServiceHours | None
    pauses: Sequence[Span]
    zone: ZoneInfo

    def counted(self, start: datetime, end: datetime) -> list[Span]:
        """The spans between two moments that count: service hours without pauses, sorted."""
        found = self._service(start, end)
        for first, last in self.pauses:
            found = [piece for span in found for piece in _without(span, first, last)]
        return found

    def _service(self, start: datetime, end: datetime) -> list[Span]:
        if end <= start:
            return []
        if self.hours is None:
            return [(start, end)]
        rows = self.hours.spans(int(start.timestamp()), int(end.timestamp()), self.zone)
        return [
            (datetime.fromtimestamp(int(a), self.zone), datetime.fromtimestamp(int(b), self.zone))
            for a, b in rows
        ]

    def used_s(self, start: datetime, end: datetime) -> int:
        """Service seconds between two moments, pauses left out."""
        spans = self.counted(start, end)
        return int(sum((last - first).total_seconds() for first, last in spans))

    def reached(self, start: datetime, seconds: int) -> datetime | None:
        """When so many seconds have been used; None when not within ``FARTHEST``."""
        left = timedelta(seconds=seconds)
        for first, last in self.counted(start, start + FARTHEST):
            if last - first >= left:
                return first + left
            left -= last - first
        return None


def _without(span: Span, first: datetime, last: datetime) -> list[Span]:
    start, end = span
    pieces = ((start, min(end, first)), (max(start, last), end))
    return [piece for piece in pieces if piece[0] < piece[1]]


def clock(
    name: ClockName,
    limit_s: int,
    started: datetime | None,
    ended: datetime | None,
    timing: Timing,
    now: datetime,
) -> Clock:
    """How one clock stands at a moment.

    Args:
        name: what is timed.
        limit_s: service seconds allowed.
        started: when it began; None when it has not.
        ended: when it was stopped; None while it runs.
        timing: calendar and pauses.
        now: the present moment.
    """
    if started is None:
        return Clock(name, limit_s, 0, ClockState.WAITING)
    used_s = timing.used_s(started, ended or now)
    late = used_s > limit_s
    if ended is not None:
        return Clock(name, limit_s, used_s, ClockState.MISSED if late else ClockState.MET)
    if late:
        return Clock(name, limit_s, used_s, ClockState.OVERDUE, timing.reached(started, limit_s))
    if any(first <= now < last for first, last in timing.pauses):
        return Clock(name, limit_s, used_s, ClockState.PAUSED)
    return Clock(name, limit_s, used_s, ClockState.RUNNING, timing.reached(started, limit_s))
