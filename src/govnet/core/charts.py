"""ECharts options, built by pure functions: measured series in, a JSON-ready mapping out.

Colours, fonts and the words of the tooltip belong to the browser (``static/js/charts.js``); what
is drawn, in which unit, where gaps and limits lie, is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from govnet.core.windows import Window

COMPARED = 4
"""The grey of the browser's palette, for what measurements are compared with."""

Number = float | None
Point = tuple[float, Number]


@dataclass(frozen=True, slots=True)
class Line:
    """One measured quantity over time; lists are as long as ``Series.times``.

    Attributes:
        key: stable name, used in CSV headers.
        label: what people call it.
        values: average in each bucket; None where nothing was measured.
        low: smallest value in each bucket; empty when it is not drawn.
        high: largest value in each bucket; empty when it is not drawn.
        stacked: it stands on the stacked line before it.
        dashed: something to compare with, not measured now.
    """

    key: str
    label: str
    values: Sequence[Number]
    low: Sequence[Number] = ()
    high: Sequence[Number] = ()
    stacked: bool = False
    dashed: bool = False

    @property
    def has_band(self) -> bool:
        """True when the line has a spread to draw."""
        return bool(self.low) and bool(self.high)


@dataclass(frozen=True, slots=True)
class Series:
    """Lines over the same moments.

    Attributes:
        times: start of each bucket on a regular grid, epoch seconds.
        lines: the quantities; None is a gap and is drawn as one.
        step_s: width of a bucket in seconds.
        unit: unit of all lines.
    """

    times: Sequence[float]
    lines: Sequence[Line]
    step_s: float
    unit: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line: a contracted rate, a 95th percentile, a threshold."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Style:
    """How a chart differs from the common one.

    Attributes:
        area: fill below the first line (traffic).
        percent: the axis runs from 0 to 100.
        at_least: the axis reaches at least so far, so that a loss of 0.1 % looks small.
        digits: decimals in the tooltip.
        limits: horizontal lines.
        steps: a quantity that changes on certain moments and holds in between (the
            contracted rate), as moments in epoch seconds and values.
        steps_label: what that quantity is called.
    """

    area: bool = False
    percent: bool = False
    at_least: float | None = None
    digits: int = 2
    limits: Sequence[Limit] = ()
    steps: Sequence[tuple[float, float]] = ()
    steps_label: str = ""
    colours: Sequence[int] = field(default=(0, 1, 2, 3))


def offset_s(window: Window, zone: ZoneInfo) -> float:
    """Seconds that the site's clock is ahead of UTC at the end of the window.

    ECharts knows only the browser's zone and UTC; charts are drawn in UTC with every moment
    moved by this, so that a person abroad reads the same clock as the site's log.
    """
    return (window.end.astimezone(zone).utcoffset() or timedelta()).total_seconds()


def _points(series: Series, values: Sequence[Number]) -> list[Point]:
    return list(zip(series.times, values, strict=True))


def _shown(points: Sequence[Point], offset: float) -> list[list[Number]]:
    """Points as ECharts takes them: milliseconds on the site's clock, few digits."""
    return [
        [round((at + offset) * 1000), None if value is None else round(value, 4)]
        for at, value in points
    ]


def _line(line: Line, series: Series, offset: float, *, area: bool, colour: int) -> dict[str, Any]:
    points = _points(series, line.values)
    drawn = {
        "type": "line",
        "name": line.label,
        "data": _shown(points, offset),
        "showSymbol": _has_single(points),
        "symbolSize": 3,
        "connectNulls": False,
        "lineStyle": {"width": 1.5},
        "colorIndex": colour,
    }
    if line.stacked:
        drawn |= {"stack": "all", "areaStyle": {"opacity": 0.6}, "lineStyle": {"width": 0.5}}
    elif area:
        drawn["areaStyle"] = {"opacity": 0.15}
    if line.dashed:
        drawn["lineStyle"] = {"width": 1.5, "type": "dashed"}
    return drawn


def _has_single(points: Sequence[Point]) -> bool:
    """True when a sample stands alone between gaps: without a symbol it would be invisible."""
    alone = [None, *(value for _at, value in points), None]
    return any(
        before is None and value is not None and after is None
        for before, value, after in zip(alone, alone[1:], alone[2:], strict=False)
    )


def _band(line: Line, series: Series, offset: float, colour: int) -> list[dict[str, Any]]:
    """Smallest to largest value as a shaded band: an invisible floor and the height above it."""
    heights = [
        None if low is None or high is None else high - low
        for low, high in zip(line.low, line.high, strict=True)
    ]
    common = {
        "type": "line",
        "stack": f"band-{line.key}",
        "symbol": "none",
        "silent": True,
        "lineStyle": {"opacity": 0},
        "connectNulls": False,
        "colorIndex": colour,
        "helper": True,
        "bandOf": line.label,
    }
    floor = _shown(_points(series, line.low), offset)
    height = _shown(_points(series, heights), offset)
    return [
        {**common, "name": f"{line.key}-low", "part": "low", "data": floor},
        {
            **common,
            "name": f"{line.key}-height",
            "part": "height",
            "data": height,
            "areaStyle": {"opacity": 0.14},
        },
    ]


def _steps(style: Style, window: Window, offset: float) -> dict[str, Any]:
    """A stepped dashed line from the left edge of the window to the right."""
    start, end = window.start.timestamp(), window.end.timestamp()
    before = [value for at, value in style.steps if at <= start]
    points: list[Point] = [(start, before[-1])] if before else []
    points += [(at, value) for at, value in style.steps if start < at < end]
    if points:
        points.append((end, points[-1][1]))
    return {
        "type": "line",
        "name": style.steps_label,
        "data": _shown(points, offset),
        "step": "end",
        "symbol": "none",
        "lineStyle": {"type": "dashed", "width": 1.5},
        "colorIndex": COMPARED,
    }


def _mark_line(limits: Sequence[Limit]) -> dict[str, Any]:
    return {
        "silent": True,
        "symbol": "none",
        "lineStyle": {"type": "dotted", "width": 1.5},
        "label": {"formatter": "{b}", "position": "insideEndTop"},
        "data": [{"name": limit.label, "yAxis": round(limit.value, 4)} for limit in limits],
    }


def line_chart(series: Series, window: Window, zone: ZoneInfo, style: Style) -> dict[str, Any]:
    """The option of a chart over time: lines, spread, gaps, limits and stepped rates."""
    offset = offset_s(window, zone)
    drawn: list[dict[str, Any]] = []
    for index, line in enumerate(series.lines):
        colour = COMPARED if line.dashed else style.colours[index % len(style.colours)]
        if line.has_band:
            drawn += _band(line, series, offset, colour)
        drawn.append(_line(line, series, offset, area=style.area and index == 0, colour=colour))
    if style.limits and drawn:
        drawn[-1]["markLine"] = _mark_line(style.limits)
    if style.steps:
        drawn.append(_steps(style, window, offset))
    y_axis: dict[str, Any] = {"type": "value", "name": series.unit, "min": 0}
    if style.percent:
        y_axis["max"] = 100
    elif style.at_least is not None and _largest(series) < style.at_least:
        y_axis["max"] = style.at_least
    return {
        "useUTC": True,
        "animation": False,
        "legend": {
            "type": "scroll",
            "data": [each["name"] for each in drawn if not each.get("helper")],
        },
        "xAxis": {
            "type": "time",
            "min": round((window.start.timestamp() + offset) * 1000),
            "max": round((window.end.timestamp() + offset) * 1000),
        },
        "yAxis": y_axis,
        "series": drawn,
    }


def _largest(series: Series) -> float:
    values = (value for line in series.lines for value in line.values if value is not None)
    return max(values, default=0.0)


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers under a chart for one line."""

    label: str
    last: Number
    mean: Number
    largest: Number


def summaries(series: Series) -> list[Summary]:
    """Last, mean and largest of every line; None where nothing was measured."""
    found = []
    for line in series.lines:
        values = [value for value in line.values if value is not None]
        highs = [value for value in (line.high or line.values) if value is not None]
        found.append(
            Summary(
                line.label,
                values[-1] if values else None,
                sum(values) / len(values) if values else None,
                max(highs) if highs else None,
            )
        )
    return found


def csv_rows(series: Series, zone: ZoneInfo) -> list[list[str]]:
    """The header and one row per moment of what the chart shows, unrounded."""
    header = ["time"]
    for line in series.lines:
        name = f"{line.key} ({series.unit})"
        header += [name, f"{name} min", f"{name} max"] if line.has_band else [name]
    rows = [header]
    for index, at in enumerate(series.times):
        local = datetime.fromtimestamp(at, zone).isoformat(sep=" ", timespec="milliseconds")
        row = [local]
        for line in series.lines:
            columns = (line.values, line.low, line.high) if line.has_band else (line.values,)
            row += ["" if column[index] is None else repr(column[index]) for column in columns]
        rows.append(row)
    return rows
