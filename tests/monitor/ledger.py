"""A small ledger for the monitor's tests."""

from __future__ import annotations

from govnet.inventory.models import (
    AccessPoint,
    Carrier,
    Circuit,
    Credential,
    Device,
    DeviceLayer,
    Port,
    Region,
    RegionLevel,
    SnmpVersion,
    Unit,
)
from govnet.monitor.models import Target, TargetState


def region(code: str = "430600") -> Region:
    found, _ = Region.objects.get_or_create(
        code=code, defaults={"name": f"区域{code}", "level": RegionLevel.CITY}
    )
    return found


def unit(code: str = "U1") -> Unit:
    return Unit.objects.create(
        code=code, name=f"单位{code}", region=region(), level=RegionLevel.CITY
    )


def access_point(
    code: str = "AP1", owner: Unit | None = None, ipv4: str | None = "127.1.0.1"
) -> AccessPoint:
    return AccessPoint.objects.create(
        code=code, name=f"接入点{code}", unit=owner or unit(f"U-{code}"), ipv4=ipv4
    )


def credential(name: str = "ro") -> Credential:
    return Credential.objects.create(name=name, version=SnmpVersion.V2C, community="public")


def device(name: str = "D1", ipv4: str | None = "127.2.0.1", **fields: object) -> Device:
    return Device.objects.create(
        name=name, layer=DeviceLayer.ACCESS, region=region(), management_ipv4=ipv4, **fields
    )


def circuit(number: str = "C1", point: AccessPoint | None = None, **ends: Port) -> Circuit:
    carrier, _ = Carrier.objects.get_or_create(name="电信")
    return Circuit.objects.create(number=number, carrier=carrier, access_point=point, **ends)


def target(state: str = "unknown", **fields: object) -> Target:
    made = Target.objects.create(**{"name": "t", "kind": "icmp", "address": "127.1.0.9", **fields})
    TargetState.objects.create(target=made, state=state)
    return made
