"""Reading the neighbours of every polled device: a slow round, bounded in time and rows.

A round goes through the devices in groups, those first that were read longest ago, so that
what one round does not reach the next one begins with. Observations are kept with the time
at which they were seen first and last; nothing here touches the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Generic, TypeVar

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django_tasks import task
from prometheus_client import Counter

from govnet.accounts.models import User
from govnet.config import get_config
from govnet.engine.snmp import SnmpDevice, SnmpPoller
from govnet.engine.snmp.model import SnmpError
from govnet.engine.snmp.neighbours import (
    AddressSeen,
    Surroundings,
    read_bridge,
    read_surroundings,
)
from govnet.inventory.models import AccessPoint, Device
from govnet.monitor.watched import load
from govnet.topology.models import Neighbour, Source, Sweep, SweepRun

log = structlog.get_logger()

_DEVICES = Counter("govnet_topology_sweeps_total", "Devices asked for neighbours", ["outcome"])

AT_ONCE: Final = 40
DEVICE_LIMIT_S: Final = 20.0
ROUND_LIMIT: Final = timedelta(minutes=5)
"""A round begins no further group after this; one that is older than twice this has died."""
FORGET_AFTER: Final = timedelta(days=30)
"""Observations that were not repeated for so long are dropped."""
RUNS_KEPT: Final = 50

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What reading one device gave: a value, or why there is none."""

    device: SnmpDevice
    value: T | None
    problem: str = ""


# Rounds


def running() -> SweepRun | None:
    """The round that is under way or waits for the worker; None when none is."""
    since = timezone.now() - 2 * ROUND_LIMIT
    return SweepRun.objects.filter(finished_at=None, asked_at__gte=since).first()


def ask(user: User) -> SweepRun | None:
    """Queue a round for the worker; None when there is one already."""
    with transaction.atomic():
        if running() is not None:
            return None
        run = SweepRun.objects.create(user=user)
        transaction.on_commit(lambda: sweep_now.enqueue(run.pk))
    return run


@task()
def sweep_now(run_id: int) -> None:
    """The round that somebody asked for."""
    if run := SweepRun.objects.filter(pk=run_id, started_at=None).first():
        sweep(run)


def sweep_if_due() -> None:
    """A round by the clock, when the last one was asked for long enough ago."""
    since = timezone.now() - timedelta(minutes=get_config().sweep_minutes)
    if running() is None and not SweepRun.objects.filter(asked_at__gt=since).exists():
        sweep(SweepRun.objects.create())


def sweep(run: SweepRun, limit: timedelta = ROUND_LIMIT) -> None:
    """Read every polled device once, as far as the time goes."""
    run.started_at = timezone.now()
    devices = _polled_devices()
    run.devices = len(devices)
    run.save()
    answered: dict[SnmpDevice, Surroundings] = {}
    for group in _in_time(devices, run.started_at + limit):
        answered |= _read_group(run, group)
    _read_bridges(answered, run.started_at + limit)
    now = timezone.now()
    Neighbour.objects.filter(last_seen_at__lt=now - FORGET_AFTER).delete()
    kept = SweepRun.objects.values_list("pk", flat=True)[:RUNS_KEPT]
    SweepRun.objects.exclude(pk__in=list(kept)).delete()
    SweepRun.objects.filter(pk=run.pk).update(finished_at=now)
    log.info("neighbours read", devices=run.devices, done=run.done, failed=run.failed)


def _polled_devices() -> list[SnmpDevice]:
    """Each device once, the one read longest ago first."""
    devices = {device.id: device for device in load().devices.values()}
    tried = dict(Sweep.objects.values_list("device_id", "tried_at"))
    return sorted(
        devices.values(), key=lambda d: (tried[d.id].timestamp() if d.id in tried else 0.0, d.id)
    )


def _in_time(devices: Iterable[SnmpDevice], until: datetime) -> Iterator[list[SnmpDevice]]:
    todo = iter(devices)
    while (group := list(islice(todo, AT_ONCE))) and timezone.now() < until:
        yield group


def _read_group(run: SweepRun, group: Sequence[SnmpDevice]) -> dict[SnmpDevice, Surroundings]:
    """Read and keep a group; returns what those told that answered."""
    wanted = _known_addresses()

    async def read(poller: SnmpPoller, device: SnmpDevice) -> Surroundings:
        return await read_surroundings(poller, device, wanted)

    answers = read_devices(group, read)
    for answer in answers:
        keep(answer.device.id, answer.value, answer.problem)
    run.done += len(answers)
    run.failed += sum(answer.value is None for answer in answers)
    run.save(update_fields=["done", "failed"])
    return {answer.device: answer.value for answer in answers if answer.value is not None}


def _read_bridges(told: dict[SnmpDevice, Surroundings], until: datetime) -> None:
    """Behind which socket the MACs are that ARP has told of; only now are all of them known."""
    arp = Neighbour.objects.filter(source=Source.ARP).order_by("last_seen_at")
    addresses = {mac: ip for mac, ip in arp.values_list("remote_chassis", "remote_address") if ip}
    if not addresses:
        return

    async def read(poller: SnmpPoller, device: SnmpDevice) -> list[AddressSeen]:
        return await read_bridge(poller, device, addresses)

    for group in _in_time(told, until):
        for answer in read_devices(group, read):
            keep_bridge(answer.device.id, told[answer.device], answer.value or [], addresses)


def read_devices(
    devices: Sequence[SnmpDevice], read: Callable[[SnmpPoller, SnmpDevice], Awaitable[T]]
) -> list[Answer[T]]:
    """Read some devices at once, each within ``DEVICE_LIMIT_S``."""
    return asyncio.run(_read_all(devices, read))


async def _read_all(
    devices: Sequence[SnmpDevice], read: Callable[[SnmpPoller, SnmpDevice], Awaitable[T]]
) -> list[Answer[T]]:
    poller = SnmpPoller()
    await poller.start()
    try:
        return await asyncio.gather(*(_answer(poller, device, read) for device in devices))
    finally:
        await poller.close()


async def _answer(
    poller: SnmpPoller,
    device: SnmpDevice,
    read: Callable[[SnmpPoller, SnmpDevice], Awaitable[T]],
) -> Answer[T]:
    try:
        async with asyncio.timeout(DEVICE_LIMIT_S):
            answer = Answer(device, await read(poller, device))
    except SnmpError as error:
        answer = Answer(device, None, error.reason)
    except TimeoutError:
        answer = Answer(device, None, "too_slow")
    except Exception:  # boundary: what one device sends must not end the round of the others
        log.exception("neighbours not read", device_id=device.id)
        answer = Answer(device, None, "internal_error")
    _DEVICES.labels(answer.problem or "ok").inc()
    return answer


def _known_addresses() -> frozenset[str]:
    """IPv4 addresses of the ledger."""
    points = AccessPoint.objects.exclude(ipv4=None).values_list("ipv4", flat=True)
    devices = Device.objects.exclude(management_ipv4=None).values_list("management_ipv4", flat=True)
    return frozenset(address for address in (*points, *devices) if address)


# Keeping


def keep(device_id: int, found: Surroundings | None, problem: str = "") -> None:
    """Write down one device's answer; without one only the try."""
    now = timezone.now()
    values: dict[str, object] = {"tried_at": now, "problem": problem}
    with transaction.atomic():
        if not Device.objects.filter(pk=device_id).exists():
            return
        if found is not None:
            values |= {"answered_at": now, "chassis": found.chassis}
            _keep_rows(device_id, _rows(device_id, found), now)
        Sweep.objects.update_or_create(device_id=device_id, defaults=values)


def keep_bridge(
    device_id: int,
    told: Surroundings,
    seen: Sequence[AddressSeen],
    addresses: dict[str, str],
) -> None:
    """Write down behind which sockets a bridge has learned MACs whose address is known."""
    reading = Sweep.objects.filter(device_id=device_id).exclude(answered_at=None).first()
    if reading is None or reading.answered_at is None:
        return
    rows = [
        _address_row(
            device_id,
            Source.BRIDGE,
            told.names.get(item.if_index, ""),
            AddressSeen(item.if_index, item.mac, addresses[item.mac]),
        )
        for item in seen
        if item.if_index in told.physical
    ]
    _keep_rows(device_id, rows, reading.answered_at)


def _rows(device_id: int, found: Surroundings) -> list[Neighbour]:
    indices = {name: index for index, name in found.names.items()}
    rows = [
        Neighbour(
            device_id=device_id,
            source=Source.LLDP,
            port_name=item.local_port,
            if_index=indices.get(item.local_port),
            remote_chassis=item.chassis,
            remote_name=item.name,
            remote_port=item.port,
            remote_address=item.address or None,
        )
        for item in found.lldp
    ]
    rows += [
        _address_row(device_id, Source.ARP, found.names.get(item.if_index, ""), item)
        for item in found.arp
        if item.if_index in found.physical
    ]
    return rows


def _address_row(device_id: int, source: Source, port_name: str, item: AddressSeen) -> Neighbour:
    return Neighbour(
        device_id=device_id,
        source=source,
        port_name=port_name or f"#{item.if_index}",
        if_index=item.if_index,
        remote_chassis=item.mac,
        remote_address=item.address,
    )


def _identity(row: Neighbour) -> tuple[object, ...]:
    last = row.remote_port if row.source == Source.LLDP else row.remote_address
    return row.source, row.port_name, row.remote_chassis, last


def _keep_rows(device_id: int, rows: Iterable[Neighbour], now: datetime) -> None:
    """Repeat what was seen before, add what is new; what is gone keeps its last time."""
    known = {_identity(row): row for row in Neighbour.objects.filter(device_id=device_id)}
    fresh = {_identity(row): row for row in rows}
    for identity, row in fresh.items():
        before = known.get(identity)
        row.first_seen_at = before.first_seen_at if before else now
        row.last_seen_at = now
        row.pk = before.pk if before else None
    fields = ["if_index", "remote_name", "remote_address", "last_seen_at"]
    seen_again = [row for row in fresh.values() if row.pk]
    Neighbour.objects.bulk_update(seen_again, fields, batch_size=500)
    Neighbour.objects.bulk_create([r for r in fresh.values() if not r.pk], batch_size=500)


def current_neighbours() -> list[Neighbour]:
    """What was in the last answer of each device, with the device."""
    rows = Neighbour.objects.filter(last_seen_at__gte=F("device__sweep__answered_at"))
    return list(rows.select_related("device").order_by("device__name", "port_name"))
