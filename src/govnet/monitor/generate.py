"""Targets follow the inventory: an address in service is measured without anybody asking.

One pass compares what should be measured with what is, and writes the difference in bulk; the
engine runs it whenever the revision was raised. Each generated target has a key that says what
it stands for ("access_point:12:icmp:v4"), which makes the pass idempotent. Interval, timeout,
tries and parameters are set when a target is made and belong to the operator from then on;
name and address follow the inventory. A target that the inventory has no use for is withdrawn,
not deleted: its outages belong to the history of the year.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import structlog
from django.db import transaction
from django.db.models import Q

from govnet.engine.result import ProbeKind
from govnet.inventory.models import AccessPoint, Circuit, Device, LifeCycle, Port
from govnet.monitor.models import Target
from govnet.monitor.services import close_unmeasured, ensure_rows

log = structlog.get_logger()

NAME_LENGTH = 120
POLL_S = 60
"""Seconds between two polls of a device, until an operator sets another interval."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One target that the inventory asks for."""

    key: str
    name: str
    kind: ProbeKind
    address: str
    access_point_id: int | None = None
    device_id: int | None = None
    circuit_id: int | None = None
    interval_s: int = 10
    timeout_s: float = 1.0
    tries: int = 2

    def new(self) -> Target:
        """The target as it is first made."""
        return Target(
            key=self.key,
            name=self.name,
            kind=self.kind.value,
            address=self.address,
            access_point_id=self.access_point_id,
            device_id=self.device_id,
            circuit_id=self.circuit_id,
            interval_s=self.interval_s,
            timeout_s=self.timeout_s,
            tries=self.tries,
        )

    def update(self, target: Target) -> bool:
        """Make an existing target follow; True when that changed it."""
        names = ("name", "address", "withdrawn", "interval_s")
        before = [getattr(target, name) for name in names]
        target.name, target.address, target.withdrawn = self.name, self.address, False
        if self.kind is ProbeKind.LINE:  # its ports are read when their devices are polled
            target.interval_s = self.interval_s
        return before != [getattr(target, name) for name in names]


@dataclass(slots=True)
class Generated:
    """What one pass changed."""

    created: int = 0
    updated: int = 0
    withdrawn: int = 0


def sync_targets() -> Generated:
    """Bring the generated targets in line with the inventory."""
    with transaction.atomic():
        done = _write_difference({wanted.key: wanted for wanted in _wanted()})
        ensure_rows()
        close_unmeasured()
    if done != Generated():
        log.info("targets follow the inventory", **asdict(done))
    return done


def _write_difference(wanted: dict[str, Wanted]) -> Generated:
    existing = {t.key: t for t in Target.objects.exclude(key=None) if t.key}
    new = [w.new() for key, w in wanted.items() if key not in existing]
    changed = [t for key, t in existing.items() if key in wanted and wanted[key].update(t)]
    dropped = [t for key, t in existing.items() if key not in wanted and not t.withdrawn]
    for target in dropped:
        target.withdrawn = True
    Target.objects.bulk_create(new, batch_size=500)
    fields = ["name", "address", "withdrawn", "interval_s"]
    Target.objects.bulk_update(changed + dropped, fields, batch_size=200)
    return Generated(len(new), len(changed), len(dropped))


def _wanted() -> Iterator[Wanted]:
    yield from _wanted_of_access_points()
    yield from _wanted_of_devices()
    yield from _wanted_of_circuits()


def _wanted_of_access_points() -> Iterator[Wanted]:
    points = AccessPoint.objects.filter(status=LifeCycle.ACTIVE).order_by()
    for pk, name, *addresses in points.values_list("pk", "name", "ipv4", "ipv6").iterator():
        for version, address in zip(("v4", "v6"), addresses, strict=True):
            if address:
                yield Wanted(
                    key=f"access_point:{pk}:icmp:{version}",
                    name=_name(name, "ICMP" if version == "v4" else "ICMPv6"),
                    kind=ProbeKind.ICMP,
                    address=address,
                    access_point_id=pk,
                )


def _wanted_of_devices() -> Iterator[Wanted]:
    for device in Device.objects.filter(status=LifeCycle.ACTIVE).order_by().iterator():
        address = device.management_address
        if not address:
            continue
        yield Wanted(
            key=f"device:{device.pk}:icmp",
            name=_name(device.name, "ICMP"),
            kind=ProbeKind.ICMP,
            address=address,
            device_id=device.pk,
        )
        if device.credential_id:
            yield Wanted(
                key=f"device:{device.pk}:snmp",
                name=_name(device.name, "SNMP"),
                kind=ProbeKind.SNMP,
                address=address,
                device_id=device.pk,
                interval_s=POLL_S,
                timeout_s=2.0,
            )


def _wanted_of_circuits() -> Iterator[Wanted]:
    """Circuits without an address of their own, where a port at an end is polled."""
    polled = _polled_ports()
    intervals = dict(
        Target.objects.filter(kind=ProbeKind.SNMP).values_list("device_id", "interval_s")
    )
    rows = Circuit.objects.filter(status=LifeCycle.ACTIVE).order_by()
    rows = rows.exclude(
        Q(access_point__status=LifeCycle.ACTIVE)
        & (Q(access_point__ipv4__isnull=False) | Q(access_point__ipv6__isnull=False))
    )
    for pk, number, *ends in rows.values_list("pk", "number", "a_port_id", "z_port_id"):
        read = [polled[end] for end in ends if end in polled]
        if read:
            yield Wanted(
                key=f"circuit:{pk}:line",
                name=_name(number, "LINE"),
                kind=ProbeKind.LINE,
                address=" — ".join(name for name, _device in read),
                circuit_id=pk,
                interval_s=max(intervals.get(device, POLL_S) for _name, device in read),
            )


def _polled_ports() -> dict[int | None, tuple[str, int]]:
    """Ports at the ends of circuits whose devices are polled, by id: name and id of the device."""
    ports = Port.objects.filter(
        Q(circuits_a__isnull=False) | Q(circuits_z__isnull=False),
        device__status=LifeCycle.ACTIVE,
        device__credential__isnull=False,
    )
    rows = ports.exclude(device__management_ipv4=None, device__management_ipv6=None)
    names = rows.order_by().distinct().values_list("pk", "device_id", "device__name", "name")
    return {pk: (f"{device} {name}", device_id) for pk, device_id, device, name in names}


def _name(owner: str, probe: str) -> str:
    return f"{owner[: NAME_LENGTH - len(probe) - 1]} {probe}"
