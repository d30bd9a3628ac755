"""The result of a survey: counts, and the percentage with its 95 % interval."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import sqrt

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
PLACES = Decimal("0.01")


def wilson(satisfied: int, valid: int) -> tuple[Decimal, Decimal]:
    """The 95 % Wilson score interval of a share, in percent (Wilson 1927).

    Unlike the textbook interval it stays within 0 and 100 and does not shrink to nothing when
    all answers agree.

    Raises:
        ValueError: no valid answer, or more satisfied than valid ones.
    """
    if not 0 <= satisfied <= valid or valid < 1:
        raise ValueError(f"{satisfied} of {valid}")
    share, square = satisfied / valid, Z95**2
    centre = (share + square / (2 * valid)) / (1 + square / valid)
    spread = sqrt(share * (1 - share) / valid + square / (4 * valid**2))
    half = Z95 * spread / (1 + square / valid)
    low, high = (max(0.0, centre - half), min(1.0, centre + half))
    # At the ends the formula gives exactly 0 and 1, but for the rounding of floats.
    return _percent(low if satisfied else 0.0), _percent(high if satisfied < valid else 1.0)


def _percent(share: float) -> Decimal:
    return Decimal(share * 100).quantize(PLACES, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Result:
    """Counts of a survey.

    Attributes:
        invited: units with a ballot.
        returned: ballots that came back.
        valid: those of them that count.
        satisfied: valid ones at or above the survey's bar.
    """

    invited: int
    returned: int
    valid: int
    satisfied: int

    @property
    def percent(self) -> Decimal | None:
        """Satisfied of valid; None without a valid answer, never 0."""
        if not self.valid:
            return None
        share = Decimal(self.satisfied) / self.valid * 100
        return share.quantize(PLACES, ROUND_HALF_UP)

    @property
    def interval(self) -> tuple[Decimal, Decimal] | None:
        """The 95 % interval; None without a valid answer."""
        return wilson(self.satisfied, self.valid) if self.valid else None

    @property
    def return_rate(self) -> Decimal | None:
        """Returned of invited, percent."""
        if not self.invited:
            return None
        return (Decimal(self.returned) / self.invited * 100).quantize(PLACES, ROUND_HALF_UP)
