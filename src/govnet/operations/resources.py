"""Work orders and limits, declared to the generic layer."""

from __future__ import annotations

from govnet.core.naturalkeys import NaturalKey
from govnet.core.registry import Resource, register
from govnet.operations import filters, forms, models, tables


def order_resource() -> Resource:
    """Work orders: a list and its export; steps have pages of their own."""
    return Resource(
        model=models.WorkOrder,
        table=tables.WorkOrderTable,
        filterset=filters.WorkOrderFilter,
        form=forms.WorkOrderForm,
        key=NaturalKey((("title",),)),
        identity=(("title",),),
        search=("title", "description", "unit__name", "contractor__name"),
        file_columns=(
            "title",
            "source",
            "level",
            "state",
            "unit",
            "access_point",
            "circuit",
            "device",
            "region",
            "contractor",
            "reported_at",
            "dispatched_at",
            "accepted_at",
            "on_site_at",
            "restored_at",
            "confirmed_at",
            "closed_at",
            "cause",
            "party",
            "score",
        ),
        detail=(),
        prepare=lambda rows: rows.select_related(
            "unit", "region", "contractor", "access_point", "circuit", "device", "alarm"
        ).prefetch_related("pauses"),
        region="region",
    )


def limit_resource() -> Resource:
    """Limits by level."""
    fields = (
        "level", "respond_min", "on_site_min", "restore_min", "calendar", "escalate_to", "notes",
    )  # fmt: skip
    return Resource(
        model=models.OrderLimit,
        table=tables.OrderLimitTable,
        filterset=filters.OrderLimitFilter,
        form=forms.OrderLimitForm,
        key=NaturalKey((("level",),)),
        identity=(("level",),),
        search=("level",),
        file_columns=fields,
        detail=fields,
        prepare=lambda rows: rows.select_related("calendar", "escalate_to"),
    )


def register_all() -> None:
    """Declare them; safe to call again."""
    for make in (order_resource, limit_resource):
        register(make())
