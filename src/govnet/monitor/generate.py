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

from govnet.engine.result import ProbeKind
from govnet.inventory.models import AccessPoint, Device, LifeCycle
from govnet.monitor.models import Target
from govnet.monitor.services import close_unmeasured, ensure_rows

log = structlog.get_logger()

NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Wanted:
    """One target that the inventory asks for."""

    key: str
    name: str
    kind: ProbeKind
    address: str
    access_point_id: int | None = None
    device_id: int | None = None
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
            interval_s=self.interval_s,
            timeout_s=self.timeout_s,
            tries=self.tries,
        )

    def update(self, target: Target) -> bool:
        """Make an existing target follow; True when that changed it."""
        before = (target.name, target.address, target.withdrawn)
        target.name, target.address, target.withdrawn = self.name, self.address, False
        return before != (self.name, self.address, False)


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
    Target.objects.bulk_update(changed + dropped, ["name", "address", "withdrawn"], batch_size=200)
    return Generated(len(new), len(changed), len(dropped))


def _wanted() -> Iterator[Wanted]:
    yield from _wanted_of_access_points()
    yield from _wanted_of_devices()


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
                interval_s=60,
                timeout_s=2.0,
            )


def _name(owner: str, probe: str) -> str:
    return f"{owner[: NAME_LENGTH - len(probe) - 1]} {probe}"
