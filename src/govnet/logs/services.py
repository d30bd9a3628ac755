"""What the receiver asks of the database and tells it: sources, ports, patterns, silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from django.db.models import Count, Q
from django.utils import timezone

from govnet.engine.snmp.usm import DIGESTS, PRIVATE_OCTETS, UsmUser
from govnet.engine.syslog.dialects import compiled
from govnet.inventory.interface_names import canonical
from govnet.inventory.models import AccessPoint, Credential, Device, Port, SnmpVersion
from govnet.logs.models import LogPattern, LogSource
from govnet.monitor.models import Target

log = structlog.get_logger()

MAX_SOURCES: Final = 2_000
"""Rows that are made by themselves: forged senders must not fill the database."""


@dataclass(frozen=True, slots=True)
class Source:
    """A known sender."""

    pk: int
    device_id: int = 0
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A site's own pattern, ready to be matched against octets."""

    name: str
    kind: str
    least: int
    begin: Any
    end: Any


@dataclass(frozen=True, slots=True)
class Directory:
    """What the ledger knows, as the receiver reads it.

    Attributes:
        sources: by address.
        ports_by_name: port of a device by its name in ``canonical`` spelling.
        ports_by_index: port of a device by ifIndex.
        patterns: the site's own.
        communities: of v1 and v2c.
        users: of v3.
    """

    sources: Mapping[str, Source] = field(default_factory=dict)
    ports_by_name: Mapping[tuple[int, str], int] = field(default_factory=dict)
    ports_by_index: Mapping[tuple[int, int], int] = field(default_factory=dict)
    patterns: tuple[Pattern, ...] = ()
    communities: frozenset[bytes] = frozenset()
    users: tuple[UsmUser, ...] = ()


def load_directory() -> Directory:
    """Everything that messages are matched with, as it is now."""
    sources = LogSource.objects.values_list("address", "pk", "device_id", "charset")
    devices = {device for _a, _pk, device, _c in sources if device}
    ports = list(
        Port.objects.filter(device_id__in=devices).values_list(
            "pk", "device_id", "name", "if_index"
        )
    )
    credentials = list(Credential.objects.all())
    return Directory(
        {address: Source(pk, device or 0, charset) for address, pk, device, charset in sources},
        {(device, canonical(name)): pk for pk, device, name, _index in ports},
        {(device, index): pk for pk, device, _name, index in ports if index},
        tuple(_pattern(row) for row in LogPattern.objects.filter(enabled=True)),
        frozenset(c.community.encode() for c in credentials if c.community),
        tuple(_user(c) for c in credentials if _usable(c)),
    )


def _pattern(row: LogPattern) -> Pattern:
    end = compiled(row.end_pattern) if row.end_pattern else None
    return Pattern(row.name, row.kind, row.least, compiled(row.pattern), end)


def _usable(credential: Credential) -> bool:
    known = credential.auth_protocol in DIGESTS
    private = not credential.priv_key or credential.priv_protocol in PRIVATE_OCTETS
    return credential.version == SnmpVersion.V3 and bool(credential.auth_key) and known and private


def _user(credential: Credential) -> UsmUser:
    privacy = credential.priv_protocol if credential.priv_key else ""
    return UsmUser(
        credential.user,
        credential.auth_protocol,
        credential.auth_key or "",
        privacy,
        credential.priv_key or "",
    )


def ensure_sources(addresses: Iterable[str], now: float) -> None:
    """Make rows for senders that have none, within the limit; find their devices.

    Args:
        addresses: as the receiver saw them.
        now: seconds since the epoch.
    """
    wanted = set(addresses)
    new = sorted(
        wanted - set(LogSource.objects.filter(address__in=wanted).values_list("address", flat=True))
    )
    room = max(MAX_SOURCES - LogSource.objects.count(), 0) if new else 0
    devices = devices_at(new[:room])
    moment = datetime.fromtimestamp(now, UTC)
    for address in new[:room]:
        device = devices.get(address)
        LogSource.objects.get_or_create(
            address=address,
            defaults={"device_id": device, "first_seen": moment, "last_seen": moment},
        )
        log.info("log source seen for the first time", address=address, known=device is not None)


def find_devices() -> int:
    """Give sources without a device theirs, once the ledger has it.

    Returns:
        how many were found.
    """
    lonely = dict(LogSource.objects.filter(device=None).values_list("address", "pk"))
    found = devices_at(list(lonely)) if lonely else {}
    for address, device in found.items():
        LogSource.objects.filter(pk=lonely[address], device=None).update(device=device)
    return len(found)


def devices_at(addresses: Sequence[str]) -> dict[str, int]:
    """Ids of devices by address: managed there, probed there, or alone at that access point."""
    found: dict[str, int] = {}
    points = AccessPoint.objects.annotate(number=Count("devices")).filter(
        Q(ipv4__in=addresses) | Q(ipv6__in=addresses), number=1
    )
    for device, *at in points.values_list("devices", "ipv4", "ipv6"):
        found.update(dict.fromkeys(filter(None, at), device))
    targets = Target.objects.filter(address__in=addresses, device__isnull=False)
    found.update({address: pk for address, pk in targets.values_list("address", "device_id") if pk})
    managed = Device.objects.filter(
        Q(management_ipv4__in=addresses) | Q(management_ipv6__in=addresses)
    )
    for pk, *at in managed.values_list("pk", "management_ipv4", "management_ipv6"):
        found.update(dict.fromkeys(filter(None, at), pk))
    return {address: pk for address, pk in found.items() if address in set(addresses)}


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What the receiver knows of one source; ``last_seen`` in seconds since the epoch."""

    pk: int
    last_seen: float
    told: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)


def write_reports(reports: Sequence[SourceReport]) -> None:
    """Store what sources told; not an audited change, nobody decided it."""
    rows = [
        LogSource(
            pk=report.pk,
            last_seen=datetime.fromtimestamp(report.last_seen, UTC),
            told=report.told,
            counters=report.counters,
        )
        for report in reports
    ]
    LogSource.objects.bulk_update(rows, ["last_seen", "told", "counters"], batch_size=100)


def silence_changes(now: datetime | None = None) -> list[tuple[LogSource, bool]]:
    """Sources of known devices that have fallen silent or speak again, since the last call.

    Each change is told once, whoever asks: the row's update decides.
    """
    moment = now or timezone.now()
    changes = []
    watched = LogSource.objects.filter(device__isnull=False, last_seen__isnull=False)
    for source in watched.select_related("device"):
        hours = source.silent_after_h
        silent = bool(
            hours and source.last_seen and moment - source.last_seen > timedelta(hours=hours)
        )
        if silent != source.silent and LogSource.objects.filter(
            pk=source.pk, silent=not silent
        ).update(silent=silent):
            changes.append((source, silent))
    return changes
