"""A small network in the ledger: the probe on core1, two aggregations, four units."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils import timezone

from govnet.inventory.models import (
    AccessPoint,
    BandwidthChange,
    Carrier,
    Circuit,
    CircuitKind,
    Device,
    DeviceLayer,
    Port,
    Region,
    RegionLevel,
    Unit,
)
from govnet.monitor.models import PortState, Target
from govnet.topology import services
from tests.city import set_state


@dataclass
class Net:
    """Objects by name."""

    east: Region
    west: Region
    devices: dict[str, Device] = field(default_factory=dict)
    circuits: dict[str, Circuit] = field(default_factory=dict)
    points: dict[str, AccessPoint] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)

    def device(self, name: str, layer: DeviceLayer, region: Region) -> Device:
        device = Device.objects.create(name=name, layer=layer, region=region)
        self.devices[name] = device
        self._target(name, device=device)
        return device

    def _target(self, name: str, **owner: object) -> None:
        target = Target.objects.create(
            name=f"{name} ICMP", kind="icmp", address=f"127.77.0.{len(self.targets) + 1}", **owner
        )
        self.targets[name] = target
        set_state(target, "up")

    def port(self, device: str, name: str) -> Port:
        port, _made = Port.objects.get_or_create(device=self.devices[device], name=name)
        PortState.objects.get_or_create(
            port=port, defaults={"sampled_at": timezone.now(), "oper_up": True}
        )
        return port

    def backbone(self, lower: str, upper: str) -> Circuit:
        name = f"{lower}-{upper}"
        self.circuits[name] = Circuit.objects.create(
            number=name,
            kind=CircuitKind.BACKBONE,
            carrier=Carrier.objects.get_or_create(name="电信")[0],
            a_port=self.port(lower, f"to {upper}"),
            z_port=self.port(upper, f"to {lower}"),
        )
        BandwidthChange.objects.create(
            circuit=self.circuits[name], effective_on="2020-01-01", mbps=1000
        )
        return self.circuits[name]

    def unit(self, name: str, region: Region, *uppers: str) -> Unit:
        unit = Unit.objects.create(code=name, name=name, region=region, level=RegionLevel.COUNTY)
        point = AccessPoint.objects.create(code=f"AP-{name}", name=f"{name}接入点", unit=unit)
        self.units[name], self.points[name] = unit, point
        self._target(name, access_point=point)
        for upper in uppers:
            self.circuits[f"{name}-{upper}"] = Circuit.objects.create(
                number=f"{name}-{upper}",
                carrier=Carrier.objects.get_or_create(name="电信")[0],
                access_point=point,
                z_port=self.port(upper, f"to {name}"),
            )
        return unit

    def set(self, state: str, *names: str) -> None:
        for name in names:
            set_state(self.targets[name], state)


def build_net() -> Net:
    """core1 — agg-e, agg-w; units e1, e2 in the east, w1 in the west, dual on both."""
    city = Region.objects.create(code="430600", name="岳阳市", level=RegionLevel.CITY)
    counties = [
        Region.objects.create(code=code, name=name, level=RegionLevel.COUNTY, parent=city)
        for code, name in (("430602", "东区"), ("430603", "西区"))
    ]
    net = Net(*counties)
    net.device("core1", DeviceLayer.CORE, city)
    net.device("agg-e", DeviceLayer.AGGREGATION, net.east)
    net.device("agg-w", DeviceLayer.AGGREGATION, net.west)
    net.backbone("agg-e", "core1")
    net.backbone("agg-w", "core1")
    net.unit("e1", net.east, "agg-e")
    net.unit("e2", net.east, "agg-e")
    net.unit("w1", net.west, "agg-w")
    net.unit("dual", net.west, "agg-e", "agg-w")
    services.forget_graph()
    return net
