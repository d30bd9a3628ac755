"""Every write of this app is audited."""

from __future__ import annotations

from typing import Final

from django.db.models import Model

from govnet.core.audit import follow
from govnet.sla.models import (
    Agreement,
    Exclusion,
    ServiceCalendar,
    SpecialDay,
    Statement,
    StatementSchedule,
)

# Whole files and the times of the row itself have no place in a diff.
LEFT_OUT: Final = frozenset({"id", "created_at", "updated_at", "figures", "inputs"})
FOLLOWED: Final[tuple[type[Model], ...]] = (
    ServiceCalendar,
    SpecialDay,
    Agreement,
    Exclusion,
    StatementSchedule,
    Statement,
)


def register() -> None:
    """Follow every model; safe to call again."""
    follow(FOLLOWED, leave_out=LEFT_OUT)
