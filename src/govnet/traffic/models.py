"""Who sends flow records, and which addresses belong to whom."""

from __future__ import annotations

import ipaddress
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from govnet.core.querysets import RestrictedQuerySet
from govnet.inventory.models import AccessPoint, Device, LedgerModel, Unit


class AddressBlock(LedgerModel):
    """A block of the address plan (地址规划): what lies in it is the network's own.

    Of nested blocks the longest prefix counts. A block without a unit is registered, but
    nobody's: reserved, or shared.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("unit__region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("unit",)

    prefix = models.CharField(_("address block"), max_length=43, unique=True)
    unit = models.ForeignKey(
        Unit,
        verbose_name=_("unit"),
        on_delete=models.PROTECT,
        related_name="address_blocks",
        null=True,
        blank=True,
    )
    access_point = models.ForeignKey(
        AccessPoint,
        verbose_name=_("access point"),
        on_delete=models.PROTECT,
        related_name="address_blocks",
        null=True,
        blank=True,
    )
    use = models.CharField(_("use"), max_length=100, blank=True)

    objects = RestrictedQuerySet["AddressBlock"].as_manager()

    class Meta:
        verbose_name = _("address block")
        verbose_name_plural = _("address blocks")
        ordering = ["prefix"]

    def __str__(self) -> str:
        return self.prefix

    def clean_fields(self, exclude: object = None) -> None:
        """A block is written as a prefix; bits behind it are an error, not an intention."""
        super().clean_fields(exclude=exclude)  # type: ignore[arg-type]
        try:
            self.prefix = str(ipaddress.ip_network(self.prefix.strip()))
        except ValueError:
            message = _("Write an address block such as 10.20.0.0/16 or 2001:db8:20::/48.")
            raise ValidationError({"prefix": message}) from None

    def clean(self) -> None:
        """An access point's block is its unit's."""
        if self.access_point is None:
            return
        if self.unit is None:
            self.unit = self.access_point.unit
        elif self.unit != self.access_point.unit:
            raise ValidationError({"access_point": _("The access point is of another unit.")})


class FlowExporter(LedgerModel):
    """A source of flow records; made when its first datagram comes, known or not.

    Attributes:
        told: what it said last: protocols, templates, sampling, sequence gaps.
        counters: datagrams, records and what was lost, since the receiver started.
        untrue: its octets are not those that SNMP counts on its interfaces (``truth``).
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("device__region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("device__access_point__unit",)

    address = models.GenericIPAddressField(_("address"), unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    device = models.ForeignKey(
        Device,
        verbose_name=_("device"),
        on_delete=models.SET_NULL,
        related_name="flow_exporters",
        null=True,
        blank=True,
    )
    sampling = models.PositiveIntegerField(
        _("sampling rate"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(2**24)],
        help_text=_("One of so many packets is looked at; overrides what the exporter says."),
    )
    first_seen = models.DateTimeField(_("first received"), null=True, blank=True, editable=False)
    last_seen = models.DateTimeField(_("last received"), null=True, blank=True, editable=False)
    told = models.JSONField(_("told"), default=dict, blank=True, editable=False)
    counters = models.JSONField(_("counters"), default=dict, blank=True, editable=False)
    untrue = models.BooleanField(_("disagrees with SNMP"), default=False, editable=False)

    objects = RestrictedQuerySet["FlowExporter"].as_manager()

    class Meta:
        verbose_name = _("flow exporter")
        verbose_name_plural = _("flow exporters")
        ordering = ["address"]

    def __str__(self) -> str:
        return self.name or (self.device.name if self.device else str(self.address))
