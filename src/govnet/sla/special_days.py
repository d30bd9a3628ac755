"""The public holidays of China with the days worked in exchange, as rows that people may edit."""

from __future__ import annotations

from datetime import date
from typing import Final

import chinese_calendar

from govnet.engine.service_hours import DayKind
from govnet.sla.models import SpecialDay

FIRST_YEAR: Final = 2020
SOURCE: Final = "国务院办公厅关于部分节假日安排的通知（chinesecalendar）"

NAMES: Final = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明节",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午节",
    "National Day": "国庆节",
    "Mid-autumn Festival": "中秋节",
    "Anti-Fascist 70th Day": "抗战胜利纪念日",
}


def published() -> dict[date, tuple[DayKind, str]]:
    """Every special day that the library knows, from ``FIRST_YEAR`` on."""
    known = chinese_calendar.constants
    off = {day: (DayKind.OFF, NAMES.get(name, name)) for day, name in known.holidays.items()}
    work = {day: (DayKind.WORK, NAMES.get(name, name)) for day, name in known.workdays.items()}
    return {day: found for day, found in (off | work).items() if day.year >= FIRST_YEAR}


def ensure_special_days(**_kwargs: object) -> None:
    """Write the days of years of which nothing is on record; what people entered stays."""
    years = {day.year for day in SpecialDay.objects.dates("day", "year")}
    SpecialDay.objects.bulk_create(
        SpecialDay(day=day, kind=kind.value, name=name, source=SOURCE)
        for day, (kind, name) in sorted(published().items())
        if day.year not in years
    )


def years_known() -> list[int]:
    """Years whose special days are on record, oldest first."""
    return [day.year for day in SpecialDay.objects.dates("day", "year")]
