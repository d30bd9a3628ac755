"""Row permission: one ``restrict(user)`` for every object that lives under a region or unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from typing import TypeAlias

    from govnet.accounts.models import User

    Viewer: TypeAlias = User | AnonymousUser

ModelT_co = TypeVar("ModelT_co", bound=models.Model, covariant=True)


def scopes(model: type[models.Model], user: User) -> list[tuple[tuple[str, ...], frozenset[int]]]:
    """The lookup paths of a model's scope, each kind with the ids that a user may see."""
    found = (
        ("region_lookups", "scope_region_ids"),
        ("unit_lookups", "scope_unit_ids"),
        ("contractor_lookups", "scope_contractor_ids"),
    )
    # The ids cost queries: only the kinds that the model has are asked for.
    return [
        (paths, getattr(user, ids)) for name, ids in found if (paths := getattr(model, name, ()))
    ]


class RestrictedQuerySet(models.QuerySet[ModelT_co]):
    """A queryset that knows which of its rows a user may see.

    A model says where its scope lies with class attributes: ``region_lookups``,
    ``unit_lookups`` and ``contractor_lookups``, each a tuple of lookup paths to ``Region``,
    ``Unit`` or ``Contractor``. A row is visible when any path leads into the user's scope. A
    model with none is common to all signed-in users (carriers, for example).
    """

    def restrict(self, user: User | AnonymousUser) -> Self:
        """Rows inside the user's subtree; none for an anonymous or inactive user."""
        if isinstance(user, AnonymousUser) or not user.is_active:
            return self.none()
        if user.sees_everything:
            return self
        return self._in_scope(user)

    def _in_scope(self, user: User) -> Self:
        lookups = [(p, ids) for paths, ids in scopes(self.model, user) for p in paths]
        if not lookups:
            return self
        condition = Q()
        for path, ids in lookups:
            condition |= Q(**{f"{path}__in": ids})
        # A subquery instead of joins: joined rows would repeat and spoil counts.
        matching: Any = self.model._base_manager.filter(condition).values("pk")
        return self.filter(pk__in=matching)
