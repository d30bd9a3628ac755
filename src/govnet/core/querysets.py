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


class RestrictedQuerySet(models.QuerySet[ModelT_co]):
    """A queryset that knows which of its rows a user may see.

    A model says where its scope lies with two class attributes: ``region_lookups`` and
    ``unit_lookups``, each a tuple of lookup paths to ``Region`` and ``Unit``. A row is
    visible when any path leads into the user's scope. A model with neither is common to all
    signed-in users (carriers, for example).
    """

    def restrict(self, user: User | AnonymousUser) -> Self:
        """Rows inside the user's subtree; none for an anonymous or inactive user."""
        if isinstance(user, AnonymousUser) or not user.is_active:
            return self.none()
        if user.sees_everything:
            return self
        return self._in_scope(user)

    def _in_scope(self, user: User) -> Self:
        regions: tuple[str, ...] = getattr(self.model, "region_lookups", ())
        units: tuple[str, ...] = getattr(self.model, "unit_lookups", ())
        if not regions and not units:
            return self
        condition = Q()
        for path in regions:
            condition |= Q(**{f"{path}__in": user.scope_region_ids})
        for path in units:
            condition |= Q(**{f"{path}__in": user.scope_unit_ids})
        # A subquery instead of joins: joined rows would repeat and spoil counts.
        matching: Any = self.model._base_manager.filter(condition).values("pk")
        return self.filter(pk__in=matching)
