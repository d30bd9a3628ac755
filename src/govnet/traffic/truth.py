"""Whether an exporter's flows agree with what SNMP counts on the same interfaces.

A sampling rate that is wrong by a factor, or packets that are metered twice, make every figure on
the traffic pages wrong without a sign. The interface counters know better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from govnet.config import get_config
from govnet.inventory.models import Port
from govnet.telemetry.client import TelemetryUnavailableError, shared_client
from govnet.telemetry.flow_queries import InterfaceCheck, Octets, interface_checks
from govnet.traffic.models import FlowExporter

PERIOD: Final = timedelta(hours=1)
GIGA: Final = 1e9
LATE: Final = timedelta(minutes=5)
"""Flows are told when they end, or once a minute or so."""

LEAST_OCTETS: Final = 10_000_000
LEAST_SAMPLED: Final = 1_000_000
"""With fewer octets in the hour, or fewer in the sampled packets themselves, chance or the device's
own messages would decide."""

LOW: Final = 0.6
HIGH: Final = 1.5
"""Flows ÷ SNMP beyond this is no inaccuracy: metered twice gives 2, a forgotten rate 1/1000."""


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of one interface, told by flows and counted by SNMP.

    Attributes:
        if_index: the interface.
        way: ``in`` or ``out``.
        octets: both figures.
        ratio: flows ÷ SNMP; None when there is too little to judge by.
    """

    if_index: int
    way: str
    octets: Octets
    ratio: float | None

    @property
    def agrees(self) -> bool:
        """Both figures are of the same traffic; of a side with a ratio."""
        return self.ratio is not None and LOW <= self.ratio <= HIGH


def sampling_of(exporter: FlowExporter) -> int:
    """The rate that its flows are scaled by, about: the largest of those that it told."""
    told = [domain.get("sampling") or 1 for domain in exporter.told.get("domains", [])]
    return exporter.sampling or max(told, default=1)


def sides(checks: Iterable[InterfaceCheck], sampling: int) -> list[Side]:
    """Both directions of each interface."""
    least = max(LEAST_OCTETS, LEAST_SAMPLED * sampling)
    return [
        Side(check.if_index, way, octets, _ratio(octets, least))
        for check in checks
        for way, octets in (("in", check.into), ("out", check.out))
    ]


def _ratio(octets: Octets, least: float) -> float | None:
    if octets.counted is None or not octets.flows:
        return None  # a direction that is not metered tells nothing
    enough = max(octets.counted, octets.flows) >= least and octets.counted > 0
    return octets.flows / octets.counted if enough else None


def deciding(found: Iterable[Side]) -> Side | None:
    """The side by which an exporter is judged: the one with most flows for its SNMP octets.

    Too much on any side is wrong. Too little is wrong only when no side has enough: an exporter
    may meter some interfaces, or one direction, and what it leaves out misses elsewhere. None
    when there is too little to judge by.
    """
    judged = [side for side in found if side.ratio is not None]
    return max(judged, key=lambda side: side.ratio or 0.0, default=None)


def compared(exporters: Sequence[FlowExporter], now: datetime) -> dict[int, list[Side]]:
    """The last hour of each exporter with a device, by its id.

    Raises:
        TelemetryUnavailableError: the store does not answer.
    """
    devices = {e.pk: e.device_id for e in exporters if e.device_id is not None}
    end = now - LATE
    checks = interface_checks(shared_client(get_config()), devices, end - PERIOD, end)
    return {
        e.pk: sides((c for c in checks if c.exporter_id == e.pk), sampling_of(e))
        for e in exporters
        if e.pk in devices
    }


def truth_changes(now: datetime | None = None) -> list[tuple[FlowExporter, Side]]:
    """Exporters that disagree with SNMP since the last call, or agree again; the deciding side.

    Each change is told once, whoever asks: the row's update decides.

    Raises:
        TelemetryUnavailableError: the store does not answer.
    """
    watched = list(FlowExporter.objects.exclude(device=None).select_related("device"))
    found = compared(watched, now or timezone.now()) if watched else {}
    changes = []
    for exporter in watched:
        side = deciding(found[exporter.pk])
        if side is None or side.agrees != exporter.untrue:
            continue
        rows = FlowExporter.objects.filter(pk=exporter.pk, untrue=exporter.untrue)
        if rows.update(untrue=not side.agrees):
            changes.append((exporter, side))
    return changes


def told(exporter: FlowExporter, side: Side) -> str:
    """Both figures of a side in one line, as evidence."""
    port = Port.objects.filter(device=exporter.device_id, if_index=side.if_index).first()
    name = port.name if port else f"ifIndex {side.if_index}"
    counted = side.octets.counted or 0
    return (
        f"{exporter.address} {name} {side.way}: {side.octets.flows / GIGA:.3f} GB by flows,"
        f" {counted / GIGA:.3f} GB by SNMP, ratio {side.ratio or 0:.3g}"
    )


def truth_panel(request: HttpRequest, exporter: FlowExporter) -> Mapping[str, Any]:
    """The last hour of each interface by flows and by SNMP, side by side."""
    del request
    if exporter.device_id is None:
        return {"problem": _("Choose the device to compare its flows with what SNMP counts.")}
    try:
        found = compared([exporter], timezone.now())[exporter.pk]
    except TelemetryUnavailableError:
        return {"problem": _("The column store does not answer; nothing can be compared now.")}
    ports = Port.objects.filter(device=exporter.device_id, if_index__isnull=False)
    names = {port.if_index: port for port in ports}
    return {
        "rows": [(side, names.get(side.if_index)) for side in found],
        "deciding": deciding(found),
    }
