"""Lists of this app's objects."""

from __future__ import annotations

from datetime import date

import django_tables2 as tables
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from govnet.core.tables import LinkColumn, ObjectTable, YesNoColumn
from govnet.sla import models

NUMBER: dict[str, dict[str, str]] = {"td": {"class": "num"}, "th": {"class": "num"}}


class CalendarTable(ObjectTable):
    """Service calendars."""

    name = LinkColumn()
    hours = tables.Column(_("Monday"), accessor="monday")
    follows_holidays = YesNoColumn()

    class Meta(ObjectTable.Meta):
        model = models.ServiceCalendar
        fields = ("name", "hours", "saturday", "sunday", "follows_holidays", "holiday", "notes")

    default_columns = ("name", "hours", "saturday", "sunday", "follows_holidays", "holiday")


class SpecialDayTable(ObjectTable):
    """Holidays and exchanged days."""

    day = LinkColumn()
    weekday = tables.Column(_("weekday"), accessor="day", orderable=False)

    class Meta(ObjectTable.Meta):
        model = models.SpecialDay
        fields = ("day", "weekday", "kind", "name", "source", "notes")

    default_columns = ("day", "weekday", "kind", "name", "source")

    def render_weekday(self, value: date) -> str:
        """The weekday, by its name."""
        return str(WEEKDAYS[value.weekday()])


class AgreementTable(ObjectTable):
    """Agreements."""

    name = LinkColumn()
    calendar = tables.Column(linkify=True)
    carrier = tables.Column(linkify=True)
    availability = tables.Column(attrs=NUMBER)
    restore_minutes = tables.Column(attrs=NUMBER)

    class Meta(ObjectTable.Meta):
        model = models.Agreement
        fields = (
            "name",
            "kind",
            "carrier",
            "calendar",
            "availability",
            "restore_minutes",
            "valid_from",
            "valid_until",
            "notes",
        )

    default_columns = (
        "name",
        "kind",
        "carrier",
        "calendar",
        "availability",
        "restore_minutes",
        "valid_from",
        "valid_until",
    )
