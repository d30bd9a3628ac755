"""An SNMP poll as the state rows of its device and ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from govnet.engine.snmp.model import DevicePoll
from govnet.engine.snmp.rates import Deltas
from govnet.monitor.services import DeviceReading, PortReading


def device_reading(poll: DevicePoll, deltas: Deltas) -> DeviceReading | None:
    """What an answered poll says of the device; None when it did not answer."""
    if poll.system is None or not deltas.device:
        return None
    return DeviceReading(
        device_id=poll.device_id,
        ts=poll.ts,
        descr=poll.system.descr,
        object_id=poll.system.object_id,
        uptime_s=int(deltas.device["uptime_s"][0]),
        cpu_percent=poll.cpu_percent,
        memory_percent=poll.memory_percent,
        temperature_c=poll.temperature_c,
    )


def port_readings(ts: float, deltas: Deltas, port_ids: Mapping[int, int]) -> Iterator[PortReading]:
    """What a poll says of those ports that the ledger knows.

    Args:
        ts: when the poll started.
        deltas: its columns.
        port_ids: ids of the device's ports by ifIndex.
    """
    columns = deltas.interface
    if not columns or not port_ids:
        return
    rows = np.flatnonzero(np.isin(columns["if_index"], list(port_ids)))
    seconds = columns["seconds"][rows].astype(np.float64)
    valid = seconds > 0
    divisor = np.where(valid, seconds, 1.0)
    in_bps = columns["in_octets"][rows].astype(np.float64) * 8 / divisor
    out_bps = columns["out_octets"][rows].astype(np.float64) * 8 / divisor
    for place, row in enumerate(rows.tolist()):
        yield PortReading(
            port_id=port_ids[int(columns["if_index"][row])],
            ts=ts,
            oper_up=bool(columns["oper_up"][row]),
            speed_mbps=int(columns["speed_mbps"][row]),
            in_bps=float(in_bps[place]) if valid[place] else None,
            out_bps=float(out_bps[place]) if valid[place] else None,
        )
