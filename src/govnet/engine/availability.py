"""Availability from changes of state: pure interval algebra to the second, no clock, no I/O.

A thing's period is cut into slices; each slice has exactly one ``Code``, so the seconds by code
always sum to the period. What wins where several hold: out of service hours over planned over
excluded over what was measured. A line is the worst of its targets (``series``), a unit with
several lines the best of them (``parallel``): it is down only while all of them are.

``docs/explanation/availability.md`` has a worked example.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

FORMULA_VERSION: Final = 1
"""Raised whenever the same inputs would give another figure; frozen with each statement."""

MAX_UNKNOWN: Final = 0.05
"""Share of the service time that may be unknown; above it there is no percentage."""

Spans = NDArray[np.int64]
NO_SPANS: Final[Spans] = np.empty((0, 2), np.int64)


class Code(IntEnum):
    """What one second of a thing counts as; the order decides ``series`` and ``parallel``.

    ``UP``, ``DEGRADED``, ``UNKNOWN``, ``DOWN``: as measured. ``EXCLUDED``: force majeure or the
    user's own doing, with proof. ``PLANNED``: a maintenance window. ``OUT``: outside of service
    hours, or before the thing was opened. ``ABSENT``: this target did not exist or was switched
    off; it says nothing about the line, and a line of nothing else is unknown.
    """

    UP = 0
    DEGRADED = 1
    UNKNOWN = 2
    DOWN = 3
    EXCLUDED = 4
    PLANNED = 5
    OUT = 6
    ABSENT = 7


@dataclass(frozen=True, slots=True)
class Steps:
    """A code at every second of a period.

    Attributes:
        at: int64[n], ascending, the first is the period's first second; each code holds until
            the next moment, the last until ``end``.
        code: int8[n] of ``Code``.
        end: the second after the period's last.
    """

    at: NDArray[np.int64]
    code: NDArray[np.int8]
    end: int

    @property
    def start(self) -> int:
        """The period's first second."""
        return int(self.at[0])

    def lengths(self) -> NDArray[np.int64]:
        """int64[n]: seconds of each step."""
        return np.diff(self.at, append=self.end)

    def runs(self, *codes: Code) -> Spans:
        """Where one of the codes holds without a break."""
        inside = np.isin(self.code, codes)
        edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
        moments = np.append(self.at, self.end)[edges]
        return moments.reshape(-1, 2)


def spans(pairs: Iterable[tuple[int, int]]) -> Spans:
    """Intervals, overlapping or touching as they come, as sorted disjoint ones; empty ones go."""
    given = np.array([(a, b) for a, b in pairs if b > a], np.int64).reshape(-1, 2)
    if len(given) < 2:
        return given
    given = given[np.argsort(given[:, 0], kind="stable")]
    ends = np.maximum.accumulate(given[:, 1])
    opens = np.append(True, given[1:, 0] > ends[:-1])
    return np.column_stack((given[opens, 0], ends[np.append(opens[1:], True)]))


def inside(marks: Spans, moments: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[n]: which moments lie in sorted disjoint spans."""
    found: NDArray[np.bool_] = np.searchsorted(marks.ravel(), moments, "right") % 2 == 1
    return found


def steps(
    moments: NDArray[np.int64],
    codes: NDArray[np.int8],
    period: tuple[int, int],
    before: Code = Code.UNKNOWN,
) -> Steps:
    """The states of a target from its changes.

    Args:
        moments: int64[n], ascending; of several at the same second the last one holds.
        codes: int8[n], the state from each moment on.
        period: the first second and the second after the last.
        before: what holds at the period's start. Nothing recorded is unknown, never up.
    """
    start, end = period
    first, last = np.searchsorted(moments, (start, end), ("right"))
    if first:
        before = Code(int(codes[first - 1]))
    at = np.concatenate(([start], moments[first:last]))
    code = np.concatenate(([before], codes[first:last])).astype(np.int8)
    return _lean(at, code, end)


def constant(code: Code, period: tuple[int, int]) -> Steps:
    """The same code throughout."""
    return Steps(np.array([period[0]], np.int64), np.array([code], np.int8), period[1])


def _lean(at: NDArray[np.int64], code: NDArray[np.int8], end: int) -> Steps:
    """Drop steps of no length and steps that change nothing."""
    kept = np.append(at[1:] > at[:-1], True) & (at < end)
    at, code = at[kept], code[kept]
    changes = np.append(True, code[1:] != code[:-1])
    return Steps(at[changes], code[changes], end)


def _sampled(line: Steps, at: NDArray[np.int64]) -> NDArray[np.int8]:
    found: NDArray[np.int8] = line.code[np.searchsorted(line.at, at, "right") - 1]
    return found


def overlay(line: Steps, marks: Spans, code: Code) -> Steps:
    """Let a code win inside the spans, except where the target is absent."""
    if not len(marks):
        return line
    edges = marks.ravel()
    edges = edges[(edges > line.start) & (edges < line.end)]
    at = np.union1d(line.at, edges)
    sampled = _sampled(line, at)
    chosen = np.where(inside(marks, at) & (sampled != Code.ABSENT), np.int8(code), sampled)
    return _lean(at, chosen, line.end)


def _combined(lines: Sequence[Steps], *, worst: bool) -> Steps:
    if len(lines) == 1:
        return lines[0]
    at = reduce(np.union1d, [line.at for line in lines])
    table = np.stack([_sampled(line, at) for line in lines])
    if worst:
        table = np.where(table == Code.ABSENT, np.int8(-1), table).max(axis=0)
        code = np.where(table < 0, np.int8(Code.ABSENT), table)
    else:
        code = table.min(axis=0)
    return _lean(at, code, lines[0].end)


def series(lines: Sequence[Steps]) -> Steps:
    """A line that needs all of its targets: the worst of them; absent ones say nothing."""
    return _combined(lines, worst=True)


def parallel(lines: Sequence[Steps]) -> Steps:
    """A thing that needs one of its lines: the best of them; absent ones say nothing."""
    return _combined(lines, worst=False)


# ---- The account ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outage:
    """One unbroken time of being down.

    Attributes:
        start: its first second inside the period.
        end: the second after its last inside the period.
        counted_s: seconds of it inside service hours; planned and excluded time is no part.
        began_before: it was down already when the period began.
        goes_on: it was still down when the period ended.
    """

    start: int
    end: int
    counted_s: int
    began_before: bool = False
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of the formula, in seconds; those of several things may be added.

    ``period_s = out_s + planned_s + excluded_s + unknown_s + down_s + up_s``, always.
    ``degraded_s`` is a part of ``up_s``.
    """

    period_s: int = 0
    out_s: int = 0
    planned_s: int = 0
    excluded_s: int = 0
    unknown_s: int = 0
    down_s: int = 0
    up_s: int = 0
    degraded_s: int = 0
    outages: int = 0
    longest_s: int = 0

    def __add__(self, other: Terms) -> Terms:
        return Terms(
            self.period_s + other.period_s,
            self.out_s + other.out_s,
            self.planned_s + other.planned_s,
            self.excluded_s + other.excluded_s,
            self.unknown_s + other.unknown_s,
            self.down_s + other.down_s,
            self.up_s + other.up_s,
            self.degraded_s + other.degraded_s,
            self.outages + other.outages,
            max(self.longest_s, other.longest_s),
        )

    @property
    def service_s(self) -> int:
        """T of the formula: the period without the time outside of service hours."""
        return self.period_s - self.out_s

    @property
    def base_s(self) -> int:
        """The denominator: service time that is neither planned, unknown nor excluded."""
        return self.service_s - self.planned_s - self.unknown_s - self.excluded_s

    @property
    def coverage(self) -> float | None:
        """Share of the service time that is known, 0 to 1; None without service time."""
        return 1 - self.unknown_s / self.service_s if self.service_s else None

    @property
    def sufficient(self) -> bool:
        """Enough is known for a percentage, and something is left to judge."""
        return self.base_s > 0 and self.unknown_s <= MAX_UNKNOWN * self.service_s

    @property
    def ratio(self) -> float | None:
        """(T − planned − unknown − excluded − down) / (T − planned − unknown − excluded).

        None where the data are insufficient: no percentage rather than a wrong one.
        """
        return (self.base_s - self.down_s) / self.base_s if self.sufficient else None

    @property
    def mttr_s(self) -> float | None:
        """Mean time to restore: down time by number of outages; None without an outage."""
        return self.down_s / self.outages if self.outages else None

    @property
    def mtbf_s(self) -> float | None:
        """Mean time between failures: up time by number of outages; None without an outage."""
        return self.up_s / self.outages if self.outages else None


@dataclass(frozen=True, slots=True)
class Account:
    """What became of every second of one thing.

    Attributes:
        terms: the seconds by what they count as.
        slices: the code of every second, each of which is in exactly one slice.
        downs: int64[n, 3], the outages: first second, the second after the last, and seconds
            that count. Arrays, because a year of a city has half a million.
    """

    terms: Terms
    slices: Steps
    downs: NDArray[np.int64]

    @property
    def outages(self) -> tuple[Outage, ...]:
        """The times of being down, oldest first."""
        start, end = self.slices.start, self.slices.end
        rows = self.downs.tolist()
        return tuple(Outage(a, b, counted, a == start, b == end) for a, b, counted in rows)


def account(line: Steps, service: Spans | None = None) -> Account:
    """Sum a thing's codes over its period.

    Args:
        line: what holds at every second, windows and exclusions laid over it.
        service: sorted disjoint service hours; None is round the clock.
    """
    slices = _settled(line, service)
    seconds = np.bincount(slices.code, weights=slices.lengths(), minlength=len(Code)).astype(int)
    downs = _downs(line, slices)
    counted = downs[:, 2]
    terms = Terms(
        period_s=slices.end - slices.start,
        out_s=int(seconds[Code.OUT]),
        planned_s=int(seconds[Code.PLANNED]),
        excluded_s=int(seconds[Code.EXCLUDED]),
        unknown_s=int(seconds[Code.UNKNOWN]),
        down_s=int(seconds[Code.DOWN]),
        up_s=int(seconds[Code.UP] + seconds[Code.DEGRADED]),
        degraded_s=int(seconds[Code.DEGRADED]),
        outages=int((counted > 0).sum()),
        longest_s=int(counted.max(initial=0)),
    )
    return Account(terms, slices, downs)


def _settled(line: Steps, service: Spans | None) -> Steps:
    """No second is left absent, and none outside of service hours is judged."""
    code = np.where(line.code == Code.ABSENT, np.int8(Code.UNKNOWN), line.code)
    known = _lean(line.at, code, line.end)
    return known if service is None else overlay(known, _outside(service, line), Code.OUT)


def _outside(service: Spans, line: Steps) -> Spans:
    edges = [line.start, *service.ravel().tolist(), line.end]
    gaps = [
        (max(a, line.start), min(b, line.end)) for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]
    return spans(gaps)


def _downs(line: Steps, slices: Steps) -> NDArray[np.int64]:
    """Times of being down with what counts of them.

    One that spans a night outside of service hours is one outage.
    """
    runs = line.runs(Code.DOWN)
    is_down = slices.code == Code.DOWN
    before = np.concatenate(([0], np.cumsum(np.where(is_down, slices.lengths(), 0))))
    place = np.searchsorted(slices.at, runs, "right") - 1
    counted = before[place] + np.where(is_down[place], runs - slices.at[place], 0)
    return np.column_stack((runs, counted[:, 1] - counted[:, 0]))


def longest(outages: Iterable[Outage]) -> Outage | None:
    """The outage with the most counted seconds; None without any."""
    return max(outages, key=lambda outage: outage.counted_s, default=None)


def is_partition(line: Steps) -> bool:
    """True when the steps ascend strictly inside the period: nothing doubled, nothing left out."""
    return all(a < b for a, b in pairwise([*line.at.tolist(), line.end]))
