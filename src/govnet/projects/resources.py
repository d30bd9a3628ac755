"""The objects of projects and contracts, declared to the generic layer."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from govnet.core.naturalkeys import NaturalKey
from govnet.core.registry import Inline, Related, Resource, register
from govnet.projects import filters, forms, models, tables


def project_resource() -> Resource:
    """Projects with their lots."""
    fields = ("code", "name", "kind", "region", "unit_name", "starts_on", "ends_on", "notes")
    return Resource(
        model=models.Project,
        table=tables.ProjectTable,
        filterset=filters.ProjectFilter,
        form=forms.ProjectForm,
        key=NaturalKey((("code",), ("name",))),
        identity=(("code",),),
        search=("code", "name", "unit_name"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("kind", "region", "unit_name", "notes"),
        prepare=lambda rows: rows.select_related("region"),
        region="region",
        related=(
            Related(models.Lot, "project", hide=("project",)),
            Related(models.Contract, "lot__project"),
        ),
    )


def lot_resource() -> Resource:
    """Lots."""
    fields = ("project", "number", "name", "notes")
    return Resource(
        model=models.Lot,
        table=tables.LotTable,
        filterset=filters.LotFilter,
        form=forms.LotForm,
        key=NaturalKey((("project__code", "number"),)),
        identity=(("project", "number"),),
        search=("name", "project__name", "project__code"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("notes",),
        prepare=lambda rows: rows.select_related("project__region"),
        region="project.region",
        related=(Related(models.Contract, "lot", hide=("lot",)),),
    )


def contract_resource() -> Resource:
    """Contracts with their lines."""
    fields = (
        "number",
        "name",
        "lot",
        "contractor",
        "amount",
        "signed_on",
        "starts_on",
        "expires_on",
        "monthly_fee",
        "deduction_table",
        "notes",
    )
    return Resource(
        model=models.Contract,
        table=tables.ContractTable,
        filterset=filters.ContractFilter,
        form=forms.ContractForm,
        key=NaturalKey((("number",),)),
        identity=(("number",),),
        search=("number", "name", "contractor__name", "lot__project__name"),
        file_columns=fields,
        detail=(
            "number",
            "name",
            "lot",
            "contractor",
            "signed_on",
            "starts_on",
            "expires_on",
            "monthly_fee",
            "deduction_table",
            "renewed_from",
            "notes",
        ),
        bulk_edit=("notes",),
        prepare=lambda rows: rows.select_related(
            "lot__project__region", "contractor", "deduction_table"
        ),
        region="lot.project.region",
        related=(Related(models.LineItem, "contract", hide=("contract",)),),
        picker=True,
    )


def line_item_resource() -> Resource:
    """Lines of contracts."""
    fields = (
        "contract",
        "name",
        "quantity",
        "unit_price",
        "circuit",
        "device",
        "unit",
        "notes",
    )
    return Resource(
        model=models.LineItem,
        table=tables.LineItemTable,
        filterset=filters.LineItemFilter,
        form=forms.LineItemForm,
        key=NaturalKey((("contract__number", "name"),)),
        identity=(("contract", "name"),),
        search=("name", "contract__number", "circuit__number", "device__name", "unit__name"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("notes",),
        prepare=lambda rows: rows.select_related(
            "contract__lot__project__region", "circuit", "device", "unit"
        ),
        region="contract.lot.project.region",
        picker=True,
    )


def deduction_table_resource() -> Resource:
    """Deduction tables with their steps."""
    return Resource(
        model=models.DeductionTable,
        table=tables.DeductionTableTable,
        filterset=filters.DeductionTableFilter,
        form=forms.DeductionTableForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name",),
        file_columns=("name", "notes"),
        detail=("name", "notes"),
        bulk_edit=("notes",),
        related=(Related(models.Contract, "deduction_table", hide=("deduction_table",)),),
        inlines=(
            Inline(
                models.DeductionStep,
                ("below", "rate"),
                _("Steps"),
                _("The lowest threshold that is missed counts, e.g. below 99.9: 3; below 99: 12."),
            ),
        ),
    )


def register_all() -> None:
    """Declare every object; safe to call again."""
    for make in (
        project_resource,
        lot_resource,
        contract_resource,
        line_item_resource,
        deduction_table_resource,
    ):
        register(make())
