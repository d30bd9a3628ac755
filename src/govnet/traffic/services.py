"""What the receiver asks of the database, and what it tells it: exporters and the ledger."""

from __future__ import annotations

import csv
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog
from django.db.models import Q

from govnet.inventory.models import AccessPoint, Circuit, CircuitKind, Device, LifeCycle
from govnet.traffic.applications import Classifier, RulesError, rules_of, shipped_rules
from govnet.traffic.enrich import Ledger, Line, Place
from govnet.traffic.models import AddressBlock, FlowExporter
from govnet.traffic.prefixes import Network, PrefixTable

log = structlog.get_logger()

MAX_EXPORTERS: Final = 2_000
"""Rows that are made by themselves: forged sources must not fill the database."""

COUNTRIES: Final = "countries.csv"
SYSTEMS: Final = "systems.csv"
"""Files that a site may put into its data directory: ``prefix,CC`` and ``prefix,AS number``."""


def ensure_exporters(addresses: Iterable[str], now: float) -> dict[str, int]:
    """Ids of exporters by address; rows are made for those that have none, within the limit.

    Args:
        addresses: as the receiver saw them.
        now: seconds since the epoch.
    """
    wanted = set(addresses)
    known = dict(FlowExporter.objects.filter(address__in=wanted).values_list("address", "pk"))
    new = sorted(wanted - known.keys())
    room = max(MAX_EXPORTERS - FlowExporter.objects.count(), 0) if new else 0
    devices = _devices_at(new[:room])
    moment = datetime.fromtimestamp(now, UTC)
    for address in new[:room]:
        exporter, made = FlowExporter.objects.get_or_create(
            address=address,
            defaults={"device": devices.get(address), "first_seen": moment, "last_seen": moment},
        )
        known[address] = exporter.pk
        if made:
            log.info("flow exporter seen for the first time", address=address)
    return known


def _devices_at(addresses: Sequence[str]) -> dict[str, Device]:
    at = Q(management_ipv4__in=addresses) | Q(management_ipv6__in=addresses)
    found: dict[str, Device] = {}
    for device in Device.objects.filter(at):
        for address in (device.management_ipv4, device.management_ipv6):
            if address:
                found[address] = device
    return found


@dataclass(frozen=True, slots=True)
class ExporterReport:
    """What the receiver knows of one exporter.

    Attributes:
        exporter_id: its row.
        last_seen: seconds since the epoch.
        told: protocols, templates, sampling and sequence gaps, as JSON.
        counters: numbers since the receiver started.
    """

    exporter_id: int
    last_seen: float
    told: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)


def write_reports(reports: Sequence[ExporterReport]) -> None:
    """Store what exporters told; not an audited change, nobody decided it."""
    rows = [
        FlowExporter(
            pk=report.exporter_id,
            last_seen=datetime.fromtimestamp(report.last_seen, UTC),
            told=report.told,
            counters=report.counters,
        )
        for report in reports
    ]
    FlowExporter.objects.bulk_update(rows, ["last_seen", "told", "counters"], batch_size=100)


# The ledger


def load_ledger(data_dir: Path) -> Ledger:
    """Everything that flows are enriched with, as it is now."""
    return Ledger(
        blocks=_blocks(),
        lines=_lines(),
        sampling=dict(
            FlowExporter.objects.exclude(sampling=None).values_list("pk", "sampling")  # type: ignore[arg-type]
        ),
        classifier=_classifier(data_dir),
        countries=_table(data_dir / COUNTRIES, _country),
        systems=_table(data_dir / SYSTEMS, int),
    )


def _blocks() -> dict[Network, Place]:
    """Access points' own addresses are registered too; of equal prefixes the block counts."""
    blocks: dict[Network, Place] = {}
    points = AccessPoint.objects.exclude(status=LifeCycle.WITHDRAWN)
    for pk, unit, *addresses in points.values_list("pk", "unit_id", "ipv4", "ipv6"):
        for address in filter(None, addresses):
            blocks[ipaddress.ip_network(address)] = Place(unit, pk)
    for prefix, unit, point in AddressBlock.objects.values_list(
        "prefix", "unit_id", "access_point_id"
    ):
        blocks[ipaddress.ip_network(prefix)] = Place(unit or 0, point or 0)
    return blocks


def _lines() -> dict[tuple[int, int], Line]:
    exporters: dict[int, list[int]] = {}
    for pk, device in FlowExporter.objects.exclude(device=None).values_list("pk", "device_id"):
        exporters.setdefault(device or 0, []).append(pk)
    lines: dict[tuple[int, int], Line] = {}
    circuits = Circuit.objects.exclude(status=LifeCycle.WITHDRAWN)
    for circuit in circuits.select_related("a_port", "z_port"):
        line = Line(circuit.pk, circuit.carrier_id, circuit.kind == CircuitKind.EGRESS)
        for port in filter(None, (circuit.a_port, circuit.z_port)):
            for exporter in exporters.get(port.device_id, ()) if port.if_index else ():
                lines[exporter, port.if_index or 0] = line
    return lines


def _classifier(data_dir: Path) -> Classifier:
    try:
        return Classifier.of(rules_of(data_dir))
    except RulesError as error:
        log.warning("own application rules are not used", reason=str(error))
        return Classifier.of(shipped_rules())


def _country(text: str) -> int:
    first, second = text.strip().upper().encode("ascii")
    return first << 8 | second


def _table(path: Path, value: Callable[[str], int]) -> PrefixTable | None:
    if not path.exists():
        return None
    try:
        return PrefixTable(dict(_rows(path, value)))
    except (OSError, ValueError) as error:
        log.warning("file of prefixes is not used", file=path.name, reason=str(error))
        return None


def _rows(path: Path, value: Callable[[str], int]) -> Iterator[tuple[Network, int]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if not row or row[0].startswith("#"):
                continue
            try:
                yield ipaddress.ip_network(row[0].strip()), value(row[1])
            except (ValueError, IndexError) as error:
                raise ValueError(f"line {number}: {error}") from error
