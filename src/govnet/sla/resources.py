"""The objects of this app that the generic lists, forms, files and histories serve."""

from __future__ import annotations

from govnet.core.naturalkeys import NaturalKey
from govnet.core.registry import Related, Resource, register
from govnet.sla import filters, forms, models, tables


def calendar_resource() -> Resource:
    """Service calendars."""
    fields = ("name", *models.WEEKDAYS, "follows_holidays", "holiday", "notes")
    return Resource(
        model=models.ServiceCalendar,
        table=tables.CalendarTable,
        filterset=filters.CalendarFilter,
        form=forms.CalendarForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name",),
        file_columns=fields,
        detail=fields,
        bulk_edit=("notes",),
        related=(Related(models.Agreement, "calendar", hide=("calendar",)),),
    )


def special_day_resource() -> Resource:
    """Holidays and exchanged days."""
    fields = ("day", "kind", "name", "source", "notes")
    return Resource(
        model=models.SpecialDay,
        table=tables.SpecialDayTable,
        filterset=filters.SpecialDayFilter,
        form=forms.SpecialDayForm,
        key=NaturalKey((("day",),)),
        identity=(("day",),),
        search=("name", "source"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("kind", "name", "source", "notes"),
    )


def agreement_resource() -> Resource:
    """Agreements."""
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
    return Resource(
        model=models.Agreement,
        table=tables.AgreementTable,
        filterset=filters.AgreementFilter,
        form=forms.AgreementForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name", "carrier__name", "calendar__name"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("calendar", "availability", "restore_minutes", "valid_until", "notes"),
        prepare=lambda rows: rows.select_related("carrier", "calendar"),
    )


def register_all() -> None:
    """Declare every object; safe to call again."""
    for make in (calendar_resource, special_day_resource, agreement_resource):
        register(make())
