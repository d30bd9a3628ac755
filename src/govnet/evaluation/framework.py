"""Indicator frameworks as data: trees of indicators with points, scoring rules and grades.

The shipped ones are YAML files in ``frameworks/``; a bureau adds its own without code. A
wrong file is refused with the line and the field.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

MAX_NODES = 20_000
Points = Annotated[Decimal, Field(ge=0, le=1000, decimal_places=2)]
Share = Annotated[Decimal, Field(ge=0, le=1)]


class FrameworkError(Exception):
    """A framework file is wrong; the message names file, line and field."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Data):
    """One scoring point of a checklist: 「①设有目标（1分）」."""

    text: str
    points: Points
    evidence: bool = False


class Checklist(_Data):
    """Points for each part that holds."""

    kind: Literal["checklist"]
    parts: list[Part] = Field(min_length=1)


class Option(_Data):
    """One answer of a choice with its points."""

    text: str
    points: Points


class Choice(_Data):
    """Points of the one option that holds: 「及时 2；不及时但未影响进度 1；…」."""

    kind: Literal["choice"]
    options: list[Option] = Field(min_length=2)


class Band(_Data):
    """From this percentage on (inclusive), these points."""

    at_least: Decimal
    points: Points


class Bands(_Data):
    """A band table over a percentage: 「≥90% 8 分，80%（含）–90% 6 分…」; below all bands 0."""

    kind: Literal["bands"]
    bands: list[Band] = Field(min_length=1)

    @model_validator(mode="after")
    def _falling(self) -> Self:
        starts = [band.at_least for band in self.bands]
        if starts != sorted(starts, reverse=True) or len(set(starts)) != len(starts):
            raise ValueError("bands must be listed from the highest to the lowest, each once")
        return self


class Proportional(_Data):
    """Completed ÷ target of the points, capped at full points; no points below 0."""

    kind: Literal["proportional"]


class LowerIsBetter(_Data):
    """Full points up to the target; above it by one of two printed variants.

    ``linear``: (1 − (a − t) ÷ t) × w, nothing from 2t on. ``ratio``: t ÷ a × w.
    """

    kind: Literal["lower_is_better"]
    variant: Literal["linear", "ratio"]


class DeductionPart(_Data):
    """A fault with the range of points it costs: 「虚列套取扣4-7分」."""

    text: str
    least: Points
    most: Points

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.most < self.least:
            raise ValueError(f"most ({self.most}) is below least ({self.least})")
        return self


class Deductions(_Data):
    """Full points less what each fault costs, never below 0."""

    kind: Literal["deductions"]
    parts: list[DeductionPart] = Field(min_length=1)


class Tier(_Data):
    """A qualitative answer and the share of the points it may get."""

    text: str
    least: Share
    most: Share


class Qualitative(_Data):
    """Three tiers: 达成 [80 %, 100 %], 部分达成 [60 %, 80 %), 未达成 [0, 60 %)."""

    kind: Literal["qualitative"]
    tiers: list[Tier] = Field(min_length=2)


class ExecutionRate(_Data):
    """Spent ÷ budget of the points, capped; which budget is chosen and printed."""

    kind: Literal["execution_rate"]


class OwnIndicators(_Data):
    """The project sets its own indicators here; their points add up to the item's.

    Each is scored by completed ÷ target, or as a ceiling by the variant named here.
    """

    kind: Literal["own_indicators"]
    ceiling_variant: Literal["linear", "ratio"] = "linear"


Rule = Annotated[
    Checklist
    | Choice
    | Bands
    | Proportional
    | LowerIsBetter
    | Deductions
    | Qualitative
    | ExecutionRate
    | OwnIndicators,
    Field(discriminator="kind"),
]


class Denominator(StrEnum):
    """What spending is divided by; three practices, so the choice is printed on the report."""

    PLANNED = "planned"
    ADJUSTED = "adjusted"
    ARRIVED = "arrived"


class Grade(_Data):
    """A grade and the score from which it holds (inclusive)."""

    name: str
    at_least: Decimal


class Indicator(_Data):
    """A node of the tree; a leaf has a rule, a branch has children."""

    id: str = Field(pattern=r"^\d+(\.\d+){0,2}$")
    name: str
    points: Points
    definition: str = ""
    standard: str = ""
    evidence: list[str] = Field(default_factory=list)
    rule: Rule | None = None
    children: list[Indicator] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.children) == (self.rule is not None):
            raise ValueError(f"{self.id} {self.name}: give either children or a rule")
        if self.children and (added := sum(c.points for c in self.children)) != self.points:
            raise ValueError(
                f"{self.id} {self.name}: children add up to {added}, not {self.points}"
            )
        most = _most_points(self.rule)
        if most is not None and most != self.points:
            raise ValueError(f"{self.id} {self.name}: the rule gives {most}, not {self.points}")
        return self

    def leaves(self) -> Iterator[Indicator]:
        """The indicators that are scored, in order."""
        if self.rule is not None:
            yield self
        for child in self.children:
            yield from child.leaves()


def _most_points(rule: Rule | None) -> Decimal | None:
    """What a rule gives at best; None when it is a share of the indicator's points."""
    match rule:
        case Checklist(parts=parts):
            return sum((part.points for part in parts), Decimal(0))
        case Choice(options=options):
            return max(option.points for option in options)
        case Bands(bands=bands):
            return max(band.points for band in bands)
        case _:
            return None


class Framework(_Data):
    """A whole framework: its source, its tree, its grades."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)
    version: date
    name: str
    name_en: str
    source: str
    total: Points
    execution_denominator: Denominator
    grades: list[Grade] = Field(min_length=2)
    indicators: list[Indicator] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        added = sum(indicator.points for indicator in self.indicators)
        if added != self.total:
            raise ValueError(f"indicators add up to {added}, not {self.total}")
        ids = [leaf.id for leaf in self.leaves()]
        if len(set(ids)) != len(ids):
            raise ValueError("an indicator id is used twice")
        starts = [grade.at_least for grade in self.grades]
        if starts != sorted(starts, reverse=True) or starts[-1] > 0:
            raise ValueError("grades must fall from the highest to one that starts at 0")
        return self

    def leaves(self) -> Iterator[Indicator]:
        """Every scored indicator, in printed order."""
        for indicator in self.indicators:
            yield from indicator.leaves()

    def leaf(self, id_: str) -> Indicator:
        """One scored indicator.

        Raises:
            KeyError: the framework has no such indicator.
        """
        for leaf in self.leaves():
            if leaf.id == id_:
                return leaf
        raise KeyError(id_)

    def grade(self, score: Decimal) -> str:
        """The grade of a score out of 100; derived, never entered by hand."""
        return next(grade.name for grade in self.grades if score >= grade.at_least)


def parse_framework(text: str, origin: str) -> Framework:
    """Read a framework from YAML.

    Raises:
        FrameworkError: not YAML, or a field is wrong; names ``origin``, line and field.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise FrameworkError(f"{origin}: the file is empty")
        _refuse_a_bomb(root, origin)
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FrameworkError(f"{origin}: not YAML: {error}") from error
    try:
        return Framework.model_validate(data)
    except ValidationError as error:
        lines = [
            f"{origin}, line {_line(root, item['loc'])}, {_field(item['loc'])}: {item['msg']}"
            for item in error.errors()
        ]
        raise FrameworkError("\n".join(lines)) from error


def _refuse_a_bomb(root: yaml.Node, origin: str) -> None:
    """Aliases may unfold a short file without end; count the nodes that they stand for."""
    left, waiting = MAX_NODES, [root]
    while waiting:
        node = waiting.pop()
        left -= 1
        if left < 0:
            raise FrameworkError(f"{origin}: unfolds to over {MAX_NODES} values")
        if isinstance(node, yaml.MappingNode):
            waiting.extend(value for _key, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)


def _field(loc: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in loc) or "(whole file)"


def _line(node: yaml.Node, loc: Sequence[int | str]) -> int:
    """The line of the deepest node that the location of an error still names."""
    for part in loc:
        following = _child(node, part)
        if following is None:
            continue  # pydantic puts the name of a rule's kind into the location
        node = following
    return int(node.start_mark.line) + 1


def _child(node: yaml.Node, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                found: yaml.Node = value
                return found
    return None


@cache
def shipped_frameworks() -> dict[str, Framework]:
    """The frameworks that come with GovNet, by id."""
    folder = resources.files("govnet.evaluation") / "frameworks"
    found = {}
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".yaml"):
            framework = parse_framework(entry.read_text(encoding="utf-8"), entry.name)
            found[framework.id] = framework
    return found


def load_framework(path: Path) -> Framework:
    """A bureau's own framework.

    Raises:
        FrameworkError: see ``parse_framework``.
    """
    return parse_framework(path.read_text(encoding="utf-8"), path.name)
