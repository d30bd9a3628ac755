"""Forms of the ledger: help texts say by example what to write."""

from __future__ import annotations

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.core.forms import ObjectForm
from govnet.inventory import models

Texts = dict[str, str | Promise]


class RegionForm(ObjectForm):
    """A region."""

    class Meta:
        model = models.Region
        fields = ("name", "code", "level", "parent", "notes")
        help_texts: ClassVar[Texts] = {
            "code": _("Division code of GB/T 2260 where there is one, e.g. 430626."),
            "parent": _("The region above it, e.g. 湖南省/岳阳市; empty for the topmost."),
        }


class CarrierForm(ObjectForm):
    """A carrier."""

    class Meta:
        model = models.Carrier
        fields = ("name", "service_phone", "notes")
        help_texts: ClassVar[Texts] = {
            "name": _("E.g. 中国电信."),
            "service_phone": _("Whom to call when a circuit is down, e.g. 10000."),
        }


class ContractorForm(ObjectForm):
    """A contractor."""

    class Meta:
        model = models.Contractor
        fields = ("name", "kind", "carrier", "service_phone", "notes")
        help_texts: ClassVar[Texts] = {
            "name": _("As in the contract, e.g. 中国电信股份有限公司岳阳分公司."),
            "carrier": _("For a carrier: which one of the ledger it is."),
            "service_phone": _("Whom to call for its work, e.g. 10000."),
        }


class UnitForm(ObjectForm):
    """A unit, with its contacts below."""

    class Meta:
        model = models.Unit
        fields = (
            "name",
            "code",
            "region",
            "level",
            "unit_class",
            "acceptance_state",
            "access_date",
            "acceptance_date",
            "xueliang",
            "notes",
        )
        help_texts: ClassVar[Texts] = {
            "name": _("The full name, e.g. 岳阳市自然资源和规划局."),
            "code": _("The site's own number of the unit, e.g. YY-0101."),
            "region": _("Type a part of the name, e.g. 岳阳楼区."),
            "unit_class": _("Which zones the access covers (DB34/T 3607)."),
            "access_date": _("The day on which the unit joined the network."),
        }


class ContactForm(ObjectForm):
    """A contact."""

    class Meta:
        model = models.Contact
        fields = ("unit", "role", "name", "phone", "email", "notes")
        help_texts: ClassVar[Texts] = {
            "unit": _("Type a part of the unit's name or code."),
            "phone": _("E.g. 0730-8889999 or 13800000000."),
        }


class AccessPointForm(ObjectForm):
    """An access point."""

    class Meta:
        model = models.AccessPoint
        fields = (
            "code",
            "name",
            "unit",
            "place",
            "ipv4",
            "ipv6",
            "status",
            "opened_on",
            "notes",
        )
        help_texts: ClassVar[Texts] = {
            "code": _("The site's own number, e.g. AP-0101-1."),
            "unit": _("Type a part of the unit's name or code."),
            "place": _("Building and room, e.g. 3号楼2楼机房."),
            "ipv4": _("The address that is probed for reachability, e.g. 10.73.1.1."),
            "ipv6": _("E.g. 2001:db8:730::1; may stand beside IPv4."),
        }


class CredentialForm(ObjectForm):
    """A credential; what is stored is never shown again."""

    class Meta:
        model = models.Credential
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
        help_texts: ClassVar[Texts] = {
            "name": _("What people call it, e.g. core switches v3."),
            "community": _("For v2c only."),
            "user": _("For v3 only, as are the fields below."),
            "auth_key": _("At least 8 characters (RFC 3414)."),
            "priv_key": _("At least 8 characters; empty for authentication only."),
        }


class DeviceForm(ObjectForm):
    """A device."""

    class Meta:
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
            "credential",
            "snmp_port",
            "status",
            "notes",
        )
        help_texts: ClassVar[Texts] = {
            "name": _("As configured on the device, e.g. YY-CORE-1."),
            "region": _("Type a part of the name, e.g. 岳阳楼区."),
            "access_point": _("For a device at a unit; type the access point's code."),
            "vendor": _("E.g. 华为, H3C, 锐捷."),
            "management_ipv4": _("The address that is polled, e.g. 10.73.0.1."),
        }


class PortForm(ObjectForm):
    """A port."""

    class Meta:
        model = models.Port
        fields = ("device", "name", "if_index", "alias", "notes")
        help_texts: ClassVar[Texts] = {
            "device": _("Type a part of the device's name."),
            "name": _("As the device names it, e.g. GigabitEthernet0/0/1."),
            "if_index": _("SNMP ifIndex; the poll finds it by the name when empty."),
        }


class CircuitForm(ObjectForm):
    """A circuit, with the history of its contracted bandwidth below."""

    class Meta:
        model = models.Circuit
        fields = (
            "number",
            "kind",
            "carrier",
            "access_point",
            "a_port",
            "z_port",
            "status",
            "opened_on",
            "monthly_rent",
            "contract_number",
            "contract_expires_on",
            "diverse_from",
            "notes",
        )
        help_texts: ClassVar[Texts] = {
            "number": _("The carrier's number of the circuit, e.g. 岳阳A0001NP."),
            "access_point": _("For an access circuit; type the access point's code."),
            "a_port": _("For a backbone or egress circuit; type device and port."),
            "z_port": _("The port on the network's side, whose counters measure the circuit."),
            "monthly_rent": _("In yuan, e.g. 1200.00."),
            "diverse_from": _("The circuit whose path this one must not share."),
        }
