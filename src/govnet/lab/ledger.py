"""The ledger of a twin: what GovNet, inside it, knows of the city and measures there.

The demo city's own loader writes it; this module says at which addresses the units, devices and
lines are, and what else is measured.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import IPv6Address
from typing import Any, Final

from govnet.alarms.models import Rule
from govnet.demo import data, names
from govnet.demo.layout import demo_secrets
from govnet.demo.plan import (
    FIRST_STAGE,
    MOBILE,
    TELECOM,
    City,
    Layer,
    PlanDevice,
    PlanLink,
    PlanPort,
    PlanUnit,
)
from govnet.demo.targets import Wanted, save_targets
from govnet.engine.result import ProbeKind
from govnet.lab import kernel
from govnet.lab.daemons.phones import SIP_PORT
from govnet.lab.daemons.portal import HOST, SITE
from govnet.lab.description import Cable, Description, End, Node, Role
from govnet.lab.twin import Twin
from govnet.monitor.generate import sync_targets

SNMP_PORT: Final = 161
LAYERS: Final[dict[Role, Layer]] = {
    Role.CORE: "core",
    Role.AGGREGATION: "aggregation",
    Role.ACCESS: "access",
    Role.UNIT: "access",
}
PortIndexes = dict[tuple[str, str], int]


@dataclass(frozen=True, kw_only=True)
class TwinCity(City):
    """The demo city at a twin's addresses, with the twin's devices and lines.

    Attributes:
        twin: the description.
        indexes: (node, interface) to the ifIndex that its kernel gave.
    """

    twin: Description
    indexes: PortIndexes

    @cached_property
    def units(self) -> tuple[PlanUnit, ...]:
        """The units that the twin has."""
        known = {unit.code: unit for unit in City().units}
        return tuple(
            _unit(node, self.twin.plugs(node.name)[0], known.get(node.unit_code))
            for node in self.twin.of_role(Role.UNIT)
        )

    @cached_property
    def devices(self) -> tuple[PlanDevice, ...]:
        """Routers of the city, and the units' devices that have an agent."""
        return tuple(self._device(node) for node in self.twin.of_role(*LAYERS) if node.agent)

    @cached_property
    def unit_ports(self) -> dict[str, tuple[str, str]]:
        """Unit code to (device, port) of the Z end of its circuit."""
        found = {}
        for node in self.twin.of_role(Role.UNIT):
            _, far, _ = self.twin.plugs(node.name)[0]
            found[node.unit_code] = self._port(far)
        return found

    @cached_property
    def links(self) -> tuple[PlanLink, ...]:
        """Lines between the city's routers, and those that leave it."""
        return tuple(self._links())

    def _device(self, node: Node) -> PlanDevice:
        ipv4, ipv6 = self.twin.address_of(node.name)
        return PlanDevice(
            name=node.system_name,
            layer=LAYERS[node.role],
            vendor="net-snmp",
            model="Linux",
            region_code=_region(node),
            address=ipv4,
            v3=node.role is Role.CORE,
            area=node.area,
            unit_code=node.unit_code,
            ipv6=ipv6,
            snmp_port=SNMP_PORT,
            ports=[
                PlanPort(self._index(end), end.interface, self._alias(far, cable), cable.mbps)
                for end, far, cable in self.twin.plugs(node.name)
            ],
        )

    def _index(self, end: End) -> int:
        return self.indexes[end.node, end.interface]

    def _alias(self, far: End, cable: Cable) -> str:
        return f"{cable.name} 至{self.twin.by_name[far.node].title}"

    def _port(self, end: End) -> tuple[str, str]:
        return self.twin.by_name[end.node].system_name, end.interface

    def _links(self) -> Iterator[PlanLink]:
        for cable in self.twin.cables:
            a, z = (self.twin.by_name[end.node] for end in cable.ends)
            if Role.UNIT in {a.role, z.role} or a.role not in LAYERS or not cable.carrier:
                continue
            base = f"{cable.name[:-1]}A"
            yield PlanLink(
                number=cable.name,
                kind="egress" if z.role is Role.ISP else "backbone",
                carrier=cable.carrier,
                a_end=self._port(cable.a),
                z_end=self._port(cable.z) if z.role in LAYERS else None,
                history=((FIRST_STAGE, cable.mbps),),
                diverse_from=base if cable.name == f"{base[:-1]}B" else "",
            )


def _region(node: Node) -> str:
    known = {county.code for county in names.COUNTIES}
    return node.region_code if node.region_code in known else names.CITY[0]


def _unit(node: Node, plug: tuple[End, End, Cable], known: PlanUnit | None) -> PlanUnit:
    end, _, cable = plug
    ipv6: IPv6Address = end.ipv6.ip
    if known is not None:
        upgraded = known.upgraded_on if cable.mbps == known.mbps else None
        moved = replace(known, address=end.ipv4.ip, ipv6=ipv6)
        return replace(moved, mbps=cable.mbps, upgraded_on=upgraded)
    return PlanUnit(
        code=node.unit_code,
        name=node.title,
        region_code=_region(node),
        level="city",
        area=node.area,
        xueliang=False,
        carrier=cable.carrier if cable.carrier in {TELECOM, MOBILE} else TELECOM,
        address=end.ipv4.ip,
        opened_on=FIRST_STAGE,
        upgraded_on=None,
        mbps=cable.mbps,
        in_peak_mbps=0.0,
        out_peak_mbps=0.0,
        ipv6=ipv6,
    )


def port_indexes(twin: Twin) -> PortIndexes:
    """The ifIndex of every interface, asked of the kernel."""
    found: PortIndexes = {}
    for node in twin.city.nodes:
        with kernel.inside(twin.namespace(node.name)):
            for end, _, _ in twin.city.plugs(node.name):
                found[node.name, end.interface] = socket.if_nametoindex(end.interface)
    return found


def load(twin: Twin, *, force: bool) -> None:
    """Put the twin's city into this installation's ledger.

    Raises:
        govnet.demo.data.DemoError: the ledger holds somebody's own units.
    """
    city = TwinCity(twin=twin.city, indexes=port_indexes(twin))
    secrets = demo_secrets(twin.directory)

    def load_targets() -> None:
        sync_targets()
        save_targets(_targets(twin))

    data.load(city, secrets, load_targets, force=force)
    # Every agent of a twin reports the processor and memory of the one machine that runs it.
    Rule.objects.filter(code__in=("device_cpu", "device_memory")).update(enabled=False)


def _targets(twin: Twin) -> Iterator[Wanted]:
    yield from _services(twin)
    for node in twin.city.of_role(Role.ISP, Role.PROVINCE):
        for address, version in zip(twin.city.address_of(node.name), ("", " IPv6"), strict=True):
            yield Wanted(f"{node.title}{version}", ProbeKind.ICMP, str(address))
    # The probe point is blind when both of its own ways out are: nothing else is to blame then.
    for _, far, _ in twin.city.plugs("noc"):
        for interface in (far.ipv4, far.ipv6):
            name = f"探测点参考 {interface.ip}"
            yield Wanted(name, ProbeKind.ICMP, str(interface.ip), reference=True, interval_s=5)


def _services(twin: Twin) -> Iterator[Wanted]:
    room = twin.room(twin.city.by_name["portal"])
    authority = (room.directory / "run/etc/authority.pem").read_text(encoding="ascii")
    portal = twin.city.address_of("portal")
    for host, version in ((str(portal[0]), ""), (f"[{portal[1]}]", " IPv6")):
        params = {"ca_pem": authority, "body_contains": SITE}
        yield Wanted(f"{SITE}{version}", ProbeKind.HTTP, f"https://{host}/", params, interval_s=20)
    resolver = twin.city.address_of("resolver")[0]
    asked: dict[str, Any] = {"server": str(resolver), "expected": [str(portal[0])]}
    yield Wanted(f"{SITE}域名", ProbeKind.DNS, HOST, asked, interval_s=20)
    phones = str(twin.city.address_of("phones")[0])
    yield Wanted("政务电话服务器 SIP", ProbeKind.TCP, phones, {"port": SIP_PORT})
