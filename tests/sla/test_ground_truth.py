"""Downtime against recorded ground truth: it equals the truth within one probe interval.

The truth is JSON lines, as a scenario of the city twin records it: seconds, fault or heal, what
is affected. Simulated probes see it, the engine's own state tracker confirms it, the changes
become flips, and availability sums them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pytest

from govnet.engine.result import Outcome, ProbeKind, Result
from govnet.engine.result import Target as ProbedTarget
from govnet.engine.state import Change, Moment, StateTracker
from govnet.monitor import services as monitor
from govnet.monitor.models import TargetState
from govnet.sla.services import Scope, availabilities
from tests.city import City, build_city, set_state

pytestmark = pytest.mark.django_db

INTERVAL_S = 10
START = 1_762_000_000
LENGTH_S = 4 * 3600
REFERENCE = 9_999

TRUTH = """
{"t": 1203, "event": "fault", "affected": ["east"]}
{"t": 3127, "event": "heal", "affected": ["east"]}
{"t": 5001, "event": "fault", "affected": ["east", "west"]}
{"t": 5090, "event": "heal", "affected": ["west"]}
{"t": 7777, "event": "heal", "affected": ["east"]}
{"t": 9000, "event": "fault", "affected": ["west"]}
{"t": 9004, "event": "heal", "affected": ["west"]}
"""
"""The last fault is shorter than the interval: no probe need see it."""


def outages(lines: Iterable[str], name: str) -> Iterator[tuple[int, int]]:
    """(fault, heal) of one thing, seconds since the scenario's start."""
    since: int | None = None
    for line in lines:
        event = json.loads(line)
        if name not in event["affected"]:
            continue
        if event["event"] == "fault":
            since = event["t"]
        elif since is not None:
            yield since, event["t"]
            since = None


def simulate(truth: dict[int, list[tuple[int, int]]]) -> list[Change]:
    """Probe every second what is due: regular runs, and the extra ones that the tracker wants."""
    tracker = StateTracker()
    targets = [
        ProbedTarget(pk, ProbeKind.ICMP, "127.0.0.1", INTERVAL_S, reference=pk == REFERENCE)
        for pk in truth
    ]
    changes = tracker.set_targets(targets, Moment(START, 0.0))
    due = {pk: place for place, pk in enumerate(truth)}
    for second in range(LENGTH_S):
        now = Moment(START + second + 0.5, second + 0.5)
        for pk, faults in truth.items():
            if due[pk] > second:
                continue
            failed = any(a <= second < b for a, b in faults)
            outcome = Outcome.FAILED if failed else Outcome.OK
            result = Result(pk, START + second, outcome, 1, 0 if failed else 1, reason="timeout")
            changes += tracker.observe(result, now)
            after = tracker.recheck_after(pk)
            pace = 1 if pk == REFERENCE else INTERVAL_S  # as references are probed
            due[pk] = second + (pace if after is None else max(int(after), 1))
        changes += tracker.tick(now)
    return changes


@pytest.fixture
def city() -> City:
    return build_city()


def test_computed_downtime_is_the_truth_within_one_interval_an_outage(city: City) -> None:
    lines = TRUTH.split("\n")[1:-1]
    names = {city.target_east.pk: "east", city.target_west.pk: "west"}
    truth = {pk: list(outages(lines, name)) for pk, name in names.items()}
    city.target_west.flips.all().delete()
    for target in (city.target_east, city.target_west):
        set_state(target, "unknown")
    changes = simulate({REFERENCE: [], **truth})
    assert monitor.apply_changes((c, {}) for c in changes if c.target_id != REFERENCE) >= 6
    points = {
        Scope("access_point", city.point_east.pk): city.target_east.pk,
        Scope("access_point", city.point_west.pk): city.target_west.pk,
    }
    moments = (START + 60, START + LENGTH_S)
    TargetState.objects.update(checked_at=datetime.fromtimestamp(moments[1], UTC))
    start, end = (datetime.fromtimestamp(moment, UTC) for moment in moments)
    for scope, found in availabilities(points, start, end).items():
        seen = [(a, b) for a, b in truth[points[scope]] if b - a > INTERVAL_S]
        assert len(found.outages) == len(seen)
        for outage, (fault, heal) in zip(found.outages, seen, strict=True):
            assert abs(outage.start - START - fault) <= INTERVAL_S
            assert abs(outage.end - START - heal) <= INTERVAL_S
        wanted = sum(b - a for a, b in seen)
        assert abs(found.terms.down_s - wanted) <= INTERVAL_S * len(seen)
        assert found.terms.unknown_s == 0
