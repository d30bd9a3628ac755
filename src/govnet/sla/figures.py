"""From inputs to figures: pure, so that what was frozen gives the same numbers again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from govnet.engine.availability import (
    Account,
    Code,
    Outage,
    Spans,
    Steps,
    Terms,
    account,
    constant,
    overlay,
    parallel,
    series,
    spans,
    steps,
)
from govnet.sla.inputs import Inputs, Measured, Scope, TargetHistory

PLACES: Final = Decimal("0.0001")
"""Percentages are cut off here, never rounded up: 100 % is said only of no outage at all."""


@dataclass(frozen=True, slots=True)
class Availability:
    """The availability of one thing over a period, with every term of the formula.

    Attributes:
        scope: what it is about.
        name: what people call it.
        about: its unit, carrier or region.
        terms: seconds by what they count as; ``terms.coverage`` says how much was known.
        account: the slices of one object's time and its outages; an aggregate has none.
        members: figures of the objects that an aggregate consists of.
        agreement: name of the agreement that applies.
        owed: availability owed in per cent; None where nothing was agreed.
        restore_s: mean time to restore owed, in seconds.
        measured: False where nothing of it is measured at all.
    """

    scope: Scope
    name: str
    terms: Terms
    about: str = ""
    account: Account | None = field(default=None, compare=False, repr=False)
    members: tuple[Availability, ...] = ()
    agreement: str = ""
    owed: Decimal | None = None
    restore_s: int | None = None
    measured: bool = True

    @property
    def outages(self) -> tuple[Outage, ...]:
        """Times of being down, oldest first; of an aggregate there are only its members'."""
        return self.account.outages if self.account is not None else ()

    @property
    def percent(self) -> Decimal | None:
        """Availability in per cent, four decimals, cut off; None: the data are insufficient."""
        return percent_of(self.terms)

    @property
    def met(self) -> bool | None:
        """Whether what was owed was reached; None where nothing was owed or too little is known."""
        if not self.terms.sufficient or (self.owed is None and self.restore_s is None):
            return None
        exact = Decimal(self.terms.base_s - self.terms.down_s) * 100
        reached = self.owed is None or exact >= self.owed * self.terms.base_s
        mttr = self.terms.mttr_s
        return reached and (self.restore_s is None or mttr is None or mttr <= self.restore_s)

    @property
    def insufficient_members(self) -> int:
        """How many members have no percentage."""
        return sum(not member.terms.sufficient for member in self.members)


def percent_of(terms: Terms) -> Decimal | None:
    """Availability in per cent, worked out without binary fractions; None: insufficient."""
    if not terms.sufficient:
        return None
    exact = Decimal(terms.base_s - terms.down_s) * 100 / terms.base_s
    return exact.quantize(PLACES, ROUND_FLOOR)


def target_line(history: TargetHistory, period: tuple[int, int]) -> Steps:
    """What each second of a target counts as: measured, then exclusions, then windows."""
    line = steps(history.at, history.code, period, history.before)
    return overlay(overlay(line, history.excluded, Code.EXCLUDED), history.planned, Code.PLANNED)


def object_line(each: Measured, inputs: Inputs) -> Steps:
    """What each second of an object counts as, before service hours."""
    lines = [
        series([target_line(inputs.targets[pk], inputs.period) for pk in line])
        for line in each.lines
        if line
    ]
    return parallel(lines) if lines else constant(Code.UNKNOWN, inputs.period)


def service_of(each: Measured, inputs: Inputs) -> Spans | None:
    """The seconds in which an object is owed; None is all of them."""
    hours = inputs.calendars[each.calendar].hours
    start, end = inputs.period
    if each.opened is None or each.opened <= start:
        return hours
    owed = [(start, end)] if hours is None else hours.tolist()
    return spans((max(a, each.opened), b) for a, b in owed)


def account_of(each: Measured, inputs: Inputs) -> Account:
    """The account of one object."""
    return account(object_line(each, inputs), service_of(each, inputs))


def figure(each: Measured, inputs: Inputs) -> Availability:
    """The figure of one object."""
    found = account_of(each, inputs)
    return Availability(
        each.scope,
        each.name,
        found.terms,
        each.about,
        found,
        agreement=each.agreement,
        owed=each.owed,
        restore_s=each.restore_s,
        measured=any(each.lines),
    )


def figures(inputs: Inputs) -> list[Availability]:
    """The figures of every object, in the order of the inputs.

    What has left service is passed over where nothing of it was measured in the period.
    """
    found = ((each.withdrawn, figure(each, inputs)) for each in inputs.objects)
    return [each for gone, each in found if not gone or each.terms.base_s]


def total(members: Iterable[Availability]) -> Terms:
    """The terms of several things together: seconds of all of them."""
    return sum((member.terms for member in members), Terms())


def aggregate(scope: Scope, name: str, members: Sequence[Availability]) -> Availability:
    """Several things as one figure: their seconds added, term by term."""
    return Availability(
        scope,
        name,
        total(members),
        members=tuple(members),
        measured=any(member.measured for member in members),
    )
