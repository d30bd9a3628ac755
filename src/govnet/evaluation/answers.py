"""What is known of a scored item, as stored with it, and the score that its rule gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from govnet.evaluation.framework import (
    Denominator,
    ExecutionRate,
    Framework,
    Indicator,
    OwnIndicators,
)
from govnet.evaluation.models import Fund, ScoreEntry, SelfEvaluation, TargetIndicator
from govnet.evaluation.quantity import Operator, Quantity, parse_quantity
from govnet.evaluation.scoring import Answer, OwnIndicator, Score, ScoringError, score


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer for the column ``ScoreEntry.answer``; decimals as text, blanks left out."""
    stored: dict[str, Any] = {
        name: str(value)
        for name in ("target", "actual", "share")
        if (value := getattr(answer, name)) is not None
    }
    if answer.held:
        stored["held"] = sorted(answer.held)
    if answer.chosen is not None:
        stored["chosen"] = answer.chosen
    if answer.deducted:
        stored["deducted"] = {str(number): str(cost) for number, cost in answer.deducted.items()}
    return stored


def from_json(stored: Mapping[str, Any]) -> Answer:
    """A stored answer; what is not a figure counts as not answered."""
    return Answer(
        target=_decimal(stored.get("target")),
        actual=_decimal(stored.get("actual")),
        share=_decimal(stored.get("share")),
        held=frozenset(int(number) for number in stored.get("held", ())),
        chosen=stored.get("chosen"),
        deducted={
            int(number): Decimal(str(cost)) for number, cost in stored.get("deducted", {}).items()
        },
    )


def _decimal(value: object) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


@dataclass(frozen=True, slots=True)
class Facts:
    """What of an evaluation the rules look at, read once for a whole sheet."""

    total: Fund | None
    indicators: list[TargetIndicator]
    denominator: Denominator

    @classmethod
    def of(cls, evaluation: SelfEvaluation) -> Facts:
        """Read the funds and indicators of an evaluation."""
        return cls(
            evaluation.funds.filter(source="total").first(),
            list(evaluation.indicators.all()),
            Denominator(evaluation.denominator),
        )

    def budget(self) -> Decimal | None:
        """The amount that spending is divided by, as chosen and printed."""
        if self.total is None:
            return None
        return {
            Denominator.PLANNED: self.total.planned,
            Denominator.ADJUSTED: self.total.adjusted or self.total.planned,
            Denominator.ARRIVED: self.total.arrived,
        }[self.denominator]


def known_score(leaf: Indicator, entry: ScoreEntry, facts: Facts) -> Score | None:
    """What the rule gives for what is known; None where too little is known."""
    answer = _answer(leaf, entry, facts)
    if answer is None:
        return None
    try:
        return score(leaf, answer)
    except ScoringError:
        return None


def _answer(leaf: Indicator, entry: ScoreEntry, facts: Facts) -> Answer | None:
    if isinstance(leaf.rule, ExecutionRate):
        spent, budget = facts.total.spent if facts.total else None, facts.budget()
        return Answer(target=budget, actual=spent) if spent is not None and budget else None
    if isinstance(leaf.rule, OwnIndicators):
        own = own_indicators(leaf, facts.indicators)
        return Answer(own=own) if own else None
    return from_json(entry.answer) if entry.answer else None


def own_indicators(leaf: Indicator, rows: list[TargetIndicator]) -> list[OwnIndicator]:
    """The project's indicators under an item; none where one lacks points or a figure."""
    found = []
    for row in rows:
        if not _belongs(leaf, row) or not (row.content or row.target):
            continue
        target, actual = parse_quantity(row.target), parse_quantity(row.actual)
        if row.points is None or target is None or actual is None:
            return []
        wanted, reached = _comparable(target, actual)
        ceiling = target.operator in {Operator.AT_MOST, Operator.LESS_THAN}
        found.append(OwnIndicator(row.points, wanted, reached, ceiling))
    return found


def _belongs(leaf: Indicator, row: TargetIndicator) -> bool:
    word = leaf.name.removesuffix("指标").removeprefix("服务对象")
    level1, level2 = row.level1.replace(" ", ""), row.level2
    return (
        word in level2
        or (word in level1 and word != "效益")
        or (word == "效益" and "满意" not in level2 and "效益" in level1)
    )


def _comparable(target: Quantity, actual: Quantity) -> tuple[Decimal, Decimal]:
    if target.is_money and actual.is_money:
        return target.yuan, actual.yuan
    return target.number, actual.number


def leaves_by_id(framework: Framework | None) -> dict[str, Indicator]:
    """The scored items of a framework by id."""
    return {leaf.id: leaf for leaf in framework.leaves()} if framework else {}
