"""Filters of the logs app's lists."""

from __future__ import annotations

import django_filters
from django.utils.translation import gettext_lazy as _
from django_filters.widgets import BooleanWidget

from govnet.core.filters import ObjectFilterSet, PickerFilter
from govnet.inventory.models import Device
from govnet.logs import models


class LogSourceFilter(ObjectFilterSet):
    """Log sources."""

    device = PickerFilter(Device)
    unknown = django_filters.BooleanFilter(
        field_name="device", lookup_expr="isnull", label=_("Unknown device"), widget=BooleanWidget()
    )

    class Meta:
        model = models.LogSource
        fields = ("device", "silent")


class LogPatternFilter(ObjectFilterSet):
    """Log patterns."""

    class Meta:
        model = models.LogPattern
        fields = ("enabled",)
