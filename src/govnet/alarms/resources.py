"""Alarms, rules and maintenance windows, declared to the generic layer."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from govnet.alarms import filters, forms, models, tables
from govnet.alarms.choices import ACTIVE
from govnet.core.forms import ObjectForm
from govnet.core.naturalkeys import NaturalKey
from govnet.core.registry import Resource, register


def _alarms(queryset: QuerySet[Any]) -> QuerySet[Any]:
    behind = (
        models.Alarm.objects.filter(root=OuterRef("pk"), state__in=ACTIVE)
        .order_by()
        .values("root")
        .annotate(number=Count("pk"))
    )
    rows = queryset.select_related("rule", "unit", "region", "acknowledged_by", "closed_by")
    counted: QuerySet[Any] = rows.annotate(
        shadow_count=Coalesce(Subquery(behind.values("number"), output_field=IntegerField()), 0)
    )
    return counted


def alarm_resource() -> Resource:
    """Alarms: a list and its export; machines raise them, and people act on them."""
    return Resource(
        model=models.Alarm,
        table=tables.AlarmTable,
        filterset=filters.AlarmFilter,
        form=ObjectForm,
        key=NaturalKey((("object_name",),)),
        identity=(("object_name",),),
        search=("object_name", "rule__name", "unit__name", "kind"),
        file_columns=(
            "level",
            "rule",
            "object_kind",
            "object_name",
            "state",
            "unit",
            "region",
            "first_at",
            "raised_at",
            "cleared_at",
            "closed_at",
            "occurrences",
            "cause",
            "party",
        ),
        detail=(),
        prepare=_alarms,
        region="region",
    )


def window_resource() -> Resource:
    """Maintenance windows."""
    about = ("region", "unit", "access_point", "device", "circuit")
    times = ("subtree", "starts_at", "ends_at", "repeat", "repeat_until")
    return Resource(
        model=models.MaintenanceWindow,
        table=tables.WindowTable,
        filterset=filters.WindowFilter,
        form=forms.WindowForm,
        key=NaturalKey((("reason", "starts_at"),)),
        identity=(("reason", "starts_at"),),
        search=("reason", "unit__name", "device__name", "circuit__number", "region__name"),
        file_columns=("reason", *about, *times, "notes"),
        detail=("reason", *about, "target", *times, "created_by", "notes"),
        bulk_edit=("ends_at", "repeat_until", "reason", "notes"),
        prepare=lambda rows: rows.select_related(
            "region", "unit", "access_point", "device", "circuit", "target", "created_by"
        ),
    )


def rule_resource() -> Resource:
    """Alarm rules."""
    fields = (
        "name", "source", "condition", "level", "enabled", "cause", "party", "advice",
        "close_after_h", "notes",
    )  # fmt: skip
    return Resource(
        model=models.Rule,
        table=tables.RuleTable,
        filterset=filters.RuleFilter,
        form=forms.RuleForm,
        key=NaturalKey((("code",), ("name",))),
        identity=(("code",),),
        search=("name", "code", "condition", "advice"),
        file_columns=("code", *fields),
        detail=("name", "code", *fields[1:]),
        bulk_edit=("level", "enabled", "party", "close_after_h"),
    )


def register_all() -> None:
    """Declare them; safe to call again."""
    for make in (rule_resource, window_resource, alarm_resource):
        register(make())
