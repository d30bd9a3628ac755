"""What the generic views share: the resource, the permission, the list as a person sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, cast

from django.core.exceptions import PermissionDenied
from django.core.paginator import EmptyPage, PageNotAnInteger
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.cache import patch_vary_headers
from django.views import View

from govnet.accounts.models import User
from govnet.core.columns import extra_columns
from govnet.core.filters import ObjectFilterSet
from govnet.core.models import PER_PAGE, TablePreference
from govnet.core.registry import Resource, hidden_fields
from govnet.core.tables import ObjectTable


def signed_in(request: HttpRequest) -> User:
    """The person; the middleware lets nobody else through.

    Raises:
        PermissionDenied: nobody is signed in.
    """
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def is_fragment(request: HttpRequest) -> bool:
    """True when htmx asks for a part of the page and not for the page."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def render(
    request: HttpRequest, page: str, fragment: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """The same URL as a page or as the fragment that htmx asked for."""
    template = fragment if is_fragment(request) else page
    response = TemplateResponse(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


class ObjectView(View):
    """A page of one kind of object.

    Attributes:
        actions: any one of these permissions opens the page.
    """

    resource: Resource = cast("Resource", None)
    actions: ClassVar[tuple[str, ...]] = ("view",)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Check the permission on the model; rows are restricted in every query."""
        if not any(self.may(action) for action in self.actions):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    @cached_property
    def user(self) -> User:
        """The person."""
        return signed_in(self.request)

    def may(self, action: str) -> bool:
        """True when the person has Django's permission for an action on the model."""
        return self.user.has_perm(self.resource.permission(action))

    def rights(self) -> dict[str, bool]:
        """What the person may do, for templates."""
        return {action: self.may(action) for action in ("view", "add", "change", "delete")}

    def context(self, **more: Any) -> dict[str, Any]:
        """What every template of the generic layer needs."""
        return {
            "resource": self.resource,
            "rights": self.rights(),
            "list_url": self.resource.url("list"),
            **more,
        }


@dataclass(slots=True)
class Preference:
    """Columns and page length that a person chose for a list."""

    columns: list[str]
    per_page: int


def preference_of(user: User, resource: Resource) -> Preference:
    """What the person chose; the defaults without a choice."""
    known = {name for name, _label in resource.table.choices(resource.model)}
    stored = TablePreference.objects.filter(user=user, model=resource.label).first()
    if stored is None:
        return Preference([], PER_PAGE[0])
    return Preference([name for name in stored.columns if name in known], stored.per_page)


class ListState:
    """A list as its URL and the person's choices describe it."""

    def __init__(
        self, resource: Resource, request: HttpRequest, parameters: QueryDict | None = None
    ) -> None:
        self.resource = resource
        self.request = request
        self.user = signed_in(request)
        self.parameters = request.GET if parameters is None else parameters
        self.preference = preference_of(self.user, resource)

    @cached_property
    def shown(self) -> list[str]:
        """Names of the visible columns."""
        names = self.preference.columns or self.resource.table.defaults(self.resource.model)
        return [name for name in names if name not in self.hidden]

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Names of the fields that the person may not see."""
        return hidden_fields(self.resource.model, self.user)

    @cached_property
    def filterset(self) -> ObjectFilterSet:
        """The filters, over the rows that the person may see."""
        rows = self.resource.rows(self.user)
        sorted_by = {key.lstrip("-") for key in self.parameters.getlist("sort")}
        for extra in extra_columns(self.resource.model):
            asked = extra.name in self.shown or extra.name in sorted_by
            if extra.annotate and (asked or any(map(self.parameters.get, extra.filters))):
                rows = extra.annotate(rows)
        return self.resource.filterset(
            self.parameters, queryset=rows, request=self.request, search=self.resource.search
        )

    @cached_property
    def rows(self) -> QuerySet[Any]:
        """The rows that match; none while a filter is wrong, for bulk actions must not widen."""
        if not self.filterset.is_valid():
            nothing: QuerySet[Any] = self.resource.all().none()
            return nothing
        matching: QuerySet[Any] = self.filterset.qs
        return matching

    def table(self, *, selectable: bool = False) -> ObjectTable:
        """The table, sorted but not paged."""
        table = self.resource.table(
            self.rows, shown=self.shown, selectable=selectable, exclude=self.hidden
        )
        table.request = self.request
        if order := self.parameters.getlist("sort"):
            table.order_by = order
        return table

    def sorted_rows(self) -> QuerySet[Any]:
        """The rows in the table's order."""
        rows: QuerySet[Any] = self.table().data.data
        return rows

    @property
    def per_page(self) -> int:
        """Rows of a page: asked for, else chosen."""
        asked = self.parameters.get("per_page", "")
        allowed = {str(number): number for number in PER_PAGE}
        return allowed.get(asked, self.preference.per_page)

    def paged_table(self, *, selectable: bool) -> ObjectTable:
        """One page of the table; a page beyond the end is the last one."""
        table = self.table(selectable=selectable)
        try:
            table.paginate(page=self.parameters.get("page", 1), per_page=self.per_page)
        except PageNotAnInteger:
            table.page = table.paginator.page(1)
        except EmptyPage:
            table.page = table.paginator.page(table.paginator.num_pages)
        return table

    def query(self) -> str:
        """The filter and the order as a query string, without the page."""
        return self._only({*self.filterset.filters, "sort"})

    def address(self) -> str:
        """What the address of the list says, without empty parameters."""
        return self._only({*self.filterset.filters, "sort", "page", "per_page"})

    def _only(self, known: set[str]) -> str:
        kept = self.parameters.copy()
        for name in list(kept):
            if name not in known or not kept.get(name):
                del kept[name]
        return kept.urlencode()
