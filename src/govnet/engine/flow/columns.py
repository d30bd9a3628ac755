"""The columns of decoded flows, the same whatever protocol they came in.

Addresses are 16 octets: IPv6, or IPv4 mapped (``::ffff:a.b.c.d``, RFC 4291). Octets and packets
are as the exporter counted them; ``sampling`` says by what to multiply.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Integers: TypeAlias = npt.NDArray[np.integer]
Flows: TypeAlias = dict[str, Array]
"""Column name to array, all of one length; see ``DTYPES``."""

DTYPES: Final[dict[str, np.dtype[np.generic]]] = {
    "received_ms": np.dtype(np.int64),
    "end_ms": np.dtype(np.int64),
    "duration_ms": np.dtype(np.uint32),
    "exporter": np.dtype(np.uint32),
    "in_if": np.dtype(np.uint32),
    "out_if": np.dtype(np.uint32),
    "src": np.dtype((np.void, 16)),
    "dst": np.dtype((np.void, 16)),
    "src_port": np.dtype(np.uint16),
    "dst_port": np.dtype(np.uint16),
    "protocol": np.dtype(np.uint8),
    "tos": np.dtype(np.uint8),
    "tcp_flags": np.dtype(np.uint8),
    "vlan": np.dtype(np.uint16),
    "src_as": np.dtype(np.uint32),
    "dst_as": np.dtype(np.uint32),
    "bytes": np.dtype(np.uint64),
    "packets": np.dtype(np.uint64),
    "sampling": np.dtype(np.uint32),
}
"""``end_ms``: end of the flow, milliseconds since the epoch, by the exporter's clock; -1 when it
told no time. ``exporter``: the decoder's number of the exporter. ``sampling``: one of so many
packets was looked at, 1 when all were."""

NO_TIME: Final = -1
MAPPED_WORD: Final = 0xFFFF0000
"""``::ffff:0:0``, as the third little-endian word."""


def mapped(address: Array) -> Array:
    """IPv4 addresses (four octets in wire order, as ``<u4``) as 16 octets each."""
    out = np.zeros((len(address), 4), "<u4")
    out[:, 2] = MAPPED_WORD
    out[:, 3] = address
    return out.view("V16").ravel()


def joined(parts: Sequence[Flows]) -> Flows:
    """Several as one."""
    if len(parts) == 1:
        return parts[0]
    return {
        name: np.concatenate([part[name] for part in parts]) if parts else np.empty(0, dtype)
        for name, dtype in DTYPES.items()
    }


def reversed_flows(flows: Flows, bytes_: Integers, packets: Integers) -> Flows:
    """The other direction of two-way records (RFC 5103): ends swapped, its own counters."""
    swapped = dict(flows)
    for one, other in (
        ("src", "dst"),
        ("src_port", "dst_port"),
        ("in_if", "out_if"),
        ("src_as", "dst_as"),
    ):
        swapped[one], swapped[other] = flows[other], flows[one]
    swapped["bytes"], swapped["packets"] = bytes_, packets
    there = packets > 0
    return {name: column[there] for name, column in swapped.items()}
