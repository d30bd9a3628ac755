"""The ledger (台账): where units sit, how they are connected, by whom and at what rate.

Names follow the glossary of the field: ``docs/reference/glossary.md``. Rates are Mbit/s,
money is 元 as Decimal, dates are civil dates in the site's time zone.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Final, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from tree_queries.fields import TreeNodeForeignKey
from tree_queries.models import TreeNode
from tree_queries.query import TreeQuerySet

from govnet.core.fields import SecretField
from govnet.core.querysets import ModelT_co, RestrictedQuerySet


class LedgerModel(models.Model):
    """What every row of the ledger has: notes, and when it was made and last changed."""

    # A cell of a spreadsheet holds 32,767 characters: more could not be exported.
    notes = models.TextField(_("notes"), blank=True, max_length=10_000)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store texts without outer white space: it cannot be seen, but it breaks look-ups."""
        for field in self._meta.concrete_fields:
            if isinstance(field, models.CharField | models.TextField):
                value = self.__dict__.get(field.attname)
                if isinstance(value, str):
                    setattr(self, field.attname, value.replace("\r\n", "\n").strip())
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        """The object's page; every declared object has one under the same name."""
        return reverse(f"{self._meta.app_label}:{self._meta.model_name}", args=[self.pk])


class LifeCycle(models.TextChoices):
    """Where an access point, device or circuit stands in its life."""

    PLANNED = "planned", _("Planned")
    ACTIVE = "active", _("In service")
    SUSPENDED = "suspended", _("Suspended")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class RegionLevel(models.TextChoices):
    """Administrative level of a region."""

    PROVINCE = "province", _("Province")
    CITY = "city", _("City")
    COUNTY = "county", _("County")
    TOWNSHIP = "township", _("Township")
    VILLAGE = "village", _("Village")


class RegionQuerySet(RestrictedQuerySet["Region"], TreeQuerySet):
    """Tree queries plus row permission."""


class Region(LedgerModel, TreeNode):  # type: ignore[django-manager-missing]  # untyped base
    """An administrative region (省/市州/县市区/乡镇街道/村社区); a tree.

    ``code`` is the division code of GB/T 2260 and GB/T 10114 where the region has one,
    else the site's own.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("pk",)

    # The base would delete a whole subtree with its root.
    parent = TreeNodeForeignKey(
        "self",
        verbose_name=_("parent region"),
        on_delete=models.PROTECT,
        related_name="children",
        null=True,
        blank=True,
    )
    code = models.CharField(_("region code"), max_length=12, unique=True)
    name = models.CharField(_("name"), max_length=60)
    level = models.CharField(_("level"), max_length=10, choices=RegionLevel.choices)

    objects = RegionQuerySet.as_manager()  # type: ignore[django-manager-missing]

    class Meta:
        verbose_name = _("region")
        verbose_name_plural = _("regions")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["parent", "name"], name="region_name_in_parent")
        ]

    def __str__(self) -> str:
        return self.name


class Carrier(LedgerModel):
    """A network operator (运营商) that rents circuits to the site."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    service_phone = models.CharField(_("service phone"), max_length=30, blank=True)

    objects = RestrictedQuerySet["Carrier"].as_manager()

    class Meta:
        verbose_name = _("carrier")
        verbose_name_plural = _("carriers")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ContractorKind(models.TextChoices):
    """What a company under contract does."""

    CARRIER = "carrier", _("Carrier")
    BUILDER = "builder", _("Builder")
    MAINTAINER = "maintainer", _("Maintainer")
    SUPERVISOR = "supervisor", _("Supervisor")


class Contractor(LedgerModel):
    """A company under contract (承包单位): who builds, maintains, supervises or rents circuits.

    A carrier under contract refers to its ``Carrier``, so that its circuits, faults and
    payments meet. The company's own people (``User.contractors``) see what concerns it.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=ContractorKind.choices)
    carrier = models.OneToOneField(
        Carrier,
        verbose_name=_("carrier"),
        on_delete=models.PROTECT,
        related_name="contractor",
        null=True,
        blank=True,
    )
    service_phone = models.CharField(_("service phone"), max_length=30, blank=True)
    demo = models.BooleanField(_("demo data"), default=False, editable=False)

    objects = RestrictedQuerySet["Contractor"].as_manager()

    class Meta:
        verbose_name = _("contractor")
        verbose_name_plural = _("contractors")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Only a carrier has circuits."""
        if self.carrier_id and self.kind != ContractorKind.CARRIER:
            raise ValidationError({"carrier": _("Only a contractor of the kind carrier has one.")})


class UnitClass(models.TextChoices):
    """User classes A to F of DB34/T 3607-2020: which zones a unit's access covers."""

    A = "A", _("A: public zone only")
    B = "B", _("B: public zone, unified egress")
    C = "C", _("C: public zone, own egress")
    D = "D", _("D: public and private zone, unified egress")
    E = "E", _("E: public and private zone, own egress")
    F = "F", _("F: campus network")


class AcceptanceState(models.TextChoices):
    """How far the access of a unit has come."""

    REQUESTED = "requested", _("Requested")
    BUILDING = "building", _("Under construction")
    PRE_ACCEPTED = "pre_accepted", _("Preliminarily accepted")
    TRIAL_RUN = "trial_run", _("Trial run")
    ACCEPTED = "accepted", _("Accepted")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Unit(LedgerModel):
    """An access unit (接入单位): an authority or institution on the network."""

    region_lookups: ClassVar[tuple[str, ...]] = ("region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("pk",)

    code = models.CharField(_("unit code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=100, unique=True)
    region = models.ForeignKey(
        Region, verbose_name=_("region"), on_delete=models.PROTECT, related_name="units"
    )
    level = models.CharField(_("level"), max_length=10, choices=RegionLevel.choices)
    unit_class = models.CharField(
        _("unit class"), max_length=1, choices=UnitClass.choices, default=UnitClass.B
    )
    xueliang = models.BooleanField(
        _("Sharp-Eyes unit"), default=False, help_text=_("Takes part in the Sharp-Eyes project.")
    )
    access_date = models.DateField(_("access date"), null=True, blank=True)
    acceptance_state = models.CharField(
        _("acceptance state"),
        max_length=12,
        choices=AcceptanceState.choices,
        default=AcceptanceState.REQUESTED,
    )
    acceptance_date = models.DateField(_("acceptance date"), null=True, blank=True)
    demo = models.BooleanField(_("demo data"), default=False, editable=False)

    objects = RestrictedQuerySet["Unit"].as_manager()

    class Meta:
        verbose_name = _("unit")
        verbose_name_plural = _("units")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class ContactRole(models.TextChoices):
    """What a contact answers for."""

    LIAISON = "liaison", _("Liaison")
    LEADER = "leader", _("Responsible leader")
    TECHNICIAN = "technician", _("Technician")
    FINANCE = "finance", _("Finance")


class Contact(LedgerModel):
    """A person at a unit, by role."""

    region_lookups: ClassVar[tuple[str, ...]] = ("unit__region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("unit",)

    unit = models.ForeignKey(
        Unit, verbose_name=_("unit"), on_delete=models.CASCADE, related_name="contacts"
    )
    role = models.CharField(_("role"), max_length=10, choices=ContactRole.choices)
    name = models.CharField(_("name"), max_length=40)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)

    objects = RestrictedQuerySet["Contact"].as_manager()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        ordering = ["unit", "role", "name"]
        constraints = [
            models.UniqueConstraint(fields=["unit", "role", "name"], name="contact_once_per_role")
        ]

    def __str__(self) -> str:
        return self.name

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show a contact's changes on its unit's page."""
        return {"parent": self.unit_id}


class AccessPoint(LedgerModel):
    """A place where a unit joins the network (接入点); what is probed for its reachability."""

    region_lookups: ClassVar[tuple[str, ...]] = ("unit__region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("unit",)

    code = models.CharField(_("access point code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=100)
    unit = models.ForeignKey(
        Unit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="access_points"
    )
    place = models.CharField(_("place"), max_length=200, blank=True)
    ipv4 = models.GenericIPAddressField(
        _("IPv4 address"), protocol="IPv4", null=True, blank=True, unique=True
    )
    ipv6 = models.GenericIPAddressField(
        _("IPv6 address"), protocol="IPv6", null=True, blank=True, unique=True
    )
    status = models.CharField(
        _("status"), max_length=10, choices=LifeCycle.choices, default=LifeCycle.ACTIVE
    )
    opened_on = models.DateField(_("opened on"), null=True, blank=True)

    objects = RestrictedQuerySet["AccessPoint"].as_manager()

    class Meta:
        verbose_name = _("access point")
        verbose_name_plural = _("access points")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class SnmpVersion(models.TextChoices):
    """SNMP versions that GovNet polls."""

    V2C = "2c", "v2c"
    V3 = "3", "v3"


class AuthProtocol(models.TextChoices):
    """Authentication protocols of SNMPv3 (RFC 3414, RFC 7860)."""

    SHA1 = "SHA", "SHA-1"
    SHA256 = "SHA-256", "SHA-256"
    SHA512 = "SHA-512", "SHA-512"


class PrivProtocol(models.TextChoices):
    """Privacy protocols of SNMPv3 (RFC 3826; AES-256 after Blumenthal)."""

    AES128 = "AES", "AES-128"
    AES256 = "AES-256", "AES-256"


class Credential(LedgerModel):
    """An SNMP credential; secrets are encrypted at rest and never shown again."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    version = models.CharField(_("version"), max_length=2, choices=SnmpVersion.choices)
    community = SecretField(_("community"), null=True, blank=True)
    user = models.CharField(_("user name"), max_length=32, blank=True)
    auth_protocol = models.CharField(
        _("authentication"), max_length=8, choices=AuthProtocol.choices, blank=True
    )
    auth_key = SecretField(_("authentication password"), null=True, blank=True)
    priv_protocol = models.CharField(
        _("privacy"), max_length=8, choices=PrivProtocol.choices, blank=True
    )
    priv_key = SecretField(_("privacy password"), null=True, blank=True)

    SECRET_FIELDS: ClassVar[tuple[str, ...]] = ("community", "auth_key", "priv_key")

    objects = RestrictedQuerySet["Credential"].as_manager()

    class Meta:
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Each version needs its own fields."""
        if self.version == SnmpVersion.V2C and not self.community:
            raise ValidationError({"community": _("SNMP v2c needs a community.")})
        if self.version == SnmpVersion.V3 and not (self.user and self.auth_key):
            raise ValidationError(
                {"user": _("SNMPv3 needs a user and an authentication password.")}
            )


class DeviceLayer(models.TextChoices):
    """Layer of a device in the network."""

    CORE = "core", _("Core layer")
    AGGREGATION = "aggregation", _("Aggregation layer")
    ACCESS = "access", _("Access layer")
    EGRESS = "egress", _("Internet egress")
    TERMINAL = "terminal", _("Terminal")


class Device(LedgerModel):
    """A router, switch, firewall, server or terminal."""

    region_lookups: ClassVar[tuple[str, ...]] = ("region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("access_point__unit",)

    name = models.CharField(_("name"), max_length=100, unique=True)
    layer = models.CharField(_("layer"), max_length=12, choices=DeviceLayer.choices)
    region = models.ForeignKey(
        Region, verbose_name=_("region"), on_delete=models.PROTECT, related_name="devices"
    )
    access_point = models.ForeignKey(
        AccessPoint,
        verbose_name=_("access point"),
        on_delete=models.PROTECT,
        related_name="devices",
        null=True,
        blank=True,
    )
    vendor = models.CharField(_("vendor"), max_length=40, blank=True)
    model = models.CharField(_("model"), max_length=60, blank=True)
    serial_number = models.CharField(_("serial number"), max_length=60, blank=True)
    management_ipv4 = models.GenericIPAddressField(
        _("management IPv4"), protocol="IPv4", null=True, blank=True, unique=True
    )
    management_ipv6 = models.GenericIPAddressField(
        _("management IPv6"), protocol="IPv6", null=True, blank=True, unique=True
    )
    snmp_port = models.PositiveIntegerField(
        _("SNMP port"),
        default=161,
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
    )
    credential = models.ForeignKey(
        Credential,
        verbose_name=_("credential"),
        on_delete=models.PROTECT,
        related_name="devices",
        null=True,
        blank=True,
    )
    status = models.CharField(
        _("status"), max_length=10, choices=LifeCycle.choices, default=LifeCycle.ACTIVE
    )

    objects = RestrictedQuerySet["Device"].as_manager()

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def management_address(self) -> str | None:
        """The address to poll: IPv4 where there is one, else IPv6."""
        return self.management_ipv4 or self.management_ipv6


PORT_NAME_LENGTH: Final = 80
PORT_ALIAS_LENGTH: Final = 120


class Port(LedgerModel):
    """A network interface of a device."""

    region_lookups: ClassVar[tuple[str, ...]] = ("device__region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("device__access_point__unit",)

    device = models.ForeignKey(
        Device, verbose_name=_("device"), on_delete=models.CASCADE, related_name="ports"
    )
    name = models.CharField(_("name"), max_length=PORT_NAME_LENGTH)
    if_index = models.PositiveBigIntegerField(_("interface index"), null=True, blank=True)
    alias = models.CharField(_("alias"), max_length=PORT_ALIAS_LENGTH, blank=True)

    objects = RestrictedQuerySet["Port"].as_manager()

    class Meta:
        verbose_name = _("port")
        verbose_name_plural = _("ports")
        ordering = ["device__name", "if_index", "name"]
        constraints = [
            models.UniqueConstraint(fields=["device", "name"], name="port_name_in_device"),
            models.UniqueConstraint(fields=["device", "if_index"], name="port_index_in_device"),
        ]

    def __str__(self) -> str:
        return f"{self.device.name} {self.name}"


class CircuitKind(models.TextChoices):
    """What a circuit is for."""

    ACCESS = "access", _("Access circuit")
    BACKBONE = "backbone", _("Backbone circuit")
    EGRESS = "egress", _("Internet egress")


class CircuitQuerySet(RestrictedQuerySet[ModelT_co]):
    """Circuits with what their dated history says."""

    def with_bandwidth(self, on: date | None = None) -> Self:
        """Annotate ``contracted_mbps``: the rate in force on a day, today unless told."""
        in_force = BandwidthChange.objects.filter(
            circuit=models.OuterRef("pk"), effective_on__lte=on or timezone.localdate()
        ).order_by("-effective_on")
        return self.annotate(contracted_mbps=models.Subquery(in_force.values("mbps")[:1]))


class Circuit(LedgerModel):
    """A rented or own line (线路/专线) between an A end and a Z end.

    The A end is an access point (access circuits) or a port (backbone, egress); the Z end is
    the port on the network's side, whose counters measure the circuit's traffic.
    """

    region_lookups: ClassVar[tuple[str, ...]] = (
        "access_point__unit__region",
        "z_port__device__region",
    )
    unit_lookups: ClassVar[tuple[str, ...]] = ("access_point__unit",)

    number = models.CharField(_("circuit number"), max_length=60, unique=True)
    kind = models.CharField(
        _("kind"), max_length=10, choices=CircuitKind.choices, default=CircuitKind.ACCESS
    )
    carrier = models.ForeignKey(
        Carrier, verbose_name=_("carrier"), on_delete=models.PROTECT, related_name="circuits"
    )
    access_point = models.ForeignKey(
        AccessPoint,
        verbose_name=_("A end: access point"),
        on_delete=models.PROTECT,
        related_name="circuits",
        null=True,
        blank=True,
    )
    a_port = models.ForeignKey(
        Port,
        verbose_name=_("A end: port"),
        on_delete=models.PROTECT,
        related_name="circuits_a",
        null=True,
        blank=True,
    )
    z_port = models.ForeignKey(
        Port,
        verbose_name=_("Z end: port"),
        on_delete=models.PROTECT,
        related_name="circuits_z",
        null=True,
        blank=True,
    )
    diverse_from = models.ForeignKey(
        "self",
        verbose_name=_("diverse route from"),
        on_delete=models.SET_NULL,
        related_name="diverse_circuits",
        null=True,
        blank=True,
        help_text=_("The circuit whose path this one must not share."),
    )
    monthly_rent = models.DecimalField(
        _("monthly rent (yuan)"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
    )
    contract_number = models.CharField(_("contract number"), max_length=60, blank=True)
    contract_expires_on = models.DateField(_("contract expires on"), null=True, blank=True)
    opened_on = models.DateField(_("opened on"), null=True, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=LifeCycle.choices, default=LifeCycle.ACTIVE
    )

    objects = CircuitQuerySet["Circuit"].as_manager()

    class Meta:
        verbose_name = _("circuit")
        verbose_name_plural = _("circuits")
        ordering = ["number"]
        constraints = [
            models.CheckConstraint(
                condition=Q(access_point__isnull=True) | Q(a_port__isnull=True),
                name="circuit_one_a_end",
                violation_error_message=_("The A end is an access point or a port, not both."),
            )
        ]

    def __str__(self) -> str:
        return self.number


class BandwidthChange(models.Model):
    """The contracted bandwidth of a circuit from a day on; 10M→100M→1000M is three rows."""

    circuit = models.ForeignKey(
        Circuit, verbose_name=_("circuit"), on_delete=models.CASCADE, related_name="bandwidths"
    )
    effective_on = models.DateField(_("effective on"))
    mbps = models.PositiveIntegerField(
        _("contracted bandwidth (Mbit/s)"), validators=[MinValueValidator(1)]
    )

    objects: models.Manager[BandwidthChange] = models.Manager()

    class Meta:
        verbose_name = _("bandwidth change")
        verbose_name_plural = _("bandwidth changes")
        ordering = ["circuit", "effective_on"]
        constraints = [
            models.UniqueConstraint(fields=["circuit", "effective_on"], name="one_rate_per_day")
        ]

    def __str__(self) -> str:
        return f"{self.effective_on}: {self.mbps} Mbit/s"

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show a change of bandwidth on its circuit's page."""
        return {"parent": self.circuit_id}


def ledger_models() -> list[type[models.Model]]:
    """Every model of the ledger, in an order in which each only refers to earlier ones."""
    return [
        Region,
        Carrier,
        Contractor,
        Unit,
        Contact,
        AccessPoint,
        Credential,
        Device,
        Port,
        Circuit,
    ]
