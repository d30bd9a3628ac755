"""Orders to the twin are in the audit trail like every other write."""

from __future__ import annotations

from govnet.core.audit import follow
from govnet.lab.models import Order


def register() -> None:
    """Follow them; safe to call again."""
    follow((Order,))
