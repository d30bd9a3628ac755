"""Lists of the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_tables2 as tables
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from govnet.core.tables import LinkColumn, ObjectTable, YesNoColumn
from govnet.inventory import models

NUMBER: dict[str, dict[str, str]] = {"td": {"class": "num"}, "th": {"class": "num"}}


def link(**kwargs: Any) -> tables.Column:
    """A column of another object, linked to its page."""
    return tables.Column(linkify=True, **kwargs)


class RegionTable(ObjectTable):
    """Regions, as a tree while nobody sorts them otherwise."""

    name = LinkColumn()
    parent = link()
    unit_count = tables.Column(_("units"), attrs=NUMBER)

    class Meta(ObjectTable.Meta):
        model = models.Region
        fields = ("name", "code", "level", "parent", "unit_count", "notes")

    default_columns = ("name", "code", "level", "unit_count")

    def render_name(self, value: str, record: Any) -> SafeString:
        """Indented by depth."""
        depth = 0 if self.order_by else getattr(record, "tree_depth", 0)
        return format_html('<span class="tree-{}">{}</span>', min(depth, 6), value)


class CarrierTable(ObjectTable):
    """Carriers."""

    name = LinkColumn()

    class Meta(ObjectTable.Meta):
        model = models.Carrier
        fields = ("name", "service_phone", "notes")


class ContractorTable(ObjectTable):
    """Contractors."""

    name = LinkColumn()
    carrier = link()

    class Meta(ObjectTable.Meta):
        model = models.Contractor
        fields = ("name", "kind", "carrier", "service_phone", "notes")

    default_columns = ("name", "kind", "carrier", "service_phone")


class UnitTable(ObjectTable):
    """Units."""

    name = LinkColumn()
    region = link()
    xueliang = YesNoColumn()

    class Meta(ObjectTable.Meta):
        model = models.Unit
        fields = (
            "name",
            "code",
            "region",
            "level",
            "unit_class",
            "xueliang",
            "acceptance_state",
            "access_date",
            "acceptance_date",
            "notes",
        )

    default_columns = (
        "name",
        "code",
        "region",
        "level",
        "unit_class",
        "acceptance_state",
        "access_date",
    )


class ContactTable(ObjectTable):
    """Contacts."""

    name = LinkColumn()
    unit = link()

    class Meta(ObjectTable.Meta):
        model = models.Contact
        fields = ("name", "unit", "role", "phone", "email", "notes")

    default_columns = ("name", "unit", "role", "phone", "email")


class AccessPointTable(ObjectTable):
    """Access points."""

    code = LinkColumn()
    unit = link()
    region = tables.Column(_("region"), accessor="unit__region", linkify=True)

    class Meta(ObjectTable.Meta):
        model = models.AccessPoint
        fields = (
            "code",
            "name",
            "unit",
            "region",
            "place",
            "ipv4",
            "ipv6",
            "status",
            "opened_on",
            "notes",
        )

    default_columns = ("code", "name", "unit", "region", "ipv4", "ipv6", "status")


class CredentialTable(ObjectTable):
    """Credentials, without their secrets."""

    name = LinkColumn()
    device_count = tables.Column(_("devices"), attrs=NUMBER)

    class Meta(ObjectTable.Meta):
        model = models.Credential
        fields = (
            "name",
            "version",
            "user",
            "auth_protocol",
            "priv_protocol",
            "device_count",
            "notes",
        )

    default_columns = ("name", "version", "user", "auth_protocol", "priv_protocol", "device_count")


class DeviceTable(ObjectTable):
    """Devices."""

    name = LinkColumn()
    region = link()
    access_point = link()

    class Meta(ObjectTable.Meta):
        model = models.Device
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

    default_columns = ("name", "layer", "region", "vendor", "model", "management_ipv4", "status")


class PortTable(ObjectTable):
    """Ports."""

    name = LinkColumn()
    device = link()

    class Meta(ObjectTable.Meta):
        model = models.Port
        fields = ("device", "name", "if_index", "alias", "notes")

    default_columns = ("device", "name", "if_index", "alias")


class CircuitTable(ObjectTable):
    """Circuits with the rate in force today."""

    number = LinkColumn()
    carrier = link()
    access_point = link()
    unit = tables.Column(_("unit"), accessor="access_point__unit", linkify=True)
    a_port = link()
    z_port = link()
    diverse_from = link()
    contracted_mbps = tables.Column(_("contracted bandwidth (Mbit/s)"), attrs=NUMBER)
    monthly_rent = tables.Column(attrs=NUMBER)

    class Meta(ObjectTable.Meta):
        model = models.Circuit
        fields = (
            "number",
            "kind",
            "carrier",
            "unit",
            "access_point",
            "a_port",
            "z_port",
            "contracted_mbps",
            "monthly_rent",
            "contract_number",
            "contract_expires_on",
            "opened_on",
            "status",
            "diverse_from",
            "notes",
        )

    default_columns = (
        "number",
        "unit",
        "carrier",
        "kind",
        "contracted_mbps",
        "contract_expires_on",
        "status",
    )

    def render_contracted_mbps(self, value: int) -> str:
        """In groups of three."""
        return f"{value:,}"

    def render_monthly_rent(self, value: Decimal) -> str:
        """Two decimals."""
        return f"{value:,.2f}"
