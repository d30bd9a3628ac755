"""SNMP polls as the state rows of their devices and ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from govnet.engine.lines import PortLink, port_link
from govnet.engine.snmp.model import DevicePoll
from govnet.engine.snmp.rates import Deltas
from govnet.monitor.services import DeviceReading, Interface, InterfaceReading, PortReading

ADMIN_UP: Final = 1
"""ifAdminStatus (RFC 2863)."""


class PortIndex:
    """Finds the ports of the ledger among the rows of many polls at once.

    Args:
        ports: ids of the ports by device id and ifIndex.
    """

    def __init__(self, ports: Mapping[tuple[int, int], int]) -> None:
        keys = np.array([device << 32 | index for device, index in ports], np.uint64)
        order = np.argsort(keys)
        self._keys = keys[order]
        self._ids = np.array(list(ports.values()), np.int64)[order]

    def find(
        self, device_id: NDArray[np.generic], if_index: NDArray[np.generic]
    ) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Rows that belong to a port of the ledger, and the id of each one's port."""
        if not len(self._keys):
            return np.zeros(0, np.intp), np.zeros(0, np.int64)
        keys = device_id.astype(np.uint64) << np.uint64(32) | if_index.astype(np.uint64)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        rows = np.flatnonzero(self._keys[places] == keys)
        return rows, self._ids[places[rows]]


def device_readings(polls: Sequence[DevicePoll], deltas: Deltas) -> Iterator[DeviceReading]:
    """What the answered polls say of their devices."""
    if not deltas.device:
        return
    uptimes = dict(
        zip(deltas.device["device_id"].tolist(), deltas.device["uptime_s"].tolist(), strict=True)
    )
    for poll in polls:
        if poll.system is not None:
            yield DeviceReading(
                device_id=poll.device_id,
                ts=poll.ts,
                descr=poll.system.descr,
                object_id=poll.system.object_id,
                uptime_s=uptimes[poll.device_id],
                cpu_percent=poll.cpu_percent,
                memory_percent=poll.memory_percent,
                temperature_c=poll.temperature_c,
            )


def interface_readings(polls: Sequence[DevicePoll]) -> Iterator[InterfaceReading]:
    """The interfaces of those devices whose names were read just now."""
    for poll in polls:
        table = poll.interfaces
        if poll.inventory_fresh and table is not None:
            columns = (
                table.if_index.tolist(),
                table.name,
                table.alias,
                table.if_type.tolist(),
                table.speed_mbps.tolist(),
                (table.admin_status == ADMIN_UP).tolist(),
            )
            rows = tuple(Interface(*row) for row in zip(*columns, strict=True))
            yield InterfaceReading(poll.device_id, poll.ts, rows)


def port_links(poll: DevicePoll, ports: Mapping[int, int]) -> dict[int, PortLink]:
    """What a poll says of the link of some of its device's ports.

    Args:
        poll: one poll; one that was not answered says nothing.
        ports: ids of ports by ifIndex.
    """
    table = poll.interfaces
    if table is None:
        return {}
    columns = (table.if_index.tolist(), table.admin_status.tolist(), table.oper_status.tolist())
    said = {
        ports[index]: port_link(admin, oper)
        for index, admin, oper in zip(*columns, strict=True)
        if index in ports
    }
    return {port: link for port, link in said.items() if link is not None}


def port_readings(deltas: Deltas, ports: PortIndex) -> Iterator[PortReading]:
    """What polls say of those ports that the ledger knows."""
    columns = deltas.interface
    if not columns:
        return
    rows, port_ids = ports.find(columns["device_id"], columns["if_index"])
    seconds = columns["seconds"][rows].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        in_bps = columns["in_octets"][rows].astype(np.float64) * 8 / seconds
        out_bps = columns["out_octets"][rows].astype(np.float64) * 8 / seconds
    read_at = columns["ts"][rows].astype(np.int64) / 1000
    for place, row in enumerate(rows.tolist()):
        known = bool(seconds[place] > 0)
        yield PortReading(
            port_id=int(port_ids[place]),
            ts=float(read_at[place]),
            oper_up=bool(columns["oper_up"][row]),
            speed_mbps=int(columns["speed_mbps"][row]),
            in_bps=float(in_bps[place]) if known else None,
            out_bps=float(out_bps[place]) if known else None,
        )
