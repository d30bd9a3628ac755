"""What was measured of all objects of a kind, for the conditions of rules.

One question to the column store per family and period, never one per object; the values that
follow from dates (contracts, certificates) come from the SQL database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from django.utils import timezone

from govnet.alarms.choices import ObjectKind
from govnet.alarms.conditions import Floats, Times, Values
from govnet.alarms.metrics import Metric
from govnet.alarms.refs import Ref
from govnet.config import get_config
from govnet.engine.result import ProbeKind
from govnet.inventory.models import Circuit, LifeCycle, Port
from govnet.monitor.models import Target

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from govnet.telemetry.queries import Matrix

WEEK: Final = timedelta(days=7)
HOUR_S: Final = 3600
NAMES_SHOWN: Final = 5
AT_ONCE: Final = 500
"""Objects in one question: bounds the memory of a test against weeks of history."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One object that a rule looks at, and where its samples are found.

    Attributes:
        ref: the object.
        key: key of its samples: (target,), (device,) or (device, ifIndex); empty without.
        mbps: contracted rate of a circuit.
        swapped: the measuring port's "in" is the circuit's "out".
        ends_at: when its contract or certificate ends.
        impact: what the end of a contract affects, as ``Fault.impact`` has it.
    """

    ref: Ref
    key: tuple[int, ...] = ()
    mbps: float | None = None
    swapped: bool = False
    ends_at: datetime | None = None
    impact: Mapping[str, Any] = field(default_factory=dict)


# Who is looked at


def subjects(metrics: Sequence[Metric]) -> list[Subject]:
    """Every object in service that has what a condition speaks of."""
    kind = metrics[0].subject
    dated = any(metric.dated for metric in metrics)
    found = _SUBJECTS[kind]()
    return [s for s in found if (s.ends_at is not None if dated else bool(s.key))]


def _targets() -> list[Subject]:
    rows = Target.objects.measured().order_by("pk").values_list("pk", "state__detail")
    kind = ObjectKind.TARGET.value
    return [Subject(Ref(kind, pk), (pk,), ends_at=_certificate_end(d)) for pk, d in rows.iterator()]


def _certificate_end(detail: Any) -> datetime | None:  # stored JSON
    """The earliest end of the certificates that an HTTP probe saw."""
    try:
        ends = [hop["certificate"]["not_after"] for hop in detail["hops"] if hop.get("certificate")]
        moments = [datetime.fromisoformat(end) for end in ends]
        return min(m if m.tzinfo else m.replace(tzinfo=UTC) for m in moments)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _devices() -> list[Subject]:
    polled = Target.objects.measured().filter(kind=ProbeKind.SNMP, device__isnull=False)
    ids = polled.order_by("device_id").values_list("device_id", flat=True).distinct()
    return [Subject(Ref(ObjectKind.DEVICE.value, pk), (pk,)) for pk in ids if pk is not None]


def _ports() -> list[Subject]:
    rows = Port.objects.filter(if_index__isnull=False, device__status=LifeCycle.ACTIVE)
    kind = ObjectKind.PORT.value
    return [
        Subject(Ref(kind, pk), (device, index))
        for pk, device, index in rows.order_by("pk").values_list("pk", "device_id", "if_index")
        if index is not None
    ]


def _circuits() -> list[Subject]:
    rows = Circuit.objects.filter(status=LifeCycle.ACTIVE).with_bandwidth().order_by("pk")
    found = list(rows.select_related("z_port", "a_port").iterator())
    contracts = _contracts(found)
    return [_circuit(row, contracts.get(row.pk, [])) for row in found]


def _contracts(rows: Sequence[Circuit]) -> dict[int, list[str]]:
    """Numbers of the circuits of each contract that ends, by id of the circuit that tells of it.

    Circuits with the same contract number, carrier and last day are one contract: its first
    circuit tells. A circuit without a number stands for itself.
    """
    told = set().union(*(find() for find in _TOLD))
    groups: dict[tuple[object, ...], list[Circuit]] = defaultdict(list)
    for row in rows:
        if row.contract_expires_on is not None and row.pk not in told:
            number = row.contract_number.strip()
            key = (number, row.carrier_id, row.contract_expires_on) if number else (row.pk,)
            groups[key].append(row)
    return {group[0].pk: [row.number for row in group] for group in groups.values()}


def _circuit(row: Circuit, contract: Sequence[str]) -> Subject:
    port = row.z_port or row.a_port
    measured = port is not None and port.if_index is not None
    ends = row.contract_expires_on if contract else None
    zone = timezone.get_default_timezone()
    return Subject(
        Ref(ObjectKind.CIRCUIT.value, row.pk),
        (port.device_id, port.if_index) if port and measured and port.if_index else (),
        mbps=getattr(row, "contracted_mbps", None),
        swapped=row.kind == "access" and row.z_port_id is not None,
        # The last day itself is still under contract.
        ends_at=datetime.combine(ends + timedelta(days=1), time.min, zone) if ends else None,
        impact=circuits_impact(contract, row.contract_number.strip()),
    )


_SUBJECTS: Final[dict[ObjectKind, Callable[[], list[Subject]]]] = {
    ObjectKind.TARGET: _targets,
    ObjectKind.DEVICE: _devices,
    ObjectKind.PORT: _ports,
    ObjectKind.CIRCUIT: _circuits,
}


def circuits_impact(numbers: Sequence[str], contract: str) -> dict[str, Any]:
    """What the end of a contract affects: so many circuits, and the names of a few."""
    if not numbers or not contract:
        return {}
    names = list(numbers[:NAMES_SHOWN])
    return {"circuits": len(numbers), "contract": contract, "names": names}


_TOLD: Final[list[Callable[[], set[int]]]] = []


def tells_contracts_of(circuits: Callable[[], set[int]]) -> None:
    """Let an app above say of which circuits it tells the contract's end; in ``AppConfig.ready``.

    Args:
        circuits: ids of circuits whose contract is a subject of its own.
    """
    if circuits not in _TOLD:
        _TOLD.append(circuits)


def register(kind: ObjectKind, find: Callable[[], list[Subject]]) -> None:
    """Let rules look at objects of an app above; call it in ``AppConfig.ready``."""
    _SUBJECTS[kind] = find


# What was measured


def values(
    metrics: Sequence[Metric],
    baselines: frozenset[str],
    asked: Sequence[Subject],
    start: datetime,
    end: datetime,
    step_s: int,
) -> Values:
    """Everything that a condition reads of some subjects in a period.

    Raises:
        TelemetryUnavailableError: the column store does not answer.
    """
    first = int(start.timestamp()) // step_s * step_s
    last = int(end.timestamp()) // step_s * step_s
    times = np.arange(first, max(last, first + step_s), step_s, dtype=np.int64)
    sampled = [m for m in metrics if not m.dated]
    now = {m.name: _days_left(asked, times) for m in metrics if m.dated}
    if sampled:
        now |= _sampled(sampled, asked, times, step_s)
    week_ago = {}
    if wanted := [m for m in sampled if m.name in baselines]:
        week_ago = _week_ago(wanted, asked, times)
    return Values(times, step_s, now, week_ago)


def _days_left(asked: Sequence[Subject], times: Times) -> Floats:
    ends = np.array([s.ends_at.timestamp() if s.ends_at else np.nan for s in asked])
    days: Floats = (ends[:, None] - times[None, :]) / 86_400
    return days


def _sampled(
    metrics: Sequence[Metric],
    asked: Sequence[Subject],
    times: Times,
    step_s: int,
) -> dict[str, Floats]:
    """Samples laid on the grid, a row for each subject."""
    found = {m.name: np.full((len(asked), len(times)), np.nan) for m in metrics}
    start = datetime.fromtimestamp(int(times[0]), UTC)
    end = datetime.fromtimestamp(int(times[-1]) + step_s, UTC)
    for at in range(0, len(asked), AT_ONCE):
        part = asked[at : at + AT_ONCE]
        stored = _ask(metrics[0].subject, part, start, end, step_s)
        rows = np.array([stored.rows.get(s.key, -1) for s in part])
        known = rows >= 0
        for metric in metrics:
            measured = _MEASURES[metric.name](stored)
            column = found[metric.name][at : at + AT_ONCE]
            column[known] = measured[rows[known]]
            if metric.subject is ObjectKind.CIRCUIT:
                _as_circuits(metric.name, column, part, stored, rows)
    return found


def _ask(
    kind: ObjectKind, part: Sequence[Subject], start: datetime, end: datetime, step_s: int
) -> Matrix:
    from govnet.telemetry import queries, schema  # noqa: PLC0415  # heavy; pages do without
    from govnet.telemetry.client import shared_client  # noqa: PLC0415

    client: Client = shared_client(get_config())
    family, measures = {
        ObjectKind.TARGET: (schema.PROBE_RESULT, _TARGET_MEASURES),
        ObjectKind.DEVICE: (schema.DEVICE_SAMPLE, _DEVICE_MEASURES),
    }.get(kind, (schema.INTERFACE_SAMPLE, _PORT_MEASURES))
    ids = sorted({s.key[0] for s in part})
    return queries.matrix(client, family, measures, ids, start, end, step_s)


_TARGET_MEASURES: Final = (
    "rtt_sum", "rtt_count", "jitter_sum", "jitter_count", "sent_total", "received_total",
)  # fmt: skip
_DEVICE_MEASURES: Final = (
    "cpu_sum", "cpu_count", "memory_sum", "memory_count",
    "temperature_sum", "temperature_count", "uptime_s_max",
)  # fmt: skip
_PORT_MEASURES: Final = (
    "in_octets_total", "out_octets_total", "seconds_total",
    "in_errors_total", "out_errors_total", "in_discards_total", "out_discards_total",
)  # fmt: skip


def _loss(stored: Matrix) -> Floats:
    sent, received = stored.columns["sent_total"], stored.columns["received_total"]
    with np.errstate(divide="ignore", invalid="ignore"):
        lost: Floats = np.where(sent > 0, 100 * (1 - received / sent), np.nan)
    return lost


_MEASURES: Final[Mapping[str, Callable[[Matrix], Floats]]] = {
    "latency": lambda m: m.mean("rtt"),
    "jitter": lambda m: m.mean("jitter"),
    "loss": _loss,
    "cpu": lambda m: m.mean("cpu"),
    "memory": lambda m: m.mean("memory"),
    "temperature": lambda m: m.mean("temperature"),
    "uptime": lambda m: m.columns["uptime_s_max"],
    "in_rate": lambda m: m.rate("in_octets", 8e-6),
    "out_rate": lambda m: m.rate("out_octets", 8e-6),
    "use": lambda m: np.fmax(m.rate("in_octets", 8e-6), m.rate("out_octets", 8e-6)),
    "errors": lambda m: m.rate("in_errors") + m.rate("out_errors"),
    "discards": lambda m: m.rate("in_discards") + m.rate("out_discards"),
}


def _as_circuits(
    name: str,
    column: Floats,
    part: Sequence[Subject],
    stored: Matrix,
    rows: Times,
) -> None:
    """From the measuring port's view to the circuit's: contracted rate, direction."""
    if name == "use":
        rates = np.array([s.mbps or np.nan for s in part])
        column *= 100 / rates[:, None]
        return
    other = _MEASURES["out_rate" if name == "in_rate" else "in_rate"](stored)
    turned = np.array([s.swapped for s in part]) & (rows >= 0)
    column[turned] = other[rows[turned]]


def _week_ago(
    metrics: Sequence[Metric],
    asked: Sequence[Subject],
    times: Times,
) -> dict[str, Floats]:
    """Hourly means of seven days before, repeated for each bucket of the hour."""
    before = times - int(WEEK.total_seconds())
    hours = np.arange(before[0] // HOUR_S * HOUR_S, before[-1] + 1, HOUR_S)
    found = _sampled(metrics, asked, hours, HOUR_S)
    hour_of = (before - hours[0]) // HOUR_S
    return {name: column[:, hour_of] for name, column in found.items()}
