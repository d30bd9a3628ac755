"""Every write of surveys is audited; a ballot's link is not part of the trail."""

from __future__ import annotations

from typing import Final

from auditlog.registry import auditlog
from django.db.models import Model

from govnet.surveys.models import Ballot, ManualResult, Question, Survey

LEFT_OUT: Final = frozenset({"id", "created_at", "updated_at", "demo", "nonce"})
FOLLOWED: Final[tuple[type[Model], ...]] = (Survey, Question, Ballot, ManualResult)


def register() -> None:
    """Follow every model; safe to call again."""
    for model in FOLLOWED:
        if not auditlog.contains(model):
            fields = model._meta.concrete_fields  # noqa: SLF001  # Django documents it
            auditlog.register(
                model, include_fields=[f.name for f in fields if f.name not in LEFT_OUT]
            )
