"""How a stored self-evaluation stands: its own audit, its sheet, what is still missing.

The audit runs over the very document that would be issued, so what is found here is what a
reviewer would find.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.evaluation.answers import Facts, known_score, leaves_by_id
from govnet.evaluation.audit.document import Document
from govnet.evaluation.audit.pairing import clauses, paired
from govnet.evaluation.audit.registry import Finding, Severity
from govnet.evaluation.audit.report import Report
from govnet.evaluation.audit.runner import audit_document
from govnet.evaluation.catalogue import framework_of
from govnet.evaluation.models import Evidence, ScoreEntry, SelfEvaluation
from govnet.evaluation.printing import numbers, render_docx
from govnet.evaluation.scoring import Score, Totals
from govnet.evaluation.sheet import SheetRow, sheet, sheet_totals


@dataclass(frozen=True, slots=True)
class Completeness:
    """One part of the form: how many of its places are filled."""

    part: str
    label: str | Promise
    filled: int
    places: int

    @property
    def percent(self) -> int:
        """Share filled, whole percent; a part without places is complete."""
        return 100 * self.filled // self.places if self.places else 100


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A row of the sheet with what is stored behind it.

    Attributes:
        row: the printed item, its score and its support.
        entry: the stored item; None where the print holds one that is not stored.
        evidence: what backs it.
        computed: what its rule gives for what is known.
    """

    row: SheetRow
    entry: ScoreEntry | None
    evidence: list[Evidence]
    computed: Score | None

    @property
    def differs(self) -> bool:
        """Whether the self-score is not what the rule gives."""
        return self.computed is not None and self.computed.points != self.row.score


@dataclass(frozen=True, slots=True)
class Own:
    """The audit of a self-evaluation as it would be printed now."""

    document: Document
    report: Report
    findings: list[Finding]
    lines: list[SheetLine]
    totals: Totals

    @property
    def majors(self) -> int:
        """How many findings are proven contradictions."""
        return sum(finding.severity is Severity.MAJOR for finding in self.findings)


def own_audit(evaluation: SelfEvaluation) -> Own:
    """Print, read back, audit.

    Raises:
        PrintingError: the officer's own Word template has an error.
    """
    from govnet.evaluation.audit.readers import docx

    document = docx.read(render_docx(numbers(evaluation)))
    report, findings = audit_document(document)
    rows = sheet(report, findings)
    lines = _lines(evaluation, rows)
    return Own(document, report, findings, lines, sheet_totals(rows))


def _lines(evaluation: SelfEvaluation, rows: list[SheetRow]) -> list[SheetLine]:
    leaves = leaves_by_id(framework_of(evaluation))
    entries = list(evaluation.scores.prefetch_related("evidence"))
    by_name = {leaves[e.item].name: e for e in entries if e.item in leaves}
    facts = Facts.of(evaluation)
    lines = []
    for row in rows:
        entry = by_name.get(row.item.name.squeezed)
        computed = known_score(leaves[entry.item], entry, facts) if entry else None
        lines.append(SheetLine(row, entry, list(entry.evidence.all()) if entry else [], computed))
    return lines


def goal_pairs(own: Own) -> list[tuple[str, str]]:
    """Each sentence of the expected goal with the clause of the result that takes it up."""
    report = own.report
    if report.goal is None:
        return []
    results = (
        clauses(own.document, report.goal_result.span) if report.goal_result is not None else []
    )
    goals = clauses(own.document, report.goal.span, "。；;")
    return [(goal.text, result.text if result else "") for goal, result in paired(goals, results)]


_COVER = (
    "project_name",
    "project_unit",
    "department",
    "kind",
    "method",
    "evaluated_by",
    "report_date",
)
_FACTS = ("leader", "phone", "address", "postcode", "period_start", "period_end")


def completeness(evaluation: SelfEvaluation) -> list[Completeness]:
    """Places filled, part by part, in the order of the form."""
    indicators = list(evaluation.indicators.all())
    scores = list(evaluation.scores.all())
    sections = list(evaluation.sections.all())
    total = evaluation.funds.filter(source="total").first()
    money = (total.planned, total.arrived, total.spent, total.balance) if total else (None,) * 4
    return [
        Completeness("cover", _("Cover"), _filled(evaluation, _COVER), len(_COVER)),
        Completeness("facts", _("Project"), _filled(evaluation, _FACTS), len(_FACTS)),
        Completeness("funds", _("Funds"), sum(value is not None for value in money), 4),
        Completeness(
            "indicators",
            _("Indicators"),
            sum(bool(i.content and i.target and i.actual) for i in indicators),
            max(len(indicators), 1),
        ),
        Completeness(
            "scores",
            _("Scores"),
            sum(score.self_score is not None for score in scores),
            max(len(scores), 1),
        ),
        Completeness("people", _("Evaluators"), min(evaluation.evaluators.count(), 3), 3),
        Completeness(
            "narrative",
            _("Narrative"),
            sum(bool(s.body.strip()) for s in sections),
            max(len(sections), 1),
        ),
    ]


def _filled(evaluation: SelfEvaluation, names: tuple[str, ...]) -> int:
    return sum(bool(getattr(evaluation, name)) for name in names)
