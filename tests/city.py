"""A small city for page tests: two counties, a unit in each, what is measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.utils import timezone

from govnet.inventory.models import (
    AccessPoint,
    BandwidthChange,
    Carrier,
    Circuit,
    CircuitKind,
    Contact,
    ContactRole,
    Credential,
    Device,
    DeviceLayer,
    Port,
    Region,
    RegionLevel,
    Unit,
)
from govnet.monitor.models import Flip, PortState, Target, TargetState


@dataclass(frozen=True)
class City:
    """The objects that tests ask for by name."""

    city: Region
    east: Region
    west: Region
    unit_east: Unit
    unit_west: Unit
    point_east: AccessPoint
    point_west: AccessPoint
    device: Device
    port: Port
    access: Circuit
    egress: Circuit
    target_east: Target
    target_west: Target


def _region(code: str, name: str, level: RegionLevel, parent: Region | None = None) -> Region:
    return Region.objects.create(code=code, name=name, level=level, parent=parent)


def _unit(code: str, name: str, region: Region, address: str) -> tuple[Unit, AccessPoint, Target]:
    unit = Unit.objects.create(code=code, name=name, region=region, level=RegionLevel.COUNTY)
    point = AccessPoint.objects.create(
        code=f"AP-{code}", name=f"{name}接入点", unit=unit, ipv4=address
    )
    target = Target.objects.create(
        name=f"{name} ICMP", kind="icmp", address=address, access_point=point
    )
    return unit, point, target


def set_state(target: Target, state: str, *, minutes: int = 5, **fields: object) -> TargetState:
    """Give a target a state row, checked just now."""
    now = timezone.now()
    row, _made = TargetState.objects.update_or_create(
        target=target,
        defaults={
            "state": state,
            "since": now - timedelta(minutes=minutes),
            "checked_at": now,
            **fields,
        },
    )
    return row


def build_city() -> City:
    """Two counties below one city; the east is up, the west is down for five minutes."""
    city = _region("430600", "岳阳市", RegionLevel.CITY)
    east = _region("430602", "东区", RegionLevel.COUNTY, city)
    west = _region("430603", "西区", RegionLevel.COUNTY, city)
    unit_east, point_east, target_east = _unit("U-E", "东区政务中心", east, "127.20.0.1")
    unit_west, point_west, target_west = _unit("U-W", "西区财政局", west, "127.20.0.2")
    Contact.objects.create(
        unit=unit_east, role=ContactRole.LIAISON, name="张伟", phone="0730-8880001"
    )
    carrier = Carrier.objects.create(name="电信")
    credential = Credential.objects.create(name="city", version="2c", community="hidden-community")
    device = Device.objects.create(
        name="核心路由器1",
        layer=DeviceLayer.CORE,
        region=city,
        management_ipv4="127.20.1.1",
        credential=credential,
    )
    port = Port.objects.create(device=device, name="GE0/0/1", if_index=1)
    access = Circuit.objects.create(number="DX-0001", carrier=carrier, access_point=point_east)
    egress = Circuit.objects.create(
        number="DX-OUT-1", kind=CircuitKind.EGRESS, carrier=carrier, z_port=port
    )
    BandwidthChange.objects.create(circuit=egress, effective_on=date(2020, 1, 1), mbps=100)
    BandwidthChange.objects.create(circuit=egress, effective_on=date(2026, 1, 1), mbps=1000)
    BandwidthChange.objects.create(circuit=access, effective_on=date(2020, 1, 1), mbps=100)
    PortState.objects.update_or_create(
        port=port,
        defaults={
            "sampled_at": timezone.now(),
            "oper_up": True,
            "in_bps": 250e6,
            "out_bps": 50e6,
            "speed_mbps": 1000,
        },
    )
    set_state(target_east, "up", rtt_ms=1.5, loss_ratio=0.0)
    set_state(target_west, "down", reason="timeout", loss_ratio=1.0)
    moment = datetime.now(UTC) - timedelta(minutes=5)
    Flip.objects.create(
        target=target_west,
        old_state="up",
        new_state="down",
        at=moment,
        confirmed_at=moment + timedelta(seconds=3),
        reason="timeout",
    )
    return City(
        city, east, west, unit_east, unit_west, point_east, point_west,
        device, port, access, egress, target_east, target_west,
    )  # fmt: skip
