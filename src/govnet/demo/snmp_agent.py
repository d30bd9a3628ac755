"""``pass_persist`` program of a demo device: answers snmpd for IF-MIB and the vendor's sensors.

snmpd itself speaks SNMP (v2c, v3); this program only supplies values, as net-snmp's
``snmpd.conf(5)`` describes under ``pass_persist``. One runs for each agent, so it imports next
to nothing and is started with ``python -I -S``: it must not import the rest of the package.

Counters are integrals of a rate that depends on the clock alone, from the time of the table
file on: nothing is stored, two reads always agree, and a restarted program goes on counting.
"""

from __future__ import annotations

import os
import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from math import cos, pi, sin

Oid = tuple[int, ...]
Value = Callable[[float], object]
Row = tuple[str, Value]

HOUR_S = 3600
MONDAY = 1577635200  # 2019-12-30 00:00 in Asia/Shanghai, a Monday
RIPPLES = ((0.02, 53.0), (0.015, 171.0), (0.015, 607.0))  # (share, period in seconds)
# Share of the busy hour's traffic by hour of a working day.
WORKING_DAY = (
    *(0.08, 0.06, 0.05, 0.05, 0.05, 0.06, 0.10, 0.30, 0.80, 1.00, 0.95, 0.85),
    *(0.55, 0.50, 0.75, 0.90, 0.95, 0.85, 0.55, 0.30, 0.22, 0.18, 0.14, 0.10),
)
WEEKEND = 0.25
WORKING_DAYS = 5
OFFICE_BASE = 0.1
STEADY_BASE = 0.8
OCTETS_PER_PACKET = 700
MAX_GAUGE32 = 2**32 - 1
IF_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1)
IFX_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
IF_NUMBER: Oid = (1, 3, 6, 1, 2, 1, 2, 1, 0)
IF_TABLE_LAST_CHANGE: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 5, 0)


class Curve:
    """Traffic over a week as a share of the busy hour's, linear between the hours.

    Args:
        base: the share that never sleeps: little in an office, most of a video stream.
    """

    def __init__(self, base: float) -> None:
        days = ((1.0 if day < WORKING_DAYS else WEEKEND) for day in range(7))
        self._knots = [base + (1 - base) * hour * day for day in days for hour in WORKING_DAY]
        self._knots.append(self._knots[0])
        self._sums = [0.0]
        for left, right in zip(self._knots, self._knots[1:]):  # noqa: B905  # pairs of neighbours
            self._sums.append(self._sums[-1] + (left + right) / 2 * HOUR_S)

    def share(self, at: float) -> float:
        """The share at a time in seconds since the epoch, between ``base`` and 1."""
        _, hour, rest = self._place(at)
        left, right = self._knots[hour], self._knots[hour + 1]
        return left + (right - left) * rest / HOUR_S

    def integral(self, at: float) -> float:
        """How many seconds of busy hour carry the same traffic as ``MONDAY`` until ``at``."""
        weeks, hour, rest = self._place(at)
        left, right = self._knots[hour], self._knots[hour + 1]
        partial = left * rest + (right - left) * rest * rest / (2 * HOUR_S)
        return weeks * self._sums[-1] + self._sums[hour] + partial

    def _place(self, at: float) -> tuple[int, int, float]:
        hours, rest = divmod(at - MONDAY, HOUR_S)
        weeks, hour = divmod(int(hours), 168)
        return weeks, hour, rest


class Flow:
    """Traffic in one direction of a port.

    The rate is never above 1.05 times the busy hour's and never negative: the ripples add up
    to less than the least share of the curve.

    Args:
        peak_bps: at the busiest hour, bit/s.
        phase: in radians, so that ports do not move in step.
    """

    def __init__(self, curve: Curve, peak_bps: float, phase: float, start: float) -> None:
        self._curve = curve
        self._peak_bps = peak_bps
        self._phase = phase
        self._start = self._integral(start)

    def rate_bps(self, at: float) -> float:
        """Bit/s at a time."""
        ripple = sum(a * sin(2 * pi * at / period + self._phase) for a, period in RIPPLES)
        return self._peak_bps * (self._curve.share(at) + ripple)

    def octets(self, at: float) -> int:
        """Octets since ``start``."""
        return int(self._peak_bps * (self._integral(at) - self._start) / 8)

    def _integral(self, at: float) -> float:
        ripple = sum(
            a * period / (2 * pi) * -cos(2 * pi * at / period + self._phase)
            for a, period in RIPPLES
        )
        return self._curve.integral(at) + ripple


def build_rows(lines: list[str], start: float) -> dict[Oid, Row]:
    """Everything that the agent answers, from its table file.

    Lines are tab-separated: ``port index name alias mbps in_bps out_bps shape up`` and
    ``sensor oid mean swing period_s`` (a value that moves around its mean).
    """
    curves = {"office": Curve(OFFICE_BASE), "steady": Curve(STEADY_BASE)}
    rows: dict[Oid, Row] = {}
    ports = 0
    for line in lines:
        kind, *fields = line.rstrip("\n").split("\t")
        if kind == "port":
            ports += 1
            _add_port(rows, fields, curves, start)
        elif kind == "sensor":
            oid, mean, swing, period_s = fields
            rows[parse_oid(oid)] = _sensor(float(mean), float(swing), float(period_s))
    rows[IF_NUMBER] = _fixed("integer", ports)
    rows[IF_TABLE_LAST_CHANGE] = _fixed("timeticks", 0)
    return rows


def _fixed(kind: str, value: object) -> Row:
    return kind, lambda _at: value


def _sensor(mean: float, swing: float, period_s: float) -> Row:
    return "integer", lambda at: round(mean + swing * sin(2 * pi * at / period_s))


def _add_port(
    rows: dict[Oid, Row], fields: list[str], curves: dict[str, Curve], start: float
) -> None:
    number, name, alias, mbps, in_bps, out_bps, shape, up = fields
    index, speed, status = int(number), int(mbps), 1 if up == "1" else 2
    curve = curves[shape]
    into = Flow(curve, float(in_bps), index * 1.7, start)
    out = Flow(curve, float(out_bps), index * 2.3 + 1, start)
    constants = (
        (1, "integer", index),
        (2, "string", name),
        (3, "integer", 6),
        (4, "integer", 1500),
        (5, "gauge", min(speed * 1_000_000, MAX_GAUGE32)),
        (7, "integer", 1),
        (8, "integer", status),
        (9, "timeticks", 0),
    )
    for column, kind, value in constants:
        rows[(*IF_ENTRY, column, index)] = _fixed(kind, value)
    for column in (13, 14, 19, 20):  # discards and errors, in and out: healthy lines
        rows[(*IF_ENTRY, column, index)] = _fixed("counter", 0)
    for column, flow in ((10, into), (16, out)):
        rows[(*IF_ENTRY, column, index)] = _counter32(flow, 1)
        rows[(*IF_ENTRY, column + 1, index)] = _counter32(flow, OCTETS_PER_PACKET)
    for column, flow in ((6, into), (10, out)):
        rows[(*IFX_ENTRY, column, index)] = _counter64(flow, 1)
        rows[(*IFX_ENTRY, column + 1, index)] = _counter64(flow, OCTETS_PER_PACKET)
    rows[(*IFX_ENTRY, 1, index)] = _fixed("string", name)
    rows[(*IFX_ENTRY, 15, index)] = _fixed("gauge", speed)
    rows[(*IFX_ENTRY, 18, index)] = _fixed("string", alias)
    rows[(*IFX_ENTRY, 19, index)] = _fixed("timeticks", 0)


def _counter32(flow: Flow, divisor: int) -> Row:
    return "counter", lambda at: flow.octets(at) // divisor % 2**32


def _counter64(flow: Flow, divisor: int) -> Row:
    return "counter64", lambda at: flow.octets(at) // divisor


def parse_oid(text: str) -> Oid:
    """``.1.3.6`` or ``1.3.6`` as numbers."""
    return tuple(int(part) for part in text.strip().strip(".").split("."))


class Agent:
    """Answers GET and GETNEXT; everything is read-only."""

    def __init__(self, rows: dict[Oid, Row]) -> None:
        self._rows = rows
        self._order = sorted(rows)

    def answer(self, command: str, oid: Oid, at: float) -> str:
        """Three lines for a value, ``NONE`` where there is none."""
        found: Oid | None = oid
        if command == "getnext":
            place = bisect_right(self._order, oid)
            found = self._order[place] if place < len(self._order) else None
        row = self._rows.get(found) if found is not None else None
        if row is None or found is None:
            return "NONE\n"
        kind, value = row
        return f".{'.'.join(map(str, found))}\n{kind}\n{value(at)}\n"


def main(path: str) -> None:
    """Serve snmpd on standard input and output until it goes away."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  # pathlib would double the memory
        started = os.fstat(file.fileno()).st_mtime
        agent = Agent(build_rows(file.readlines(), started))
    lines, out = sys.stdin.buffer, sys.stdout.buffer
    while command := lines.readline().strip().decode("ascii", "replace"):
        if command == "PING":
            out.write(b"PONG\n")
        elif command in {"get", "getnext"}:
            oid = parse_oid(lines.readline().decode("ascii", "replace"))
            out.write(agent.answer(command, oid, time.time()).encode())
        else:  # "set" with its two lines
            lines.readline()
            lines.readline()
            out.write(b"not-writable\n")
        out.flush()


if __name__ == "__main__":
    main(sys.argv[1])
