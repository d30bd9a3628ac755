"""Targets of the demo that the inventory does not generate by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from govnet.demo.files import host_name
from govnet.demo.layout import BANNER, DNS_PORT, LOOPBACK_V6, MANAGEMENT_PORT, Layout
from govnet.engine.result import ProbeKind
from govnet.inventory.models import AccessPoint, Unit
from govnet.monitor.generate import sync_targets
from govnet.monitor.models import Target
from govnet.monitor.services import ensure_rows

SUFFIX: Final = "(演示)"
SNMP_INTERVAL_S: Final = 30
REFERENCES: Final = ("127.0.0.1", "127.0.0.2")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One target, found again by its name."""

    name: str
    kind: ProbeKind
    address: str
    params: dict[str, Any] = field(default_factory=dict)
    interval_s: int = 10
    timeout_s: float = 2.0
    reference: bool = False
    unit: Unit | None = None
    access_point: AccessPoint | None = None


def load_targets(layout: Layout, ca_pem: str, with_v6: bool) -> None:
    """Generate the inventory's targets and add the demo's own."""
    sync_targets()
    # Twice the usual pace, so that the first traffic chart does not take minutes.
    Target.objects.filter(
        kind=ProbeKind.SNMP.value,
        device__name__in=[device.name for device in layout.city.devices],
        state__checked_at=None,
    ).update(interval_s=SNMP_INTERVAL_S)
    save_targets((*_applications(layout, ca_pem, with_v6), *_ports(layout), *_references()))


def save_targets(targets: Iterable[Wanted]) -> None:
    """Make or refresh the demo's own targets, and give new ones their state rows."""
    for wanted in targets:
        _save(wanted)
    ensure_rows()


def _save(wanted: Wanted) -> None:
    """What the endpoints decide follows them; intervals and limits belong to the operator."""
    Target.objects.update_or_create(
        name=f"{wanted.name} {SUFFIX}",
        kind=wanted.kind.value,
        key=None,
        defaults={
            "address": wanted.address,
            "params": wanted.params,
            "unit": wanted.unit,
            "access_point": wanted.access_point,
            "reference": wanted.reference,
        },
        create_defaults={
            "name": f"{wanted.name} {SUFFIX}",
            "kind": wanted.kind.value,
            "address": wanted.address,
            "params": wanted.params,
            "unit": wanted.unit,
            "access_point": wanted.access_point,
            "reference": wanted.reference,
            "interval_s": wanted.interval_s,
            "timeout_s": wanted.timeout_s,
        },
    )


def _applications(layout: Layout, ca_pem: str, with_v6: bool) -> Iterator[Wanted]:
    units = Unit.objects.in_bulk(field_name="code")
    for application in layout.city.applications:
        params = {"ca_pem": ca_pem, "body_contains": application.name}
        hosts = {"": str(application.address)}
        if with_v6 and application.slug == "portal":
            hosts[" IPv6"] = f"[{LOOPBACK_V6}]"
        for version, host in hosts.items():
            yield Wanted(
                name=application.name + version,
                kind=ProbeKind.HTTP,
                address=f"https://{host}:{layout.portal_port}/",
                params=params,
                interval_s=20,
                unit=units[application.unit_code],
            )
    portal = layout.city.applications[0]
    yield Wanted(
        name="政府门户网站域名",
        kind=ProbeKind.DNS,
        address=host_name(portal),
        params={
            "server": str(layout.city.resolver),
            "port": DNS_PORT,
            "expected": [str(portal.address)],
        },
        interval_s=20,
        unit=units[portal.unit_code],
    )


def _ports(layout: Layout) -> Iterator[Wanted]:
    points = AccessPoint.objects.in_bulk(field_name="code")
    for unit in layout.city.tcp_units:
        yield Wanted(
            name=f"{unit.name}接入设备管理口",
            kind=ProbeKind.TCP,
            address=str(unit.address),
            params={"port": MANAGEMENT_PORT, "expect": BANNER.strip()},
            access_point=points[unit.access_point_code],
        )


def _references() -> Iterator[Wanted]:
    for address in REFERENCES:
        yield Wanted(
            name=f"探测点参考 {address}", kind=ProbeKind.ICMP, address=address, reference=True
        )


def remove_targets() -> None:
    """Delete what ``load_targets`` added; generated ones go with their owners."""
    Target.objects.filter(key=None, name__endswith=SUFFIX).delete()
