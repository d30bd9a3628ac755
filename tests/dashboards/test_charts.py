"""Chart options: gaps stay gaps, limits and stepped rates lie where they belong."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.core.charts import (
    Limit,
    Line,
    Number,
    Series,
    Style,
    csv_rows,
    line_chart,
    summaries,
)
from govnet.core.windows import RANGES, Window, WindowError, named, window_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
WINDOW = Window(NOON, NOON + timedelta(hours=1), "1h")
START = NOON.timestamp()


def series(
    *values: Number, step_s: float = 60, low: Sequence[Number] = (), high: Sequence[Number] = ()
) -> Series:
    times = [START + step_s * place for place in range(len(values))]
    return Series(times, [Line("rtt", "时延", values, low, high)], step_s, "ms")


def option(found: Series, style: Style | None = None) -> dict[str, Any]:
    built = line_chart(found, WINDOW, SHANGHAI, style or Style())
    return dict(json.loads(json.dumps(built, allow_nan=False)))


def test_a_gap_stays_a_gap() -> None:
    drawn = option(series(1.0, None, 3.0))["series"][0]
    assert [value for _at, value in drawn["data"]] == [1.0, None, 3.0]
    assert drawn["connectNulls"] is False


def test_a_sample_alone_between_gaps_is_still_visible() -> None:
    assert option(series(None, 2.0, None))["series"][0]["showSymbol"] is True
    assert option(series(1.0, 2.0, None))["series"][0]["showSymbol"] is False


def test_the_axis_shows_the_sites_clock_in_any_browser() -> None:
    built = option(series(1.0))
    assert built["useUTC"] is True
    shown = datetime.fromtimestamp(built["series"][0]["data"][0][0] / 1000, UTC)
    assert f"{shown:%H:%M}" == "12:00"
    assert built["xAxis"]["max"] - built["xAxis"]["min"] == 3_600_000


def test_a_rolled_up_line_has_its_band_from_smallest_to_largest() -> None:
    built = option(series(2.0, None, low=(1.0, None), high=(5.0, None)))
    floor, height, line = built["series"]
    assert (floor["data"][0][1], height["data"][0][1], line["data"][0][1]) == (1.0, 4.0, 2.0)
    assert height["data"][1][1] is None
    assert floor["stack"] == height["stack"]
    assert built["legend"]["data"] == ["时延"]


def test_the_contracted_rate_steps_on_the_day_it_changed() -> None:
    day = START + 1800
    steps = ((START - 86400, 10.0), (day, 100.0), (START + 10**7, 1000.0))
    built = option(series(1.0, 2.0), Style(steps=steps, steps_label="签约带宽"))
    drawn = built["series"][-1]
    offset = 8 * 3600
    assert drawn["step"] == "end"
    assert [(at / 1000 - offset, value) for at, value in drawn["data"]] == [
        (START, 10.0),
        (day, 100.0),
        (WINDOW.end.timestamp(), 100.0),
    ]


def test_a_rate_that_begins_later_draws_nothing_before_it() -> None:
    built = option(series(1.0), Style(steps=((START + 10**7, 100.0),), steps_label="签约带宽"))
    assert built["series"][-1]["data"] == []


def test_limits_are_named_lines() -> None:
    built = option(series(1.0), Style(limits=(Limit("95th", 42.0),)))
    assert built["series"][-1]["markLine"]["data"] == [{"name": "95th", "yAxis": 42.0}]


def test_a_small_loss_looks_small_and_a_large_one_is_not_cut_off() -> None:
    style = Style(at_least=5.0)
    assert option(series(0.1), style)["yAxis"]["max"] == 5.0
    assert "max" not in option(series(40.0), style)["yAxis"]
    assert option(series(40.0), Style(percent=True))["yAxis"]["max"] == 100


@given(st.lists(st.none() | st.floats(0, 1e6), max_size=50))
def test_any_column_makes_an_option_that_json_can_carry(values: list[Number]) -> None:
    drawn = option(series(*values))["series"][0]["data"]
    assert [value is None for _at, value in drawn] == [value is None for value in values]
    for (_at, shown), value in zip(drawn, values, strict=True):
        assert value is None or abs(shown - value) <= 5e-5


def test_the_numbers_under_a_chart_leave_gaps_out() -> None:
    found = summaries(series(1.0, None, 3.0, None, low=(1, None, 2, None), high=(2, None, 9, None)))
    assert (found[0].last, found[0].mean, found[0].largest) == (3.0, 2.0, 9)
    nothing = summaries(series(None, None))[0]
    assert (nothing.last, nothing.mean, nothing.largest) == (None, None, None)


def test_the_csv_holds_what_the_chart_shows_unrounded() -> None:
    found = series(1.23456789, None, low=(1.0, None), high=(2.0, None))
    text = io.StringIO()
    csv.writer(text).writerows(csv_rows(found, SHANGHAI))
    header, first, gap = list(csv.reader(io.StringIO(text.getvalue())))
    assert header == ["time", "rtt (ms)", "rtt (ms) min", "rtt (ms) max"]
    assert first == ["2026-11-23 12:00:00.000+08:00", "1.23456789", "1.0", "2.0"]
    assert gap[1:] == ["", "", ""]


def test_every_named_range_ends_now() -> None:
    for name, (length, _label) in RANGES.items():
        window = named(name, NOON)
        assert (window.end, window.end - window.start) == (NOON, length)


@pytest.mark.parametrize(
    "parameters",
    [
        {"range": "2h"},
        {"from": "x", "to": "1"},
        {"from": "100", "to": "100"},
        {"from": "200", "to": "100"},
        {"from": "nan", "to": "inf"},
        {"from": "0", "to": "1e300"},
        {"from": "0", "to": "1700000000"},
    ],
)
def test_a_time_span_that_cannot_be_shown_is_refused_in_words(parameters: dict[str, str]) -> None:
    with pytest.raises(WindowError) as refused:
        window_of(parameters)
    assert str(refused.value)


def test_a_chosen_span_wins_over_a_range() -> None:
    window = window_of({"from": "1700000000", "to": "1700003600", "range": "24h"})
    assert window.seconds == 3600
    assert window.query == "from=1700000000&to=1700003600"
