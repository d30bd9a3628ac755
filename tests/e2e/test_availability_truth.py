"""Downtime as it is computed, against what was truly broken: a scenario of the city twin."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from govnet.lab.scenario import Scenario, play
from tests.e2e.twins import City

INTERVAL_S = 5
"""Between two measurements of an access point here; as they are made it would be ten seconds, and
the outages twice as long."""

SCENARIO = Scenario.model_validate(
    {
        "name": "单位线路中断",
        "steps": [
            {"at": 4, "fault": "cut", "target": "u003", "expect": {"u003/icmp4": "down"}},
            {"at": 8, "fault": "off", "target": "u005"},
            {"at": 14, "heal": "cut", "target": "u003", "expect": {"u003/icmp4": "up"}},
            {"at": 20, "fault": "cut", "target": "u003"},
            {"at": 30, "heal": "all"},
            {"at": 31, "end": True},
        ],
    }
)
BRISK = """
from govnet.monitor.models import Target
from govnet.monitor.services import bump_revision
Target.objects.exclude(access_point=None).update(interval_s={interval_s})
bump_revision()
"""
COMPUTE = """
import json
from datetime import UTC, datetime
from govnet.inventory.models import AccessPoint
from govnet.sla.services import Scope, availability
moments = [datetime.fromtimestamp(moment, UTC) for moment in ({start}, {end})]
found = {{}}
for node, name in {names!r}.items():
    point = AccessPoint.objects.get(name=name)
    shown = availability(Scope("access_point", point.pk), *moments)
    spans = [(outage.start, outage.end) for outage in shown.outages]
    found[node] = {{"spans": spans, "down_s": shown.terms.down_s, "up_s": shown.terms.up_s}}
print(json.dumps(found))
"""


def broken(lines: Iterable[dict[str, Any]], node: str) -> list[tuple[float, float]]:
    """The spans in which a node truly did not answer, seconds since the epoch."""
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for line in lines:
        at = datetime.fromisoformat(line["t"]).timestamp()
        down = line["affected"].get(f"{node}/icmp4") == "down"
        if down and since is None:
            since = at
        elif not down and since is not None:
            spans.append((since, at))
            since = None
    return spans


def test_computed_downtime_is_the_truth_within_one_interval_an_outage(city: City) -> None:
    city.wait_for(lambda states: set(states.values()) == {"up"}, 240)
    city.govnet.django(BRISK.format(interval_s=INTERVAL_S))
    lines: list[dict[str, Any]] = []
    start = int(datetime.now().astimezone().timestamp())
    play(city.twin, SCENARIO, lines.append)
    city.wait_for(lambda states: set(states.values()) == {"up"}, 60)
    end = int(datetime.now().astimezone().timestamp())
    names = {node: f"{city.twin.city.by_name[node].title}机房" for node in ("u003", "u005")}
    told = city.govnet.django(COMPUTE.format(start=start, end=end, names=names))
    computed = json.loads(told.splitlines()[-1])
    for node, found in computed.items():
        truth = broken(lines, node)
        assert len(found["spans"]) == len(truth) == (2 if node == "u003" else 1), (found, truth)
        for computed_span, true_span in zip(found["spans"], truth, strict=True):
            for moment, true_moment in zip(computed_span, true_span, strict=True):
                assert abs(moment - true_moment) <= INTERVAL_S, (node, found, truth)
        true_s = sum(b - a for a, b in truth)
        assert abs(found["down_s"] - true_s) <= INTERVAL_S * len(truth)
        assert found["up_s"] > 0
