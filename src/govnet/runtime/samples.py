"""Probe results on their way to the column store: rows become columns, a second's worth at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from govnet.engine.result import Result
from govnet.engine.snmp.rates import Deltas, merge_columns
from govnet.telemetry.writer import Writer

_PHASES: Final = {
    "dns_ms": "dns",
    "connect_ms": "connect",
    "tls_ms": "tls",
    "first_byte_ms": "first_byte",
}
_COLUMNS: Final = (
    "ts",
    "target_id",
    "outcome",
    "sent",
    "received",
    "rtt_ms",
    "jitter_ms",
    "reason",
    *_PHASES,
)
_MAX_COUNT: Final = 2**16 - 1


class Samples:
    """Collects what was measured since the last ``hand_over``; used in the event loop only."""

    def __init__(self) -> None:
        self._rows: list[tuple[object, ...]] = []
        self._interfaces: list[Mapping[str, NDArray[np.generic]]] = []
        self._devices: list[Mapping[str, NDArray[np.generic]]] = []

    def add(self, result: Result) -> None:
        """Take one probe result."""
        phases = result.phases_ms
        self._rows.append(
            (
                result.ts,
                result.target_id,
                int(result.outcome),
                min(result.sent, _MAX_COUNT),
                min(result.received, _MAX_COUNT),
                result.rtt_ms,
                result.jitter_ms,
                result.reason,
                *(phases.get(name) for name in _PHASES.values()),
            )
        )

    def add_poll(self, deltas: Deltas) -> None:
        """Take one SNMP poll, which is columns already."""
        if deltas.interface:
            self._interfaces.append(deltas.interface)
        if deltas.device:
            self._devices.append(deltas.device)

    def hand_over(self, writer: Writer) -> int:
        """Give everything to the writer.

        Returns:
            how many rows there were.
        """
        rows, self._rows = self._rows, []
        if rows:
            columns = zip(*rows, strict=True)
            writer.append("probe_result", dict(zip(_COLUMNS, columns, strict=True)))
        polls = {"interface_sample": self._interfaces, "device_sample": self._devices}
        self._interfaces, self._devices = [], []
        count = len(rows)
        for table, parts in polls.items():
            merged = merge_columns(parts)
            if merged:
                writer.append(table, merged)
                count += len(merged["ts"])
        return count
