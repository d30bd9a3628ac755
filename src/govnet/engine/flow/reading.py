"""Rows of a template to the columns of flows: times, addresses, counters, two-way records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from govnet.engine.flow.columns import (
    NO_TIME,
    Array,
    Flows,
    Integers,
    mapped,
    reversed_flows,
)
from govnet.engine.flow.sampling import Sampling
from govnet.engine.flow.templates import Rows, Template

Milliseconds = npt.NDArray[np.int64]

_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_CLOCKS = ("ms", "s", "ntp", "delta_us", "uptime")
_ICMP = (1, 58)
_LONGEST_MS = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Origins:
    """Where rows came from, one value a datagram.

    Attributes:
        exporter: the decoder's number of the exporter; one for all rows.
        received_ms: when the datagram was received.
        export_ms: when the exporter says that it sent it.
        boot_ms: when it says that it was started; export time minus uptime.
        counts: rows of the datagram.
    """

    exporter: int
    received_ms: Milliseconds
    export_ms: Milliseconds
    boot_ms: Milliseconds
    counts: Milliseconds

    def each(self, values: Array) -> Array:
        """A value of each datagram as one of each row."""
        return np.repeat(values, self.counts)


class _Reader:
    """One block of rows; a column is read when it is asked for."""

    def __init__(self, template: Template, rows: Rows) -> None:
        self._template = template
        self.rows = rows
        self.size = len(rows)

    def has(self, role: str) -> bool:
        return role in self._template.roles

    def number(self, role: str, dtype: type[np.integer]) -> Integers:
        """A role as native integers; the highest bits of a longer field are cut off."""
        if not self.has(role):
            return np.zeros(self.size, dtype)
        column = self.rows[role]
        if column.ndim > 1:
            return self._template.number_of(self.rows, role).astype(dtype)
        return column.astype(dtype)

    def signed(self, role: str) -> Milliseconds:
        return self.number(role, np.int64).astype(np.int64, copy=False)

    def address(self, end: str) -> Array:
        """16 octets; a record with both families has the other one at zero."""
        four, six = f"{end}4", f"{end}6"
        if not self.has(six):
            zero = np.zeros(self.size, "<u4")
            return mapped(self.rows[four] if self.has(four) else zero)
        address = np.ascontiguousarray(self.rows[six]).view("V16").ravel()
        if not self.has(four):
            return address
        is_four = self.rows[four] != 0
        both = address.copy()
        both[is_four] = mapped(self.rows[four])[is_four]
        return both


def read_flows(template: Template, rows: Rows, origins: Origins, sampling: Sampling) -> Flows:
    """Columns of one template's rows; two-way records become two flows."""
    reader = _Reader(template, rows)
    end, duration = _times(reader, origins)
    flows: Flows = {
        "received_ms": origins.each(origins.received_ms),
        "end_ms": end,
        "duration_ms": duration,
        "exporter": np.full(reader.size, origins.exporter, np.uint32),
        "in_if": reader.number("in_if", np.uint32),
        "out_if": reader.number("out_if", np.uint32),
        "src": reader.address("src"),
        "dst": reader.address("dst"),
        "src_port": reader.number("src_port", np.uint16),
        "dst_port": _destination_port(reader),
        "protocol": reader.number("protocol", np.uint8),
        "tos": reader.number("tos", np.uint8),
        "tcp_flags": reader.number("tcp_flags", np.uint8),
        "vlan": reader.number("vlan", np.uint16),
        "src_as": reader.number("src_as", np.uint32),
        "dst_as": reader.number("dst_as", np.uint32),
        "bytes": reader.number("bytes", np.uint64),
        "packets": reader.number("packets", np.uint64),
        "sampling": _sampling(reader, sampling),
    }
    if not reader.has("reverse_packets"):
        return flows
    return _both_ways(flows, reader)


def _both_ways(flows: Flows, reader: _Reader) -> Flows:
    back = reversed_flows(
        flows,
        reader.number("reverse_bytes", np.uint64),
        reader.number("reverse_packets", np.uint64),
    )
    forth = (reader.number("packets", np.uint64) > 0) | (
        reader.number("reverse_packets", np.uint64) == 0
    )
    return {name: np.concatenate([flows[name][forth], back[name]]) for name in flows}


def _destination_port(reader: _Reader) -> Integers:
    """Of ICMP, type × 256 + code takes the port's place, as in NetFlow v5."""
    ports = reader.number("dst_port", np.uint16)
    if not reader.has("icmp_type_code"):
        return ports
    is_icmp = np.isin(reader.number("protocol", np.uint8), _ICMP)
    if not is_icmp.any():
        return ports
    return np.where(is_icmp, reader.number("icmp_type_code", np.uint16), ports).astype(np.uint16)


def _sampling(reader: _Reader, sampling: Sampling) -> Array:
    """The record's own rate, else its selector's, else the exporter's."""
    rate = np.full(reader.size, sampling.rate, np.uint32)
    if reader.has("selector") and sampling.by_selector:
        selectors = reader.number("selector", np.uint64)
        for selector, one_in in sampling.by_selector.items():
            rate[selectors == selector] = one_in
    if reader.has("sampling_interval"):
        own = reader.number("sampling_interval", np.uint32)
        rate = np.where(own > 0, own, rate).astype(np.uint32)
    return rate


def _times(reader: _Reader, origins: Origins) -> tuple[Milliseconds, Array]:
    """End in milliseconds since the epoch (-1: not told) and duration in milliseconds."""
    end = _moment(reader, "end", origins)
    if end is not None and _clocks(reader, "start") == _clocks(reader, "end") == ["uptime"]:
        return end, _between_uptimes(reader)
    start = _moment(reader, "start", origins)
    if end is None:
        return np.full(reader.size, NO_TIME, np.int64), _told_duration(reader)
    if start is None:
        return end, _told_duration(reader)
    # A start after the end, or months before it, is an exporter's error: no duration.
    duration = end - start
    duration[(duration < 0) | (duration > _LONGEST_MS)] = 0
    return end, duration.astype(np.uint32)


def _clocks(reader: _Reader, which: str) -> list[str]:
    return [clock for clock in _CLOCKS if reader.has(f"{which}_{clock}")]


def _between_uptimes(reader: _Reader) -> Array:
    """What nearly every router tells: no need to go by way of the time of day."""
    end, start = (reader.number(f"{which}_uptime", np.uint32) for which in ("end", "start"))
    return np.maximum((end - start).view(np.int32), 0).view(np.uint32)


def _told_duration(reader: _Reader) -> Integers:
    return reader.number("duration_ms", np.uint32)


def _moment(reader: _Reader, which: str, origins: Origins) -> Milliseconds | None:
    if reader.has(f"{which}_ms"):
        return reader.signed(f"{which}_ms")
    if reader.has(f"{which}_s"):
        return reader.signed(f"{which}_s") * 1000
    if reader.has(f"{which}_ntp"):
        return _ntp_milliseconds(reader.number(f"{which}_ntp", np.uint64).astype(np.uint64))
    if reader.has(f"{which}_delta_us"):
        return origins.each(origins.export_ms) - reader.signed(f"{which}_delta_us") // 1000
    if reader.has(f"{which}_uptime"):
        return _since_boot(reader, f"{which}_uptime", origins)
    return None


def _since_boot(reader: _Reader, role: str, origins: Origins) -> Milliseconds:
    """Uptimes have 32 bits and wrap after 49.7 days: an age in the upper half is negative."""
    export = origins.each(origins.export_ms)
    if reader.has("boot_ms"):
        now = (export - reader.signed("boot_ms")).astype(np.uint32)
    else:
        now = origins.each((origins.export_ms - origins.boot_ms).astype(np.uint32))
    return export - (now - reader.number(role, np.uint32)).view(np.int32)


def _ntp_milliseconds(value: npt.NDArray[np.uint64]) -> Milliseconds:
    """NTP's 32.32 format, of dateTimeMicroseconds and dateTimeNanoseconds (RFC 7011, 6.1.9)."""
    seconds = (value >> np.uint64(32)).astype(np.int64) - _NTP_EPOCH_S
    fraction = (value & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return seconds * 1000 + ((fraction * 1000) >> 32)
