"""Filters of the lists of projects and contracts."""

from __future__ import annotations

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _

from govnet.core.filters import ObjectFilterSet, ScopedChoiceFilter, SubtreeFilter
from govnet.inventory.models import Contractor, Region
from govnet.projects import models
from govnet.projects.choices import ContractState


class ProjectFilter(ObjectFilterSet):
    """Projects."""

    region = SubtreeFilter(Region, field_name="region", label=_("Region and below"))

    class Meta:
        model = models.Project
        fields = ("kind",)


class LotFilter(ObjectFilterSet):
    """Lots."""

    project = ScopedChoiceFilter(models.Project, label=_("project"))

    class Meta:
        model = models.Lot
        fields = ()


class ContractFilter(ObjectFilterSet):
    """Contracts."""

    project = ScopedChoiceFilter(models.Project, field_name="lot__project", label=_("project"))
    contractor = ScopedChoiceFilter(Contractor, label=_("contractor"))
    state = django_filters.ChoiceFilter(choices=ContractState.choices, label=_("state"))
    expires_before = django_filters.DateFilter(
        field_name="expires_on",
        lookup_expr="lte",
        label=_("Expires on or before"),
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    class Meta:
        model = models.Contract
        fields = ()


class LineItemFilter(ObjectFilterSet):
    """Lines of contracts."""

    contract = ScopedChoiceFilter(models.Contract, label=_("contract"))

    class Meta:
        model = models.LineItem
        fields = ()


class DeductionTableFilter(ObjectFilterSet):
    """Deduction tables."""

    class Meta:
        model = models.DeductionTable
        fields = ()
