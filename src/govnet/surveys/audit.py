"""Every write of surveys is audited; a ballot's link is not part of the trail."""

from __future__ import annotations

from typing import Final

from django.db.models import Model

from govnet.core.audit import follow
from govnet.surveys.models import Ballot, ManualResult, Question, Survey

LEFT_OUT: Final = frozenset({"id", "created_at", "updated_at", "demo", "nonce"})
FOLLOWED: Final[tuple[type[Model], ...]] = (Survey, Question, Ballot, ManualResult)


def register() -> None:
    """Follow every model; safe to call again."""
    follow(FOLLOWED, leave_out=LEFT_OUT)
