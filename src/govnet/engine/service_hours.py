"""Service hours as spans of seconds: weekly hours, holidays, and working days in exchange (调休).

A working day in exchange for a holiday, usually a Saturday or Sunday, has the hours of a Monday.
Days begin and end at local midnight of the zone given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from govnet.engine.availability import Spans, spans

MINUTES_OF_DAY = 24 * 60
MONDAY = 0

Hours = tuple[tuple[int, int], ...]
"""Minutes since local midnight, each (from, to) with to up to 1440."""


class DayKind(StrEnum):
    """How a day differs from its weekday."""

    OFF = "off"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class ServiceHours:
    """When a service is owed.

    Attributes:
        week: hours of Monday to Sunday.
        special: days that are off, or working days in exchange; empty where the calendar does
            not follow the holidays.
        holiday: hours of a day off.
    """

    week: Sequence[Hours]
    special: Mapping[date, DayKind] = field(default_factory=dict)
    holiday: Hours = ()

    @property
    def always(self) -> bool:
        """True for round the clock, holidays included."""
        return not self.special and all(day == ((0, MINUTES_OF_DAY),) for day in self.week)

    def hours_on(self, day: date) -> Hours:
        """The hours of one day."""
        match self.special.get(day):
            case DayKind.OFF:
                return self.holiday
            case DayKind.WORK:
                return self.week[MONDAY]
            case _:
                return self.week[day.weekday()]

    def spans(self, start: int, end: int, zone: ZoneInfo) -> Spans:
        """Service hours between two moments (seconds since the epoch), sorted and disjoint."""
        found = []
        for day in _days(start, end, zone):
            midnight = datetime.combine(day, time(), zone)
            for opens, closes in self.hours_on(day):
                a = int((midnight + timedelta(minutes=opens)).timestamp())
                b = int((midnight + timedelta(minutes=closes)).timestamp())
                found.append((max(a, start), min(b, end)))
        return spans(found)


def _days(start: int, end: int, zone: ZoneInfo) -> Iterator[date]:
    day = datetime.fromtimestamp(start, zone).date()
    last = datetime.fromtimestamp(end, zone).date()
    while day <= last:
        yield day
        day += timedelta(days=1)
