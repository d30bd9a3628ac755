"""FRR: OSPF for IPv4 and IPv6 inside the city, BGP to the province and both carriers.

Timers are fast, so that a failure is over in seconds: hello 1 s, dead 4 s; BGP 1 s and 3 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from govnet.lab.addresses import ANNOUNCED
from govnet.lab.daemons.base import AGENTX, Daemon, Room
from govnet.lab.daemons.flows import EXPORTERS
from govnet.lab.description import INSIDE, End, Node, Role

DIRECTORY: Final = "/usr/lib/frr"
DEAD_S: Final = 4
WHOLE_ROUTES: Final = "no zebra nexthop kernel enable"
"""Routes with their next hops in them. Where a carrier goes while zebra makes next hop objects, it
takes them for made, and a route of two ways is missing from then on (FRR issue 14481)."""

ASIDE_COST: Final = 1000
"""The operations room has two ways in and is none through."""


def daemons(room: Room) -> Iterator[Daemon]:
    """The routing daemons of a router; nothing for other nodes."""
    node = room.node
    if not node.routes:
        return
    room.write("frr/vtysh.conf", "")
    room.write("snmp/frr.conf", f"agentXSocket {AGENTX}\n")
    room.give("frr", "frr")
    parts = {"zebra": [*_common(room)[:2], WHOLE_ROUTES, *_source(room)]}
    if node.role in INSIDE:
        parts |= {"ospfd": _ospf(room), "ospf6d": _ospf6(room)}
    if node.asn is not None:
        parts["bgpd"] = _bgp(room)
    for name, lines in parts.items():
        room.write(f"frr/{name}.conf", "\n".join(lines) + "\n")
        yield _daemon(room, name)


def _daemon(room: Room, name: str) -> Daemon:
    command = [f"{DIRECTORY}/{name}", "-A", "127.0.0.1", "-f", f"/etc/frr/{name}.conf"]
    if name != "zebra" and room.node.agent:
        command += ["-M", "snmp"]
    return Daemon(
        name=name,
        argv=tuple(command),
        wave=2 if name == "zebra" else 3,
        ready="/run/frr/zserv.api" if name == "zebra" else f"/run/frr/{name}.vty",
        environment={"SNMPCONFPATH": "/run/etc/snmp", "MIBS": ""},
    )


def _common(room: Room) -> list[str]:
    lines = [f"hostname {room.node.name}", "log syslog informational"]
    return [*lines, "agentx"] if room.node.agent else lines


def _source(room: Room) -> list[str]:
    """Flows come from the address that the ledger knows, as a router's "export source" is set.

    softflowd cannot be told its address: the routes tell it.
    """
    if room.node.name not in EXPORTERS:
        return []
    source = [f" set src {room.node.ipv4}", "exit"]
    return ["route-map source permit 10", *source, "ip protocol ospf route-map source"]


def _speaks_ospf(room: Room, far: End) -> bool:
    return room.city.by_name[far.node].role in INSIDE


def _ospf(room: Room) -> list[str]:
    lines = _common(room)
    for end, far, _ in room.city.plugs(room.node.name):
        lines += [f"interface {end.interface}", " ip ospf area 0"]
        if _speaks_ospf(room, far):
            lines += [
                " ip ospf network point-to-point",
                " ip ospf hello-interval 1",
                f" ip ospf dead-interval {DEAD_S}",
                " ip ospf retransmit-interval 1",
                *_cost(room, "ip ospf"),
            ]
        else:
            lines.append(" ip ospf passive")
    lines += ["interface lo", " ip ospf area 0", " ip ospf passive"]
    lines += [
        "router ospf",
        f" ospf router-id {room.node.ipv4}",
        " log-adjacency-changes",
        " timers throttle spf 10 50 500",
        " timers throttle lsa all 100",
        " timers lsa min-arrival 100",
        " maximum-paths 2",
    ]
    return [*lines, *_default(room)]


def _cost(room: Room, protocol: str) -> list[str]:
    return [f" {protocol} cost {ASIDE_COST}"] if room.node.role is Role.OPERATIONS else []


def _default(room: Room) -> list[str]:
    """The cores know the way out; the first is preferred."""
    if room.node.role is not Role.CORE:
        return []
    metric = 10 if room.node.name == "core1" else 20
    return [f" default-information originate metric {metric} metric-type 1"]


def _ospf6(room: Room) -> list[str]:
    lines = _common(room)
    for end, far, _ in room.city.plugs(room.node.name):
        lines += [f"interface {end.interface}", " ipv6 ospf6 area 0"]
        if _speaks_ospf(room, far):
            lines += [
                " ipv6 ospf6 network point-to-point",
                " ipv6 ospf6 hello-interval 1",
                f" ipv6 ospf6 dead-interval {DEAD_S}",
                " ipv6 ospf6 retransmit-interval 1",
                *_cost(room, "ipv6 ospf6"),
            ]
        else:
            lines.append(" ipv6 ospf6 passive")
    lines += ["interface lo", " ipv6 ospf6 area 0", " ipv6 ospf6 passive"]
    lines += [
        "router ospf6",
        f" ospf6 router-id {room.node.ipv4}",
        " log-adjacency-changes",
        " timers throttle spf 10 50 500",
        " timers lsa min-arrival 100",
    ]
    return [*lines, *_default(room)]


def _bgp(room: Room) -> list[str]:
    node = room.node
    lines = [
        *_common(room),
        "bgp as-path access-list own permit ^$",
        f"router bgp {node.asn}",
        f" bgp router-id {node.ipv4}",
        " no bgp ebgp-requires-policy",
        " bgp log-neighbor-changes",
        " timers bgp 1 3",
    ]
    sessions = list(_sessions(room))
    for session in sessions:
        lines += session.lines()
    for family, version in (("ipv4", 4), ("ipv6", 6)):
        lines.append(f" address-family {family} unicast")
        own = ANNOUNCED.get(node.name, ())
        lines += [f"  network {net}" for net in own if net.version == version]
        for session in sessions:
            lines += session.family_lines(family, node)
        lines.append(" exit-address-family")
    return lines


class _Session:
    """One BGP neighbour; a session of IPv6 carries IPv6 routes only."""

    def __init__(self, address: str, far: Node, own: Node) -> None:
        self.address, self.far, self.own = address, far, own
        self.family = "ipv6" if ":" in address else "ipv4"

    @property
    def internal(self) -> bool:
        return self.far.asn == self.own.asn

    def lines(self) -> list[str]:
        found = [
            f" neighbor {self.address} remote-as {self.far.asn}",
            f" neighbor {self.address} timers connect 1",
            f" neighbor {self.address} advertisement-interval 0",
        ]
        return [*found, f" neighbor {self.address} update-source lo"] if self.internal else found

    def family_lines(self, family: str, node: Node) -> list[str]:
        if family != self.family:
            return [f"  no neighbor {self.address} activate"]
        found = [f"  neighbor {self.address} activate"]
        # A city carries nobody's traffic from one neighbour to another.
        how = "next-hop-self" if self.internal else "filter-list own out"
        found.append(f"  neighbor {self.address} {how}")
        if node.role is Role.ISP:
            found.append(f"  neighbor {self.address} default-originate")
        return found


def _sessions(room: Room) -> Iterator[_Session]:
    for _, far, _ in room.city.plugs(room.node.name):
        other = room.city.by_name[far.node]
        if other.asn is None:
            continue
        if other.asn == room.node.asn:
            hosts = [str(other.ipv4), str(other.ipv6)]
        else:
            hosts = [str(far.ipv4.ip), str(far.ipv6.ip)]
        for host in hosts:
            yield _Session(host, other, room.node)
