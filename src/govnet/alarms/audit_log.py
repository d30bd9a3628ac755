"""Maintenance windows and rules are audited; alarms keep a timeline of their own."""

from __future__ import annotations

from govnet.alarms.models import MaintenanceWindow, Rule
from govnet.core.audit import follow


def register() -> None:
    """Follow what people write; safe to call again."""
    follow((MaintenanceWindow, Rule))
