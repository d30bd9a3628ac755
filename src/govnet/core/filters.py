"""The one base of every list's filters: a search box, restricted choices, region subtrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import django_filters
from django import forms
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from govnet.core.columns import extra_columns
from govnet.core.forms import PickerField

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WORDS = 8


def visible_to_requester(model: type[Model]) -> Callable[[HttpRequest | None], QuerySet[Any]]:
    """The choices of a filter: only what the user may see."""

    def choices(request: HttpRequest | None) -> QuerySet[Any]:
        manager: Any = model._default_manager
        if request is None:
            empty: QuerySet[Any] = manager.none()
            return empty
        queryset: QuerySet[Any] = manager.restrict(request.user)
        return queryset

    return choices


class ScopedChoiceFilter(django_filters.ModelChoiceFilter):
    """Another object, out of those that the user may see."""

    def __init__(self, model: type[Model], **kwargs: Any) -> None:
        super().__init__(queryset=visible_to_requester(model), **kwargs)


class SubtreeFilter(ScopedChoiceFilter):
    """A node of a tree; everything below it counts."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        """Rows that lie in the subtree."""
        if not value:
            return qs
        below = type(value)._default_manager.descendants(value, include_self=True)
        return qs.filter(**{f"{self.field_name}__in": [node.pk for node in below]})


class PickerFilter(django_filters.Filter):
    """Another object, typed: a menu of thousands of options costs more than the list itself."""

    field_class = PickerField

    def __init__(self, model: type[Model], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.extra["model"] = model

    @property
    def field(self) -> PickerField:
        """The field; it finds only what the user may see."""
        field: PickerField = super().field
        field.user = self.parent.request.user
        return field


class ObjectFilterSet(django_filters.FilterSet):
    """A list's filters. ``q`` searches every word in the declared ``search`` lookups."""

    q = django_filters.CharFilter(
        method="search",
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "maxlength": 80}),
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        queryset: QuerySet[Any],
        *,
        request: HttpRequest,
        search: tuple[str, ...],
    ) -> None:
        self._search = search
        super().__init__(data, queryset, request=request)
        for extra in extra_columns(queryset.model):
            for name, make in extra.filters.items():
                added = make()
                added.field_name = added.field_name or name
                added.parent, added.model = self, queryset.model
                self.filters[name] = added

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Rows in which each word of the text occurs somewhere."""
        del name
        for word in value.split()[:MAX_WORDS]:
            anywhere = Q()
            for path in self._search:
                anywhere |= Q(**{f"{path}__icontains": word})
            queryset = queryset.filter(anywhere)
        return queryset

    @property
    def active(self) -> int:
        """How many filters besides the search box are set."""
        return sum(1 for name in self.filters if name != "q" and (self.data or {}).get(name))
