"""The map: drawn by the server as SVG, moved and reset by people who may."""

from __future__ import annotations

import math
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
    QueryDict,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from govnet.accounts.models import User
from govnet.inventory.models import Device, DeviceLayer, LifeCycle
from govnet.topology import services
from govnet.topology.map import NetworkMap, draw, fingerprint
from govnet.topology.models import MapView, ProbeAttachment
from govnet.topology.panels import losses

FURTHEST = 20_000.0
"""Nobody puts a node further out than this many units."""


class ProbeForm(forms.Form):
    """The devices that the probe point hangs on."""

    devices = forms.ModelMultipleChoiceField(
        Device.objects.none(),
        label=gettext_lazy("The probe point is connected to"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=gettext_lazy("Without a choice: every core device in service."),
    )

    def __init__(
        self, user: User, data: QueryDict | None = None, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=initial)
        field = self.fields["devices"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = _attachable(user)


def _attachable(user: User) -> QuerySet[Device]:
    devices = Device.objects.restrict(user).filter(status=LifeCycle.ACTIVE)
    return devices.exclude(layer=DeviceLayer.TERMINAL).order_by("layer", "name")


def _view(request: HttpRequest) -> str:
    view = request.GET.get("view", "")
    return view if view in MapView.values else MapView.LAYERS


def _element(drawn: NetworkMap, text: str) -> str:
    """The node or circuit that somebody named, by id or by name."""
    named = [*drawn.names, *((link.id, link.name) for link in drawn.links)]
    exact = [name for name, label in named if text in (name, label)]
    return exact[0] if exact else next((name for name, label in named if text in label), "")


@never_cache
@permission_required("inventory.view_device", raise_exception=True)
def network_map(request: HttpRequest) -> HttpResponse:
    """The whole page, or the drawing alone for the page that refreshes itself."""
    assert isinstance(request.user, User)
    view, opened = _view(request), request.GET.getlist("open")
    query = request.GET.copy()
    seen = query.pop("seen", [""])[-1]
    mark = fingerprint(request.user, view, query.urlencode())
    if getattr(request, "htmx", False) and seen == mark:
        return HttpResponse(status=204)  # htmx leaves the page as it is
    text = request.GET.get("q", "").strip()[:100]
    supposed = request.GET.get("act") == "fail"
    drawn = draw(request.user, view, opened)
    element = _element(drawn, text) if text else ""
    if element:
        fail, find = (element, "") if supposed else ("", element)
        drawn = draw(request.user, view, opened, fail, find)
    context: dict[str, Any] = {
        "map": drawn,
        "views": MapView.choices,
        "q": text,
        "missing": bool(text and not element),
        "supposed": element if supposed else "",
        "query": query.urlencode(),
        "fingerprint": mark,
        "may_arrange": request.user.has_perm("topology.change_mapposition"),
    }
    if element and supposed:
        context["losses"] = losses(request.user, services.impact_of([element]))
    if getattr(request, "htmx", False):
        return render(request, "topology/map_drawing.html", context)
    if request.user.has_perm("topology.change_probeattachment"):
        attached = ProbeAttachment.objects.values_list("device_id", flat=True)
        context["probe_form"] = ProbeForm(request.user, initial={"devices": list(attached)})
    return render(request, "topology/map.html", context)


@require_POST
@permission_required("topology.change_mapposition", raise_exception=True)
def move(request: HttpRequest) -> HttpResponse:
    """Remember where a node that the person may see was put."""
    assert isinstance(request.user, User)
    view, element = request.POST.get("view", ""), request.POST.get("element", "")
    try:
        x, y = float(request.POST["x"]), float(request.POST["y"])
    except (KeyError, ValueError):
        return HttpResponseBadRequest()
    inside = all(math.isfinite(value) and 0 <= value <= FURTHEST for value in (x, y))
    if view not in MapView.values or not inside:
        return HttpResponseBadRequest()
    if element not in {node.id for node in draw(request.user, view, ["all"]).nodes}:
        return HttpResponseBadRequest()
    services.move(view, element, x, y)
    return HttpResponse(status=204)


@require_POST
@permission_required("topology.delete_mapposition", raise_exception=True)
def reset(request: HttpRequest) -> HttpResponse:
    """Let the layout place everything again."""
    view = request.POST.get("view", "")
    if view not in MapView.values:
        return HttpResponseBadRequest()
    count = services.reset_positions(view)
    messages.success(request, _("Positions forgotten: %d") % count)
    return HttpResponseRedirect(f"{reverse('topology:map')}?view={view}")


@require_POST
@permission_required("topology.change_probeattachment", raise_exception=True)
def attach(request: HttpRequest) -> HttpResponse:
    """Set where the probe point hangs."""
    assert isinstance(request.user, User)
    form = ProbeForm(request.user, request.POST)
    if not request.user.sees_everything or not form.is_valid():
        messages.error(request, _("Only people who see the whole site may set this."))
    else:
        services.attach_probe(list(form.cleaned_data["devices"]))
        messages.success(request, _("The probe point's place was saved."))
    return HttpResponseRedirect(reverse("topology:map"))
