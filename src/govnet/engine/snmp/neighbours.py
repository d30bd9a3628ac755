"""Neighbours that a device tells of by LLDP-MIB (IEEE 802.1AB-2005, annex 12).

They are observations: what a device claims, with every text made printable and every table
bounded. Whether they agree with the ledger is for others to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from govnet.engine.snmp.model import SnmpDevice, VarBind, printable
from govnet.engine.snmp.poll import SnmpPoller

LOCAL_PORTS: Final = "1.0.8802.1.1.2.1.3.7.1"
"""lldpLocPortTable; index lldpLocPortNum."""
REMOTES: Final = "1.0.8802.1.1.2.1.4.1.1"
"""lldpRemTable; index lldpRemTimeMark, lldpRemLocalPortNum, lldpRemIndex."""
MAX_ROWS: Final = 20_000
TEXT_LENGTH: Final = 120

MAC_CHASSIS: Final = 4
MAC_PORT: Final = 3
Cells = dict[int, VarBind]


@dataclass(frozen=True, slots=True)
class LldpNeighbour:
    """One row of lldpRemTable.

    Attributes:
        local_port: the device's own port as it calls it: lldpLocPortDesc, else its id.
        chassis: lldpRemChassisId; a MAC as ``aa:bb:cc:dd:ee:ff``, else text.
        name: lldpRemSysName; may be empty.
        port: lldpRemPortDesc, else lldpRemPortId in the same way as ``chassis``.
    """

    local_port: str
    chassis: str
    name: str
    port: str


async def read_neighbours(poller: SnmpPoller, device: SnmpDevice) -> list[LldpNeighbour]:
    """What a device tells of its neighbours now; empty without LLDP.

    Raises:
        SnmpError: no usable answer.
    """
    local = table(await poller.walk(device, LOCAL_PORTS, MAX_ROWS), LOCAL_PORTS, 1)
    remote = table(await poller.walk(device, REMOTES, MAX_ROWS), REMOTES, 3)
    return neighbours(local, remote)


def table(rows: list[VarBind], prefix: str, width: int) -> dict[tuple[int, ...], Cells]:
    """Cells by index and column of a walked table; rows of another shape are passed over."""
    found: dict[tuple[int, ...], Cells] = {}
    for row in rows:
        rest = row.oid.removeprefix(f"{prefix}.").split(".")
        if row.oid.startswith(f"{prefix}.") and len(rest) == width + 1:
            column, *index = map(int, rest)
            found.setdefault(tuple(index), {})[column] = row
    return found


def neighbours(
    local: dict[tuple[int, ...], Cells], remote: dict[tuple[int, ...], Cells]
) -> list[LldpNeighbour]:
    """Join the two tables: each neighbour with the name of the port that it was heard on."""
    found = []
    for (_mark, port_number, _index), cells in sorted(remote.items()):
        own = local.get((port_number,), {})
        found.append(
            LldpNeighbour(
                _text(own.get(4)) or _identity(own, 2, MAC_PORT) or str(port_number),
                _identity(cells, 4, MAC_CHASSIS),
                _text(cells.get(9)),
                _text(cells.get(8)) or _identity(cells, 6, MAC_PORT),
            )
        )
    return found


def _identity(cells: Cells, subtype_column: int, mac: int) -> str:
    """An id whose column follows that of its subtype."""
    subtype, value = cells.get(subtype_column), cells.get(subtype_column + 1)
    raw = value.value if value else None
    if subtype and subtype.value == mac and isinstance(raw, bytes) and len(raw) == 6:
        return raw.hex(":")
    return _text(value)


def _text(cell: VarBind | None) -> str:
    return printable(cell.value, TEXT_LENGTH) if cell else ""
