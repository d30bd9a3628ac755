"""Counters of two polls become deltas: the pure arithmetic behind every traffic figure.

A delta is given only when both readings belong to one life of one interface. Otherwise the
row carries ``seconds`` 0 and deltas 0: a gap on the chart, never a spike. What ends a life:
a reboot, a change of ifCounterDiscontinuityTime, another interface at the same ifIndex, a row
or a counter that was missing, a counter that went back without a wrap, or a jump that the
interface's speed does not allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from govnet.engine.snmp.model import BoolArray, DevicePoll, InterfaceTable, UintArray
from govnet.engine.snmp.tables import COUNTERS_64

COUNTERS: Final = COUNTERS_64.names[:8]
TICKS_MODULUS: Final = 2**32  # sysUpTime wraps after 497 days
CLOCK_SLACK_S: Final = 5.0  # agents that cache or round sysUpTime
CLOCK_SHARE: Final = 0.1
SPEED_MARGIN: Final = 1.2  # ifSpeed leaves out preamble and gap; readings jitter
SPEED_SLACK_S: Final = 2.0  # counters that the agent refreshes a moment before or after
MIN_FRAME_BITS: Final = 672  # 64 octets and preamble, start, gap: the most packets at a speed
UNKNOWN_MBPS: Final = 400_000  # a bound for interfaces whose speed is unknown or nominal
UNKNOWN_MBPS_32: Final = 100  # what still has only 32-bit counters is slow
# IANAifType of interfaces whose ifSpeed is a real line rate; tunnels and loopbacks only claim.
PHYSICAL_TYPES: Final = (6, 62, 69, 117)

Columns = dict[str, NDArray[np.generic]]


class Clock(StrEnum):
    """What sysUpTime says about the time between two polls."""

    RUNNING = "running"
    REBOOTED = "rebooted"
    UNCLEAR = "unclear"


@dataclass(slots=True)
class _Last:
    """The last poll of a device that had interfaces."""

    uptime_ticks: int
    wraps: int
    monotonic_s: float
    table: InterfaceTable


@dataclass(slots=True)
class Deltas:
    """Columns of one poll and how they came about.

    Attributes:
        interface: columns of ``interface_sample``.
        device: columns of ``device_sample``, one row.
        clock: see ``Clock``.
        valid_rows: interfaces with a delta.
        missing: counters that the agent does not have; their deltas read 0.
    """

    interface: Columns = field(default_factory=dict)
    device: Columns = field(default_factory=dict)
    clock: Clock = Clock.UNCLEAR
    valid_rows: int = 0
    missing: tuple[str, ...] = ()


class CounterHistory:
    """Last counters of every device; not thread-safe, one per engine."""

    def __init__(self) -> None:
        self._last: dict[int, _Last] = {}

    def forget(self, device_id: int) -> None:
        """Drop a device that is gone."""
        self._last.pop(device_id, None)

    def deltas(self, poll: DevicePoll) -> Deltas:
        """Deltas since the device's last poll, as columns ready for the column store.

        A poll without a system group gives no columns and leaves the history as it is.
        """
        if poll.system is None:
            return Deltas()
        last = self._last.get(poll.device_id)
        ticks = poll.system.uptime_ticks
        wraps = last.wraps if last else 0
        clock, seconds = Clock.UNCLEAR, 0.0
        if last is not None:
            clock, seconds = elapsed(last.uptime_ticks, ticks, poll.monotonic_s - last.monotonic_s)
            if clock is Clock.RUNNING and ticks < last.uptime_ticks:
                wraps += 1
            elif clock is Clock.REBOOTED:
                wraps = 0
        result = Deltas(device=_device_columns(poll, ticks, wraps), clock=clock)
        if poll.interfaces is not None:
            _fill(result, poll, poll.interfaces, last, seconds)
            self._last[poll.device_id] = _Last(ticks, wraps, poll.monotonic_s, poll.interfaces)
        return result


def elapsed(before: int, now: int, monotonic_s: float) -> tuple[Clock, float]:
    """Seconds between two readings of sysUpTime, if the agent ran all the time.

    Args:
        before: earlier sysUpTime in hundredths of a second.
        now: later sysUpTime.
        monotonic_s: seconds between the readings by our own clock.

    Returns:
        What happened, and the seconds by the agent's own clock; 0 unless it kept running.
    """
    if monotonic_s <= 0 or not (before or now):
        return Clock.UNCLEAR, 0.0
    slack = CLOCK_SLACK_S + CLOCK_SHARE * monotonic_s
    seconds = ((now - before) % TICKS_MODULUS) / 100.0
    if abs(seconds - monotonic_s) <= slack and seconds > 0:
        return Clock.RUNNING, seconds
    if now < before or seconds < monotonic_s:
        # Also when the new life is already longer than the old one was at the last poll.
        return Clock.REBOOTED, 0.0
    return Clock.UNCLEAR, 0.0


def merge_columns(parts: Sequence[Mapping[str, NDArray[np.generic]]]) -> Columns:
    """Columns of many polls as one batch; empty without parts."""
    parts = [part for part in parts if part]
    if not parts:
        return {}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _device_columns(poll: DevicePoll, ticks: int, wraps: int) -> Columns:
    health = poll.health
    return {
        "ts": _timestamps(poll.ts, 1),
        "device_id": np.array([poll.device_id], np.uint32),
        "uptime_s": np.array([(ticks + wraps * TICKS_MODULUS) // 100], np.uint64),
        "cpu_percent": _nullable(health.cpu_percent),
        "memory_percent": _nullable(health.memory_percent),
        "temperature_c": _nullable(health.temperature_c),
    }


def _nullable(value: float | None) -> NDArray[np.generic]:
    """One Float32 whose NaN stands for NULL."""
    return np.array([np.nan if value is None else value], np.float32)


def _timestamps(ts: float, count: int) -> NDArray[np.generic]:
    return np.full(count, int(ts * 1000), dtype="datetime64[ms]")


def _fill(
    result: Deltas, poll: DevicePoll, table: InterfaceTable, last: _Last | None, seconds: float
) -> None:
    """The columns of ``interface_sample``."""
    rows, width = len(table), len(COUNTERS)
    deltas = np.zeros((rows, width), np.uint64)
    good = np.zeros(rows, np.bool_)
    if last is not None and result.clock is Clock.RUNNING and rows:
        deltas, good = _row_deltas(last.table, table, seconds)
    counters = table.values[:, :width]
    columns: Columns = {
        "ts": _timestamps(poll.ts, rows),
        "device_id": np.full(rows, poll.device_id, np.uint32),
        "if_index": table.if_index,
        "seconds": np.where(good, np.float32(seconds), np.float32(0)).astype(np.float32),
    }
    columns |= {name: deltas[:, i] for i, name in enumerate(COUNTERS)}
    columns["in_octets_counter"] = counters[:, 0]
    columns["out_octets_counter"] = counters[:, 1]
    columns["oper_up"] = (table.oper_status == 1).astype(np.uint8)
    columns["speed_mbps"] = table.speed_mbps
    result.interface = columns
    result.valid_rows = int(good.sum())
    there: list[bool] = np.any(table.valid[:, :width], axis=0).tolist()
    if not rows:
        there = [True] * width
    result.missing = tuple(n for n, has in zip(COUNTERS, there, strict=True) if not has)


def _row_deltas(
    before: InterfaceTable, now: InterfaceTable, seconds: float
) -> tuple[UintArray, BoolArray]:
    """Deltas per row and whether they can be trusted; 0 where not."""
    width = len(COUNTERS)
    old, valid, paired = _aligned(before, now)
    good = paired & (old[:, -1] == now.values[:, -1])  # ifCounterDiscontinuityTime
    good &= now.valid[:, :2].all(axis=1) & valid[:, :2].all(axis=1)
    if before.counter_bits != now.counter_bits or before.names != now.names:
        good[:] = False
    moduli = _half_moduli(now.counter_bits)
    new, earlier = now.values[:, :width], old[:, :width]
    deltas = (new - earlier) & (2 * moduli - np.uint64(1))
    known = valid[:, :width] & now.valid[:, :width]
    deltas[~known] = 0
    limits = _limits(now, seconds)
    good &= ~(deltas > limits).any(axis=1)
    # Back by more than half of the range is no wrap but a counter that was cleared.
    good &= ~((new < earlier) & (deltas >= moduli) & known).any(axis=1)
    if now.counter_bits == 32:
        good &= limits[:, 0] < 2**32  # else it may have wrapped more than once
    deltas[~good] = 0
    return deltas, good


def _aligned(before: InterfaceTable, now: InterfaceTable) -> tuple[UintArray, BoolArray, BoolArray]:
    """The earlier values in the order of the later rows, and which rows are the same port."""
    if np.array_equal(before.if_index, now.if_index):
        paired = np.ones(len(now), np.bool_)
        old, valid, names = before.values, before.valid, before.name
    else:
        at = np.searchsorted(before.if_index, now.if_index)
        at = np.minimum(at, max(0, len(before) - 1))
        if not len(before):
            return np.zeros_like(now.values), np.zeros_like(now.valid), np.zeros(len(now), np.bool_)
        paired = before.if_index[at] == now.if_index
        old, valid = before.values[at], before.valid[at]
        names = [before.name[i] for i in at.tolist()] if before.name else []
    if names is not now.name and names and now.name and names != now.name:
        paired &= np.array([a == b for a, b in zip(names, now.name, strict=True)], np.bool_)
    return old, valid, paired


def _half_moduli(bits: int) -> UintArray:
    """Half of each counter's range: 2**63, or 2**31 for Counter32."""
    halves = np.full(len(COUNTERS), 2**31, np.uint64)
    if bits == 64:
        halves[:4] = 2**63
    return halves


def _limits(table: InterfaceTable, seconds: float) -> UintArray:
    """The most that each counter can have grown: line rate, with a margin."""
    physical = np.isin(table.if_type, PHYSICAL_TYPES) & (table.speed_mbps > 0)
    unknown = UNKNOWN_MBPS if table.counter_bits == 64 else UNKNOWN_MBPS_32
    mbps = np.where(physical, table.speed_mbps, unknown).astype(np.float64)
    bits = mbps * 1e6 * (seconds + SPEED_SLACK_S) * SPEED_MARGIN
    octets, packets = bits / 8, bits / MIN_FRAME_BITS
    limits = np.empty((len(table), len(COUNTERS)), np.float64)
    limits[:, :2] = octets[:, None]
    limits[:, 2:] = packets[:, None]
    return limits.astype(np.uint64)
