"""Which charts stand on which page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from govnet.accounts.models import User
from govnet.core import panels as object_page
from govnet.core.windows import DEFAULT_RANGE, RANGES, named
from govnet.dashboards import found_interfaces
from govnet.dashboards.sources import SOURCES, circuit_use
from govnet.dashboards.templatetags.ui import percent
from govnet.engine.result import ProbeKind
from govnet.inventory.models import AccessPoint, Circuit, Device, LifeCycle, Port, Unit
from govnet.monitor.models import Target
from govnet.telemetry.client import TelemetryUnavailableError

TARGET_CHARTS = ("latency", "loss")
HTTP_CHARTS = ("latency", "phases", "loss")
LINE_CHARTS = ("link", "traffic")


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart card of a page."""

    title: str | Promise
    url: str
    default_range: str = DEFAULT_RANGE


def chart(name: str, pk: int, default_range: str = DEFAULT_RANGE, title: str = "") -> Chart:
    """The card of one named chart of one object."""
    url = reverse("dashboards:chart", args=[name, pk])
    return Chart(title or SOURCES[name].title, url, default_range)


def ranges(default_range: str = DEFAULT_RANGE) -> dict[str, Any]:
    """What the range buttons need."""
    return {
        "ranges": [(name, label) for name, (_length, label) in RANGES.items()],
        "default_range": default_range,
    }


def target_charts(target: Target) -> dict[str, Any]:
    """The charts of a target's page, by what its probe can measure; a line's are its ports'."""
    if target.circuit is not None:
        ports = filter(None, (target.circuit.a_port, target.circuit.z_port))
        charts = [
            chart(name, port.pk, title=f"{port} · {SOURCES[name].title}")
            for port in ports
            for name in LINE_CHARTS
        ]
        return {"charts": charts, **ranges()}
    names: Sequence[str] = HTTP_CHARTS if target.kind == ProbeKind.HTTP else TARGET_CHARTS
    return {"charts": [chart(name, target.pk) for name in names], **ranges()}


# Panels of the ledger's object pages

TARGETS_CHARTED = 4
"""A unit with more targets shows charts of its first four; the others are a click away."""

TRAFFIC_CHARTED = 4
"""Likewise of circuits, and of a device's ports the busiest."""


def _targets(owner: Q) -> QuerySet[Target]:
    return Target.objects.measured().filter(owner).select_related("state").order_by("name", "pk")


def _charts(title: str, charts: Sequence[Chart]) -> dict[str, Any] | None:
    return {"panel_title": title, "charts": charts, **ranges()} if charts else None


def _owned(instance: Unit | AccessPoint | Device | Circuit) -> Q:
    """Targets of an object: its own, and those of the access points of a unit or circuit."""
    if isinstance(instance, Unit):
        return Q(unit=instance) | Q(access_point__unit=instance)
    if isinstance(instance, Circuit):
        point = instance.access_point_id
        return Q(circuit=instance) | Q(access_point=point, access_point__isnull=False)
    return Q(access_point=instance) if isinstance(instance, AccessPoint) else Q(device=instance)


def targets_panel(
    request: HttpRequest, instance: Unit | AccessPoint | Device | Circuit
) -> dict[str, Any] | None:
    """What is measured of an object, with its state."""
    if not request.user.has_perm("monitor.view_target"):
        return None
    return {"targets": list(_targets(_owned(instance)))}


def quality_panel(
    request: HttpRequest, instance: Unit | AccessPoint | Device
) -> dict[str, Any] | None:
    """Latency and loss of an object's first targets; of a polled device also its health."""
    if not request.user.has_perm("monitor.view_target"):
        return None
    targets = _targets(_owned(instance))[:TARGETS_CHARTED]
    charts = [
        chart(name, each.pk, title=f"{each.name} · {SOURCES[name].title}")
        for each in targets
        for name in TARGET_CHARTS
    ]
    if isinstance(instance, Device) and instance.credential_id:
        charts += [chart(name, instance.pk) for name in ("resources", "temperature", "uptime")]
    return _charts(_("Latency, loss and health"), charts)


def traffic_panel(
    request: HttpRequest, instance: Unit | AccessPoint | Device
) -> dict[str, Any] | None:
    """Traffic where the ledger says which port counts it: an object's circuits, or its ports."""
    user = request.user
    if isinstance(instance, Device):
        ports = _busiest_ports(user, instance) if user.has_perm("inventory.view_port") else []
        charts = [chart("traffic", port.pk, title=port.name) for port in ports]
    else:
        seen = user.has_perm("inventory.view_circuit")
        circuits = _measured_circuits(user, instance) if seen else []
        charts = [chart("circuit", circuit.pk, title=circuit.number) for circuit in circuits]
    return _charts(_("Traffic"), charts)


def _measured_circuits(
    user: User | AnonymousUser, instance: Unit | AccessPoint
) -> QuerySet[Circuit]:
    """Circuits in service whose measuring port (``sources.measuring_port``) is polled."""
    behind = (
        Q(access_point__unit=instance) if isinstance(instance, Unit) else Q(access_point=instance)
    )
    counted = Q(z_port__if_index__isnull=False) | Q(z_port=None, a_port__if_index__isnull=False)
    found = Circuit.objects.restrict(user).filter(behind, counted, status=LifeCycle.ACTIVE)
    return found.order_by("number")[:TRAFFIC_CHARTED]


def _busiest_ports(user: User | AnonymousUser, device: Device) -> QuerySet[Port]:
    rate = Coalesce("state__in_bps", 0.0) + Coalesce("state__out_bps", 0.0)
    found = Port.objects.restrict(user).filter(device=device, if_index__isnull=False)
    return found.order_by(rate.desc(), "name")[:TRAFFIC_CHARTED]


def port_panel(request: HttpRequest, port: Port) -> dict[str, Any] | None:
    """Traffic and errors of a port."""
    del request
    return _charts(_("Traffic"), [chart("traffic", port.pk), chart("errors", port.pk)])


def circuit_panel(request: HttpRequest, circuit: Circuit) -> dict[str, Any] | None:
    """Use of the contracted rate, traffic, and the latency of the access point behind it."""
    charts = [chart("circuit", circuit.pk)]
    if circuit.access_point_id and request.user.has_perm("monitor.view_target"):
        targets = _targets(Q(access_point_id=circuit.access_point_id))[:2]
        charts += [chart("latency", each.pk, title=each.name) for each in targets]
    context = _charts(_("Use of the contracted rate"), charts)
    if context is not None:
        context["facts"] = _use_facts(circuit)
    return context


def _mbps(value: float | None) -> str:
    return "—" if value is None else f"{value:,.2f} Mbit/s"


def _use_facts(circuit: Circuit) -> list[tuple[str, str]]:
    """The numbers above a circuit's chart; without the store the reason instead of numbers."""
    try:
        use = circuit_use(circuit, named("30d"))
    except TelemetryUnavailableError:
        return [(_("Use"), _("The data store is not answering."))]
    return [
        (_("Contracted rate"), _mbps(use.contracted_mbps)),
        (_("Now, in and out"), f"{_mbps(use.in_mbps)} · {_mbps(use.out_mbps)}"),
        (_("Use now (busier direction)"), percent(use.now)),
        (
            _("95th percentile of 30 days, in and out"),
            f"{_mbps(use.p95_in_mbps)} · {_mbps(use.p95_out_mbps)}",
        ),
        (_("Use at the 95th percentile"), percent(use.p95)),
    ]


def register() -> None:
    """Put the panels on the ledger's object pages."""
    for model in (Unit, AccessPoint, Device):
        object_page.register(
            model, template="monitor/targets_panel.html", context=targets_panel, order=-10
        )
        object_page.register(
            model, template="dashboards/chart_panel.html", context=traffic_panel, order=9
        )
        object_page.register(
            model, template="dashboards/chart_panel.html", context=quality_panel, order=10
        )
    object_page.register(
        Device,
        template="monitor/interfaces_panel.html",
        context=found_interfaces.panel,
        order=8,
    )
    object_page.register(
        Circuit, template="monitor/targets_panel.html", context=targets_panel, order=-10
    )
    for measured, context in ((Port, port_panel), (Circuit, circuit_panel)):
        object_page.register(
            measured, template="dashboards/chart_panel.html", context=context, order=-5
        )
