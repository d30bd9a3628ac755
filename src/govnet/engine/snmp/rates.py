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
# Half of each counter's range.
HALF_RANGES_32: Final = np.full(8, 2**31, np.uint64)
HALF_RANGES_64: Final = np.array([2**63] * 4 + [2**31] * 4, np.uint64)
# IANAifType of interfaces whose ifSpeed is a real line rate; tunnels and loopbacks only claim.
PHYSICAL_TYPES: Final = (6, 62, 69, 117)

Columns = dict[str, NDArray[np.generic]]
Ticks = NDArray[np.float64]


class Clock(StrEnum):
    """What sysUpTime says about the time between two polls."""

    RUNNING = "running"
    REBOOTED = "rebooted"
    UNCLEAR = "unclear"


@dataclass(slots=True)
class _Last:
    """The last poll of a device: what its next one is compared with."""

    uptime_ticks: int
    wraps: int
    monotonic_s: float
    table: InterfaceTable | None


@dataclass(slots=True)
class _Pair:
    """One device's interfaces now and, row by row, what they were before."""

    poll: DevicePoll
    table: InterfaceTable
    seconds: float
    old: UintArray
    old_valid: BoolArray
    same: BoolArray


@dataclass(slots=True)
class Deltas:
    """Columns of a batch of polls and how they came about.

    Attributes:
        interface: columns of ``interface_sample``; empty when no poll had interfaces.
        device: columns of ``device_sample``; empty when no device answered.
        clocks: per device, see ``Clock``.
        valid_rows: interfaces with a delta.
    """

    interface: Columns = field(default_factory=dict)
    device: Columns = field(default_factory=dict)
    clocks: dict[int, Clock] = field(default_factory=dict)
    valid_rows: int = 0


class CounterHistory:
    """Last counters of every device; not thread-safe, one per engine."""

    def __init__(self) -> None:
        self._last: dict[int, _Last] = {}

    def forget(self, device_id: int) -> None:
        """Drop a device that is gone."""
        self._last.pop(device_id, None)

    def deltas(self, *polls: DevicePoll) -> Deltas:
        """Deltas since each device's last poll, as columns ready for the column store.

        Many polls in one call cost far less than one call each. A poll without a system group
        gives no rows and leaves the device's history as it is. A device may occur once only.
        """
        result = Deltas()
        pairs: list[_Pair] = []
        device_rows: list[tuple[DevicePoll, int]] = []
        for poll in polls:
            if poll.system is None:
                continue
            clock, seconds, last = self._advance(poll)
            result.clocks[poll.device_id] = clock
            ticks = poll.system.uptime_ticks + self._last[poll.device_id].wraps * TICKS_MODULUS
            device_rows.append((poll, ticks // 100))
            if poll.interfaces is not None and len(poll.interfaces):
                before = last.table if last and clock is Clock.RUNNING else None
                pairs.append(_pair(poll, poll.interfaces, before, seconds))
        if device_rows:
            result.device = _device_columns(device_rows)
        if pairs:
            result.interface, result.valid_rows = _interface_columns(pairs)
        return result

    def _advance(self, poll: DevicePoll) -> tuple[Clock, float, _Last | None]:
        """Judge the clock and make this poll the last one."""
        last = self._last.get(poll.device_id)
        ticks = poll.system.uptime_ticks if poll.system else 0
        clock, seconds, wraps = Clock.UNCLEAR, 0.0, 0
        if last is not None:
            clock, seconds = elapsed(last.uptime_ticks, ticks, poll.monotonic_s - last.monotonic_s)
            if clock is not Clock.REBOOTED:
                wraps = last.wraps + (clock is Clock.RUNNING and ticks < last.uptime_ticks)
        self._last[poll.device_id] = _Last(ticks, wraps, poll.monotonic_s, poll.interfaces)
        return clock, seconds, last


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
    """Columns of many batches as one; empty without parts."""
    parts = [part for part in parts if part]
    if not parts:
        return {}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _device_columns(rows: list[tuple[DevicePoll, int]]) -> Columns:
    """``device_sample``; NaN stands for NULL."""
    health = [poll.health for poll, _ in rows]
    return {
        "ts": _timestamps([poll.ts for poll, _ in rows]),
        "device_id": np.array([poll.device_id for poll, _ in rows], np.uint32),
        "uptime_s": np.array([uptime_s for _, uptime_s in rows], np.uint64),
        "cpu_percent": np.array([h.cpu_percent for h in health], np.float32),
        "memory_percent": np.array([h.memory_percent for h in health], np.float32),
        "temperature_c": np.array([h.temperature_c for h in health], np.float32),
    }


def _timestamps(seconds: list[float]) -> NDArray[np.generic]:
    return (np.array(seconds, np.float64) * 1000).astype("datetime64[ms]")


def _pair(
    poll: DevicePoll, table: InterfaceTable, before: InterfaceTable | None, seconds: float
) -> _Pair:
    """Line up the rows with what they were in the poll before."""
    if (
        before is None
        or not len(before)
        or (before.counter_bits, before.names) != (table.counter_bits, table.names)
    ):
        nothing = np.zeros(len(table), np.bool_)
        return _Pair(poll, table, 0.0, table.values, table.valid, nothing)
    if before.if_index is table.if_index or np.array_equal(before.if_index, table.if_index):
        old, valid, names = before.values, before.valid, before.name
        same = np.ones(len(table), np.bool_)
    else:
        at = np.searchsorted(before.if_index, table.if_index)
        at = np.minimum(at, len(before) - 1)
        old, valid = before.values[at], before.valid[at]
        same = before.if_index[at] == table.if_index
        names = [before.name[i] for i in at.tolist()] if before.name else []
    if names is not table.name and names and table.name:  # another port took the ifIndex
        same &= np.array([a == b for a, b in zip(names, table.name, strict=True)], np.bool_)
    return _Pair(poll, table, seconds, old, valid, same)


def _interface_columns(pairs: list[_Pair]) -> tuple[Columns, int]:
    """``interface_sample`` of many devices and how many rows have a delta."""
    counts = [len(pair.table) for pair in pairs]
    values = np.concatenate([pair.table.values for pair in pairs])
    seconds = np.repeat([pair.seconds for pair in pairs], counts)
    narrow = np.repeat([pair.table.counter_bits == 32 for pair in pairs], counts)
    speeds = np.concatenate([pair.table.speed_mbps for pair in pairs])
    deltas, good = _row_deltas(pairs, values, seconds, narrow, _limits(pairs, speeds, seconds))
    oper = values[:, pairs[0].table.names.index("oper_status")]
    columns: Columns = {
        "ts": np.repeat(_timestamps([pair.poll.ts for pair in pairs]), counts),
        "device_id": np.repeat(np.array([p.poll.device_id for p in pairs], np.uint32), counts),
        "if_index": np.concatenate([pair.table.if_index for pair in pairs]),
        "seconds": np.where(good, seconds, 0.0).astype(np.float32),
    }
    columns |= {name: np.ascontiguousarray(deltas[:, i]) for i, name in enumerate(COUNTERS)}
    columns["in_octets_counter"] = np.ascontiguousarray(values[:, 0])
    columns["out_octets_counter"] = np.ascontiguousarray(values[:, 1])
    columns["oper_up"] = (oper == 1).astype(np.uint8)
    columns["speed_mbps"] = speeds
    return columns, int(good.sum())


def _row_deltas(
    pairs: list[_Pair], values: UintArray, seconds: Ticks, narrow: BoolArray, limits: UintArray
) -> tuple[UintArray, BoolArray]:
    """Deltas per row and whether they can be trusted; 0 where not."""
    width = len(COUNTERS)
    old = np.concatenate([pair.old for pair in pairs])
    known = np.concatenate([pair.table.valid for pair in pairs])
    known = known & np.concatenate([pair.old_valid for pair in pairs])
    good = np.concatenate([pair.same for pair in pairs]) & (seconds > 0)
    good &= known[:, 0] & known[:, 1]
    good &= old[:, -1] == values[:, -1]  # ifCounterDiscontinuityTime
    new, earlier, known = values[:, :width], old[:, :width], known[:, :width]
    halves = np.where(narrow[:, None], HALF_RANGES_32, HALF_RANGES_64)
    deltas = (new - earlier) & (2 * halves - np.uint64(1))  # modulo each counter's range
    deltas[~known] = 0
    good &= ~(deltas > limits).any(axis=1)
    # Back by more than half of the range is no wrap but a counter that was cleared.
    good &= ~((new < earlier) & (deltas >= halves)).any(axis=1)
    # A 32-bit counter that can pass its range between two polls says nothing.
    good &= ~(narrow & (limits[:, 0] >= TICKS_MODULUS))
    deltas[~good] = 0
    return deltas, good


def _limits(pairs: list[_Pair], speeds: NDArray[np.uint32], seconds: Ticks) -> UintArray:
    """The most that each counter can have grown: line rate, with a margin."""
    types = np.concatenate([pair.table.if_type for pair in pairs])
    narrow = [pair.table.counter_bits == 32 for pair in pairs]
    unknown = np.where(narrow, UNKNOWN_MBPS_32, UNKNOWN_MBPS)
    unknown = np.repeat(unknown, [len(pair.table) for pair in pairs])
    physical = np.isin(types, PHYSICAL_TYPES) & (speeds > 0)
    bits = np.where(physical, speeds, unknown) * 1e6 * (seconds + SPEED_SLACK_S) * SPEED_MARGIN
    limits = np.empty((len(types), len(COUNTERS)), np.float64)
    limits[:, :2] = (bits / 8)[:, None]
    limits[:, 2:] = (bits / MIN_FRAME_BITS)[:, None]
    return limits.astype(np.uint64)
