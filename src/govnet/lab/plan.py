r"""Makes a description: a city's usual skeleton with the given units hung on it.

::

    isp1   province   isp2          AS 64701, 64600, 64702
      \     /    \     /
       core1 ---- core2             AS 65010, OSPF area 0; portal, phones, resolver, operations
        |  \    /  |
       agg1   agg2   agg3           each to both cores
        |
       acc01 … acc12                four below each; every other one to a second aggregation
        |
       u001 …                       units at 10, 100 or 1000 Mbit/s
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from govnet.demo import plan as demo
from govnet.demo.names import CITY
from govnet.lab import addresses
from govnet.lab.addresses import Pair
from govnet.lab.description import Cable, Description, End, Node, Role, Way

DEFAULT_UNITS: Final = 40
MOST_UNITS: Final = 200
AREAS: Final = 3
ACCESS_PER_AREA: Final = 4
AGENT_EVERY: Final = 10
"""One unit in so many has a device of its own with an SNMP agent."""

AS_CITY: Final = 65010
AS_PROVINCE: Final = 64600
AS_ISPS: Final = (64701, 64702)
BACKBONE_MBPS: Final = 1000
EGRESS_MBPS: Final = 1000
SLOW_EVERY: Final = 8
SLOW_MBPS: Final = 10
"""Units that still have their line of before the upgrade: every city has some."""


@dataclass(frozen=True, slots=True)
class UnitLine:
    """A unit as the plan needs it."""

    code: str
    name: str
    region_code: str
    area: int
    mbps: int
    carrier: str
    number: str


def demo_lines(count: int = DEFAULT_UNITS) -> list[UnitLine]:
    """Units of the demo city, evenly over its roster, so that every area has some."""
    roster = [_line(unit) for unit in demo.City().units]
    if count <= len(roster):
        return [roster[i * len(roster) // count] for i in range(count)]
    return [*roster, *(_more(n) for n in range(len(roster) + 1, count + 1))]


def with_slow_lines(lines: Sequence[UnitLine]) -> list[UnitLine]:
    """The same units, some of them not yet upgraded."""
    return [
        replace(line, mbps=SLOW_MBPS) if line.mbps == 100 and n % SLOW_EVERY == 0 else line
        for n, line in enumerate(lines, start=1)
    ]


def _line(unit: demo.PlanUnit) -> UnitLine:
    return UnitLine(
        unit.code,
        unit.name,
        unit.region_code,
        unit.area,
        unit.mbps,
        unit.carrier,
        unit.circuit_number,
    )


def _more(number: int) -> UnitLine:
    """Villages beyond the demo city's roster."""
    name = f"岳阳市第{number}村便民服务站"
    area = number % AREAS + 1
    return UnitLine(
        f"YS-{number:04d}", name, CITY[0], area, 100, demo.TELECOM, f"YS-ZW-{number:04d}"
    )


def describe(lines: Sequence[UnitLine], name: str = "city") -> Description:
    """The description of a twin with these units.

    Raises:
        ValueError: there are none, or more than ``MOST_UNITS``.
    """
    if not 0 < len(lines) <= MOST_UNITS:
        raise ValueError(f"a twin has 1 to {MOST_UNITS} units, not {len(lines)}")
    return _Skeleton(name).build(lines)


class _Skeleton:
    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Node] = []
        self._cables: list[Cable] = []
        self._links = 0
        self._services = 0
        self._access: dict[int, list[Node]] = {}

    def build(self, lines: Sequence[UnitLine]) -> Description:
        self._outside()
        self._core()
        self._servers()
        self._below()
        for number, line in enumerate(lines, start=1):
            self._unit(number, line)
        return Description(name=self._name, nodes=tuple(self._nodes), cables=tuple(self._cables))

    def _outside(self) -> None:
        self._nodes += [
            Node(
                name="province",
                title="湖南省级政务外网",
                role=Role.PROVINCE,
                asn=AS_PROVINCE,
                ipv4=addresses.PROVINCE4[1],
                ipv6=addresses.PROVINCE6[1],
                agent=True,
            ),
            *(
                Node(
                    name=f"isp{n}",
                    title=title,
                    role=Role.ISP,
                    asn=AS_ISPS[n - 1],
                    ipv4=addresses.INTERNET4[n - 1][1],
                    ipv6=addresses.INTERNET6[n - 1][1],
                    agent=True,
                )
                for n, title in ((1, "电信互联网"), (2, "移动互联网"))
            ),
        ]

    def _core(self) -> None:
        cores = [self._router(f"core{n}", demo.CORE[n - 1], Role.CORE) for n in (1, 2)]
        self._line("YS-GG-00", cores[1], cores[0], BACKBONE_MBPS, demo.TELECOM)
        for n, (core, plane) in enumerate(zip(cores, "AB", strict=True)):
            pair = addresses.outside(addresses.PROVINCE4, addresses.PROVINCE6, n)
            self._cable(f"YS-SJ-{plane}", core, "province", pair, BACKBONE_MBPS, demo.TELECOM, 2.0)
        for n, carrier in enumerate((demo.TELECOM, demo.MOBILE)):
            pair = addresses.outside(addresses.INTERNET4[n], addresses.INTERNET6[n], 0)
            number = f"YS-CK-{n + 1:02d}"
            self._cable(number, cores[n], f"isp{n + 1}", pair, EGRESS_MBPS, carrier, 3.0)

    def _servers(self) -> None:
        for name, title, role, core in (
            ("portal", "政府门户网站服务器", Role.PORTAL, "core1"),
            ("phones", "政务电话服务器", Role.PHONES, "core2"),
            ("resolver", "域名服务器", Role.RESOLVER, "core1"),
        ):
            node = Node(name=name, title=title, role=role)
            self._nodes.append(node)
            pair = addresses.service(self._services)
            self._services += 1
            self._cable(f"YS-FW-{self._services:02d}", node.name, core, pair, 1000)
        noc = self._router("noc", "运行管理中心", Role.OPERATIONS)
        for n in (1, 2):
            self._line(f"YS-YG-{n:02d}", noc, f"core{n}", 1000)

    def _below(self) -> None:
        aggregations = [
            self._router(f"agg{area}", f"汇聚-{area}", Role.AGGREGATION, area)
            for area in range(1, AREAS + 1)
        ]
        for area, node in enumerate(aggregations, start=1):
            for core, plane in ((1, "A"), (2, "B")):
                number = f"YS-GG-{area:02d}{plane}"
                self._line(number, node, f"core{core}", BACKBONE_MBPS, demo.TELECOM)
        for area, node in enumerate(aggregations, start=1):
            second = aggregations[area % AREAS]
            self._access[area] = [self._access_router(area, k, node, second) for k in range(4)]

    def _access_router(self, area: int, k: int, first: str, second: str) -> Node:
        number = (area - 1) * ACCESS_PER_AREA + k + 1
        name = self._router(f"acc{number:02d}", f"接入-{number:02d}", Role.ACCESS, area)
        self._line(f"YS-JR-{number:02d}A", name, first, BACKBONE_MBPS, demo.TELECOM)
        if k % 2:
            self._line(f"YS-JR-{number:02d}B", name, second, BACKBONE_MBPS, demo.MOBILE)
        return self._nodes[-1]

    def _unit(self, number: int, line: UnitLine) -> None:
        routers = self._access[line.area]
        mine = sum(node.role is Role.UNIT and node.area == line.area for node in self._nodes)
        node = Node(
            name=f"u{number:03d}",
            title=line.name,
            role=Role.UNIT,
            agent=number % AGENT_EVERY == 1,
            unit_code=line.code,
            region_code=line.region_code,
            area=line.area,
        )
        self._nodes.append(node)
        router = routers[mine % len(routers)]
        pair = addresses.unit(number)
        self._cable(line.number, node.name, router.name, pair, line.mbps, line.carrier, 0.5)

    def _router(self, name: str, title: str, role: Role, area: int = 0) -> str:
        number = 250 if role is Role.OPERATIONS else self._next_loopback()
        ipv4, ipv6 = addresses.loopback(number)
        asn = AS_CITY if role is Role.CORE else None
        self._nodes.append(
            Node(
                name=name,
                title=title,
                role=role,
                ipv4=ipv4,
                ipv6=ipv6,
                asn=asn,
                agent=role is not Role.OPERATIONS,
                area=area,
            )
        )
        return name

    def _next_loopback(self) -> int:
        layers = {Role.CORE, Role.AGGREGATION, Role.ACCESS}
        return 1 + sum(node.role in layers for node in self._nodes)

    def _line(self, number: str, a: str, z: str, mbps: int, carrier: str = "") -> None:
        pair = addresses.link(self._links)
        self._links += 1
        self._cable(number, a, z, pair, mbps, carrier, 0.2)

    def _cable(
        self, number: str, a: str, z: str, pair: Pair, mbps: int, carrier: str = "", ms: float = 0.0
    ) -> None:
        way = Way(delay_ms=ms)
        self._cables.append(
            Cable(
                name=number,
                a=End(node=a, interface=f"to-{z}", ipv4=pair[0][0], ipv6=pair[0][1]),
                z=End(node=z, interface=f"to-{a}", ipv4=pair[1][0], ipv6=pair[1][1]),
                mbps=mbps,
                carrier=carrier,
                forward=way,
                backward=way,
            )
        )
