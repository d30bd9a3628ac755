from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from govnet.alarms.conditions import Condition, ConditionError, Values, firing, firing_now, parse
from govnet.alarms.shipped import shipped_rules

NAN = math.nan


def values(
    step_s: int = 60, week_ago: Sequence[float] | None = None, **now: Sequence[float]
) -> Values:
    """One object's series."""
    length = len(next(iter(now.values())))
    rows = {name: np.array([series], dtype=np.float64) for name, series in now.items()}
    before = {n: np.array([week_ago], dtype=np.float64) for n in now} if week_ago else {}
    return Values(np.arange(length, dtype=np.int64) * 60, 60, rows, before)


def raised(text: str, measured: Values) -> str:
    """A mark for each bucket: # raised, . not."""
    return "".join("#" if mark else "." for mark in firing(parse(text), measured)[0])


def raised_now(text: str, measured: Values, *, before: bool) -> bool:
    return bool(firing_now(parse(text), measured, np.array([before]))[0])


def test_a_threshold_with_duration_and_hysteresis() -> None:
    cpu = [50, 95, 95, 95, 85, 85, 79, 79, 79, 95]
    text = "cpu > 90% for 3m, clear when cpu < 80% for 2m"
    assert raised(text, values(cpu=cpu)) == "...####..."


def test_without_clear_it_ends_when_it_no_longer_holds() -> None:
    assert raised("cpu > 90", values(cpu=[95, 50, 95])) == "#.#"


def test_what_was_not_measured_neither_raises_nor_clears() -> None:
    text = "cpu > 90 for 3m, clear when cpu < 80"
    assert raised(text, values(cpu=[95, NAN, 95, NAN, NAN, 70])) == "..###."
    assert raised("not cpu > 90", values(cpu=[NAN, 10])) == ".#"


def test_missing_data_is_something_one_can_ask_for() -> None:
    text = "missing(cpu) for 2m, clear when cpu >= 0"
    assert raised(text, values(cpu=[10, NAN, NAN, NAN, 5])) == "..##."


def test_a_rate_is_the_change_per_second() -> None:
    assert raised("rate(memory) > 0.5/s", values(memory=[10, 10, 70, 71])) == "..#."


def test_last_week_is_compared_with_the_same_name() -> None:
    text = "latency > 3 * baseline(latency) + 20ms"
    measured = values(latency=[40, 200, 55], week_ago=[10, 10, NAN])
    assert raised(text, measured) == ".##"  # nothing known of last week: it stays


def test_arithmetic_binds_as_in_school() -> None:
    assert raised("cpu > 2 + 3 * 4", values(cpu=[14, 15])) == ".#"
    assert raised("cpu > (2 + 3) * 4", values(cpu=[20, 21])) == ".#"
    assert raised("cpu / 0 > 1", values(cpu=[20])) == "."
    assert raised("(cpu > 3 or memory > 3) and cpu < 9", values(cpu=[1, 5, 9], memory=[4, 4, 4]))


def test_a_restart_goes_on_from_what_was_raised() -> None:
    text = "cpu > 90 for 10m, clear when cpu < 80 for 1m"
    assert raised_now(text, values(cpu=[85, 85]), before=True)
    assert not raised_now(text, values(cpu=[85, 85]), before=False)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_looking_back_far_enough_tells_the_same_as_the_whole_history(
    cpu: Sequence[float], held: int, cleared: int
) -> None:
    text = f"cpu > 60 for {held}m, clear when cpu < 40 for {cleared}m"
    whole = raised(text, values(cpu=cpu))
    memory, seen = max(held, cleared), ""
    for end in range(1, len(cpu) + 1):
        recent = values(cpu=cpu[max(0, end - memory) : end])
        seen += "#" if raised_now(text, recent, before=seen[-1:] == "#") else "."
    assert seen == whole


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "ends too early"),
        ("cpu >", "ends too early"),
        ("cpu 90", "At character 5, “90”"),
        ("cpu > 90 banana", "At character 10, “banana”"),
        ("cpu > 90 for 10 m", "a duration such as"),
        ("foo > 3", "At character 1: nothing measured is called “foo”"),
        ("cpu > 3 and latency < 5", "one kind of object"),
        ("cpu > 3ms", "At character 8, the unit “ms”"),
        ("cpu > 90 for 2d", "one day at most"),
        ("5 > 3", "names nothing"),
        ("__import__('os').system('x') > 1", "does not fit"),
        ("cpu > " + "(" * 500 + "1" + ")" * 500, "too long"),
        ("cpu > 1 or " * 400, "too long"),
    ],
)
def test_a_wrong_condition_is_told_with_its_place(text: str, said: str) -> None:
    with translation.override("en"), pytest.raises(ConditionError, match=re.escape(said)):
        parse(text)


@given(st.text(alphabet="cpu<>=()and or not for10m%*/.,", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ConditionError):
        assert isinstance(parse(text), Condition)


@pytest.mark.parametrize("code", [c for c, v in shipped_rules().items() if v["condition"]])
def test_every_shipped_condition_can_be_read(code: str) -> None:
    rule = shipped_rules()[code]
    dated = {metric.dated for metric in parse(rule["condition"]).metrics}
    assert dated == {rule["source"] == "expiry"}
