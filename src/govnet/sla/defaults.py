"""What an installation starts with: holidays, three calendars, monthly statements."""

from __future__ import annotations

from typing import Final

from govnet.sla.models import PeriodKind, ServiceCalendar, StatementSchedule
from govnet.sla.special_days import ensure_special_days

_OFFICE: Final = "09:00-12:00, 13:30-17:00"
_HALL: Final = "09:00-17:00"
_DAY: Final = "00:00-24:00"

CALENDARS: Final = {
    "7×24": ([_DAY] * 7, _DAY, False),
    "办公时间": ([_OFFICE] * 5 + ["", ""], "", True),
    "政务大厅": ([_HALL] * 5 + ["", ""], "", True),
}
"""Hours of Monday to Sunday, of days off, and whether the holidays are followed."""

SCHEDULES: Final = (
    ("site", PeriodKind.MONTH),
    ("site", PeriodKind.YEAR),
    ("carrier", PeriodKind.MONTH),
    ("carrier", PeriodKind.QUARTER),
    ("carrier", PeriodKind.YEAR),
)


def ensure(**_kwargs: object) -> None:
    """Write what is missing where nothing is there yet; what people changed stays."""
    ensure_special_days()
    if not ServiceCalendar.objects.exists():
        for name, (week, holiday, follows) in CALENDARS.items():
            ServiceCalendar.from_week(name, week, holiday, follows_holidays=follows).save()
    if not StatementSchedule.objects.exists():
        for kind, period in SCHEDULES:
            StatementSchedule.objects.create(scope_kind=kind, period=period)
