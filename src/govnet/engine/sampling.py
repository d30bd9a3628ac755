"""How often a target is asked so that an outage is confirmed in time, and one row per interval.

An ICMP target is not measured by a burst once per interval but by single echoes spread over
it: the same number of packets, and an outage shows within a fraction of the interval. The
state tracker sees every sample; ``Windows`` merges the samples of one interval into one
``Result`` for the column store. The arithmetic: ``docs/explanation/scheduling.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from govnet.engine.probes.icmp import IcmpParams
from govnet.engine.result import Outcome, ProbeKind, Result, Target

DETECTION_SHARE = 0.5
"""An outage of an ICMP target is to be confirmed within this share of its interval."""

MARGIN_S = 0.35
"""Allowed for lateness of timers and for the proof of sight."""

MIN_PERIOD_S = 1.0
"""No target is asked more often than this by regular runs."""

BURST_SPACING_S = 0.1
"""Between the echoes of an extra run."""

ECHO_REFERENCE_S = 1.0
OTHER_REFERENCE_S = 2.0
"""A reference is asked this often, to prove sight sooner than any outage is confirmed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one target is run.

    Attributes:
        regular: what a regular run measures.
        recheck: what an extra run measures while a change of state is pending.
        period_s: seconds between the starts of regular runs; divides the interval.
        worst_s: seconds from the fault to the end of the last confirming run, at most.
    """

    regular: Target
    recheck: Target
    period_s: float
    worst_s: float


def plan(target: Target, confirmations: int = 3, recheck_s: float = 1.0) -> Plan:
    """Plan the runs of one target.

    Args:
        target: what to measure.
        confirmations: failed runs in a row that confirm an outage.
        recheck_s: seconds from the start of one run to the next while pending.
    """
    echoes = _icmp_params(target)
    regular = target if echoes is None else single_echo(target)
    recheck = replace(target, tries=1) if echoes is None else burst(target, echoes)
    confirm_s = longest_run_s(regular) + (confirmations - 1) * max(
        recheck_s, longest_run_s(recheck)
    )
    period_s = target.interval_s if echoes is None else _sample_period_s(target, confirm_s)
    if target.reference:
        period_s = min(period_s, _reference_period_s(target))
    return Plan(regular, recheck, period_s, period_s + confirm_s)


def _sample_period_s(target: Target, confirm_s: float) -> float:
    budget = target.interval_s * DETECTION_SHARE - confirm_s - MARGIN_S
    return _divide(target.interval_s, max(MIN_PERIOD_S, budget))


def _reference_period_s(target: Target) -> float:
    limit = ECHO_REFERENCE_S if target.kind is ProbeKind.ICMP else OTHER_REFERENCE_S
    return _divide(target.interval_s, limit)


def _divide(interval_s: float, longest_s: float) -> float:
    """The longest whole part of the interval within a limit, but not below the minimum."""
    parts = math.ceil(interval_s / longest_s)
    return interval_s / max(1, min(parts, math.floor(interval_s / MIN_PERIOD_S)))


def _icmp_params(target: Target) -> IcmpParams | None:
    """Parameters of a target that is sampled; None for other kinds and for wrong parameters.

    What is wrong is for the run to say, as the target's result.
    """
    if target.kind is not ProbeKind.ICMP:
        return None
    try:
        return IcmpParams.model_validate(target.params)
    except ValidationError:
        return None


def single_echo(target: Target) -> Target:
    """The same ICMP target asked by one echo, without retry."""
    return replace(target, tries=1, params={**target.params, "count": 1})


def burst(target: Target, params: IcmpParams) -> Target:
    """The same ICMP target asked by all its echoes in quick succession, without retry.

    Several echoes, because a line that loses one in five must not be taken for a dead one.
    """
    spacing = min(params.interval_s, BURST_SPACING_S)
    return replace(target, tries=1, params={**target.params, "interval_s": spacing})


def longest_run_s(target: Target) -> float:
    """Seconds that one run may take when nothing answers (SNMP: its first request)."""
    waiting = target.tries * target.timeout_s
    params = _icmp_params(target)
    return waiting if params is None else waiting + (params.count - 1) * params.interval_s


@dataclass(slots=True)
class _Window:
    """Sums over the samples of one interval of one target."""

    target_id: int
    ts: float
    ends: float
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    sent: int = 0
    received: int = 0
    rtt_sum: float = 0.0
    steps_sum: float = 0.0
    steps: int = 0
    last_rtt_ms: float | None = None
    failed_reason: str = ""
    limit_reason: str = ""
    unknown_reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        self.outcomes[result.outcome] = self.outcomes.get(result.outcome, 0) + 1
        self._note_reason(result)
        if result.outcome is Outcome.UNKNOWN:
            return
        self.sent += result.sent
        self.received += result.received
        if result.rtt_ms is not None and result.received:
            self._note_rtt(result.rtt_ms, result)

    def _note_reason(self, result: Result) -> None:
        if result.outcome is Outcome.FAILED:
            self.failed_reason, self.detail = result.reason, result.detail
        elif result.outcome is Outcome.DEGRADED:
            self.limit_reason = result.reason
        elif result.outcome is Outcome.UNKNOWN:
            self.unknown_reason = result.reason
        if not self.failed_reason:
            self.detail = result.detail

    def _note_rtt(self, rtt_ms: float, result: Result) -> None:
        self.rtt_sum += rtt_ms * result.received
        if self.last_rtt_ms is not None:
            self.steps_sum += abs(rtt_ms - self.last_rtt_ms)
            self.steps += 1
        if result.jitter_ms is not None:
            self.steps_sum += result.jitter_ms * (result.received - 1)
            self.steps += result.received - 1
        self.last_rtt_ms = rtt_ms

    def merged(self) -> Result:
        outcome, reason = self._verdict()
        return Result(
            target_id=self.target_id,
            ts=self.ts,
            outcome=outcome,
            sent=self.sent,
            received=self.received,
            rtt_ms=self.rtt_sum / self.received if self.received else None,
            jitter_ms=self.steps_sum / self.steps if self.steps else None,
            reason=reason,
            detail=self.detail,
        )

    def _verdict(self) -> tuple[Outcome, str]:
        known = sum(self.outcomes.values()) - self.outcomes.get(Outcome.UNKNOWN, 0)
        failed = self.outcomes.get(Outcome.FAILED, 0)
        if not known:
            return Outcome.UNKNOWN, self.unknown_reason
        if failed == known:
            return Outcome.FAILED, self.failed_reason
        if 2 * self.outcomes.get(Outcome.DEGRADED, 0) >= known:
            return Outcome.DEGRADED, self.limit_reason
        return (Outcome.DEGRADED, "loss") if failed else (Outcome.OK, "")


class Windows:
    """Merges the samples of each interval of each target into one result for the store.

    Every sample counts in exactly one merged result, so sums of ``sent`` and ``received`` are
    those of the wire. A target that is run once per interval passes through unchanged.
    """

    def __init__(self) -> None:
        self._targets: dict[int, Plan] = {}
        self._open: dict[int, _Window] = {}

    def set_targets(self, targets: Iterable[Target]) -> list[Result]:
        """Merge for these targets; returns the open windows of targets that are gone."""
        self._targets = {target.id: plan(target) for target in targets}
        gone = self._open.keys() - self._targets.keys()
        return [self._open.pop(target_id).merged() for target_id in gone]

    def add(self, result: Result) -> list[Result]:
        """Take one sample in; returns the merged results that are complete now."""
        planned = self._targets.get(result.target_id)
        if planned is None or planned.period_s >= planned.regular.interval_s:
            return [result]
        done: list[Result] = []
        window = self._open.get(result.target_id)
        if window is not None and not window.ts <= result.ts < window.ends:
            done.append(self._open.pop(result.target_id).merged())
            window = None
        if window is None:
            # Half a period early: the sample due at the end belongs to the next window.
            ends = result.ts + planned.regular.interval_s - planned.period_s / 2
            window = self._open[result.target_id] = _Window(result.target_id, result.ts, ends)
        window.add(result)
        return done

    def flush(self) -> list[Result]:
        """Close every open window (the engine stops)."""
        merged = [window.merged() for window in self._open.values()]
        self._open.clear()
        return merged
