"""The calendar of maintenance windows: a month, each day with what is planned on it."""

from __future__ import annotations

from calendar import Calendar
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from govnet.alarms.models import MaintenanceWindow
from govnet.core.registry import get_resource
from govnet.core.views.base import signed_in


@dataclass(slots=True)
class Day:
    """One day of the page."""

    day: date
    inside: bool
    today: bool
    planned: list[tuple[datetime, datetime, MaintenanceWindow]] = field(default_factory=list)


def _month(asked: str) -> date:
    """The first day of the month asked for as ``2026-11``; of this month for anything else."""
    try:
        return datetime.strptime(asked, "%Y-%m").date()  # noqa: DTZ007  # a civil month
    except ValueError:
        return timezone.localdate().replace(day=1)


def _weeks(first: date) -> list[list[Day]]:
    today = timezone.localdate()
    return [
        [Day(day, day.month == first.month, day == today) for day in week]
        for week in Calendar().monthdatescalendar(first.year, first.month)
    ]


@require_safe
def window_calendar(request: HttpRequest) -> HttpResponse:
    """A month of maintenance windows."""
    if not signed_in(request).has_perm("alarms.view_maintenancewindow"):
        raise PermissionDenied
    first = _month(request.GET.get("month", ""))
    weeks = _weeks(first)
    days = {day.day: day for week in weeks for day in week}
    zone = timezone.get_default_timezone()
    start = datetime.combine(weeks[0][0].day, time.min, zone)
    end = datetime.combine(weeks[-1][-1].day + timedelta(days=1), time.min, zone)
    rows: Any = get_resource(MaintenanceWindow).rows(signed_in(request))
    for window in rows.reaching(start, end):
        for begin, finish in window.spans(start, end):
            _enter(days, window, timezone.localtime(begin, zone), timezone.localtime(finish, zone))
    for day in days.values():
        day.planned.sort(key=lambda item: item[0])
    context = {
        "weeks": weeks,
        "first": first,
        "earlier": (first - timedelta(days=1)).replace(day=1),
        "later": (first + timedelta(days=32)).replace(day=1),
    }
    return render(request, "alarms/calendar.html", context)


def _enter(
    days: dict[date, Day], window: MaintenanceWindow, begin: datetime, end: datetime
) -> None:
    """Put a span on every day that it touches."""
    day = begin.date()
    while day <= (end - timedelta(microseconds=1)).date():
        if day in days:
            days[day].planned.append((begin, end, window))
        day += timedelta(days=1)
