"""The state bar: covers the window without hole or overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from govnet.core.windows import Window, named
from govnet.dashboards.timeline import segments, timeline
from govnet.monitor.models import Flip
from tests.city import build_city

START = datetime(2026, 11, 23, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
STATES = ("up", "degraded", "down", "unknown")


@given(st.lists(st.tuples(st.floats(1, 86_399), st.sampled_from(STATES)), max_size=20))
def test_segments_cover_the_window_without_hole_or_overlap(
    changes: list[tuple[float, str]],
) -> None:
    old, flips = "up", []
    for seconds, new in sorted(changes):
        flips.append((START + timedelta(seconds=seconds), old, new))
        old = new
    found = segments(flips, "up", DAY)
    assert found[0].start == DAY.start
    assert found[-1].end == DAY.end
    for before, after in pairwise(found):
        assert before.end == after.start
    assert sum(segment.width for segment in found) == pytest.approx(100, abs=0.01)


def test_an_outage_of_an_hour_is_an_hour_of_the_bar() -> None:
    flips = [
        (START + timedelta(hours=6), "up", "down"),
        (START + timedelta(hours=7), "down", "up"),
    ]
    assert [(s.state, s.width) for s in segments(flips, "up", DAY)] == [
        ("up", 25.0),
        ("down", pytest.approx(100 / 24, abs=1e-3)),
        ("up", pytest.approx(100 * 17 / 24, abs=1e-3)),
    ]


@pytest.mark.django_db
def test_before_the_first_record_a_target_is_unknown_and_never_up() -> None:
    city = build_city()
    assert [s.state for s in timeline(city.target_east, named("24h"))] == ["unknown"]


@pytest.mark.django_db
def test_a_state_that_began_before_the_window_fills_it() -> None:
    city = build_city()
    then = timezone.now() - timedelta(days=3)
    Flip.objects.create(
        target=city.target_east, old_state="unknown", new_state="up", at=then, confirmed_at=then
    )
    assert [s.state for s in timeline(city.target_east, named("24h"))] == ["up"]
    assert [s.state for s in timeline(city.target_west, named("24h"))] == ["up", "down"]
