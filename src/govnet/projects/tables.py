"""Lists of projects and contracts; money in 万元 with two decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_tables2 as tables
from django.utils.translation import gettext_lazy as _

from govnet.core.tables import LinkColumn, ObjectTable
from govnet.projects import models
from govnet.projects.templatetags.money import wan

NUMBER: dict[str, dict[str, str]] = {"td": {"class": "num"}, "th": {"class": "num"}}


class WanColumn(tables.Column):
    """Money in 万元."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  # django-tables2's own
        super().__init__(attrs=NUMBER, **kwargs)

    def render(self, value: Decimal) -> str:
        """Two decimals."""
        return wan(value)


class ProjectTable(ObjectTable):
    """Projects."""

    name = LinkColumn()
    region = tables.Column(linkify=True)

    class Meta(ObjectTable.Meta):
        model = models.Project
        fields = ("name", "code", "kind", "region", "unit_name", "starts_on", "ends_on", "notes")

    default_columns = ("name", "code", "kind", "region", "starts_on", "ends_on")


class LotTable(ObjectTable):
    """Lots."""

    name = LinkColumn()
    project = tables.Column(linkify=True)

    class Meta(ObjectTable.Meta):
        model = models.Lot
        fields = ("project", "number", "name", "notes")

    default_columns = ("project", "number", "name")


class ContractTable(ObjectTable):
    """Contracts."""

    number = LinkColumn()
    name = LinkColumn()
    lot = tables.Column(linkify=True)
    contractor = tables.Column(linkify=True)
    amount = WanColumn(verbose_name=_("amount (10,000 yuan)"))
    monthly_fee = WanColumn(verbose_name=_("monthly fee (10,000 yuan)"))

    class Meta(ObjectTable.Meta):
        model = models.Contract
        fields = (
            "number",
            "name",
            "contractor",
            "lot",
            "amount",
            "state",
            "signed_on",
            "starts_on",
            "expires_on",
            "monthly_fee",
            "deduction_table",
            "notes",
        )

    default_columns = ("number", "name", "contractor", "amount", "state", "expires_on")


class LineItemTable(ObjectTable):
    """Lines of contracts."""

    name = LinkColumn()
    contract = tables.Column(linkify=True)
    circuit = tables.Column(linkify=True)
    device = tables.Column(linkify=True)
    unit = tables.Column(linkify=True)
    quantity = tables.Column(attrs=NUMBER)
    unit_price = WanColumn(verbose_name=_("unit price (10,000 yuan)"))
    total = WanColumn(verbose_name=_("total (10,000 yuan)"), orderable=False)

    class Meta(ObjectTable.Meta):
        model = models.LineItem
        fields = (
            "contract",
            "name",
            "quantity",
            "unit_price",
            "total",
            "circuit",
            "device",
            "unit",
            "notes",
        )

    default_columns = ("name", "quantity", "unit_price", "total", "circuit", "device", "unit")


class DeductionTableTable(ObjectTable):
    """Deduction tables."""

    name = LinkColumn()

    class Meta(ObjectTable.Meta):
        model = models.DeductionTable
        fields = ("name", "notes")
