"""Orders to the twin are in the audit trail like every other write."""

from __future__ import annotations

from auditlog.registry import auditlog

from govnet.lab.models import Order


def register() -> None:
    """Follow them; safe to call again."""
    if not auditlog.contains(Order):
        auditlog.register(Order)
