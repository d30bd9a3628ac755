"""Filters of this app's lists."""

from __future__ import annotations

import django_filters
from django.utils.translation import gettext_lazy as _

from govnet.core.filters import ObjectFilterSet
from govnet.sla import models


class CalendarFilter(ObjectFilterSet):
    """Service calendars."""

    class Meta:
        model = models.ServiceCalendar
        fields = ("follows_holidays",)


class SpecialDayFilter(ObjectFilterSet):
    """Holidays and exchanged days."""

    year = django_filters.NumberFilter(field_name="day__year", label=_("year"))

    class Meta:
        model = models.SpecialDay
        fields = ("kind",)


class AgreementFilter(ObjectFilterSet):
    """Agreements."""

    class Meta:
        model = models.Agreement
        fields = ("kind", "carrier", "calendar")
