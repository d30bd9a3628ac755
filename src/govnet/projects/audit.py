"""Every write of projects and contracts is audited."""

from __future__ import annotations

from typing import Final

from django.db.models import Model

from govnet.core.audit import follow
from govnet.projects import models

# Whole certificates and inputs have a hash; times are those of the entry itself.
LEFT_OUT: Final = frozenset(
    {"id", "created_at", "updated_at", "demo", "numbers", "inputs", "uploaded_at"}
)
FOLLOWED: Final[tuple[type[Model], ...]] = (
    models.Project,
    models.Milestone,
    models.BudgetEntry,
    models.Lot,
    models.DeductionTable,
    models.DeductionStep,
    models.Contract,
    models.LineItem,
    models.Instalment,
    models.Gate,
    models.GateOverride,
    models.Deduction,
    models.PaymentCertificate,
    models.Payment,
    models.Document,
)


def register() -> None:
    """Follow every model; safe to call again."""
    follow(FOLLOWED, leave_out=LEFT_OUT)
