"""The objects of the traffic app, declared to the generic layer."""

from __future__ import annotations

from govnet.core import panels
from govnet.core.naturalkeys import NaturalKey
from govnet.core.registry import Resource, register
from govnet.traffic import filters, forms, models, tables
from govnet.traffic.told import exporter_panel
from govnet.traffic.truth import truth_panel


def address_block_resource() -> Resource:
    """Address blocks."""
    fields = ("prefix", "unit", "access_point", "use", "notes")
    return Resource(
        model=models.AddressBlock,
        table=tables.AddressBlockTable,
        filterset=filters.AddressBlockFilter,
        form=forms.AddressBlockForm,
        key=NaturalKey((("prefix",),)),
        identity=(("prefix",),),
        search=("prefix", "unit__name", "use"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("unit", "use", "notes"),
        prepare=lambda rows: rows.select_related("unit", "access_point"),
    )


def flow_exporter_resource() -> Resource:
    """Flow exporters."""
    fields = ("address", "name", "device", "sampling", "notes")
    return Resource(
        model=models.FlowExporter,
        table=tables.FlowExporterTable,
        filterset=filters.FlowExporterFilter,
        form=forms.FlowExporterForm,
        key=NaturalKey((("address",),)),
        identity=(("address",),),
        search=("address", "name", "device__name"),
        file_columns=fields,
        detail=("address", "name", "device", "sampling", "first_seen", "last_seen", "notes"),
        bulk_edit=("sampling", "notes"),
        prepare=lambda rows: rows.select_related("device"),
    )


def register_all() -> None:
    """Declare the app's objects and what it adds to their pages; safe to call again."""
    for resource in (address_block_resource(), flow_exporter_resource()):
        register(resource)
    panels.register(
        models.FlowExporter, template="traffic/exporter.html", context=exporter_panel, order=10
    )
    panels.register(
        models.FlowExporter, template="traffic/truth.html", context=truth_panel, order=9
    )
