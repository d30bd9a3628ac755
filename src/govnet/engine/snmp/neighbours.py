"""What a device tells of its surroundings: LLDP neighbours, ARP, the addresses a bridge learned.

LLDP-MIB (IEEE 802.1AB-2005, annex 12), ipNetToMediaTable (RFC 4293), BRIDGE-MIB (RFC 4188)
and Q-BRIDGE-MIB (RFC 4363). They are observations: what a device claims, with every text made
printable and every table bounded. Whether they agree with the ledger is for others to say.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from govnet.engine.snmp.model import SnmpDevice, SnmpError, VarBind, printable
from govnet.engine.snmp.poll import SnmpPoller

LOCAL_PORTS: Final = "1.0.8802.1.1.2.1.3.7.1"
"""lldpLocPortTable; index lldpLocPortNum."""
REMOTES: Final = "1.0.8802.1.1.2.1.4.1.1"
"""lldpRemTable; index lldpRemTimeMark, lldpRemLocalPortNum, lldpRemIndex."""
ADDRESSES: Final = "1.0.8802.1.1.2.1.4.2.1"
"""lldpRemManAddrTable; its index ends with the kind, length and bytes of the address."""
CHASSIS: Final = ("1.0.8802.1.1.2.1.3.1.0", "1.0.8802.1.1.2.1.3.2.0")
"""lldpLocChassisIdSubtype, lldpLocChassisId."""
IF_NAME: Final = "1.3.6.1.2.1.31.1.1.1"
IF_TYPE: Final = "1.3.6.1.2.1.2.2.1"
ARP: Final = "1.3.6.1.2.1.4.22.1"
"""ipNetToMediaTable; index ipNetToMediaIfIndex and an IPv4 address."""
BASE_PORTS: Final = "1.3.6.1.2.1.17.1.4.1"
"""dot1dBasePortTable: ifIndex of a bridge's port."""
FDB: Final = "1.3.6.1.2.1.17.4.3.1"
"""dot1dTpFdbTable; index a MAC."""
VLAN_FDB: Final = "1.3.6.1.2.1.17.7.1.2.2.1"
"""dot1qTpFdbTable; index dot1qFdbId and a MAC."""
MAX_ROWS: Final = 20_000
PHYSICAL: Final = frozenset((6, 62, 69, 117))
"""ifTypes of Ethernet sockets: an address behind a VLAN interface says nothing of the socket."""
TEXT_LENGTH: Final = 120

MAC_CHASSIS: Final = 4
MAC_PORT: Final = 3
INTERFACE_NAME: Final = 5
Cells = dict[int, VarBind]


@dataclass(frozen=True, slots=True)
class LldpNeighbour:
    """One row of lldpRemTable.

    Attributes:
        local_port: the device's own port as it calls it: lldpLocPortId where that is the
            interface's name, else lldpLocPortDesc, else its id or number.
        chassis: lldpRemChassisId; a MAC as ``aa:bb:cc:dd:ee:ff``, else text.
        name: lldpRemSysName; may be empty.
        port: the neighbour's port, chosen likewise of lldpRemPortId and lldpRemPortDesc.
        address: first address of lldpRemManAddrTable; empty without one.
    """

    local_port: str
    chassis: str
    name: str
    port: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class AddressSeen:
    """An address that was seen behind a port.

    Attributes:
        if_index: of the port.
        mac: as ``aa:bb:cc:dd:ee:ff``.
        address: IPv4; empty where a bridge knows only the MAC.
    """

    if_index: int
    mac: str
    address: str = ""


@dataclass(slots=True)
class Surroundings:
    """One reading of a device.

    Attributes:
        chassis: its own lldpLocChassisId; empty: it does not speak LLDP.
        lldp: its neighbours.
        names: ifName by ifIndex.
        physical: ifIndexes of Ethernet sockets.
        arp: addresses asked for, as ARP has them.
    """

    chassis: str = ""
    lldp: list[LldpNeighbour] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    physical: frozenset[int] = frozenset()
    arp: list[AddressSeen] = field(default_factory=list)


async def read_surroundings(
    poller: SnmpPoller, device: SnmpDevice, wanted: Collection[str]
) -> Surroundings:
    """LLDP and ARP of a device.

    Args:
        poller: started.
        device: whom to ask.
        wanted: IPv4 addresses worth remembering; a router's ARP table is much longer.

    Raises:
        SnmpError: no usable answer.
    """
    names = await _column(poller, device, IF_NAME, 1, 1)
    types = await _column(poller, device, IF_TYPE, 3, 1)
    found = Surroundings(
        names={index[0]: printable(cell.value, TEXT_LENGTH) for index, cell in names.items()},
        physical=frozenset(index[0] for index, cell in types.items() if cell.value in PHYSICAL),
    )
    found.chassis = await _own_chassis(poller, device)
    if found.chassis:
        found.lldp = await read_neighbours(poller, device)
    for index, cell in (await _column(poller, device, ARP, 2, 5)).items():
        address = ".".join(map(str, index[1:]))
        if address in wanted and isinstance(cell.value, bytes) and len(cell.value) == 6:
            found.arp.append(AddressSeen(index[0], cell.value.hex(":"), address))
    return found


async def read_bridge(
    poller: SnmpPoller, device: SnmpDevice, wanted: Collection[str]
) -> list[AddressSeen]:
    """Behind which port a bridge has learned some MACs; empty for what is no bridge.

    Raises:
        SnmpError: no usable answer.
    """
    ports = await _column(poller, device, BASE_PORTS, 2, 1)
    if not ports:
        return []
    learned = {key[1:]: c for key, c in (await _column(poller, device, VLAN_FDB, 2, 7)).items()}
    learned = learned or await _column(poller, device, FDB, 2, 6)
    found = []
    for mac_bytes, cell in learned.items():
        port = ports.get((cell.value,)) if isinstance(cell.value, int) else None
        if port is None or not isinstance(port.value, int) or max(mac_bytes) > 255:
            continue
        if (mac := bytes(mac_bytes).hex(":")) in wanted:
            found.append(AddressSeen(port.value, mac))
    return found


async def _column(
    poller: SnmpPoller, device: SnmpDevice, entry: str, column: int, width: int
) -> dict[tuple[int, ...], VarBind]:
    rows = await poller.walk(device, f"{entry}.{column}", MAX_ROWS)
    return {index: cells[column] for index, cells in table(rows, entry, width).items()}


async def _own_chassis(poller: SnmpPoller, device: SnmpDevice) -> str:
    exchange = await poller.get(device, CHASSIS)
    if exchange.reason:
        raise SnmpError(exchange.reason)
    cells = dict(enumerate((exchange.values.get(oid) for oid in CHASSIS), 1))
    return _identity({column: cell for column, cell in cells.items() if cell}, 1, MAC_CHASSIS)


async def read_neighbours(poller: SnmpPoller, device: SnmpDevice) -> list[LldpNeighbour]:
    """What a device tells of its neighbours now; empty without LLDP.

    Raises:
        SnmpError: no usable answer.
    """
    local = table(await poller.walk(device, LOCAL_PORTS, MAX_ROWS), LOCAL_PORTS, 1)
    remote = table(await poller.walk(device, REMOTES, MAX_ROWS), REMOTES, 3)
    told = await poller.walk(device, f"{ADDRESSES}.3", MAX_ROWS)
    return neighbours(local, remote, management_addresses(told))


def table(rows: list[VarBind], prefix: str, width: int) -> dict[tuple[int, ...], Cells]:
    """Cells by index and column of a walked table; rows of another shape are passed over."""
    found: dict[tuple[int, ...], Cells] = {}
    for row in rows:
        rest = row.oid.removeprefix(f"{prefix}.").split(".")
        if row.oid.startswith(f"{prefix}.") and len(rest) == width + 1:
            column, *index = map(int, rest)
            found.setdefault(tuple(index), {})[column] = row
    return found


def management_addresses(rows: list[VarBind]) -> dict[tuple[int, ...], str]:
    """The first address of each remote, by its index; it stands in the index of the row."""
    found: dict[tuple[int, ...], str] = {}
    for row in rows:
        if not row.oid.startswith(f"{ADDRESSES}."):
            continue
        _column_id, *index = map(int, row.oid.removeprefix(f"{ADDRESSES}.").split("."))
        kind, raw = tuple(index[3:5]), index[5:]
        if kind in ((1, 4), (2, 16)) and len(raw) == kind[1] and max(raw) < 256:
            found.setdefault(tuple(index[:3]), str(ip_address(bytes(raw))))
    return found


def neighbours(
    local: dict[tuple[int, ...], Cells],
    remote: dict[tuple[int, ...], Cells],
    addresses: dict[tuple[int, ...], str],
) -> list[LldpNeighbour]:
    """Join the two tables: each neighbour with the name of the port that it was heard on."""
    found = []
    for key, cells in sorted(remote.items()):
        port_number = key[1]
        own = local.get((port_number,), {})
        found.append(
            LldpNeighbour(
                _port(own, 2, 4) or str(port_number),
                _identity(cells, 4, MAC_CHASSIS),
                _text(cells.get(9)),
                _port(cells, 6, 8),
                addresses.get(key, ""),
            )
        )
    return found


def _port(cells: Cells, subtype_column: int, description: int) -> str:
    """The interface's name where the id is one: people write over descriptions."""
    subtype = cells.get(subtype_column)
    if (
        subtype
        and subtype.value == INTERFACE_NAME
        and (name := _text(cells.get(subtype_column + 1)))
    ):
        return name
    return _text(cells.get(description)) or _identity(cells, subtype_column, MAC_PORT)


def _identity(cells: Cells, subtype_column: int, mac: int) -> str:
    """An id whose column follows that of its subtype."""
    subtype, value = cells.get(subtype_column), cells.get(subtype_column + 1)
    raw = value.value if value else None
    if subtype and subtype.value == mac and isinstance(raw, bytes) and len(raw) == 6:
        return raw.hex(":")
    return _text(value)


def _text(cell: VarBind | None) -> str:
    return printable(cell.value, TEXT_LENGTH) if cell else ""
