"""Columns for the writer, and questions to the store, that several tests share."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
from clickhouse_connect.driver.client import Client

from govnet.telemetry.columns import ColumnData

Floats = npt.NDArray[np.floating]


def probe_columns(
    ts: Floats,
    target_id: npt.NDArray[np.int64] | int,
    rtt_ms: Floats | float = 1.0,
    outcome: npt.NDArray[np.int64] | int = 0,
    received: npt.NDArray[np.int64] | int = 1,
) -> dict[str, ColumnData]:
    """One sent request per row; NaN in ``rtt_ms`` means no answer."""
    empty = np.full(len(ts), np.nan)
    return {
        "ts": ts,
        "target_id": np.broadcast_to(target_id, ts.shape),
        "outcome": np.broadcast_to(outcome, ts.shape),
        "sent": np.ones(len(ts), dtype=np.int64),
        "received": np.broadcast_to(received, ts.shape),
        "rtt_ms": np.broadcast_to(rtt_ms, ts.shape),
        "jitter_ms": empty,
        "dns_ms": empty,
        "connect_ms": empty,
        "tls_ms": empty,
        "first_byte_ms": empty,
        "reason": [""] * len(ts),
    }


def interface_columns(
    ts: Floats,
    in_octets: npt.NDArray[np.int64],
    out_octets: npt.NDArray[np.int64],
    seconds: Floats,
    device_id: int = 1,
    if_index: int = 1,
) -> dict[str, ColumnData]:
    """Interface samples with no packets, errors or discards."""
    zero = np.zeros(len(ts), dtype=np.int64)
    names = ("in_packets", "out_packets", "in_errors", "out_errors", "in_discards")
    columns: dict[str, ColumnData] = dict.fromkeys(names, zero)
    return columns | {
        "ts": ts,
        "device_id": zero + device_id,
        "if_index": zero + if_index,
        "seconds": seconds,
        "in_octets": in_octets,
        "out_octets": out_octets,
        "out_discards": zero,
        "in_octets_counter": np.cumsum(in_octets),
        "out_octets_counter": np.cumsum(out_octets),
        "oper_up": zero + 1,
        "speed_mbps": zero + 1000,
    }


def number(client: Client, sql: str) -> float:
    """The one number that a query answers."""
    return cast("float", client.query(sql).result_rows[0][0])


def pairs(client: Client, sql: str) -> dict[int, int]:
    """The two columns of an answer as a dictionary."""
    return {int(key): int(value) for key, value in client.query(sql).result_rows}
