"""The arithmetic of contracts: deductions by a stepped table, instalments, what may be paid.

Pure functions on Decimal. Money is 元 with two decimals, percentages are 0 to 100. Rounding
is half up to the fen (分), as accounts do, and happens once, at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

FEN = Decimal("0.01")
HUNDRED = Decimal(100)


def fen(amount: Decimal) -> Decimal:
    """An amount rounded half up to the fen."""
    return amount.quantize(FEN, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Step:
    """Below ``below`` percent of availability, ``rate`` percent of the fee is deducted."""

    below: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Deducted:
    """A deduction with the step that applied; ``formula`` is its arithmetic for people."""

    amount: Decimal
    rate: Decimal
    formula: str


def table_errors(steps: Sequence[Step]) -> list[tuple[Decimal, Decimal]]:
    """Neighbouring steps, as their rates, where a worse availability would cost less."""
    ordered = sorted(steps, key=lambda step: step.below, reverse=True)
    return [(a.rate, b.rate) for a, b in pairwise(ordered) if b.rate < a.rate]


def applied_step(steps: Iterable[Step], availability: Decimal) -> Step | None:
    """The lowest threshold that the availability misses; None when it misses none."""
    missed = [step for step in steps if availability < step.below]
    return min(missed, key=lambda step: step.below, default=None)


def deduction(fee: Decimal, availability: Decimal, steps: Iterable[Step]) -> Deducted:
    """What is deducted from a period's fee.

    Args:
        fee: the fee of the period, 元.
        availability: percent, never rounded up: 99.8999 misses 99.9.
        steps: the contract's table.
    """
    step = applied_step(steps, availability)
    measured = f"{availability.normalize():f}%"
    if step is None:
        return Deducted(Decimal("0.00"), Decimal(0), f"{measured}: 0.00")
    amount = fen(fee * step.rate / HUNDRED)
    formula = (
        f"{measured} < {step.below.normalize():f}%"
        f" → {fee:.2f} × {step.rate.normalize():f}% = {amount:.2f}"
    )
    return Deducted(amount, step.rate, formula)


def whole_months(start_year: int, start_month: int, end_year: int, end_month: int) -> int:
    """Months from one month to another, the first not counted; add one to count both."""
    return (end_year - start_year) * 12 + end_month - start_month


@dataclass(frozen=True, slots=True)
class Balance:
    """What one instalment still allows to be paid.

    Attributes:
        amount: as contracted.
        deducted: confirmed deductions that are taken from it.
        certified: on certificates that are in force.
        paid: on vouchers; part of what was certified.
    """

    amount: Decimal
    deducted: Decimal
    certified: Decimal
    paid: Decimal

    @property
    def payable(self) -> Decimal:
        """What may still be certified; a deduction never makes it negative."""
        return max(self.amount - self.deducted - self.certified, Decimal(0))

    @property
    def outstanding(self) -> Decimal:
        """What is neither paid nor deducted."""
        return max(self.amount - self.deducted - self.paid, Decimal(0))

    @property
    def settled(self) -> bool:
        """True when nothing is left to pay."""
        return self.outstanding == 0

    def room_for_deduction(self) -> Decimal:
        """How much can still be deducted without touching what is certified."""
        return max(self.amount - self.deducted - self.certified, Decimal(0))


@dataclass(frozen=True, slots=True)
class YearBudget:
    """One year's money from one source, or of all sources together, in 元."""

    planned: Decimal = Decimal(0)
    adjusted: Decimal = Decimal(0)
    arrived: Decimal = Decimal(0)
    carried: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)

    def __add__(self, other: YearBudget) -> YearBudget:
        return YearBudget(
            self.planned + other.planned,
            self.adjusted + other.adjusted,
            self.arrived + other.arrived,
            self.carried + other.carried,
            self.spent + other.spent,
        )

    @property
    def budget(self) -> Decimal:
        """Planned with its adjustments."""
        return self.planned + self.adjusted

    @property
    def balance(self) -> Decimal:
        """As the bureau's form counts it: arrived less spent; may be negative."""
        return self.arrived - self.spent

    @property
    def available(self) -> Decimal:
        """What is really left: the balance with what other years brought or took."""
        return self.balance + self.carried

    def ratio(self, part: Decimal, whole: Decimal) -> Decimal | None:
        """A percentage, or None where there is nothing to divide by."""
        return (part / whole * HUNDRED).quantize(FEN, ROUND_HALF_UP) if whole else None

    @property
    def execution(self) -> Decimal | None:
        """Spent of the budget, percent."""
        return self.ratio(self.spent, self.budget)

    @property
    def arrival(self) -> Decimal | None:
        """Arrived of the budget, percent."""
        return self.ratio(self.arrived, self.budget)
