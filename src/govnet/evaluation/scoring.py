"""Scores by rule: pure arithmetic in Decimal, each with the sum that was done.

Formulas: 财预〔2020〕10号 and local practice, as in ``docs/reference/scoring.md``. Scores are
rounded half up to 0.01 point at the end of each item, never before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from govnet.core.errors import ToldError, gettext_noop
from govnet.evaluation.framework import (
    Bands,
    Checklist,
    Choice,
    Deductions,
    Denominator,
    ExecutionRate,
    Framework,
    Indicator,
    LowerIsBetter,
    OwnIndicators,
    Proportional,
    Qualitative,
)

ZERO = Decimal(0)
CENT = Decimal("0.01")


class ScoringError(ToldError):
    """An answer does not fit its rule; the message says which and what would fit."""


@dataclass(frozen=True, slots=True)
class OwnIndicator:
    """One of the project's own indicators under an item that leaves them to it."""

    points: Decimal
    target: Decimal
    actual: Decimal
    ceiling: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one indicator; each rule uses its own part of it.

    Attributes:
        target: target value, for proportional and lower-is-better rules.
        actual: actual value, or the percentage for a band table.
        held: numbers of the checklist parts that hold, from 0.
        chosen: number of the option or tier chosen, from 0.
        deducted: points deducted for each fault, by its number.
        share: share of the points within the tier chosen, 0 to 1.
        own: the project's own indicators, whose points add up to the item's.
    """

    target: Decimal | None = None
    actual: Decimal | None = None
    held: frozenset[int] = frozenset()
    chosen: int | None = None
    deducted: Mapping[int, Decimal] = field(default_factory=dict)
    share: Decimal | None = None
    own: Sequence[OwnIndicator] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """Points and how they came about."""

    points: Decimal
    arithmetic: str


def rounded(points: Decimal) -> Decimal:
    """Points to two decimals, half up, as bureaus' systems do."""
    return points.quantize(CENT, ROUND_HALF_UP)


def score(indicator: Indicator, answer: Answer) -> Score:  # noqa: PLR0911  # one a rule
    """Points of one indicator.

    Raises:
        ScoringError: the answer lacks what the rule needs or is out of its range.
    """
    points = indicator.points
    match indicator.rule:
        case Checklist() as rule:
            return _checklist(rule, answer)
        case Choice() as rule:
            option = rule.options[_chosen(answer, len(rule.options), indicator.name)]
            return Score(rounded(option.points), option.text)
        case Bands() as rule:
            return _bands(
                rule,
                _required(
                    answer.actual, indicator.name, gettext_noop("%(name)s: enter a percentage")
                ),
            )
        case Proportional():
            return _proportional(points, *_pair(answer, indicator.name))
        case LowerIsBetter() as rule:
            return _lower_is_better(rule, points, *_pair(answer, indicator.name))
        case Deductions() as rule:
            return _deductions(rule, points, answer)
        case Qualitative() as rule:
            return _qualitative(rule, points, answer, indicator.name)
        case ExecutionRate():
            return _proportional(points, *_pair(answer, indicator.name))
        case OwnIndicators() as rule:
            return _own_indicators(rule, points, answer, indicator.name)
        case None:
            raise ScoringError(
                gettext_noop("%(name)s: a group is not scored itself"), name=indicator.name
            )


def _required(value: Decimal | None, name: str, what: str) -> Decimal:
    if value is None:
        raise ScoringError(what, name=name)
    return value


def _pair(answer: Answer, name: str) -> tuple[Decimal, Decimal]:
    target = _required(answer.target, name, gettext_noop("%(name)s: enter a target value"))
    return target, _required(answer.actual, name, gettext_noop("%(name)s: enter an actual value"))


def _chosen(answer: Answer, count: int, name: str) -> int:
    if answer.chosen is None or not 0 <= answer.chosen < count:
        raise ScoringError(
            gettext_noop("%(name)s: choose one of %(count)d answers"), name=name, count=count
        )
    return answer.chosen


def _checklist(rule: Checklist, answer: Answer) -> Score:
    unknown = [number for number in answer.held if not 0 <= number < len(rule.parts)]
    if unknown:
        raise ScoringError(
            gettext_noop("the checklist has no part %(number)d"), number=unknown[0] + 1
        )
    held = [part.points for number, part in enumerate(rule.parts) if number in answer.held]
    return Score(rounded(sum(held, ZERO)), " + ".join(str(p) for p in held) or "0")


def _bands(rule: Bands, percent: Decimal) -> Score:
    for band in rule.bands:
        if percent >= band.at_least:
            return Score(rounded(band.points), f"{percent}% ≥ {band.at_least}%")
    return Score(rounded(ZERO), f"{percent}% < {rule.bands[-1].at_least}%")


def _proportional(points: Decimal, target: Decimal, actual: Decimal) -> Score:
    """A target of 0 is met by 0 or less (「= 0」: no accident); a negative actual counts as 0."""
    if target <= 0:
        return Score(rounded(points if actual <= target else ZERO), f"{actual} / {target}")
    ratio = min(max(actual, ZERO) / target, Decimal(1))
    return Score(rounded(points * ratio), f"min({actual} ÷ {target}, 1) × {points}")


def _lower_is_better(
    rule: LowerIsBetter, points: Decimal, target: Decimal, actual: Decimal
) -> Score:
    if actual <= target:
        return Score(rounded(points), f"{actual} ≤ {target}")
    if target <= 0:
        return Score(rounded(ZERO), f"{actual} > {target}")
    if rule.variant == "ratio":
        return Score(rounded(points * target / actual), f"{target} ÷ {actual} × {points}")
    left = max(1 - (actual - target) / target, ZERO)
    return Score(rounded(points * left), f"(1 − ({actual} − {target}) ÷ {target}) × {points}")


def _deductions(rule: Deductions, points: Decimal, answer: Answer) -> Score:
    for number, cost in answer.deducted.items():
        if not 0 <= number < len(rule.parts):
            raise ScoringError(gettext_noop("there is no deduction %(number)d"), number=number + 1)
        part = rule.parts[number]
        if not part.least <= cost <= part.most:
            raise ScoringError(
                gettext_noop("%(fault)s: deduct %(least)s to %(most)s, not %(cost)s"),
                fault=part.text,
                least=str(part.least),
                most=str(part.most),
                cost=str(cost),
            )
    costs = [answer.deducted[number] for number in sorted(answer.deducted)]
    left = max(points - sum(costs, ZERO), ZERO)
    return Score(rounded(left), " − ".join(str(value) for value in [points, *costs]))


def _qualitative(rule: Qualitative, points: Decimal, answer: Answer, name: str) -> Score:
    number = _chosen(answer, len(rule.tiers), name)
    tier = rule.tiers[number]
    share = _required(answer.share, name, gettext_noop("%(name)s: enter the share of the points"))
    # Only the best tier includes its upper end: the next tier begins there.
    above = share > tier.most or (number > 0 and share == tier.most)
    if share < tier.least or above:
        raise ScoringError(
            gettext_noop("%(name)s: %(tier)s gives %(least)s to %(most)s, not %(share)s"),
            name=name,
            tier=tier.text,
            least=str(tier.least),
            most=str(tier.most),
            share=str(share),
        )
    return Score(rounded(points * share), f"{tier.text} {share * 100}% × {points}")


def _own_indicators(rule: OwnIndicators, points: Decimal, answer: Answer, name: str) -> Score:
    given = sum((own.points for own in answer.own), ZERO)
    if given != points:
        raise ScoringError(
            gettext_noop("%(name)s: its indicators have %(given)s points, not %(points)s"),
            name=name,
            given=str(given),
            points=str(points),
        )
    ceiling = LowerIsBetter(kind="lower_is_better", variant=rule.ceiling_variant)
    scores = [
        _lower_is_better(ceiling, own.points, own.target, own.actual)
        if own.ceiling
        else _proportional(own.points, own.target, own.actual)
        for own in answer.own
    ]
    added = sum((part.points for part in scores), ZERO)
    return Score(added, " + ".join(str(part.points) for part in scores) or "0")


@dataclass(frozen=True, slots=True)
class Funds:
    """The figures an execution rate is made of, 元."""

    planned: Decimal
    adjusted: Decimal
    arrived: Decimal
    spent: Decimal


def execution_rate(funds: Funds, denominator: Denominator) -> Decimal | None:
    """Spent ÷ the chosen budget, uncapped; None when that budget is 0.

    湘阴's 206.2 of 220.2 planned and 200 arrived is 93.64 % or 103.10 %: the choice matters
    and is printed.
    """
    budget = {
        Denominator.PLANNED: funds.planned,
        Denominator.ADJUSTED: funds.adjusted,
        Denominator.ARRIVED: funds.arrived,
    }[denominator]
    return funds.spent / budget if budget else None


class Support(StrEnum):
    """How far a score is backed: no evidence, no points.

    ``SUPPORTED``: computed from a frozen snapshot, or nothing more is asked for. ``PENDING``:
    evidence or a measurement is asked for and still missing. ``UNSUPPORTED``: there is nothing
    it could rest on, such as a benefit that was never set as a target.
    """

    SUPPORTED = "supported"
    PENDING = "pending"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Standing:
    """One scored item of the sheet."""

    points: Decimal
    support: Support


@dataclass(frozen=True, slots=True)
class Totals:
    """Self-score / supported / pending / unsupported; the last three add up to the first."""

    self_score: Decimal
    supported: Decimal
    pending: Decimal
    unsupported: Decimal


def totals(standings: Sequence[Standing]) -> Totals:
    """Add up a sheet by support."""
    by_support = dict.fromkeys(Support, ZERO)
    for standing in standings:
        by_support[standing.support] += standing.points
    return Totals(
        self_score=sum(by_support.values(), ZERO),
        supported=by_support[Support.SUPPORTED],
        pending=by_support[Support.PENDING],
        unsupported=by_support[Support.UNSUPPORTED],
    )


def grade(framework: Framework, points: Decimal) -> str:
    """Grade of a total score under a framework's bands, scaled to 100 points.

    A framework without points (F7) derives no grade: the empty text.
    """
    return framework.grade(points * 100 / framework.total) if framework.total else ""
