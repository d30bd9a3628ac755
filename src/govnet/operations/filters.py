"""Filters of the lists of work orders."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from govnet.core.filters import ObjectFilterSet, PickerFilter, ScopedChoiceFilter, SubtreeFilter
from govnet.inventory.models import Contractor, Region, Unit
from govnet.operations import models
from govnet.operations.choices import ENDED


class WorkOrderFilter(ObjectFilterSet):
    """Work orders; the open ones unless all are asked for."""

    show = django_filters.ChoiceFilter(
        method="filter_show",
        label=_("Which"),
        choices=[("open", _("Open only")), ("all", _("All"))],
        empty_label=None,
    )
    unit = PickerFilter(Unit, label=_("Unit"))
    region = SubtreeFilter(Region, field_name="region", label=_("Region and below"))
    contractor = ScopedChoiceFilter(Contractor, label=_("Contractor"))

    class Meta:
        model = models.WorkOrder
        fields = ("level", "state", "source", "party")

    def filter_show(
        self, queryset: QuerySet[models.WorkOrder], name: str, value: str
    ) -> QuerySet[models.WorkOrder]:
        """Leave out what has ended."""
        del name
        return queryset.exclude(state__in=ENDED) if value == "open" else queryset


class OrderLimitFilter(ObjectFilterSet):
    """Limits."""

    class Meta:
        model = models.OrderLimit
        fields = ()
