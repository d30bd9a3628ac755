"""The only writer of monitor state: target, port and device states, flips and the revision.

A change of state is won by one conditional UPDATE: whoever still finds the old state there
writes the flip, everybody else changes nothing. That holds on SQLite and PostgreSQL alike,
without locks, for any number of engines.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import structlog
from django.db import connection, models, transaction
from django.db.models import F, Q
from prometheus_client import Counter

from govnet.engine.result import Outcome, Result, State
from govnet.engine.state import Change, StoredState
from govnet.inventory.models import Device, Port
from govnet.monitor.models import (
    DeviceInterfaces,
    DeviceState,
    Flip,
    PortState,
    Revision,
    Target,
    TargetState,
)

log = structlog.get_logger()

FLIPS = Counter("govnet_monitor_flips_total", "Changes of state written", ["new"])
LOST = Counter("govnet_monitor_flips_lost_total", "Changes that somebody else had made already")

TARGETS: Final = "targets"
"""Name of the revision that the engine follows."""

REASON_LENGTH: Final = 40

Value: TypeAlias = str | int | float | bool | datetime | None
"""What a column of a state row takes."""


def moment(seconds: float) -> datetime:
    """A time of the engine (seconds since the epoch) for the database."""
    return datetime.fromtimestamp(seconds, UTC)


# Changes of state


def apply_change(change: Change, detail: Mapping[str, Any] | None = None) -> bool:
    """Write one confirmed change: the state row and its flip, together or not at all.

    Args:
        change: what the state tracker confirmed.
        detail: the exchange that showed it, JSON-serialisable.

    Returns:
        True when this call won; False when the target is gone or no longer in ``change.old``.
    """
    reason, kept = change.reason[:REASON_LENGTH], dict(detail or {})
    with transaction.atomic():
        won = TargetState.objects.filter(target_id=change.target_id, state=change.old).update(
            state=change.new, since=moment(change.since), reason=reason, detail=kept
        )
        if not won:
            LOST.inc()
            return False
        Flip.objects.create(
            target_id=change.target_id,
            old_state=change.old,
            new_state=change.new,
            at=moment(change.since),
            confirmed_at=moment(change.confirmed_ts),
            reason=reason,
            detail=kept,
        )
    FLIPS.labels(change.new.value).inc()
    return True


def apply_changes(changes: Iterable[tuple[Change, Mapping[str, Any]]]) -> int:
    """Write many changes, each with its detail, in one transaction.

    Returns:
        how many of them this call won.
    """
    with transaction.atomic():
        return sum(apply_change(change, detail) for change, detail in changes)


def close_unmeasured() -> int:
    """Set the targets that are no longer measured to unknown, each with its flip.

    Neither a stale "up" nor an open outage may stay behind when a target is switched off or
    its owner leaves service.

    Returns:
        how many there were.
    """
    now = time.time()
    unmeasured = TargetState.objects.filter(Q(target__enabled=False) | Q(target__withdrawn=True))
    rows = unmeasured.exclude(state=State.UNKNOWN).values_list("target_id", "state")
    closed = [
        apply_change(Change(target_id, State(state), State.UNKNOWN, now, now, "not_measured"))
        for target_id, state in list(rows)
    ]
    return sum(closed)


def stored_states() -> dict[int, StoredState]:
    """What the database knows of every target: where an engine that starts goes on from."""
    rows = TargetState.objects.values_list("target_id", "state", "since", "checked_at")
    return {
        target_id: StoredState(
            State(state),
            since.timestamp() if since else 0.0,
            checked_at.timestamp() if checked_at else None,
        )
        for target_id, state, since, checked_at in rows.iterator()
    }


# Last values


def touch(results: Iterable[Result], answers: Mapping[int, float] | None = None) -> None:
    """Refresh the last values of many targets in one transaction; the state stays.

    Of several results of one target the last one given counts. A target that is gone is
    passed over; a failed run keeps the time and the detail of the last answer.

    Args:
        results: the last values.
        answers: when targets last answered, seconds since the epoch, by their ids; by default
            when their results say.
    """
    latest = {result.target_id: result for result in results}
    known = answers or {}
    columns = ("checked_at", "rtt_ms", "jitter_ms", "loss_ratio", "answered_at", "detail")
    _update_many(
        TargetState,
        "target_id",
        columns,
        (_last_values(result, known.get(pk, result.ts)) for pk, result in latest.items()),
        kept_on_null=2,
    )


def note_answers(answers: Mapping[int, float]) -> None:
    """Write when targets last answered, and nothing else; seconds since the epoch by their ids."""
    rows = ((_db_time(ts), pk) for pk, ts in answers.items())
    _update_many(TargetState, "target_id", ("answered_at",), rows)


def _last_values(result: Result, answered_ts: float) -> tuple[Value, ...]:
    answered = result.outcome in (Outcome.OK, Outcome.DEGRADED)
    return (
        _db_time(result.ts),
        result.rtt_ms,
        result.jitter_ms,
        result.loss_ratio if result.sent else None,
        _db_time(answered_ts) if answered else None,
        json.dumps(result.detail) if answered and result.detail else None,
        result.target_id,
    )


def _db_time(seconds: float) -> str | datetime | None:
    return connection.ops.adapt_datetimefield_value(moment(seconds))


def _update_many(
    model: type[models.Model],
    key: str,
    columns: Sequence[str],
    rows: Iterable[tuple[Value, ...]],
    kept_on_null: int = 0,
) -> None:
    """Update many rows by ``executemany``.

    2,000 rows of ``TargetState`` cost 34 ms of CPU on SQLite, by ``bulk_update`` 3.1 s.

    Args:
        model: whose table.
        key: the column that finds a row; its value is the last of each tuple.
        columns: what is set, in the order of each tuple.
        rows: the values.
        kept_on_null: so many of the last columns keep their value where the new one is NULL.
    """
    plain = len(columns) - kept_on_null
    parts = [
        f"{name} = %s" if place < plain else f"{name} = COALESCE(%s, {name})"
        for place, name in enumerate(columns)
    ]
    table = model._meta.db_table  # noqa: SLF001  # the documented Model _meta API
    statement = f"UPDATE {table} SET {', '.join(parts)} WHERE {key} = %s"  # noqa: S608  # our names
    values = list(rows)
    if values:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, values)


@dataclass(frozen=True, slots=True)
class PortReading:
    """The last traffic and link state of one port of the ledger.

    Attributes:
        port_id: primary key of the port.
        ts: when it was read, seconds since the epoch.
        oper_up: ifOperStatus is up.
        speed_mbps: ifHighSpeed, Mbit/s; 0 is unknown.
        in_bps: bit/s since the reading before; None when that cannot be said.
        out_bps: the same, outwards.
    """

    port_id: int
    ts: float
    oper_up: bool
    speed_mbps: int
    in_bps: float | None
    out_bps: float | None


def write_port_readings(readings: Iterable[PortReading]) -> None:
    """Refresh the state rows of many ports in one transaction."""
    columns = ("sampled_at", "oper_up", "speed_mbps", "in_bps", "out_bps")
    rows = (
        (_db_time(r.ts), r.oper_up, r.speed_mbps or None, r.in_bps, r.out_bps, r.port_id)
        for r in readings
    )
    _update_many(PortState, "port_id", columns, rows)


@dataclass(frozen=True, slots=True)
class DeviceReading:
    """What the last answered poll of one device said of it; None: no sensor."""

    device_id: int
    ts: float
    descr: str
    object_id: str
    uptime_s: int
    cpu_percent: float | None
    memory_percent: float | None
    temperature_c: float | None


def write_device_readings(readings: Iterable[DeviceReading]) -> None:
    """Refresh the state rows of many devices in one transaction."""
    columns = (
        "polled_at",
        "descr",
        "object_id",
        "uptime_s",
        "cpu_percent",
        "memory_percent",
        "temperature_c",
    )
    rows = (
        (
            _db_time(r.ts),
            r.descr[:255],
            r.object_id[:128],
            r.uptime_s,
            r.cpu_percent,
            r.memory_percent,
            r.temperature_c,
            r.device_id,
        )
        for r in readings
    )
    _update_many(DeviceState, "device_id", columns, rows)


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface as its device tells it.

    Attributes:
        if_index: ifIndex.
        name: ifName, else ifDescr.
        alias: ifAlias.
        if_type: IANA ifType; 0 is unknown.
        speed_mbps: 0 is unknown.
        admin_up: ifAdminStatus is up.
    """

    if_index: int
    name: str
    alias: str
    if_type: int
    speed_mbps: int
    admin_up: bool


@dataclass(frozen=True, slots=True)
class InterfaceReading:
    """All interfaces of one device when its names were read last."""

    device_id: int
    ts: float
    interfaces: tuple[Interface, ...]


def write_interface_readings(readings: Iterable[InterfaceReading]) -> None:
    """Refresh what many devices told of their interfaces in one transaction."""
    rows = (
        (_db_time(r.ts), json.dumps([asdict(each) for each in r.interfaces]), r.device_id)
        for r in readings
    )
    _update_many(DeviceInterfaces, "device_id", ("read_at", "interfaces"), rows)


# Rows that the UPDATEs above need


def ensure_rows() -> None:
    """Give every target, device and port its state row: unknown, never measured."""
    targets = Target.objects.filter(state__isnull=True).values_list("pk", flat=True)
    TargetState.objects.bulk_create(
        [TargetState(target_id=pk) for pk in targets], ignore_conflicts=True, batch_size=1000
    )
    devices = Device.objects.filter(polled__isnull=True).values_list("pk", flat=True)
    DeviceState.objects.bulk_create(
        [DeviceState(device_id=pk) for pk in devices], ignore_conflicts=True, batch_size=1000
    )
    without = Device.objects.filter(interfaces__isnull=True).values_list("pk", flat=True)
    DeviceInterfaces.objects.bulk_create(
        [DeviceInterfaces(device_id=pk) for pk in without], ignore_conflicts=True, batch_size=1000
    )
    ports = Port.objects.filter(state__isnull=True).values_list("pk", flat=True)
    PortState.objects.bulk_create(
        [PortState(port_id=pk) for pk in ports], ignore_conflicts=True, batch_size=1000
    )


# The revision that the engine follows


def revision() -> int:
    """The present revision of what is to be measured."""
    found = Revision.objects.filter(name=TARGETS).values_list("value", flat=True).first()
    return found or 0


def bump_revision() -> None:
    """Tell the engine that the inventory or the targets changed; it follows within seconds."""
    if not Revision.objects.filter(name=TARGETS).update(value=F("value") + 1):
        Revision.objects.bulk_create([Revision(name=TARGETS, value=1)], ignore_conflicts=True)


def bump_revision_on_commit() -> None:
    """The same once the present transaction is committed, once however often it is asked.

    An import saves thousands of rows in one transaction; the engine must not hear of each,
    nor of any before all are there.
    """
    if connection.in_atomic_block and any(
        entry[1] is bump_revision for entry in connection.run_on_commit
    ):
        return
    transaction.on_commit(bump_revision)
