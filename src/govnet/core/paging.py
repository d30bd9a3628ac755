"""Pages of rows that a filter leaves, for the lists that are no list of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

PAGE_SIZE: Final = 50


def page_of(request: HttpRequest, rows: QuerySet[Any] | Sequence[Any]) -> Page[Any]:
    """The page that the address asks for, or the nearest that there is."""
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))


def query_of(request: HttpRequest) -> str:
    """The address's query without the page, for the links to other pages."""
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()


def listing(request: HttpRequest, found: Any) -> dict[str, Any]:  # a FilterSet
    """What ``monitor/filter_bar.html`` and ``monitor/pager.html`` read."""
    return {"filter": found, "page": page_of(request, found.qs), "query": query_of(request)}
