"""Where the probe point hangs, where people put things on the map, which neighbours were seen."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from govnet.core.querysets import RestrictedQuerySet
from govnet.inventory.models import Device


class ProbeAttachment(models.Model):
    """A device that the probe point is connected to; the direction of every uplink follows."""

    device = models.OneToOneField(
        Device,
        verbose_name=_("device"),
        on_delete=models.CASCADE,
        related_name="probe_attachment",
    )

    objects: models.Manager[ProbeAttachment] = models.Manager()

    class Meta:
        verbose_name = _("attachment of the probe point")
        verbose_name_plural = _("attachments of the probe point")
        ordering = ["device__name"]

    def __str__(self) -> str:
        return self.device.name


class MapView(models.TextChoices):
    """How the map is arranged."""

    LAYERS = "layers", _("By layer")
    REGIONS = "regions", _("By region")


class MapPosition(models.Model):
    """Where somebody put a node on the map; what has no row stands where the layout puts it."""

    view = models.CharField(_("view"), max_length=10, choices=MapView.choices)
    element = models.CharField(_("node"), max_length=40)
    x = models.FloatField(_("x"))
    y = models.FloatField(_("y"))

    objects: models.Manager[MapPosition] = models.Manager()

    class Meta:
        verbose_name = _("position on the map")
        verbose_name_plural = _("positions on the map")
        ordering = ["view", "element"]
        constraints = [
            models.UniqueConstraint(fields=["view", "element"], name="one_position_per_view")
        ]

    def __str__(self) -> str:
        return f"{self.view}: {self.element}"


class Source(models.TextChoices):
    """Where a neighbour was read."""

    LLDP = "lldp", "LLDP"
    ARP = "arp", _("ARP table")
    BRIDGE = "bridge", _("Bridge table")


class Neighbour(models.Model):
    """What a device told of one of its ports; an observation, never the ledger itself.

    It is current as long as it was in the device's last answer (``Sweep.answered_at``).

    Attributes:
        port_name: name of the device's own port, as it calls it.
        if_index: of that port; None where the device did not say.
        remote_chassis: chassis id as text (RFC-style MAC, name or address); of an address that
            was seen, its MAC.
        remote_address: by LLDP the management address; else the address that was seen.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("device__region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("device__access_point__unit",)

    device = models.ForeignKey(
        Device, verbose_name=_("device"), on_delete=models.CASCADE, related_name="neighbours"
    )
    source = models.CharField(
        _("source"), max_length=8, choices=Source.choices, default=Source.LLDP
    )
    port_name = models.CharField(_("port"), max_length=120)
    if_index = models.PositiveBigIntegerField(_("interface index"), null=True)
    remote_chassis = models.CharField(_("chassis of the neighbour"), max_length=120)
    remote_name = models.CharField(_("name of the neighbour"), max_length=120, blank=True)
    remote_port = models.CharField(_("port of the neighbour"), max_length=120, blank=True)
    remote_address = models.GenericIPAddressField(_("address of the neighbour"), null=True)
    first_seen_at = models.DateTimeField(_("seen first"))
    last_seen_at = models.DateTimeField(_("seen last"))

    objects = RestrictedQuerySet["Neighbour"].as_manager()

    class Meta:
        verbose_name = _("neighbour")
        verbose_name_plural = _("neighbours")
        ordering = ["device__name", "port_name", "remote_name"]
        constraints = [
            models.UniqueConstraint(
                fields=["device", "port_name", "remote_chassis", "remote_port"],
                condition=models.Q(source=Source.LLDP),
                name="neighbour_once",
            ),
            models.UniqueConstraint(
                fields=["device", "source", "port_name", "remote_chassis", "remote_address"],
                condition=~models.Q(source=Source.LLDP),
                name="address_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.port_name} — {self.remote_name} {self.remote_port}"


class Sweep(models.Model):
    """The last reading of a device's neighbours: an empty answer differs from none.

    Attributes:
        chassis: its own LLDP chassis id, by which its neighbours name it; empty without LLDP.
        problem: why the last try gave nothing, a reason of ``SnmpError``.
    """

    device = models.OneToOneField(
        Device, on_delete=models.CASCADE, primary_key=True, related_name="sweep"
    )
    tried_at = models.DateTimeField(_("tried"))
    answered_at = models.DateTimeField(_("answered"), null=True)
    problem = models.CharField(_("problem"), max_length=40, blank=True)
    chassis = models.CharField(_("chassis"), max_length=120, blank=True)

    objects: models.Manager[Sweep] = models.Manager()

    class Meta:
        verbose_name = _("reading of neighbours")
        verbose_name_plural = _("readings of neighbours")

    def __str__(self) -> str:
        return str(self.device_id)


class SweepRun(models.Model):
    """One round over every polled device, by the clock or because somebody asked.

    Attributes:
        user: who asked; None: the clock.
        devices: how many are to be read.
        done: how many were read or tried.
        failed: how many of those gave no answer.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    asked_at = models.DateTimeField(_("asked at"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    devices = models.PositiveIntegerField(_("devices"), default=0)
    done = models.PositiveIntegerField(_("devices tried"), default=0)
    failed = models.PositiveIntegerField(_("devices without an answer"), default=0)

    objects: models.Manager[SweepRun] = models.Manager()

    class Meta:
        verbose_name = _("round of reading neighbours")
        verbose_name_plural = _("rounds of reading neighbours")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.pk}: {self.done}/{self.devices}"


class Dismissal(models.Model):
    """A difference that somebody decided to leave as it is, and why."""

    key = models.CharField(_("difference"), max_length=250, unique=True)
    reason = models.CharField(_("reason"), max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    at = models.DateTimeField(_("dismissed at"), auto_now_add=True)

    objects: models.Manager[Dismissal] = models.Manager()

    class Meta:
        verbose_name = _("dismissed difference")
        verbose_name_plural = _("dismissed differences")
        ordering = ["-at"]

    def __str__(self) -> str:
        return self.key
