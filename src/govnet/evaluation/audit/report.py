"""A self-evaluation report as found in a document: what the checks look at.

Every value keeps the cell that it was read from, so that a finding can quote it. Amounts are
元 as Decimal. Layouts 附件2-2 and 附件3-2 of the seed reports and their relatives.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from govnet.core.errors import Note
from govnet.evaluation.audit.document import Cell, Document, Span
from govnet.evaluation.quantity import Operator, Quantity, meets


class Source(StrEnum):
    """Where money comes from; the five rows of the form and their total."""

    TOTAL = "total"
    CENTRAL = "central"
    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    OTHER = "other"


class FundColumn(StrEnum):
    """The four columns of the fund table: 计划安排, 实际到位, 实际支出, 结余."""

    PLANNED = "planned"
    ARRIVED = "arrived"
    SPENT = "spent"
    BALANCE = "balance"


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of money in 元 and the cells that state it: label and value."""

    yuan: Decimal
    cell: Cell
    label: Cell

    @property
    def span(self) -> Span:
        """From the label to the value: what a quote shows."""
        return Span(min(self.label.span.start, self.cell.span.start), self.cell.span.end)


@dataclass(frozen=True, slots=True)
class SpendingLine:
    """A row of the spending detail."""

    content: Cell
    amount: Amount | None
    voucher: Cell | None


@dataclass(frozen=True, slots=True)
class Indicator:
    """A row of the quantitative indicators: target and actual value."""

    level1: str
    level2: str
    label: Cell
    content: Cell
    target: Cell
    actual: Cell
    target_value: Quantity | None
    actual_value: Quantity | None
    points: Decimal | None = None
    score: Decimal | None = None
    deviation: Cell | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the actual value meets the target; None when that cannot be told.

        A period or a cost without a printed direction is a ceiling: 9 months of 12 are met.
        """
        if self.target_value is None or self.actual_value is None:
            return None
        target = self.target_value
        if target.operator is None and self.level2 in {"时效", "成本"} and target.unit != "%":
            target = replace(target, operator=Operator.AT_MOST)
        return meets(target, self.actual_value)

    @property
    def is_blank(self) -> bool:
        """Nothing filled in."""
        return not (self.content.text or self.target.text or self.actual.text)

    @property
    def span(self) -> Span:
        """From the first to the last filled cell of the row."""
        cells = [c for c in (self.label, self.content, self.target, self.actual) if c.text]
        return Span(min(c.span.start for c in cells), max(c.span.end for c in cells))


@dataclass(frozen=True, slots=True)
class ScoreItem:
    """A row of the score table (level 3): points, standard, score."""

    level1: str
    level2: str
    name: Cell
    points: Decimal
    definition: Cell
    standard: Cell
    score: Decimal | None
    score_cell: Cell

    @property
    def span(self) -> Span:
        """From the name to the score."""
        return Span(self.name.span.start, self.score_cell.span.end)


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A row of the national form's funds: budget, execution, rate, score; amounts in 元."""

    name: Cell
    initial: Decimal | None
    adjusted: Decimal | None
    executed: Decimal | None
    points: Decimal | None
    rate: Decimal | None
    score: Decimal | None
    span: Span


@dataclass(frozen=True, slots=True)
class Scored:
    """Anything with points and a score, whichever form it stands in."""

    name: str
    points: Decimal
    score: Decimal | None
    span: Span
    explained: bool = False


@dataclass(frozen=True, slots=True)
class GroupPoints:
    """Points printed for a level-1 or level-2 group."""

    level: int
    name: str
    points: Decimal
    cell: Cell


@dataclass(frozen=True, slots=True)
class Evaluator:
    """A person who evaluated; ``signature`` is None where the form has no such column."""

    name: Cell
    title: Cell
    unit: Cell
    signature: Cell | None


@dataclass(frozen=True, slots=True)
class SignOff:
    """A place for a signature, opinion or seal, and what was written there."""

    label: Cell
    is_blank: bool
    role: str = ""
    opinion: str = ""
    name: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered part of the narrative."""

    number: int
    style: str
    title: Cell
    body: Span


@dataclass(frozen=True, slots=True)
class Period:
    """The period of the project in whole months, first and last month included."""

    start: date
    end: date
    cell: Cell

    @property
    def months(self) -> int:
        """Number of months, both ends included."""
        return (self.end.year - self.start.year) * 12 + self.end.month - self.start.month + 1


@dataclass
class Report:
    """Everything found; None or empty where the report says nothing."""

    document: Document
    fields: dict[str, tuple[Cell, Cell]] = field(default_factory=dict)
    in_progress: bool | None = None
    period: Period | None = None
    report_date: tuple[date, Cell] | None = None
    funds: dict[tuple[FundColumn, Source], Amount] = field(default_factory=dict)
    source_labels: list[Cell] = field(default_factory=list)
    budget: list[BudgetRow] = field(default_factory=list)
    spending: list[SpendingLine] = field(default_factory=list)
    spending_total: Amount | None = None
    goal: Cell | None = None
    goal_result: Cell | None = None
    indicators: list[Indicator] = field(default_factory=list)
    items: list[ScoreItem] = field(default_factory=list)
    groups: list[GroupPoints] = field(default_factory=list)
    items_total_points: tuple[Decimal, Cell] | None = None
    items_total_score: tuple[Decimal, Cell] | None = None
    total_score: tuple[Decimal, Span] | None = None
    grade: tuple[str, Span] | None = None
    evaluators: list[Evaluator] = field(default_factory=list)
    sign_offs: list[SignOff] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    unread: list[Note] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether anything of a known form was found; else nothing can be checked."""
        return bool(
            self.fields
            or self.funds
            or self.budget
            or self.spending_total
            or self.indicators
            or self.items
            or self.total_score
            or self.grade
            or self.evaluators
            or self.sign_offs
            or self.sections
        )

    def fund(self, column: FundColumn, source: Source = Source.TOTAL) -> Amount | None:
        """One figure of the fund table."""
        return self.funds.get((column, source))

    @property
    def scored(self) -> list[Scored]:
        """Every scored row: of the score table, or of the national form with its rate."""
        rows = [Scored(i.name.squeezed, i.points, i.score, i.span) for i in self.items]
        rows.extend(
            Scored(b.name.squeezed, b.points, b.score, b.span) for b in self.budget if b.points
        )
        rows.extend(
            Scored(
                i.content.squeezed,
                i.points,
                i.score,
                i.span,
                bool(i.deviation and i.deviation.text),
            )
            for i in self.indicators
            if i.points is not None
        )
        return rows
