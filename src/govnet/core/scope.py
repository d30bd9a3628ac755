"""Whether an object that is not saved yet would lie inside a user's scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Model

from govnet.core.querysets import scopes

if TYPE_CHECKING:
    from govnet.accounts.models import User


def inside_scope(instance: Model, user: User) -> bool:
    """True when the user would still see the object after it is saved.

    The same rule as ``RestrictedQuerySet.restrict``, read from the object instead of the
    database. A new node of a tree lies where its parent does.
    """
    if user.sees_everything:
        return True
    lookups = scopes(type(instance), user)
    if not lookups:
        return True
    return any(_end(instance, path) in ids for paths, ids in lookups for path in paths)


def _end(instance: Any, path: str) -> int | None:
    """Id at the end of a lookup path; None when a reference on the way is empty."""
    *steps, last = path.split("__")
    for step in steps:
        instance = getattr(instance, step)
        if instance is None:
            return None
    if last != "pk":
        end: int | None = getattr(instance, instance._meta.get_field(last).attname)
        return end
    if instance.pk is None:
        # A new node of a tree is where its parent is, which may be new as well.
        parent = getattr(instance, "parent", None)
        return _end(parent, path) if parent is not None else None
    pk: int = instance.pk
    return pk
