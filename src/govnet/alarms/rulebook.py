"""The rules on measured values and dates, applied: now, and to the past as a test.

Rules on one kind of object share one reading: the values of all their metrics over the longest
time that any of them looks back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import structlog
from prometheus_client import Counter, Histogram

from govnet.alarms.choices import ObjectKind
from govnet.alarms.conditions import (
    Bools,
    Condition,
    ConditionError,
    Values,
    firing,
    firing_now,
    parse,
)
from govnet.alarms.measured import Subject, subjects, values
from govnet.alarms.models import Alarm, Rule, RuleSource
from govnet.alarms.refs import Places, Ref
from govnet.alarms.services import Fault

log = structlog.get_logger()

SECONDS = Histogram("govnet_alarms_rules_seconds", "Time that one look at all rules took")
BROKEN = Counter("govnet_alarms_rules_broken_total", "Rules that could not be read", ["rule"])

STEP_S: Final = 60
MARGIN_S: Final = 300
"""Read beyond what a condition looks back, so that a gap in the samples can be bridged."""

LATE_S: Final = 15
"""Samples need a moment to arrive; the last bucket is one that ended so long ago."""

LOOKED_AT: Final = (RuleSource.METRIC, RuleSource.EXPIRY)


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule and its condition, read."""

    rule: Rule
    condition: Condition


def kinds() -> list[str]:
    """Codes of all rules of this module, those that are switched off included."""
    return list(Rule.objects.filter(source__in=LOOKED_AT).values_list("code", flat=True))


def faults_now(now: datetime) -> list[Fault]:
    """What the rules that are switched on say now.

    Raises:
        TelemetryUnavailableError: the column store does not answer.
    """
    with SECONDS.time():
        rules = [
            r for r in map(_ready, Rule.objects.filter(source__in=LOOKED_AT, enabled=True)) if r
        ]
        groups: dict[tuple[ObjectKind, bool], list[Ready]] = defaultdict(list)
        for ready in rules:
            metrics = ready.condition.metrics
            groups[metrics[0].subject, any(m.dated for m in metrics)].append(ready)
        return [fault for group in groups.values() for fault in _of_group(group, now)]


def _ready(rule: Rule) -> Ready | None:
    try:
        return Ready(rule, parse(rule.condition))
    except ConditionError as error:
        BROKEN.labels(rule.code).inc()
        log.warning("rule cannot be read", rule=rule.code, reason=str(error))
        return None


def _of_group(group: Sequence[Ready], now: datetime) -> list[Fault]:
    metrics = tuple({m.name: m for ready in group for m in ready.condition.metrics}.values())
    baselines = frozenset[str]().union(*(ready.condition.baselines for ready in group))
    asked = subjects(metrics)
    if not asked:
        return []
    back = max(ready.condition.memory_s for ready in group) + MARGIN_S
    end = now - timedelta(seconds=LATE_S)
    measured = values(metrics, baselines, asked, end - timedelta(seconds=back), end, STEP_S)
    return [fault for ready in group for fault in _of_rule(ready, asked, measured, now)]


def _of_rule(
    ready: Ready, asked: Sequence[Subject], measured: Values, now: datetime
) -> list[Fault]:
    kind = ready.condition.metrics[0].subject.value
    active = Alarm.objects.active().filter(kind=ready.rule.code, object_kind=kind)
    raised = set(active.values_list("object_id", flat=True))
    before = np.array([s.ref.pk in raised for s in asked], dtype=np.bool_)
    found = np.flatnonzero(firing_now(ready.condition, measured, before))
    since = now - timedelta(seconds=ready.condition.for_s)
    return [
        Fault(
            ready.rule.code,
            asked[row].ref,
            since,
            impact=asked[row].impact,
            detail={"values": _last(ready.condition, measured, row)},
            evidence={"samples": [str(asked[row].ref), since.timestamp(), now.timestamp()]},
        )
        for row in found.tolist()
    ]


def _last(condition: Condition, measured: Values, row: int) -> dict[str, float]:
    """The newest known value of each metric, rounded for people."""
    found = {}
    for metric in condition.metrics:
        series = measured.now[metric.name][row]
        known = series[~np.isnan(series)]
        if len(known):
            found[metric.name] = round(float(known[-1]), 2)
    return found


# ---- The test against history -------------------------------------------------------------

HISTORY_DAYS: Final = (1, 7, 30)
ROWS_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class WouldHaveFired:
    """One alarm that a rule would have raised."""

    ref: Ref
    name: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class History:
    """What a rule would have done.

    Attributes:
        looked_at: objects that it speaks of.
        measured: those of which there was any value.
        step_s: how fine the look was; a shorter "for" counts as one step.
        total: alarms that it would have raised.
        fired: the newest of them, cut to what a page shows.
    """

    looked_at: int
    measured: int
    step_s: int
    total: int
    fired: list[WouldHaveFired]


def against_history(
    condition: Condition, days: int, only: Iterable[Ref] | None = None, now: datetime | None = None
) -> History:
    """What a condition would have raised in the last days.

    Args:
        condition: the rule's.
        days: how far back.
        only: objects that the asking person may see; all unless told.
        now: the present moment.

    Raises:
        TelemetryUnavailableError: the column store does not answer.
    """
    now = now or datetime.now(UTC)
    step_s = {1: 60, 7: 300}.get(days, 3600)
    asked = subjects(condition.metrics)
    if only is not None:
        seen = set(only)
        asked = [s for s in asked if s.ref in seen]
    spans: list[tuple[Ref, float, float | None]] = []
    measured = 0
    for at in range(0, len(asked), 200):
        part = asked[at : at + 200]
        found = values(
            condition.metrics, condition.baselines, part, now - timedelta(days=days), now, step_s
        )
        known = np.any([~np.isnan(v).all(axis=1) for v in found.now.values()], axis=0)
        measured += int(np.count_nonzero(known))
        spans += _spans(firing(condition, found), found, [s.ref for s in part])
    spans.sort(key=lambda span: -span[1])
    shown = spans[:ROWS_SHOWN]
    places = Places().of(ref for ref, _start, _end in shown)
    fired = [
        WouldHaveFired(ref, places[ref].name, _moment(start), _moment(end) if end else None)
        for ref, start, end in shown
        if ref in places
    ]
    return History(len(asked), measured, step_s, len(spans), fired)


def _spans(raised: Bools, found: Values, refs: Sequence[Ref]) -> list[tuple[Ref, float, Any]]:
    """Unbroken runs of raised buckets; the end is None while it lasts."""
    padded = np.pad(raised, ((0, 0), (1, 1))).astype(np.int8)
    turns = np.diff(padded, axis=1)
    spans = []
    for row, ref in enumerate(refs):
        starts, ends = np.flatnonzero(turns[row] == 1), np.flatnonzero(turns[row] == -1)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            last = None if end == len(found.times) else float(found.times[end])
            spans.append((ref, float(found.times[start]), last))
    return spans


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
