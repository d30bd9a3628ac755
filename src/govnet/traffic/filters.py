"""Filters of the traffic app's lists."""

from __future__ import annotations

import django_filters
from django.utils.translation import gettext_lazy as _
from django_filters.widgets import BooleanWidget

from govnet.core.filters import ObjectFilterSet, PickerFilter
from govnet.inventory.models import Device, Unit
from govnet.traffic import models


class AddressBlockFilter(ObjectFilterSet):
    """Address blocks."""

    unit = PickerFilter(Unit)

    class Meta:
        model = models.AddressBlock
        fields = ("unit",)


class FlowExporterFilter(ObjectFilterSet):
    """Flow exporters."""

    device = PickerFilter(Device)
    unknown = django_filters.BooleanFilter(
        field_name="device", lookup_expr="isnull", label=_("Unknown device"), widget=BooleanWidget()
    )

    class Meta:
        model = models.FlowExporter
        fields = ("device", "untrue")
