"""The overview, the search, the platform's own condition."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from govnet.accounts.models import User
from govnet.alarms.pages import alarm_strip
from govnet.dashboards import overview as data
from govnet.dashboards import platform
from govnet.dashboards.panels import Chart, ranges
from govnet.dashboards.search import find
from govnet.inventory.models import Unit


def search(request: HttpRequest) -> HttpResponse:
    """Hits by kind; the fragment for the dialog, a page without script."""
    assert isinstance(request.user, User)
    text = request.GET.get("q", "").strip()[:80]
    context = {"q": text, "groups": find(request.user, text)}
    partial = bool(getattr(request, "htmx", False))
    template = "dashboards/search_results.html" if partial else "dashboards/search.html"
    return render(request, template, context)


@never_cache
def alarms(request: HttpRequest) -> HttpResponse:
    """What keeps the platform itself from working; empty when nothing does."""
    found = platform.alarms(data.probe_point())
    return render(request, "dashboards/alarms.html", {"alarms": found})


def _live(user: User) -> dict[str, Any]:
    context: dict[str, Any] = {"point": data.probe_point(), "figures": data.figures(user)}
    context["worst"] = data.worst_units(user) if user.has_perm("inventory.view_unit") else []
    context["flips"] = data.newest_flips(user) if user.has_perm("monitor.view_flip") else []
    if user.has_perm("alarms.view_alarm"):
        context |= alarm_strip(user)
    context["egress"] = data.egress(user) if user.has_perm("inventory.view_circuit") else []
    return context


def _import_url() -> str:
    try:
        return reverse("inventory:unit_import")
    except NoReverseMatch:
        return ""


@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """The first page: is it fine, and if not, what now?"""
    assert isinstance(request.user, User)
    if not Unit.objects.exists():
        return render(
            request, "dashboards/overview.html", {"empty": True, "import_url": _import_url()}
        )
    egress_chart = Chart(_("Internet egress, last hour"), reverse("dashboards:egress_chart"), "1h")
    context = {**_live(request.user), "egress_chart": egress_chart, **ranges("1h")}
    return render(request, "dashboards/overview.html", context)


@never_cache
def overview_live(request: HttpRequest) -> HttpResponse:
    """The parts of the overview that move."""
    assert isinstance(request.user, User)
    return render(request, "dashboards/overview_live.html", _live(request.user))


@never_cache
def status(request: HttpRequest) -> HttpResponse:
    """Every process of this installation: how it is, how late, what it counted."""
    assert isinstance(request.user, User)
    if not request.user.sees_everything:
        raise PermissionDenied
    rows = [
        (platform.NAMES.get(name, name), report) for name, report in platform.processes().items()
    ]
    partial = bool(getattr(request, "htmx", False))
    template = "dashboards/status_table.html" if partial else "dashboards/status.html"
    return render(request, template, {"rows": rows, "point": data.probe_point()})
