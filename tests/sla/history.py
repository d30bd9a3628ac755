"""Histories for tests: changes of state written as the engine writes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from govnet.monitor.models import Flip, Target


def at(text: str) -> datetime:
    """A moment of the site's time zone."""
    return datetime.fromisoformat(text).replace(tzinfo=timezone.get_default_timezone())


def record(target: Target, *changes: tuple[str, str], reason: str = "timeout") -> None:
    """Write a target's changes, oldest first: (moment, new state)."""
    old = "unknown"
    for moment, new in changes:
        Flip.objects.create(
            target=target,
            old_state=old,
            new_state=new,
            at=at(moment),
            confirmed_at=at(moment) + timedelta(seconds=3),
            reason="" if new == "up" else reason,
        )
        old = new


def down(target: Target, spans: Iterable[tuple[str, str]], since: str = "2025-01-01") -> None:
    """A target that is up since a day, but for the spans given."""
    changes = [(since, "up")]
    for start, end in spans:
        changes += [(start, "down"), (end, "up")]
    record(target, *changes)
