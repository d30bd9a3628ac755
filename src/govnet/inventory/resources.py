"""The objects of the ledger, declared to the generic layer."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, IntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from govnet.core.imports.filecolumns import DatedColumn, Lookup, ReferenceColumn
from govnet.core.naturalkeys import NaturalKey
from govnet.core.registry import Inline, Related, Resource, register
from govnet.inventory import filters, forms, models, tables
from govnet.inventory.naturalkeys import RegionKey


class ParentColumn(ReferenceColumn):
    """The region above, by code: so a file may bring a region and what lies below it."""

    def _current_text(self, instance: Model, lookup: Lookup) -> str:
        del lookup
        return str(getattr(instance, self.name).code)


def _number_of(model: type[Model], field: str) -> Coalesce:
    """How many objects refer to a row, as a subquery: joins would multiply."""
    counted = (
        model._default_manager.filter(**{field: OuterRef("pk")})
        .order_by()
        .values(field)
        .annotate(number=Count("pk"))
    )
    return Coalesce(Subquery(counted.values("number"), output_field=IntegerField()), 0)


def _regions(queryset: QuerySet[Any]) -> QuerySet[Any]:
    tree: Any = queryset
    rows = tree.with_tree_fields().select_related("parent")
    counted: QuerySet[Any] = rows.annotate(unit_count=_number_of(models.Unit, "region"))
    return counted


def _credentials(queryset: QuerySet[Any]) -> QuerySet[Any]:
    rows: QuerySet[Any] = queryset.defer(*models.Credential.SECRET_FIELDS).annotate(
        device_count=_number_of(models.Device, "credential")
    )
    return rows


def _circuits(queryset: QuerySet[Any]) -> QuerySet[Any]:
    rows: Any = queryset.select_related(
        "carrier",
        "access_point__unit__region",
        "a_port__device",
        "z_port__device",
        "diverse_from",
    )
    circuits: QuerySet[Any] = rows.with_bandwidth()
    return circuits


def region_resource() -> Resource:
    """Regions."""
    return Resource(
        model=models.Region,
        table=tables.RegionTable,
        filterset=filters.RegionFilter,
        form=forms.RegionForm,
        key=RegionKey((("code",), ("name",))),
        identity=(("code",),),
        search=("name", "code"),
        file_columns=("code", "name", "level", ParentColumn("parent"), "notes"),
        detail=("name", "code", "level", "parent", "notes"),
        bulk_edit=("level", "parent", "notes"),
        prepare=_regions,
        related=(
            Related(models.Region, "parent", hide=("parent",)),
            Related(models.Unit, "region", hide=("region",)),
            Related(models.Device, "region", hide=("region",)),
        ),
        picker=True,
    )


def carrier_resource() -> Resource:
    """Carriers."""
    return Resource(
        model=models.Carrier,
        table=tables.CarrierTable,
        filterset=filters.CarrierFilter,
        form=forms.CarrierForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name", "service_phone"),
        file_columns=("name", "service_phone", "notes"),
        detail=("name", "service_phone", "notes"),
        bulk_edit=("service_phone", "notes"),
        related=(Related(models.Circuit, "carrier", hide=("carrier",)),),
    )


def contractor_resource() -> Resource:
    """Contractors."""
    fields = ("name", "kind", "carrier", "service_phone", "notes")
    return Resource(
        model=models.Contractor,
        table=tables.ContractorTable,
        filterset=filters.ContractorFilter,
        form=forms.ContractorForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name", "carrier__name", "service_phone"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("kind", "service_phone", "notes"),
        prepare=lambda rows: rows.select_related("carrier"),
    )


def unit_resource() -> Resource:
    """Units with their contacts."""
    fields = (
        "code",
        "name",
        "region",
        "level",
        "unit_class",
        "xueliang",
        "acceptance_state",
        "access_date",
        "acceptance_date",
        "notes",
    )
    return Resource(
        model=models.Unit,
        table=tables.UnitTable,
        filterset=filters.UnitFilter,
        form=forms.UnitForm,
        key=NaturalKey((("name",), ("code",))),
        identity=(("code",), ("name",)),
        search=("name", "code", "region__name"),
        file_columns=fields,
        detail=fields,
        bulk_edit=(
            "region",
            "level",
            "unit_class",
            "xueliang",
            "acceptance_state",
            "access_date",
            "acceptance_date",
            "notes",
        ),
        prepare=lambda rows: rows.select_related("region"),
        region="region",
        related=(
            Related(models.AccessPoint, "unit", hide=("unit", "region")),
            Related(models.Circuit, "access_point__unit", hide=("unit",)),
            Related(models.Device, "access_point__unit", hide=("region",)),
        ),
        inlines=(
            Inline(
                models.Contact,
                ("role", "name", "phone", "email"),
                _("Contacts"),
                _("Whom to call, by role: e.g. liaison 王敏 13800000000."),
            ),
        ),
        picker=True,
    )


def contact_resource() -> Resource:
    """Contacts."""
    fields = ("unit", "role", "name", "phone", "email", "notes")
    return Resource(
        model=models.Contact,
        table=tables.ContactTable,
        filterset=filters.ContactFilter,
        form=forms.ContactForm,
        key=NaturalKey((("unit__name", "name"),)),
        identity=(("unit", "role", "name"),),
        search=("name", "phone", "email", "unit__name"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("unit", "role", "notes"),
        prepare=lambda rows: rows.select_related("unit__region"),
        region="unit.region",
        picker=True,
    )


def access_point_resource() -> Resource:
    """Access points."""
    fields = ("code", "name", "unit", "place", "ipv4", "ipv6", "status", "opened_on", "notes")
    return Resource(
        model=models.AccessPoint,
        table=tables.AccessPointTable,
        filterset=filters.AccessPointFilter,
        form=forms.AccessPointForm,
        key=NaturalKey((("code",), ("name",))),
        identity=(("code",),),
        search=("code", "name", "unit__name", "place", "ipv4", "ipv6"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("unit", "place", "status", "opened_on", "notes"),
        prepare=lambda rows: rows.select_related("unit__region"),
        region="unit.region",
        related=(
            Related(models.Circuit, "access_point", hide=("unit",)),
            Related(models.Device, "access_point", hide=("region",)),
        ),
        picker=True,
    )


def credential_resource() -> Resource:
    """Credentials; files may bring secrets but never hold them."""
    fields = (
        "name",
        "version",
        "community",
        "user",
        "auth_protocol",
        "auth_key",
        "priv_protocol",
        "priv_key",
        "notes",
    )
    return Resource(
        model=models.Credential,
        table=tables.CredentialTable,
        filterset=filters.CredentialFilter,
        form=forms.CredentialForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name", "user"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("notes",),
        prepare=_credentials,
        related=(Related(models.Device, "credential"),),
        private=True,
    )


def device_resource() -> Resource:
    """Devices."""
    fields = (
        "name",
        "layer",
        "region",
        "access_point",
        "vendor",
        "model",
        "serial_number",
        "management_ipv4",
        "management_ipv6",
        "snmp_port",
        "credential",
        "status",
        "notes",
    )
    return Resource(
        model=models.Device,
        table=tables.DeviceTable,
        filterset=filters.DeviceFilter,
        form=forms.DeviceForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name", "vendor", "model", "serial_number", "management_ipv4", "management_ipv6"),
        file_columns=fields,
        detail=fields,
        bulk_edit=(
            "layer",
            "region",
            "vendor",
            "model",
            "snmp_port",
            "credential",
            "status",
            "notes",
        ),
        prepare=lambda rows: rows.select_related("region", "access_point", "credential").defer(
            *(f"credential__{name}" for name in models.Credential.SECRET_FIELDS)
        ),
        region="region",
        related=(Related(models.Port, "device", hide=("device",)),),
        picker=True,
    )


def port_resource() -> Resource:
    """Ports."""
    fields = ("device", "name", "if_index", "alias", "notes")
    return Resource(
        model=models.Port,
        table=tables.PortTable,
        filterset=filters.PortFilter,
        form=forms.PortForm,
        key=NaturalKey((("device__name", "name"),)),
        identity=(("device", "name"),),
        search=("name", "alias", "device__name"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("device", "alias", "notes"),
        prepare=lambda rows: rows.select_related("device__region"),
        region="device.region",
        related=(Related(models.Circuit, "z_port"), Related(models.Circuit, "a_port")),
        picker=True,
    )


def circuit_resource() -> Resource:
    """Circuits with the dated history of their contracted bandwidth."""
    fields = (
        "kind",
        "carrier",
        "access_point",
        "a_port",
        "z_port",
        "monthly_rent",
        "contract_number",
        "contract_expires_on",
        "opened_on",
        "status",
        "diverse_from",
        "notes",
    )
    history = DatedColumn(
        "bandwidths",
        date_field="effective_on",
        value_field="mbps",
        start_field="opened_on",
        label=_("bandwidth history (Mbit/s)"),
        names=(_("bandwidth"),),
        weak_names=("contracted_mbps",),
    )
    return Resource(
        model=models.Circuit,
        table=tables.CircuitTable,
        filterset=filters.CircuitFilter,
        form=forms.CircuitForm,
        key=NaturalKey((("number",),)),
        identity=(("number",),),
        search=("number", "contract_number", "access_point__unit__name", "carrier__name"),
        file_columns=("number", *fields[:5], history, *fields[5:]),
        detail=("number", *fields[:5], "contracted_mbps", *fields[5:]),
        bulk_edit=(
            "kind",
            "carrier",
            "status",
            "opened_on",
            "monthly_rent",
            "contract_number",
            "contract_expires_on",
            "notes",
        ),
        prepare=_circuits,
        region="access_point.unit.region",
        related=(Related(models.Circuit, "diverse_from"),),
        inlines=(
            Inline(
                models.BandwidthChange,
                ("effective_on", "mbps"),
                _("Contracted bandwidth"),
                _("One row for each change, e.g. 2020-01-01: 10, then 2024-06-01: 100."),
            ),
        ),
        picker=True,
    )


def register_all() -> None:
    """Declare every object of the ledger; safe to call again."""
    for make in (
        region_resource,
        carrier_resource,
        contractor_resource,
        unit_resource,
        contact_resource,
        access_point_resource,
        credential_resource,
        device_resource,
        port_resource,
        circuit_resource,
    ):
        register(make())
