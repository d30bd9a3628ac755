"""Moments and times of day in files: what is written is read back, and rubbish is refused."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from govnet.core.imports.filecolumns import CellError, parse_minute, parse_time

LOCAL = datetime(2026, 11, 23, 8, 5)  # noqa: DTZ001  # a cell of a spreadsheet has no zone


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_a_moment_written_is_read_back_to_the_minute(moment: datetime) -> None:
    whole = timezone.make_aware(moment.replace(second=0, microsecond=0, fold=0))
    assert parse_minute(f"{timezone.localtime(whole):%Y-%m-%d %H:%M}") == whole


@pytest.mark.parametrize(
    "cell",
    ["2026-11-23 08:05", "2026/11/23 8:05", "2026年11月23日 08:05", "2026-11-23T08:05", LOCAL],
)
def test_moments_in_the_ways_people_write_them(cell: str | datetime) -> None:
    assert parse_minute(cell) == timezone.make_aware(LOCAL)


@pytest.mark.parametrize("cell", ["2026-11-23", "08:05", "2026-13-01 08:00", "2026-11-23 25:00"])
def test_what_is_no_moment_is_refused(cell: str) -> None:
    with pytest.raises(CellError):
        parse_minute(cell)


@given(st.times())
def test_a_time_of_day_written_is_read_back(moment: time) -> None:
    assert parse_time(f"{moment:%H:%M}") == moment.replace(second=0, microsecond=0)


@pytest.mark.parametrize("cell", ["8", "24:00", "08:60", date(2026, 1, 1), "noon"])
def test_what_is_no_time_of_day_is_refused(cell: str | date) -> None:
    with pytest.raises(CellError):
        parse_time(cell)


def test_empty_cells_are_nothing() -> None:
    assert parse_minute("") is None
    assert parse_time(None) is None
