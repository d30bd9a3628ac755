"""Probe results on their way to the column store: rows become columns, a second's worth at once."""

from __future__ import annotations

from typing import Final

from govnet.engine.result import Result
from govnet.engine.snmp.rates import Columns, Deltas, merge_columns
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
        self._polls: dict[str, list[Columns]] = {"interface_sample": [], "device_sample": []}

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

    def add_polls(self, deltas: Deltas) -> None:
        """Take SNMP polls, which are columns already."""
        self._polls["interface_sample"].append(deltas.interface)
        self._polls["device_sample"].append(deltas.device)

    def hand_over(self, writer: Writer) -> int:
        """Give everything to the writer.

        Returns:
            how many rows there were.
        """
        rows, self._rows = self._rows, []
        if rows:
            columns = zip(*rows, strict=True)
            writer.append("probe_result", dict(zip(_COLUMNS, columns, strict=True)))
        count = len(rows)
        for table, parts in self._polls.items():
            merged = merge_columns(parts)
            parts.clear()
            if merged:
                writer.append(table, merged)
                count += len(merged["ts"])
        return count
