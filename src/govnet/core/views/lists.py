"""Lists: filter, sort, search, pages, columns, saved filters; and their exports."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar

import structlog
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from govnet.core import export
from govnet.core.forms import SavedFilterForm
from govnet.core.imports.filecolumns import Lookup
from govnet.core.models import PER_PAGE, SavedFilter, TablePreference
from govnet.core.registry import Resource, find_resource
from govnet.core.views.base import ListState, ObjectView, render, signed_in

log = structlog.get_logger()

_EXPORTS = Counter("govnet_core_exports_total", "Lists exported", ["model", "format"])

CHOICES = 20
"""Suggestions of a picker."""


class ObjectList(ObjectView):
    """The list.

    Attributes:
        page: template of the whole page.
        fragment: template of the table alone.
    """

    page: ClassVar[str] = "core/list.html"
    fragment: ClassVar[str] = "core/partials/list.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page, or its table when htmx asks."""
        state = ListState(self.resource, request)
        selectable = self.may("change") or self.may("delete")
        table = state.paged_table(selectable=selectable)
        context = self.context(
            table=table,
            filterset=state.filterset,
            query=state.query(),
            per_page=state.per_page,
            per_page_choices=PER_PAGE,
            selectable=selectable,
            total=table.paginator.count,
        )
        if not getattr(request, "htmx", None):
            context.update(self._page_only(state))
        answer = render(request, self.page, self.fragment, context)
        # The form sends every empty field; the address shows only what is set.
        answer["HX-Push-Url"] = f"{request.path}?{state.address()}".rstrip("?")
        return answer

    def _page_only(self, state: ListState) -> dict[str, Any]:
        """What stands around the table."""
        chooser = [
            (name, label, name in state.shown)
            for name, label in self.resource.table.choices(self.resource.model)
            if name not in state.hidden
        ]
        saved = SavedFilter.objects.offered_to(self.user, self.resource.label)
        return {
            "chooser": chooser,
            "table_sort": state.parameters.getlist("sort"),
            "saved_filters": list(saved.select_related("user")),
            "save_form": SavedFilterForm(initial={"query": state.query()}),
        }


class ObjectExport(ObjectView):
    """The list as a file; ``columns=all`` gives everything that import reads."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """The download."""
        kind = request.GET.get("format", "xlsx")
        if kind not in export.FORMATS:
            raise Http404
        state = ListState(self.resource, request)
        lookup = Lookup(self.user)
        if request.GET.get("columns") == "all":
            columns = export.file_columns(self.resource, lookup)
        else:
            columns = export.shown_columns(self.resource, state.table(), lookup)
        rows = export.rows_of(self.resource, state.sorted_rows())
        _EXPORTS.labels(self.resource.label, kind).inc()
        log.info("list exported", model=self.resource.label, user=self.user.pk, format=kind)
        return export.response(kind, self.resource, columns, rows)


class ObjectChoices(ObjectView):
    """What a picker offers while a person types."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Options for a ``datalist``."""
        # The picker sends its own value under its own name, whatever the form calls it.
        text = request.GET.get("q") or str(next(iter(request.GET.values()), ""))
        rows = self.resource.key.search(self.resource.rows(self.user), text.strip()[:80])
        options = [(self.resource.key.text(row), str(row)) for row in rows[:CHOICES]]
        return TemplateResponse(request, "core/partials/choices.html", {"options": options})


# ---- What a person keeps ------------------------------------------------------------------


def _resource_or_404(request: HttpRequest, label: str) -> Resource:
    resource = find_resource(label)
    if resource is None:
        raise Http404
    if not signed_in(request).has_perm(resource.permission("view")):
        raise PermissionDenied
    return resource


def _known_query(resource: Resource, request: HttpRequest, query: str) -> str:
    """A query string reduced to the list's own parameters."""
    return ListState(resource, request, QueryDict(query[:2000])).query()


@require_POST
def choose_columns(request: HttpRequest, label: str) -> HttpResponse:
    """Keep the person's columns, their order and the length of a page."""
    resource = _resource_or_404(request, label)
    known = [name for name, _label in resource.table.choices(resource.model)]
    chosen = [name for name in dict.fromkeys(request.POST.getlist("columns")) if name in known]
    lengths = {str(number): number for number in PER_PAGE}
    values: dict[str, Any] = {"columns": [] if "reset" in request.POST else chosen}
    if (length := lengths.get(request.POST.get("per_page", ""))) is not None:
        values["per_page"] = length
    TablePreference.objects.update_or_create(
        user=signed_in(request), model=resource.label, defaults=values
    )
    return _back(resource, _known_query(resource, request, request.POST.get("query", "")))


@require_POST
def save_filter(request: HttpRequest, label: str) -> HttpResponse:
    """Keep the present filter under a name."""
    resource = _resource_or_404(request, label)
    form = SavedFilterForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the filter a name of at most 60 characters."))
        return _back(resource, request.POST.get("query", ""))
    query = _known_query(resource, request, form.cleaned_data["query"])
    SavedFilter.objects.update_or_create(
        user=signed_in(request),
        model=resource.label,
        name=form.cleaned_data["name"],
        defaults={"query": query, "shared": form.cleaned_data["shared"]},
    )
    messages.success(request, _("Filter “%s” saved.") % form.cleaned_data["name"])
    return _back(resource, query)


@require_POST
def delete_filter(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete one of the person's own filters."""
    saved = get_object_or_404(SavedFilter.objects.owned_by(signed_in(request)), pk=pk)
    resource = _resource_or_404(request, saved.model)
    saved.delete()
    return _back(resource, "")


def _back(resource: Resource, query: str) -> HttpResponseRedirect:
    url = resource.url("list")
    answer = redirect(f"{url}?{query}" if query else url)
    answer.status_code = HTTPStatus.SEE_OTHER
    return answer
