"""Targets, their page, the record of state changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import django_filters
from django import forms
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.accounts.models import User
from govnet.core.paging import listing, page_of
from govnet.core.windows import named
from govnet.dashboards import panels
from govnet.dashboards.templatetags.ui import owner
from govnet.dashboards.timeline import timeline
from govnet.engine.result import ProbeKind, State
from govnet.inventory.models import AccessPoint, Circuit, Device, LifeCycle, Unit
from govnet.monitor.models import Flip, StateChoices, Target
from govnet.monitor.states import with_state


def _search_box(placeholder: str | Promise) -> forms.TextInput:
    return forms.TextInput(attrs={"type": "search", "placeholder": placeholder})


class TargetFilter(django_filters.FilterSet):
    """Targets by state, probe and free text."""

    q = django_filters.CharFilter(
        method="filter_text",
        label=_("Search"),
        widget=_search_box(_("Name, address, unit, device")),
    )
    state = django_filters.ChoiceFilter(
        method="filter_state",
        label=_("State"),
        choices=StateChoices.choices,
        empty_label=_("All states"),
    )
    kind = django_filters.ChoiceFilter(
        label=_("Probe"),
        choices=[(kind.value, kind.name) for kind in ProbeKind],
        empty_label=_("All probes"),
    )

    class Meta:
        model = Target
        fields = ("q", "state", "kind")

    def filter_text(self, queryset: QuerySet[Target], _name: str, value: str) -> QuerySet[Target]:
        """Every word in name, address, unit or device."""
        for word in value.split()[:5]:
            queryset = queryset.filter(
                Q(name__icontains=word)
                | Q(address__icontains=word)
                | Q(access_point__unit__name__icontains=word)
                | Q(unit__name__icontains=word)
                | Q(device__name__icontains=word)
            )
        return queryset

    def filter_state(self, queryset: QuerySet[Target], _name: str, value: str) -> QuerySet[Target]:
        """A target without a state row is unknown."""
        condition = Q(state__state=value)
        if value == State.UNKNOWN:
            condition |= Q(state__isnull=True)
        return queryset.filter(condition)


class FlipFilter(django_filters.FilterSet):
    """State changes by new state, day and free text."""

    q = django_filters.CharFilter(
        method="filter_text",
        label=_("Search"),
        widget=_search_box(_("Target, address, unit, device")),
    )
    new_state = django_filters.ChoiceFilter(
        label=_("To"), choices=StateChoices.choices, empty_label=_("All states")
    )
    since = django_filters.DateFilter(
        field_name="at",
        lookup_expr="date__gte",
        label=_("From day"),
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    until = django_filters.DateFilter(
        field_name="at",
        lookup_expr="date__lte",
        label=_("To day"),
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    class Meta:
        model = Flip
        fields = ("q", "new_state", "since", "until")

    def filter_text(self, queryset: QuerySet[Flip], _name: str, value: str) -> QuerySet[Flip]:
        """Every word in the target's name or address, its unit or device."""
        for word in value.split()[:5]:
            queryset = queryset.filter(
                Q(target__name__icontains=word)
                | Q(target__address__icontains=word)
                | Q(target__access_point__unit__name__icontains=word)
                | Q(target__device__name__icontains=word)
                | Q(target__circuit__number__icontains=word)
            )
        return queryset


def _listing(
    request: HttpRequest, template: str, found: django_filters.FilterSet, **more: object
) -> HttpResponse:
    """The page, or only its table when htmx asks."""
    context = {**listing(request, found), **more}
    partial = bool(getattr(request, "htmx", False))
    return render(
        request,
        f"monitor/{template}_table.html" if partial else f"monitor/{template}.html",
        context,
    )


@permission_required("monitor.view_target", raise_exception=True)
def target_list(request: HttpRequest) -> HttpResponse:
    """Every target that is measured, with its state."""
    assert isinstance(request.user, User)
    targets = (
        Target.objects.restrict(request.user)
        .measured()
        .select_related("state", "access_point__unit", "device", "circuit", "unit")
        .order_by("name", "pk")
    )
    # Lazy: only the whole page asks, not the table that comes again every ten seconds.
    references = Target.objects.measured().filter(reference=True)
    return _listing(
        request,
        "target_list",
        TargetFilter(request.GET, targets),
        has_reference=references.exists,
    )


@permission_required("monitor.view_flip", raise_exception=True)
def flip_list(request: HttpRequest) -> HttpResponse:
    """Every change of state, newest first."""
    assert isinstance(request.user, User)
    flips = Flip.objects.restrict(request.user).select_related("target").order_by("-at", "-pk")
    return _listing(request, "flip_list", FlipFilter(request.GET, flips))


def _shown_params(found: Target) -> list[tuple[str, str]]:
    """A target's parameters for people; what opens a device is not shown again."""
    hidden = ("credential", "headers")
    return [
        (name, "••••••" if name in hidden else str(value)) for name, value in found.params.items()
    ]


@permission_required("monitor.view_target", raise_exception=True)
def target(request: HttpRequest, pk: int) -> HttpResponse:
    """One target: state, the last 24 hours, charts, changes, the last exchange."""
    assert isinstance(request.user, User)
    rows = Target.objects.restrict(request.user).select_related(
        "state",
        "access_point__unit__region",
        "device",
        "unit",
        "circuit__a_port__device",
        "circuit__z_port__device",
    )
    found = get_object_or_404(rows, pk=pk)
    day = named("24h")
    context = {
        "target": found,
        "state": getattr(found, "state", None),
        "owner": owner(found),
        "day": day,
        "params": _shown_params(found),
        "segments": timeline(found, day),
        "flips": Flip.objects.filter(target=found).select_related("target")[:20],
        **panels.target_charts(found),
    }
    return render(request, "monitor/target.html", context)


@permission_required("monitor.view_target", raise_exception=True)
def target_state(request: HttpRequest, pk: int) -> HttpResponse:
    """The live part of a target's page."""
    assert isinstance(request.user, User)
    rows = Target.objects.restrict(request.user).select_related("state")
    found = get_object_or_404(rows, pk=pk)
    day = named("24h")
    context = {
        "target": found,
        "state": getattr(found, "state", None),
        "day": day,
        "segments": timeline(found, day),
    }
    return render(request, "monitor/target_state.html", context)


@dataclass(frozen=True, slots=True)
class StatedKind:
    """A kind of object that has a state: its rows, its region, who may see it."""

    label: str | Promise
    rows: Callable[[User], QuerySet[Any]]
    search: tuple[str, ...]
    region: str
    permission: str


STATED: Mapping[str, StatedKind] = {
    "unit": StatedKind(
        _("Units"),
        lambda user: Unit.objects.restrict(user).select_related("region"),
        ("name", "code"),
        "region",
        "inventory.view_unit",
    ),
    "access_point": StatedKind(
        _("Access points"),
        lambda user: (
            AccessPoint.objects.restrict(user)
            .filter(status=LifeCycle.ACTIVE)
            .select_related("unit__region")
        ),
        ("name", "code", "ipv4", "unit__name"),
        "unit.region",
        "inventory.view_accesspoint",
    ),
    "device": StatedKind(
        _("Devices"),
        lambda user: (
            Device.objects.restrict(user).filter(status=LifeCycle.ACTIVE).select_related("region")
        ),
        ("name", "management_ipv4"),
        "region",
        "inventory.view_device",
    ),
    "circuit": StatedKind(
        _("Circuits"),
        lambda user: (
            Circuit.objects.restrict(user)
            .filter(status=LifeCycle.ACTIVE)
            .select_related("access_point__unit__region")
        ),
        ("number", "access_point__name"),
        "access_point.unit.region",
        "inventory.view_circuit",
    ),
}


def _in_state(rows: QuerySet[Any], wanted: str) -> QuerySet[Any]:
    """Objects in one state; "none" are those of which nothing is measured."""
    if wanted == "none":
        return rows.filter(monitored=False)
    return rows.filter(state=wanted, monitored=True) if wanted in StateChoices.values else rows


def object_states(request: HttpRequest, kind: str) -> HttpResponse:
    """Units, access points, devices or circuits by state: what a count of the overview counts."""
    assert isinstance(request.user, User)
    stated = STATED.get(kind)
    if stated is None:
        raise Http404
    if not request.user.has_perm(stated.permission):
        raise PermissionDenied
    wanted, text = request.GET.get("state", ""), request.GET.get("q", "").strip()[:80]
    rows = _in_state(with_state(stated.rows(request.user)), wanted)
    for word in text.split()[:5]:
        matches = Q()
        for name in stated.search:
            matches |= Q(**{f"{name}__icontains": word})
        rows = rows.filter(matches)
    query = request.GET.copy()
    query.pop("page", None)
    page = page_of(request, rows.order_by("-state_rank", "pk"))
    region = attrgetter(stated.region)
    context = {
        "kind": stated,
        "wanted": wanted,
        "q": text,
        "choices": [*StateChoices.choices, ("none", _("Not monitored"))],
        "page": page,
        "rows": [(row, _region(row, region)) for row in page],
        "query": query.urlencode(),
    }
    partial = bool(getattr(request, "htmx", False))
    name = "monitor/object_states_table.html" if partial else "monitor/object_states.html"
    return render(request, name, context)


def _region(row: Any, region: attrgetter[Any]) -> str:  # noqa: ANN401  # any ledger object
    """The region's name; a circuit without an access point has none of its own."""
    try:
        return str(region(row))
    except AttributeError:
        return "—"
