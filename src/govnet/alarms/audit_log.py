"""Maintenance windows and rules are audited; alarms keep a timeline of their own."""

from __future__ import annotations

from typing import Final

from auditlog.registry import auditlog

from govnet.alarms.models import MaintenanceWindow, Rule

LEFT_OUT: Final = frozenset({"id", "created_at", "updated_at"})


def register() -> None:
    """Follow what people write; safe to call again."""
    for model in (MaintenanceWindow, Rule):
        if not auditlog.contains(model):
            fields = model._meta.concrete_fields  # Django documents it
            names = [field.name for field in fields if field.name not in LEFT_OUT]
            auditlog.register(model, include_fields=names)
