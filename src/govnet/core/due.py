"""What is due or overdue for a person, each kind registered by the app that knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.utils import timezone

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from govnet.accounts.models import User


@dataclass(frozen=True, slots=True)
class DueItem:
    """One thing that waits.

    Attributes:
        title: what it is.
        note: what is missing or happening, in a few words.
        url: where it is dealt with.
        due_on: the day on which it should be done; None when it has none.
    """

    title: str
    note: str
    url: str
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class DueKind:
    """A kind of things that wait; ``find`` gives those that the person may see."""

    key: str
    label: StrPromise
    permission: str
    find: Callable[[User, date], Iterable[DueItem]]


_kinds: dict[str, DueKind] = {}


def register(kind: DueKind) -> None:
    """Add a kind; call it in ``AppConfig.ready``."""
    _kinds[kind.key] = kind


def due_items(user: User, today: date | None = None) -> list[tuple[DueKind, list[DueItem]]]:
    """What waits for a person, by kind, the most overdue first; empty kinds are left out."""
    day = today or timezone.localdate()
    found = []
    for kind in _kinds.values():
        if user.has_perm(kind.permission):
            items = sorted(kind.find(user, day), key=lambda item: item.due_on or date.max)
            if items:
                found.append((kind, items))
    return found
