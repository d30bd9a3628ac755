"""Civil periods: months, quarters and years of the site's time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Self

from django.utils import timezone

from govnet.sla.models import PeriodKind

MONTHS: Final = {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 3, PeriodKind.YEAR: 12}


def midnight(day: date) -> datetime:
    """The first moment of a day in the site's time zone."""
    return datetime.combine(day, time(), timezone.get_default_timezone())


@dataclass(frozen=True, slots=True)
class Period:
    """A month, quarter or year.

    Attributes:
        kind: which of them.
        first: its first day.
    """

    kind: PeriodKind
    first: date

    @classmethod
    def holding(cls, kind: PeriodKind, day: date) -> Self:
        """The period that a day lies in."""
        months = MONTHS[kind]
        return cls(kind, date(day.year, (day.month - 1) // months * months + 1, 1))

    @property
    def following(self) -> Period:
        """The next one of its kind."""
        ahead = self.first.month - 1 + MONTHS[self.kind]
        return Period(self.kind, date(self.first.year + ahead // 12, ahead % 12 + 1, 1))

    @property
    def last(self) -> date:
        """Its last day."""
        return self.following.first - timedelta(days=1)

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return midnight(self.first)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return midnight(self.following.first)

    @property
    def seconds(self) -> tuple[int, int]:
        """First second and the second after the last, since the epoch."""
        return int(self.start.timestamp()), int(self.end.timestamp())


def ended_since(kind: PeriodKind, since: date, now: datetime) -> Iterator[Period]:
    """Periods that ended after a day and not later than now, oldest first."""
    period = Period.holding(kind, since)
    while period.end <= now:
        yield period
        period = period.following
