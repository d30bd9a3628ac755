"""Filters of the ledger's lists."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters.widgets import BooleanWidget

from govnet.core.filters import ObjectFilterSet, PickerFilter, ScopedChoiceFilter, SubtreeFilter
from govnet.inventory import models


def _before(label: object) -> django_filters.DateFilter:
    return django_filters.DateFilter(
        field_name="contract_expires_on",
        lookup_expr="lte",
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}),
    )


class RegionFilter(ObjectFilterSet):
    """Regions."""

    under = SubtreeFilter(models.Region, field_name="pk", label=_("Region and below"))

    class Meta:
        model = models.Region
        fields = ("level",)


class CarrierFilter(ObjectFilterSet):
    """Carriers."""

    class Meta:
        model = models.Carrier
        fields = ()


class ContractorFilter(ObjectFilterSet):
    """Contractors."""

    class Meta:
        model = models.Contractor
        fields = ("kind",)


class UnitFilter(ObjectFilterSet):
    """Units."""

    region = SubtreeFilter(models.Region, field_name="region", label=_("Region and below"))
    xueliang = django_filters.BooleanFilter(widget=BooleanWidget(), label=_("Sharp-Eyes unit"))

    class Meta:
        model = models.Unit
        fields = ("level", "unit_class", "acceptance_state")


class ContactFilter(ObjectFilterSet):
    """Contacts."""

    region = SubtreeFilter(models.Region, field_name="unit__region", label=_("Region and below"))
    unit = PickerFilter(models.Unit, label=_("unit"))

    class Meta:
        model = models.Contact
        fields = ("role",)


class AccessPointFilter(ObjectFilterSet):
    """Access points."""

    region = SubtreeFilter(models.Region, field_name="unit__region", label=_("Region and below"))
    unit = PickerFilter(models.Unit, label=_("unit"))

    class Meta:
        model = models.AccessPoint
        fields = ("status",)


class CredentialFilter(ObjectFilterSet):
    """Credentials."""

    class Meta:
        model = models.Credential
        fields = ("version",)


class DeviceFilter(ObjectFilterSet):
    """Devices."""

    region = SubtreeFilter(models.Region, field_name="region", label=_("Region and below"))
    vendor = django_filters.CharFilter(lookup_expr="icontains", label=_("vendor"))

    class Meta:
        model = models.Device
        fields = ("layer", "status")


class PortFilter(ObjectFilterSet):
    """Ports."""

    region = SubtreeFilter(models.Region, field_name="device__region", label=_("Region and below"))
    device = django_filters.CharFilter(
        field_name="device__name", lookup_expr="icontains", label=_("device")
    )

    class Meta:
        model = models.Port
        fields = ()


class CircuitFilter(ObjectFilterSet):
    """Circuits."""

    region = SubtreeFilter(
        models.Region, field_name="access_point__unit__region", label=_("Region and below")
    )
    carrier = ScopedChoiceFilter(models.Carrier, label=_("carrier"))
    unit = PickerFilter(models.Unit, field_name="access_point__unit", label=_("unit"))
    expires_before = _before(_("contract expires by"))
    mbps = django_filters.NumberFilter(method="at_rate", label=_("contracted bandwidth (Mbit/s)"))

    class Meta:
        model = models.Circuit
        fields = ("kind", "status")

    def at_rate(self, queryset: QuerySet[Any], name: str, value: int) -> QuerySet[Any]:
        """Circuits with this rate today."""
        del name
        return queryset.filter(contracted_mbps=value)
