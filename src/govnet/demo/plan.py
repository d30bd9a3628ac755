"""The demo city as data: what the ledger holds and what the endpoints must answer for.

Pure and deterministic: the loader (Django) and the endpoints (no Django) both build the same
plan from the same addresses, so they agree without talking to each other.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Final, Literal

from govnet.demo import names

SEED: Final = 430600
AGENT_PORT: Final = 1161
"""UDP port of the agents on loopback addresses: below 1024 needs root."""
DEFAULT_NETWORK: Final = IPv4Network("127.59.0.0/16")

FIRST_STAGE: Final = date(2011, 6, 1)
EXPANSION: Final = (date(2019, 9, 9), date(2020, 5, 25))
UPGRADE: Final = (date(2019, 12, 2), date(2020, 5, 25))
MOBILE_UNITS: Final = 24
"""内网转外网: lines that the second carrier took over."""

TELECOM: Final = "岳阳电信 (演示)"
MOBILE: Final = "岳阳移动 (演示)"

Layer = Literal["core", "aggregation", "access", "egress"]
Shape = Literal["office", "steady"]


@dataclass(frozen=True, slots=True)
class PlanUnit:
    """An access unit with its one access point and one circuit.

    Attributes:
        code: unit code; access point and circuit numbers derive from it.
        area: aggregation area, 1 to 3.
        opened_on: when it was connected.
        upgraded_on: when its line went from 10M to ``mbps``; None for a new unit.
        out_peak_mbps: towards the unit at the busiest hour; ``in_peak_mbps`` from it.
    """

    code: str
    name: str
    region_code: str
    level: Literal["city", "county"]
    area: int
    xueliang: bool
    carrier: str
    address: IPv4Address
    opened_on: date
    upgraded_on: date | None
    mbps: int
    in_peak_mbps: float
    out_peak_mbps: float
    ipv6: IPv6Address | None = None

    @property
    def circuit_number(self) -> str:
        """Number of its access circuit."""
        return f"YS-ZW-{self.code[-4:]}"

    @property
    def access_point_code(self) -> str:
        """Code of its access point."""
        return f"{self.code}-01"


@dataclass(slots=True)
class PlanPort:
    """A port and the traffic that its agent shows.

    Attributes:
        mbps: speed of the port.
        in_peak_mbps: at the busiest hour, into the port.
        shape: "office" follows working hours, "steady" hardly moves (video).
        up: ifOperStatus.
    """

    if_index: int
    name: str
    alias: str
    mbps: int
    in_peak_mbps: float = 0.0
    out_peak_mbps: float = 0.0
    shape: Shape = "office"
    up: bool = True


@dataclass(slots=True)
class PlanDevice:
    """A network device and its SNMP agent."""

    name: str
    layer: Layer
    vendor: Literal["huawei", "h3c", "ruijie", "net-snmp"]
    model: str
    region_code: str
    address: IPv4Address
    v3: bool
    area: int = 0
    unit_code: str = ""
    ipv6: IPv6Address | None = None
    snmp_port: int = AGENT_PORT
    ports: list[PlanPort] = field(default_factory=list)

    def add_port(
        self, name: str, alias: str, mbps: int, in_peak: float = 0.0, out_peak: float = 0.0
    ) -> PlanPort:
        """Append a port with the next interface index."""
        port = PlanPort(len(self.ports) + 1, name, alias, mbps, in_peak, out_peak)
        self.ports.append(port)
        return port


@dataclass(frozen=True, slots=True)
class PlanLink:
    """A backbone or egress circuit; an egress circuit has no Z end of ours."""

    number: str
    kind: Literal["backbone", "egress"]
    carrier: str
    a_end: tuple[str, str]
    z_end: tuple[str, str] | None
    history: tuple[tuple[date, int], ...]
    diverse_from: str = ""


@dataclass(frozen=True, slots=True)
class PlanApplication:
    """A carried application behind nginx.

    Attributes:
        slug: stable key.
        unit_code: the unit that answers for it.
        certificate_days: how long its certificate is still valid.
    """

    slug: str
    name: str
    unit_code: str
    address: IPv4Address
    certificate_days: int = 365


@dataclass(frozen=True)
class City:
    """The whole demo city inside one /16 of 127/8."""

    network: IPv4Network = DEFAULT_NETWORK

    def address(self, third: int, fourth: int) -> IPv4Address:
        """``third.fourth`` inside the demo network."""
        return self.network.network_address + (third << 8) + fourth

    @cached_property
    def units(self) -> tuple[PlanUnit, ...]:
        """163 units: 103 of the first stage, 60 new; 30 of them at 1000M."""
        return tuple(_units(self))

    @cached_property
    def devices(self) -> tuple[PlanDevice, ...]:
        """Core, aggregation, egress and some access devices, with ports and traffic."""
        return tuple(_Network(self).build())

    @cached_property
    def unit_ports(self) -> dict[str, tuple[str, str]]:
        """Unit code to (device, port) of the Z end of its circuit."""
        return {
            port.alias.split(" ", 1)[0]: (device.name, port.name)
            for device in self.devices
            if device.layer == "aggregation"
            for port in device.ports
            if port.alias.startswith("YS-")
        }

    @cached_property
    def links(self) -> tuple[PlanLink, ...]:
        """Backbone and egress circuits."""
        return tuple(_links(self))

    @cached_property
    def applications(self) -> tuple[PlanApplication, ...]:
        """What nginx serves."""
        return _applications(self)

    @cached_property
    def tcp_units(self) -> tuple[PlanUnit, ...]:
        """Units whose access device offers a management port: the 雪亮 units."""
        return tuple(unit for unit in self.units if unit.xueliang)

    @property
    def resolver(self) -> IPv4Address:
        """Address of the demo's name server."""
        return self.address(1, 53)


def _spread(period: tuple[date, date], position: int, of: int) -> date:
    first, last = period
    return first + timedelta(days=(last - first).days * position // max(1, of - 1))


def _roster() -> list[tuple[str, str, Literal["city", "county"], int, bool, bool]]:
    """(name, region, level, area, 雪亮, new), old units first as their codes tell."""
    rows: list[tuple[str, str, Literal["city", "county"], int, bool, bool]] = []
    city = names.CITY[0]
    for new, city_units, kinds in (
        (False, names.CITY_UNITS_2011, names.COUNTY_UNITS_2011),
        (True, names.CITY_UNITS_2019, names.COUNTY_UNITS_2019),
    ):
        rows += [(name, city, "city", 1, name in names.XUELIANG_CITY, new) for name in city_units]
        for county in names.COUNTIES:
            for kind in kinds:
                name = names.county_unit(county, kind)
                xueliang = kind in names.XUELIANG_KINDS
                rows.append((name, county.code, "county", county.area, xueliang, new))
    return rows


def _units(city: City) -> list[PlanUnit]:
    rows = _roster()
    dice = random.Random(SEED)  # noqa: S311  # a stable city, not a secret
    old_count = sum(not row[-1] for row in rows)
    plain = [i for i, row in enumerate(rows) if not row[4]]
    mobile = set(dice.sample(plain, MOBILE_UNITS))
    units = []
    for i, (name, region, level, area, xueliang, new) in enumerate(rows):
        position, of = (i - old_count, len(rows) - old_count) if new else (i, old_count)
        mbps = 1000 if xueliang else 100
        in_peak, out_peak = _peaks(dice, mbps, xueliang)
        units.append(
            PlanUnit(
                code=f"YS-{i + 1:04d}",
                name=name,
                region_code=region,
                level=level,
                area=area,
                xueliang=xueliang,
                carrier=MOBILE if i in mobile else TELECOM,
                address=city.address(16 + area, i + 1),
                opened_on=_spread(EXPANSION, position, of) if new else _first_stage(position),
                upgraded_on=None if new else _spread(UPGRADE, position, of),
                mbps=mbps,
                in_peak_mbps=in_peak,
                out_peak_mbps=out_peak,
            )
        )
    return units


def _first_stage(position: int) -> date:
    return FIRST_STAGE + timedelta(days=7 * (position // 4))


def _peaks(dice: random.Random, mbps: int, xueliang: bool) -> tuple[float, float]:
    """Busy-hour traffic: video flows from 雪亮 units, others mostly download."""
    if xueliang:
        return mbps * dice.uniform(0.25, 0.65), mbps * dice.uniform(0.02, 0.08)
    out = mbps * min(0.92, dice.lognormvariate(-1.6, 0.7))
    return out * dice.uniform(0.15, 0.4), out


CORE: Final = ("岳阳核心-1", "岳阳核心-2")
AGGREGATION: Final = (
    ("城区汇聚-1", 1),
    ("城区汇聚-2", 1),
    ("东南汇聚-1", 2),
    ("东南汇聚-2", 2),
    ("西北汇聚-1", 3),
)
EGRESS: Final = (("电信出口", TELECOM), ("移动出口", MOBILE))
BACKBONE_MBPS: Final = 10_000
EGRESS_PEAK_MBPS: Final = {TELECOM: 820.0, MOBILE: 540.0}
ACCESS_DEVICES: Final = 4


class _Network:
    """Builds the devices and shares the units' traffic out over ports and uplinks."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._next_host = 0

    def build(self) -> list[PlanDevice]:
        aggregation = [self._aggregation(name, area) for name, area in AGGREGATION]
        for device in aggregation:
            self._attach_units(device, aggregation)
        cores = [self._core(name, aggregation) for name in CORE]
        egress = [self._egress(name, carrier) for name, carrier in EGRESS]
        return [*cores, *aggregation, *egress, *self._access()]

    def _device(self, name: str, layer: Layer, region: str = names.CITY[0]) -> PlanDevice:
        self._next_host += 1
        vendor, model, v3 = _KINDS[layer]
        address = self._city.address(0, self._next_host)
        return PlanDevice(name, layer, vendor, model, region, address, v3)

    def _aggregation(self, name: str, area: int) -> PlanDevice:
        region = next(c.code for c in names.COUNTIES if c.area == area)
        device = self._device(name, "aggregation", region)
        device.area = area
        for core in CORE:
            device.add_port(f"Ten-GigabitEthernet1/0/{len(device.ports) + 1}", f"至{core}", 10_000)
        return device

    def _attach_units(self, device: PlanDevice, all_of_them: list[PlanDevice]) -> None:
        peers = [other for other in all_of_them if other.area == device.area]
        units = [unit for unit in self._city.units if unit.area == device.area]
        mine = units[peers.index(device) :: len(peers)]
        for n, unit in enumerate(mine, start=1):
            port = device.add_port(
                f"GigabitEthernet1/0/{n}",
                f"{unit.code} {unit.name}",
                1000,
                unit.in_peak_mbps,
                unit.out_peak_mbps,
            )
            port.shape = "steady" if unit.xueliang else "office"
        for uplink in device.ports[: len(CORE)]:
            uplink.in_peak_mbps = sum(u.out_peak_mbps for u in mine) / len(CORE)
            uplink.out_peak_mbps = sum(u.in_peak_mbps for u in mine) / len(CORE)

    def _core(self, name: str, aggregation: list[PlanDevice]) -> PlanDevice:
        device = self._device(name, "core")
        other = CORE[1 - CORE.index(name)]
        device.add_port("XGigabitEthernet0/0/1", f"至{other}", 40_000, 900.0, 900.0)
        for below in aggregation:
            uplink = below.ports[CORE.index(name)]
            n = len(device.ports) + 1
            device.add_port(
                f"XGigabitEthernet0/0/{n}",
                f"至{below.name}",
                10_000,
                uplink.out_peak_mbps,
                uplink.in_peak_mbps,
            )
        for egress, carrier in EGRESS:
            n = len(device.ports) + 1
            peak = EGRESS_PEAK_MBPS[carrier] / len(CORE)
            device.add_port(f"XGigabitEthernet0/0/{n}", f"至{egress}", 10_000, peak, peak * 0.3)
        return device

    def _egress(self, name: str, carrier: str) -> PlanDevice:
        device = self._device(name, "egress")
        peak = EGRESS_PEAK_MBPS[carrier]
        device.add_port("GigabitEthernet0/0/1", f"{name}互联网", 1000, peak, peak * 0.3)
        for core in CORE:
            n = len(device.ports) + 1
            share = peak / len(CORE)
            device.add_port(f"XGigabitEthernet0/0/{n}", f"至{core}", 10_000, share * 0.3, share)
        return device

    def _access(self) -> list[PlanDevice]:
        devices = []
        for unit in self._city.tcp_units[:ACCESS_DEVICES]:
            device = self._device(f"{unit.name}接入交换机", "access", unit.region_code)
            device.unit_code = unit.code
            device.add_port("Gi0/1", "上联", 1000, unit.out_peak_mbps, unit.in_peak_mbps)
            for n in range(2, 6):
                device.add_port(
                    f"Gi0/{n}",
                    f"楼层{n - 1}",
                    1000,
                    unit.in_peak_mbps / 4,
                    unit.out_peak_mbps / 4,
                )
            device.add_port("Gi0/6", "备用", 1000).up = False
            for port in device.ports:
                port.shape = "steady"
            devices.append(device)
        return devices


_KINDS: Final[dict[Layer, tuple[Literal["huawei", "h3c", "ruijie"], str, bool]]] = {
    "core": ("huawei", "NE40E", True),
    "aggregation": ("h3c", "S10508", False),
    "egress": ("huawei", "USG6655", True),
    "access": ("ruijie", "S5750", False),
}
"""Vendor, model and whether the agent speaks v3: both versions are met in every city."""


def _links(city: City) -> list[PlanLink]:
    devices = {device.name: device for device in city.devices}
    stage = FIRST_STAGE, EXPANSION[1]
    links = [
        PlanLink("YS-GG-00", "backbone", TELECOM, *_ends(devices, *CORE), ((stage[0], 40_000),))
    ]
    for n, (name, _) in enumerate(AGGREGATION, start=1):
        for core, plane in zip(CORE, "AB", strict=True):
            links.append(
                PlanLink(
                    number=f"YS-GG-{n:02d}{plane}",
                    kind="backbone",
                    carrier=TELECOM,
                    a_end=_ends(devices, name, core)[0],
                    z_end=_ends(devices, name, core)[1],
                    history=((stage[0], 1000), (stage[1], BACKBONE_MBPS)),
                    diverse_from="" if plane == "A" else f"YS-GG-{n:02d}A",
                )
            )
    return [*links, *_egress_links(devices)]


def _ends(
    devices: dict[str, PlanDevice], one: str, other: str
) -> tuple[tuple[str, str], tuple[str, str]]:
    return _port_to(devices[one], other), _port_to(devices[other], one)


def _port_to(device: PlanDevice, other: str) -> tuple[str, str]:
    return device.name, next(port.name for port in device.ports if port.alias == f"至{other}")


def _egress_links(devices: dict[str, PlanDevice]) -> list[PlanLink]:
    history = {
        TELECOM: ((FIRST_STAGE, 200), (UPGRADE[0], 1000)),
        MOBILE: ((EXPANSION[1], 1000),),
    }
    return [
        PlanLink(
            number=f"YS-CK-{n:02d}",
            kind="egress",
            carrier=carrier,
            a_end=(name, devices[name].ports[0].name),
            z_end=None,
            history=history[carrier],
        )
        for n, (name, carrier) in enumerate(EGRESS, start=1)
    ]


def _applications(city: City) -> tuple[PlanApplication, ...]:
    by_name = {unit.name: unit.code for unit in city.units}
    rows = (
        ("portal", "政府门户网站", "岳阳市政务服务中心", 365),
        ("hotline", "12345热线平台", "岳阳市12345政府服务热线中心", 365),
        ("urban", "数字城管平台", "岳阳市数字化城市管理中心", 365),
        ("grid", "网格化服务平台", "岳阳市委政法委员会", 365),
        ("documents", "公文流转系统", "岳阳市人民政府办公室", 9),
    )
    return tuple(
        PlanApplication(slug, name, by_name[owner], city.address(1, n), days)
        for n, (slug, name, owner, days) in enumerate(rows, start=1)
    )
