"""The overview, the search and the banner of what is wrong with the platform itself."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from govnet.accounts.models import User
from govnet.dashboards.search import find


def search(request: HttpRequest) -> HttpResponse:
    """Hits by kind; the fragment for the dialog, a page without script."""
    assert isinstance(request.user, User)
    text = request.GET.get("q", "").strip()[:80]
    context = {"q": text, "groups": find(request.user, text)}
    partial = bool(getattr(request, "htmx", False))
    template = "dashboards/search_results.html" if partial else "dashboards/search.html"
    return render(request, template, context)


def alarms(request: HttpRequest) -> HttpResponse:
    """What keeps the platform itself from working; empty when nothing does."""
    return render(request, "dashboards/alarms.html", {"alarms": []})


def overview(request: HttpRequest) -> HttpResponse:
    """The first page."""
    return render(request, "dashboards/overview.html")
