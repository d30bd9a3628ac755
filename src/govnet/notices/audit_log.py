"""Every write of what is set up for notices is audited; of a secret only that it changed."""

from __future__ import annotations

from govnet.core.audit import follow
from govnet.notices.models import Channel, DutyShift, Policy, Recipient, Step


def register() -> None:
    """Follow every model that people write; safe to call again."""
    follow((Channel, DutyShift, Policy, Recipient, Step))
