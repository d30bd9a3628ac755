from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from govnet.alarms.models import MaintenanceWindow, Repeat
from govnet.alarms.planned import merged, planned_spans
from govnet.inventory.models import Carrier, Circuit
from govnet.monitor.models import Target
from tests.alarms.faults import NOON
from tests.city import City

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def window(**fields: object) -> MaintenanceWindow:
    values: dict[str, object] = {"starts_at": NOON, "ends_at": NOON + HOUR, "reason": "割接"}
    return MaintenanceWindow(**{**values, **fields})


def put(**fields: object) -> MaintenanceWindow:
    made = window(**fields)
    made.full_clean()
    made.save()
    return made


def spans_of(target: Target, start: datetime = NOON - DAY, days: int = 2) -> list[object]:
    return list(planned_spans([target], start, start + days * DAY).get(target.pk, []))


@pytest.mark.parametrize("where", ["region", "unit", "access_point", "target"])
def test_a_window_on_anything_above_covers_the_target(city: City, where: str) -> None:
    about = {
        "region": city.city,
        "unit": city.unit_west,
        "access_point": city.point_west,
        "target": city.target_west,
    }
    put(**{where: about[where]})
    assert spans_of(city.target_west) == [(NOON, NOON + HOUR)]
    assert bool(spans_of(city.target_east)) is (where == "region")


def test_without_the_subtree_only_the_object_and_its_own_targets_count(city: City) -> None:
    put(unit=city.unit_west, subtree=False)
    assert spans_of(city.target_west) == []
    put(access_point=city.point_west, subtree=False)
    assert spans_of(city.target_west) == [(NOON, NOON + HOUR)]


def test_a_window_on_a_circuit_covers_what_it_leads_to(city: City) -> None:
    put(circuit=city.access)
    assert spans_of(city.target_east) == [(NOON, NOON + HOUR)]
    assert spans_of(city.target_west) == []
    far = Circuit.objects.create(number="X", carrier=Carrier.objects.get(), z_port=city.port)
    put(circuit=far)
    assert spans_of(city.target_west) == []


def test_spans_are_cut_to_the_period_and_do_not_overlap(city: City) -> None:
    put(target=city.target_west)
    put(unit=city.unit_west, starts_at=NOON + HOUR / 2, ends_at=NOON + 3 * HOUR)
    found = planned_spans([city.target_west.pk], NOON + HOUR / 4, NOON + 2 * HOUR)
    assert found == {city.target_west.pk: [(NOON + HOUR / 4, NOON + 2 * HOUR)]}


def test_windows_outside_of_the_period_do_not_count(city: City) -> None:
    put(target=city.target_west)
    assert planned_spans([city.target_west], NOON + HOUR, NOON + 2 * HOUR) == {}
    assert planned_spans([city.target_west], NOON - HOUR, NOON) == {}


def test_a_weekly_window_keeps_its_local_time(city: City) -> None:
    # Mondays from 23:30 to 00:30 in Shanghai, three times.
    start = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
    put(
        target=city.target_west,
        starts_at=start,
        ends_at=start + HOUR,
        repeat=Repeat.WEEKLY,
        repeat_until=date(2026, 3, 16),
    )
    found = spans_of(city.target_west, start - DAY, 60)
    assert found == [(start + n * 7 * DAY, start + n * 7 * DAY + HOUR) for n in range(3)]
    # A period that begins in the middle of one, on the day after.
    cut = planned_spans([city.target_west], start + 14 * DAY + HOUR / 2, start + 15 * DAY)
    assert cut[city.target_west.pk] == [(start + 14 * DAY + HOUR / 2, start + 14 * DAY + HOUR)]


def test_a_monthly_window_on_the_31st_skips_short_months(city: City) -> None:
    start = datetime(2026, 1, 31, 2, tzinfo=UTC)
    put(target=city.target_west, starts_at=start, ends_at=start + HOUR, repeat=Repeat.MONTHLY)
    found = planned_spans([city.target_west], start, start + 125 * DAY)[city.target_west.pk]
    assert [begin.month for begin, _end in found] == [1, 3, 5]


def test_a_window_entered_after_its_start_is_an_amendment(city: City) -> None:
    assert put(target=city.target_west).amended
    soon = datetime.now(UTC) + HOUR
    assert not put(target=city.target_west, starts_at=soon, ends_at=soon + HOUR).amended


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "__all__"),
        ({"unit": True, "target": True}, "target"),
        ({"unit": True, "ends_at": NOON}, "ends_at"),
        ({"unit": True, "ends_at": NOON + 40 * DAY}, "ends_at"),
        ({"unit": True, "repeat": "daily", "ends_at": NOON + 2 * DAY}, "ends_at"),
    ],
)
def test_a_wrong_window_says_which_field(city: City, fields: dict[str, object], word: str) -> None:
    real = {"unit": city.unit_west, "target": city.target_west}
    chosen = {name: real.get(name) if value is True else value for name, value in fields.items()}
    with pytest.raises(ValidationError) as caught:
        window(**chosen).full_clean()
    assert word in caught.value.message_dict


minutes = st.integers(0, 300)


@given(st.lists(st.tuples(minutes, minutes).filter(lambda pair: pair[0] < pair[1])))
def test_merged_spans_cover_the_same_minutes_once(pairs: list[tuple[int, int]]) -> None:
    at = [(NOON + timedelta(minutes=a), NOON + timedelta(minutes=b)) for a, b in pairs]
    found = merged(at)
    assert all(one[1] < two[0] for one, two in pairwise(found))
    covered = {m for a, b in pairs for m in range(a, b)}
    total = sum(((end - start) / timedelta(minutes=1) for start, end in found), 0.0)
    assert total == len(covered)
