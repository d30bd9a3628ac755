"""Flows written to a store as the receiver writes them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

import numpy as np

from govnet.config import Config
from govnet.telemetry.schema import FLOW
from govnet.telemetry.writer import Writer


def octets_of(text: str) -> bytes:
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def addresses(texts: Sequence[str]) -> Any:  # noqa: ANN401  # a numpy column
    return np.frombuffer(b"".join(octets_of(text) for text in texts), "V16")


def write_flows(config: Config, ts: Any, **columns: Any) -> None:  # noqa: ANN401
    """Rows at these moments; columns are one value for all or one each, ``src`` and ``dst`` text.

    What is not told is 0; addresses are 10.20.0.1 to 203.0.113.1.
    """
    count = len(ts)
    given: dict[str, Any] = {c.name: np.zeros(count, np.int64) for c in FLOW.columns}
    given |= {"packets": np.ones(count, np.int64), "sampling": np.ones(count, np.int64)}
    ends = {"src": "10.20.0.1", "dst": "203.0.113.1"}
    for name, value in {**ends, **columns}.items():
        if name in ends:
            given[name] = addresses([value] * count if isinstance(value, str) else value)
        else:
            given[name] = np.broadcast_to(np.asarray(value, np.int64), count).copy()
    given["ts"] = np.asarray(ts, np.float64)
    writer = Writer("test", config)
    writer.append("flow", given)
    assert writer.flush(30)
    assert writer.wait_inserted(60)
    assert writer.close(30)
