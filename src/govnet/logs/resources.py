"""The objects of the logs app, declared to the generic layer."""

from __future__ import annotations

from govnet.core import panels
from govnet.core.naturalkeys import NaturalKey
from govnet.core.registry import Resource, register
from govnet.inventory.models import Device
from govnet.logs import filters, forms, models, tables
from govnet.logs.pages import device_panel


def log_source_resource() -> Resource:
    """Log sources."""
    fields = ("address", "name", "device", "charset", "silent_after_h", "notes")
    return Resource(
        model=models.LogSource,
        table=tables.LogSourceTable,
        filterset=filters.LogSourceFilter,
        form=forms.LogSourceForm,
        key=NaturalKey((("address",),)),
        identity=(("address",),),
        search=("address", "name", "device__name"),
        file_columns=fields,
        detail=(*fields[:-1], "silent", "first_seen", "last_seen", "notes"),
        bulk_edit=("charset", "silent_after_h", "notes"),
        prepare=lambda rows: rows.select_related("device"),
    )


def log_pattern_resource() -> Resource:
    """Log patterns."""
    fields = ("name", "pattern", "end_pattern", "least", "kind", "enabled", "notes")
    return Resource(
        model=models.LogPattern,
        table=tables.LogPatternTable,
        filterset=filters.LogPatternFilter,
        form=forms.LogPatternForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name", "pattern", "kind"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("enabled", "least", "notes"),
    )


def register_all() -> None:
    """Declare the app's objects and what it adds to others' pages; safe to call again."""
    for resource in (log_source_resource(), log_pattern_resource()):
        register(resource)
    panels.register(Device, template="logs/panel.html", context=device_panel, order=40)
