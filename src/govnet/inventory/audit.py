"""Every write of the ledger is audited; of a secret only that it changed."""

from __future__ import annotations

from typing import Final

from auditlog.registry import auditlog
from django.db.models import Model

from govnet.inventory.models import BandwidthChange, ledger_models

LEFT_OUT: Final = frozenset({"id", "created_at", "updated_at", "demo"})


def register() -> None:
    """Follow every model of the ledger; safe to call again."""
    followed: list[type[Model]] = [*ledger_models(), BandwidthChange]
    for model in followed:
        if not auditlog.contains(model):
            _follow(model)


def _follow(model: type[Model]) -> None:
    auditlog.register(
        model,
        # Named one by one: reverse relations have no place in a diff.
        include_fields=[f.name for f in model._meta.concrete_fields if f.name not in LEFT_OUT],
        mask_fields=list(getattr(model, "SECRET_FIELDS", ())),
        mask_callable="govnet.core.audit.mask",
    )
