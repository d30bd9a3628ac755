"""How a stored self-evaluation stands: its own audit, its sheet, what is still missing.

The audit runs over the very document that would be issued, so what is found here is what a
reviewer would find.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.evaluation.audit.document import Document
from govnet.evaluation.audit.readers import docx
from govnet.evaluation.audit.registry import Finding
from govnet.evaluation.audit.report import Report
from govnet.evaluation.audit.runner import audit_document
from govnet.evaluation.models import SelfEvaluation
from govnet.evaluation.printing import numbers, render_docx
from govnet.evaluation.scoring import Totals
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
class Own:
    """The audit of a self-evaluation as it would be printed now."""

    document: Document
    report: Report
    findings: list[Finding]
    rows: list[SheetRow]
    totals: Totals


def own_audit(evaluation: SelfEvaluation) -> Own:
    """Print, read back, audit."""
    document = docx.read(render_docx(numbers(evaluation)))
    report, findings = audit_document(document)
    rows = sheet(report, findings)
    return Own(document, report, findings, rows, sheet_totals(rows))


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
