"""Every chart by name: whose it is, who may see it, which series it draws.

The rollup is chosen by ``telemetry.queries``; here a measured series becomes lines in the unit
that people read, with the limits that belong to the object.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.config import get_config
from govnet.core.charts import Limit, Line, Number, Series, Style
from govnet.core.windows import Window
from govnet.engine.result import Outcome, ProbeKind
from govnet.inventory.models import Circuit, CircuitKind, Device, LifeCycle, Port
from govnet.monitor.models import Target
from govnet.telemetry import queries
from govnet.telemetry.client import shared_client

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from govnet.accounts.models import User

EGRESS = "egress"
DEVICE_INTERVAL_S = 60.0
MEGA = 1e6
PERCENTILE_SPAN_S = 31 * 86_400


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a chart shows.

    Attributes:
        series: the lines.
        style: how they are drawn.
        rolled_up: True when a point stands for more than one sample.
        notes: further facts for under the chart.
    """

    series: Series
    style: Style
    rolled_up: bool
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One named chart.

    Attributes:
        title: what people call it.
        model: the object that it belongs to; its manager restricts by user.
        permission: what a person needs besides seeing the object.
        load: asks the store; raises ``TelemetryUnavailableError`` when that is away.
    """

    title: str | Promise
    model: Any
    permission: str
    load: Callable[[Any, Window], Drawn]


def _client() -> Client:
    return shared_client(get_config())


def numbers(values: queries.Floats, factor: float = 1.0) -> list[Number]:
    """A measured column as JSON knows it: NaN, which is a gap, becomes None."""
    return [None if math.isnan(value) else value * factor for value in values.tolist()]


def _banded(key: str, label: str, band: queries.Band, factor: float = 1.0) -> Line:
    return Line(
        key, label, numbers(band.avg, factor), numbers(band.min, factor), numbers(band.max, factor)
    )


def _drawn(
    grid: queries.Grid, lines: Sequence[Line], unit: str, style: Style, notes: Sequence[str] = ()
) -> Drawn:
    series = Series([float(at) for at in grid.times.tolist()], lines, float(grid.bucket_s), unit)
    return Drawn(series, style, rolled_up=True, notes=notes)


# Targets


def _probe(target: Target, window: Window) -> queries.ProbeSeries:
    return queries.probe_series(
        _client(), target.pk, window.start, window.end, interval_s=float(target.interval_s)
    )


def latency(target: Target, window: Window) -> Drawn:
    """Round-trip time with its spread, and jitter."""
    found = _probe(target, window)
    lines = [_banded("rtt", _("Latency"), found.rtt_ms)]
    jitter = numbers(found.jitter_ms)
    if any(value is not None for value in jitter):
        lines.append(Line("jitter", _("Jitter"), jitter))
    return _drawn(found.grid, lines, "ms", Style())


def loss(target: Target, window: Window) -> Drawn:
    """Lost requests in percent of those sent."""
    found = _probe(target, window)
    lines = [Line("loss", _("Loss"), numbers(found.loss_ratio, 100))]
    return _drawn(found.grid, lines, "%", Style(area=True, at_least=5.0, colours=(1,)))


def phases(target: Target, window: Window) -> Drawn:
    """Where the time of an HTTP probe goes."""
    found = _probe(target, window)
    labels = {
        "dns": _("Name resolution"),
        "connect": _("Connect"),
        "tls": _("TLS handshake"),
        "first_byte": _("First byte"),
    }
    lines = [
        Line(name, label, numbers(found.phases_ms[name]))
        for name, label in labels.items()
        if not bool(np.isnan(found.phases_ms[name]).all())
    ]
    return _drawn(found.grid, lines, "ms", Style())


# Ports and circuits


def _poll_interval(device_id: int) -> float:
    """Seconds between two SNMP polls of a device."""
    found = Target.objects.filter(device_id=device_id, kind=ProbeKind.SNMP)
    return float(found.values_list("interval_s", flat=True).first() or DEVICE_INTERVAL_S)


def _traffic(port: Port, window: Window) -> queries.InterfaceSeries:
    assert port.if_index is not None
    return queries.interface_series(
        _client(),
        port.device_id,
        port.if_index,
        window.start,
        window.end,
        interval_s=_poll_interval(port.device_id),
    )


def _traffic_lines(found: queries.InterfaceSeries, *, swapped: bool = False) -> list[Line]:
    first, second = (found.out_bps, found.in_bps) if swapped else (found.in_bps, found.out_bps)
    return [
        _banded("in", _("In"), first, 1 / MEGA),
        _banded("out", _("Out"), second, 1 / MEGA),
    ]


def _nothing(window: Window, reason: str) -> Drawn:
    """A chart of something that cannot be measured, with the reason."""
    del window
    return Drawn(
        Series([], [], DEVICE_INTERVAL_S, "Mbit/s"), Style(), rolled_up=False, notes=[reason]
    )


def traffic(port: Port, window: Window) -> Drawn:
    """Traffic in and out of a port, as the device counts it."""
    if port.if_index is None:
        return _nothing(window, _("The port has no interface index yet."))
    found = _traffic(port, window)
    return _drawn(found.grid, _traffic_lines(found), "Mbit/s", Style(area=True))


def link(port: Port, window: Window) -> Drawn:
    """Share of the polls in which the device said that a port's link was up."""
    if port.if_index is None:
        return _nothing(window, _("The port has no interface index yet."))
    found = _traffic(port, window)
    lines = [Line("up", _("Link up"), numbers(found.up_ratio, 100))]
    return _drawn(found.grid, lines, "%", Style(percent=True))


def errors(port: Port, window: Window) -> Drawn:
    """Errors and discards per second of a port."""
    if port.if_index is None:
        return _nothing(window, _("The port has no interface index yet."))
    found = _traffic(port, window)
    labels = {
        "in_errors": _("Errors in"),
        "out_errors": _("Errors out"),
        "in_discards": _("Discards in"),
        "out_discards": _("Discards out"),
    }
    lines = [Line(name, label, numbers(found.per_second[name])) for name, label in labels.items()]
    return _drawn(found.grid, lines, _("per second"), Style())


def measuring_port(circuit: Circuit) -> Port | None:
    """The port whose counters measure a circuit: the Z end's, else the A end's."""
    return circuit.z_port or circuit.a_port


def is_swapped(circuit: Circuit) -> bool:
    """Whether the measuring port's "in" is the circuit's "out".

    The Z end is on the network's side: what leaves its port enters the unit, so for access
    circuits the directions are swapped and "in" is what the unit receives.
    """
    return circuit.kind == CircuitKind.ACCESS and circuit.z_port_id is not None


def rate_history(circuit: Circuit) -> list[tuple[float, float]]:
    """Contracted Mbit/s from the start of each effective day in the site's zone, oldest first."""
    zone = ZoneInfo(settings.TIME_ZONE)
    changes = circuit.bandwidths.order_by("effective_on").values_list("effective_on", "mbps")
    return [
        (datetime(day.year, day.month, day.day, tzinfo=zone).timestamp(), float(mbps))
        for day, mbps in changes
    ]


def contracted_at(history: Sequence[tuple[float, float]], at: float) -> float | None:
    """The rate in force at a moment; None before the first."""
    in_force = [mbps for since, mbps in history if since <= at]
    return in_force[-1] if in_force else None


def circuit_traffic(circuit: Circuit, window: Window) -> Drawn:
    """Traffic of a circuit against what is contracted, with the 95th percentile."""
    port = measuring_port(circuit)
    if port is None or port.if_index is None:
        return _nothing(window, _("No port with an interface index measures this circuit."))
    found = _traffic(port, window)
    swapped = is_swapped(circuit)
    history = rate_history(circuit)
    style = Style(
        area=True,
        limits=_percentile_limits(port, window, swapped=swapped),
        steps=history,
        steps_label=_("Contracted rate"),
    )
    lines = _traffic_lines(found, swapped=swapped)
    return _drawn(found.grid, lines, "Mbit/s", style, _tier_notes(history, window))


def _percentile_limits(port: Port, window: Window, *, swapped: bool) -> list[Limit]:
    """The 95th percentile in both directions; it is a measure of a month, not of a year."""
    assert port.if_index is not None
    if window.seconds > PERCENTILE_SPAN_S:
        return []
    found = queries.percentile_95(
        _client(), port.device_id, port.if_index, window.start, window.end
    )
    received, sent = (found.out_bps, found.in_bps) if swapped else (found.in_bps, found.out_bps)
    both = ((_("95th percentile in"), received), (_("95th percentile out"), sent))
    return [Limit(label, value / MEGA) for label, value in both if not math.isnan(value)]


def _tier_notes(history: Sequence[tuple[float, float]], window: Window) -> list[str]:
    """When the contracted rate changed inside the window."""
    notes = []
    for (_before_at, before), (at, after) in pairwise(history):
        if window.start.timestamp() < at < window.end.timestamp():
            day = timezone.localtime(datetime.fromtimestamp(at, UTC))
            notes.append(f"{day:%Y-%m-%d}: {before:g} → {after:g} Mbit/s")
    return notes


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a circuit's contracted rate is used.

    Attributes:
        contracted_mbps: the rate in force now; None when the ledger has none.
        in_mbps: last measured rate towards the unit or site; None when not measured.
        out_mbps: last measured rate the other way.
        p95_in_mbps: 95th percentile of the last 30 days.
        p95_out_mbps: likewise the other way.
    """

    contracted_mbps: float | None
    in_mbps: float | None
    out_mbps: float | None
    p95_in_mbps: float | None
    p95_out_mbps: float | None

    def _ratio(self, *rates: float | None) -> float | None:
        known = [rate for rate in rates if rate is not None]
        if not known or not self.contracted_mbps:
            return None
        return max(known) / self.contracted_mbps

    @property
    def now(self) -> float | None:
        """The busier direction now, over the contracted rate."""
        return self._ratio(self.in_mbps, self.out_mbps)

    @property
    def p95(self) -> float | None:
        """The busier direction's 95th percentile, over the contracted rate."""
        return self._ratio(self.p95_in_mbps, self.p95_out_mbps)


def circuit_use(circuit: Circuit, window: Window) -> Use:
    """Rates now and the 95th percentile of a window, beside the contracted rate.

    Raises:
        TelemetryUnavailableError: the store does not answer.
    """
    contracted = contracted_at(rate_history(circuit), window.end.timestamp())
    port = measuring_port(circuit)
    if port is None or port.if_index is None:
        return Use(contracted, None, None, None, None)
    swapped = is_swapped(circuit)
    state = getattr(port, "state", None)
    last = [getattr(state, name, None) for name in ("in_bps", "out_bps")]
    found = queries.percentile_95(
        _client(), port.device_id, port.if_index, window.start, window.end
    )
    percentile = [found.in_bps, found.out_bps]
    values = [
        *(reversed(last) if swapped else last),
        *(reversed(percentile) if swapped else percentile),
    ]
    mbps = [None if value is None or math.isnan(value) else value / MEGA for value in values]
    return Use(contracted, *mbps)


def egress_circuits(user: User) -> list[Circuit]:
    """The Internet egress circuits in service that the person may see."""
    return list(
        Circuit.objects.restrict(user)
        .filter(kind=CircuitKind.EGRESS, status=LifeCycle.ACTIVE)
        .select_related("z_port", "a_port")
    )


def egress_sum(circuits: Sequence[Circuit], window: Window) -> Drawn:
    """Traffic summed over all egress circuits against the sum of their contracts."""
    ports = [port for circuit in circuits if (port := measuring_port(circuit))]
    interfaces = [(port.device_id, port.if_index) for port in ports if port.if_index is not None]
    if not interfaces:
        return _nothing(window, _("No Internet egress circuit has a measured port."))
    found = queries.interface_sum_series(
        _client(), interfaces, window.start, window.end, interval_s=_poll_interval(interfaces[0][0])
    )
    lines = [
        Line("in", _("In"), numbers(found.in_bps, 1 / MEGA)),
        Line("out", _("Out"), numbers(found.out_bps, 1 / MEGA)),
    ]
    end = window.end.timestamp()
    contracted = sum(contracted_at(rate_history(circuit), end) or 0 for circuit in circuits)
    limits = [Limit(_("Contracted, all egress"), contracted)] if contracted else []
    notes = []
    short = int(((found.measured > 0) & (found.measured < found.interfaces)).sum())
    if short:
        notes.append(
            _("In %d points a circuit was not measured: the sum is too small there.") % short
        )
    return _drawn(found.grid, lines, "Mbit/s", Style(area=True, limits=limits), notes)


# Devices


def _device(device: Device, window: Window) -> queries.DeviceSeries:
    return queries.device_series(
        _client(), device.pk, window.start, window.end, interval_s=_poll_interval(device.pk)
    )


def resources(device: Device, window: Window) -> Drawn:
    """Processor and memory in percent."""
    found = _device(device, window)
    lines = [
        _banded("cpu", _("CPU"), found.cpu_percent),
        _banded("memory", _("Memory"), found.memory_percent),
    ]
    return _drawn(found.grid, lines, "%", Style(percent=True, digits=1))


def temperature(device: Device, window: Window) -> Drawn:
    """The hottest sensor of a device."""
    found = _device(device, window)
    lines = [_banded("temperature", _("Temperature"), found.temperature_c)]
    return _drawn(found.grid, lines, "°C", Style(digits=1, colours=(1,)))


def uptime(device: Device, window: Window) -> Drawn:
    """Days since the device started; a fall to zero is a restart."""
    found = _device(device, window)
    lines = [Line("uptime", _("Uptime"), numbers(found.uptime_s, 1 / 86_400))]
    return _drawn(found.grid, lines, _("days"), Style(area=True, colours=(2,)))


SOURCES: Mapping[str, Source] = {
    "latency": Source(gettext_lazy("Latency and jitter"), Target, "monitor.view_target", latency),
    "loss": Source(gettext_lazy("Packet loss"), Target, "monitor.view_target", loss),
    "phases": Source(gettext_lazy("Time by phase"), Target, "monitor.view_target", phases),
    "traffic": Source(gettext_lazy("Traffic"), Port, "inventory.view_port", traffic),
    "link": Source(gettext_lazy("Link state"), Port, "inventory.view_port", link),
    "errors": Source(gettext_lazy("Errors and discards"), Port, "inventory.view_port", errors),
    "circuit": Source(
        gettext_lazy("Traffic and contracted rate"),
        Circuit,
        "inventory.view_circuit",
        circuit_traffic,
    ),
    "resources": Source(gettext_lazy("CPU and memory"), Device, "inventory.view_device", resources),
    "temperature": Source(
        gettext_lazy("Temperature"), Device, "inventory.view_device", temperature
    ),
    "uptime": Source(gettext_lazy("Uptime"), Device, "inventory.view_device", uptime),
    # Not of one object: its view asks for the circuits that the person sees.
    EGRESS: Source(gettext_lazy("Internet egress"), Circuit, "inventory.view_circuit", egress_sum),
}

# Raw samples

Rows = list[list[str]]
OUTCOMES = {
    Outcome.OK: gettext_lazy("OK"),
    Outcome.DEGRADED: gettext_lazy("Degraded"),
    Outcome.FAILED: gettext_lazy("Failed"),
    Outcome.UNKNOWN: gettext_lazy("Unknown"),
}


def _text(value: object) -> str:
    """One raw value, all of it: a person compares it with another system."""
    if value is None:
        return "—"
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return timezone.localtime(moment).isoformat(sep=" ", timespec="milliseconds")[:23]
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)


def _table(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> tuple[list[str], Rows]:
    header = [_("Time"), *names.values()]
    return header, [[_text(row["ts"]), *(_text(row[name]) for name in names)] for row in rows]


def probe_samples(target: Target, window: Window, limit: int) -> tuple[list[str], Rows]:
    """Header and rows of a target's raw results, newest first."""
    found = queries.raw_probes(_client(), target.pk, window.start, window.end, limit).to_pylist()
    for row in found:
        row["outcome"] = OUTCOMES.get(row["outcome"], row["outcome"])
    names = {
        "outcome": _("Outcome"),
        "sent": _("Sent"),
        "received": _("Received"),
        "rtt_ms": _("Latency (ms)"),
        "jitter_ms": _("Jitter (ms)"),
        "dns_ms": "DNS (ms)",
        "connect_ms": _("Connect (ms)"),
        "tls_ms": "TLS (ms)",
        "first_byte_ms": _("First byte (ms)"),
        "reason": _("Reason"),
    }
    return _table(found, names)


def port_samples(port: Port, window: Window, limit: int) -> tuple[list[str], Rows]:
    """Header and rows of a port's raw samples, with the counters as the device gave them."""
    if port.if_index is None:
        return [], []
    found = queries.raw_interface(
        _client(), port.device_id, port.if_index, window.start, window.end, limit
    ).to_pylist()
    names = {
        "seconds": _("Seconds measured"),
        "in_octets": _("Octets in"),
        "out_octets": _("Octets out"),
        "in_octets_counter": _("Counter in"),
        "out_octets_counter": _("Counter out"),
        "in_errors": _("Errors in"),
        "out_errors": _("Errors out"),
        "in_discards": _("Discards in"),
        "out_discards": _("Discards out"),
        "speed_mbps": _("Speed (Mbit/s)"),
        "oper_up": _("Link up"),
    }
    return _table(found, names)


def circuit_samples(circuit: Circuit, window: Window, limit: int) -> tuple[list[str], Rows]:
    """The raw samples of the port that measures a circuit."""
    port = measuring_port(circuit)
    return port_samples(port, window, limit) if port else ([], [])


SAMPLES: Mapping[str, Callable[[Any, Window, int], tuple[list[str], Rows]]] = {
    "latency": probe_samples,
    "loss": probe_samples,
    "phases": probe_samples,
    "traffic": port_samples,
    "errors": port_samples,
    "link": port_samples,
    "circuit": circuit_samples,
}
