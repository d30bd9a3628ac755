"""Which writes of the evaluation app the audit trail keeps."""

from __future__ import annotations

from typing import Final

from django.db.models import Model

from govnet.core.audit import follow
from govnet.evaluation.models import (
    AuditBatch,
    AuditFinding,
    BureauFramework,
    Evaluator,
    Evidence,
    Fund,
    IssuedReport,
    NarrativeSection,
    ScoreEntry,
    SelfEvaluation,
    SignOff,
    Snapshot,
    SpendingLine,
    TargetIndicator,
)

# Copies of what is stored elsewhere, times, and whole files have no place in a diff.
LEFT_OUT: Final = frozenset(
    {"id", "created_at", "updated_at", "demo", "document", "numbers", "inputs", "quotes"}
)
FOLLOWED: Final[tuple[type[Model], ...]] = (
    SelfEvaluation,
    Fund,
    SpendingLine,
    TargetIndicator,
    ScoreEntry,
    Evaluator,
    SignOff,
    NarrativeSection,
    Snapshot,
    Evidence,
    IssuedReport,
    BureauFramework,
    AuditBatch,
    AuditFinding,
)


def register() -> None:
    """Follow every model that a person changes; safe to call again."""
    follow(FOLLOWED, leave_out=LEFT_OUT)
