"""Which routing neighbours of a device are up, as it says itself.

OSPF-MIB (RFC 4750), OSPFV3-MIB (RFC 5643) and BGP4-MIB (RFC 4273, sessions over IPv4 only).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from govnet.engine.snmp.model import SnmpDevice, SnmpError, VarBind
from govnet.engine.snmp.neighbours import MAX_ROWS, table
from govnet.engine.snmp.poll import SnmpPoller

OSPF_NEIGHBOURS: Final = "1.3.6.1.2.1.14.10.1"
"""ospfNbrTable; index ospfNbrIpAddr, ospfNbrAddressLessIndex."""
OSPF_ROUTER_ID, OSPF_STATE = 3, 6

OSPF3_NEIGHBOURS: Final = "1.3.6.1.2.1.191.1.9.1"
"""ospfv3NbrTable; index ospfv3NbrIfIndex, ospfv3NbrIfInstId, ospfv3NbrRtrId (a number)."""
OSPF3_STATE: Final = 8

RUNNING: Final = ("1.3.6.1.2.1.14.1.2.0", "1.3.6.1.2.1.191.1.1.2.0")
"""ospfAdminStat, ospfv3AdminStatus: whether a device speaks a version at all."""

BGP_PEERS: Final = "1.3.6.1.2.1.15.3.1"
"""bgpPeerTable; index bgpPeerRemoteAddr."""
BGP_STATE: Final = 2

FULL: Final = 8
ESTABLISHED: Final = 6


@dataclass(frozen=True, slots=True)
class RoutingNeighbours:
    """Neighbours of a device by how messages name them.

    Attributes:
        ospf: for each version of OSPF that it speaks, router ids and addresses of its
            neighbours, and whether the routers are fully adjacent.
        bgp: addresses of its peers, and whether the session is established.
    """

    ospf: tuple[dict[str, bool], ...] = ()
    bgp: dict[str, bool] | None = None

    def has_ospf(self, name: str) -> bool:
        """Whether a neighbour is adjacent in each version that the device speaks."""
        return bool(self.ospf) and all(found.get(name, False) for found in self.ospf)

    def has_bgp(self, name: str) -> bool:
        """Whether the session with a peer is established."""
        return bool(self.bgp and self.bgp.get(name, False))


async def read_routing_neighbours(poller: SnmpPoller, device: SnmpDevice) -> RoutingNeighbours:
    """Ask a device; what it does not know of is left out.

    Raises:
        SnmpError: no usable answer.
    """
    exchange = await poller.get(device, RUNNING)
    if exchange.reason:
        raise SnmpError(exchange.reason)
    speaks = [isinstance(_value(exchange.values.get(oid)), int) for oid in RUNNING]
    readers = [reader for reader, on in zip((_ospf, _ospf3), speaks, strict=True) if on]
    found = [_together(await reader(poller, device)) for reader in readers]
    return RoutingNeighbours(tuple(found), _together(await _bgp(poller, device)))


Pairs = list[tuple[str, bool]]


def _together(pairs: Pairs) -> dict[str, bool]:
    """Two adjacencies with one router: up when both are."""
    found: dict[str, bool] = {}
    for name, up in pairs:
        found[name] = up and found.get(name, True)
    return found


async def _ospf(poller: SnmpPoller, device: SnmpDevice) -> Pairs:
    rows = table(await poller.walk(device, OSPF_NEIGHBOURS, MAX_ROWS), OSPF_NEIGHBOURS, 5)
    found: Pairs = []
    for index, cells in rows.items():
        up = _value(cells.get(OSPF_STATE)) == FULL
        router = _value(cells.get(OSPF_ROUTER_ID))
        names = {_dotted(index[:4])} | ({router} if isinstance(router, str) else set())
        found += [(name, up) for name in names]
    return found


async def _ospf3(poller: SnmpPoller, device: SnmpDevice) -> Pairs:
    rows = table(await poller.walk(device, OSPF3_NEIGHBOURS, MAX_ROWS), OSPF3_NEIGHBOURS, 3)
    return [
        (_dotted(index[2].to_bytes(4)), _value(cells.get(OSPF3_STATE)) == FULL)
        for index, cells in rows.items()
        if index[2] < 2**32
    ]


async def _bgp(poller: SnmpPoller, device: SnmpDevice) -> Pairs:
    column = f"{BGP_PEERS}.{BGP_STATE}"
    rows = table(await poller.walk(device, column, MAX_ROWS), BGP_PEERS, 4)
    return [
        (_dotted(index), _value(cells.get(BGP_STATE)) == ESTABLISHED)
        for index, cells in rows.items()
    ]


def _dotted(octets: Iterator[int] | tuple[int, ...] | bytes) -> str:
    return ".".join(map(str, octets))


def _value(cell: VarBind | None) -> object:
    return cell.value if cell else None
