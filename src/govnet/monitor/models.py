"""Targets, the state of each, and every change of state (flip).

``govnet.monitor.services`` is the only writer; everything else reads.
"""

from __future__ import annotations

from typing import ClassVar, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from govnet.core.querysets import RestrictedQuerySet
from govnet.engine.result import ProbeKind
from govnet.inventory.models import AccessPoint, Circuit, Device, Port, Region, Unit


class StateChoices(models.TextChoices):
    """``govnet.engine.result.State`` with the words shown to people."""

    UP = "up", _("Normal")
    DEGRADED = "degraded", _("Degraded")
    DOWN = "down", _("Down")
    UNKNOWN = "unknown", _("Unknown")


class TargetQuerySet(RestrictedQuerySet["Target"]):
    """Targets, and which of them are measured."""

    def measured(self) -> Self:
        """Targets that the engine measures: switched on, and still in the inventory."""
        return self.filter(enabled=True, withdrawn=False)


class Target(models.Model):
    """One thing to measure: an address and how to probe it.

    Owned by at most one of access point, device, circuit (judged by its ports: a line between
    devices has no address) or unit (an application seen from nowhere in particular); a reference
    target of the probe point has no owner. ``key`` makes generation from the inventory idempotent
    ("access_point:12:icmp:v4"); it is empty for targets made by hand.
    """

    region_lookups: ClassVar[tuple[str, ...]] = (
        "access_point__unit__region",
        "device__region",
        "unit__region",
        "region",
        *(f"circuit__{path}" for path in Circuit.region_lookups),
    )
    unit_lookups: ClassVar[tuple[str, ...]] = (
        "access_point__unit",
        "device__access_point__unit",
        "unit",
        *(f"circuit__{path}" for path in Circuit.unit_lookups),
    )

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(
        _("probe"), max_length=8, choices=[(kind.value, kind.name) for kind in ProbeKind]
    )
    address = models.CharField(_("address or URL"), max_length=500)
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    interval_s = models.PositiveIntegerField(
        _("interval (s)"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(86400)],
    )
    timeout_s = models.FloatField(
        _("timeout (s)"), default=1.0, validators=[MinValueValidator(0.05), MaxValueValidator(60)]
    )
    tries = models.PositiveSmallIntegerField(
        _("tries"), default=2, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    reference = models.BooleanField(
        _("reference target"),
        default=False,
        help_text=_("Tells a fault of the probe point from a fault of the network."),
    )
    key = models.CharField(max_length=80, unique=True, null=True, blank=True, editable=False)
    withdrawn = models.BooleanField(
        _("withdrawn"),
        default=False,
        editable=False,
        help_text=_("The inventory has no use for it now; its history is kept."),
    )
    access_point = models.ForeignKey(
        AccessPoint,
        verbose_name=_("access point"),
        on_delete=models.CASCADE,
        related_name="targets",
        null=True,
        blank=True,
    )
    device = models.ForeignKey(
        Device,
        verbose_name=_("device"),
        on_delete=models.CASCADE,
        related_name="targets",
        null=True,
        blank=True,
    )
    circuit = models.ForeignKey(
        Circuit,
        verbose_name=_("circuit"),
        on_delete=models.CASCADE,
        related_name="targets",
        null=True,
        blank=True,
        editable=False,
    )
    unit = models.ForeignKey(
        Unit,
        verbose_name=_("unit"),
        on_delete=models.CASCADE,
        related_name="targets",
        null=True,
        blank=True,
    )
    region = models.ForeignKey(
        Region,
        verbose_name=_("region"),
        on_delete=models.CASCADE,
        related_name="targets",
        null=True,
        blank=True,
    )

    objects = TargetQuerySet.as_manager()

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(access_point__isnull=True) | Q(device__isnull=True),
                name="target_one_owner",
            )
        ]

    def __str__(self) -> str:
        return self.name


class TargetState(models.Model):
    """The present state of a target; one row each, overwritten."""

    target = models.OneToOneField(
        Target, on_delete=models.CASCADE, primary_key=True, related_name="state"
    )
    state = models.CharField(
        _("state"), max_length=8, choices=StateChoices.choices, default=StateChoices.UNKNOWN
    )
    since = models.DateTimeField(_("since"), null=True)
    checked_at = models.DateTimeField(_("last checked"), null=True)
    answered_at = models.DateTimeField(_("last answer"), null=True)
    rtt_ms = models.FloatField(_("latency (ms)"), null=True)
    jitter_ms = models.FloatField(_("jitter (ms)"), null=True)
    loss_ratio = models.FloatField(_("loss"), null=True)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    objects: models.Manager[TargetState] = models.Manager()

    class Meta:
        verbose_name = _("target state")
        verbose_name_plural = _("target states")
        indexes = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"{self.target_id}: {self.state}"


class Flip(models.Model):
    """One change of state; written by exactly one winner of the conditional UPDATE."""

    region_lookups: ClassVar[tuple[str, ...]] = tuple(
        f"target__{path}" for path in Target.region_lookups
    )
    unit_lookups: ClassVar[tuple[str, ...]] = tuple(
        f"target__{path}" for path in Target.unit_lookups
    )

    target = models.ForeignKey(
        Target, verbose_name=_("target"), on_delete=models.CASCADE, related_name="flips"
    )
    old_state = models.CharField(_("from"), max_length=8, choices=StateChoices.choices)
    new_state = models.CharField(_("to"), max_length=8, choices=StateChoices.choices)
    at = models.DateTimeField(_("since"), help_text=_("The first sample of the new state."))
    confirmed_at = models.DateTimeField(_("confirmed"))
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    objects = RestrictedQuerySet["Flip"].as_manager()

    class Meta:
        verbose_name = _("flip")
        verbose_name_plural = _("flips")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["target", "-at"]), models.Index(fields=["-at"])]

    def __str__(self) -> str:
        return f"{self.target_id}: {self.old_state} → {self.new_state}"


class PortState(models.Model):
    """The last measured traffic and link state of a port; one row each, overwritten."""

    port = models.OneToOneField(
        Port, on_delete=models.CASCADE, primary_key=True, related_name="state"
    )
    sampled_at = models.DateTimeField(_("sampled"), null=True)
    oper_up = models.BooleanField(_("link up"), null=True)
    speed_mbps = models.PositiveIntegerField(_("speed (Mbit/s)"), null=True)
    in_bps = models.FloatField(_("in (bit/s)"), null=True)
    out_bps = models.FloatField(_("out (bit/s)"), null=True)

    objects: models.Manager[PortState] = models.Manager()

    class Meta:
        verbose_name = _("port state")
        verbose_name_plural = _("port states")

    def __str__(self) -> str:
        return str(self.port_id)


class DeviceState(models.Model):
    """The last SNMP poll of a device; one row each, overwritten."""

    device = models.OneToOneField(
        Device, on_delete=models.CASCADE, primary_key=True, related_name="polled"
    )
    polled_at = models.DateTimeField(_("polled"), null=True)
    descr = models.CharField(_("system description"), max_length=255, blank=True)
    object_id = models.CharField(_("system object id"), max_length=128, blank=True)
    uptime_s = models.PositiveBigIntegerField(_("uptime (s)"), null=True)
    cpu_percent = models.FloatField(_("CPU (%)"), null=True)
    memory_percent = models.FloatField(_("memory (%)"), null=True)
    temperature_c = models.FloatField(_("temperature (°C)"), null=True)

    objects: models.Manager[DeviceState] = models.Manager()

    class Meta:
        verbose_name = _("device state")
        verbose_name_plural = _("device states")

    def __str__(self) -> str:
        return str(self.device_id)


class DeviceInterfaces(models.Model):
    """The interfaces that a device told of last; one row each, overwritten.

    An observation, never the ledger: what is in it becomes a port only by a person's hand.
    ``interfaces``: a list of objects as ``services.Interface`` has them, by ifIndex.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("device__region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("device__access_point__unit",)

    device = models.OneToOneField(
        Device, on_delete=models.CASCADE, primary_key=True, related_name="interfaces"
    )
    read_at = models.DateTimeField(_("read"), null=True)
    interfaces = models.JSONField(_("interfaces"), default=list, blank=True)

    objects = RestrictedQuerySet["DeviceInterfaces"].as_manager()

    class Meta:
        verbose_name = _("interfaces of a device")
        verbose_name_plural = _("interfaces of devices")

    def __str__(self) -> str:
        return str(self.device_id)


class ProofOutcome(models.TextChoices):
    """What a measurement of a line's rate came to."""

    PROVEN = "proven", _("Contracted rate proven")
    NOT_PROVEN = "not_proven", _("Below the contracted rate")
    NOT_MEASURED = "not_measured", _("Not measured")


class TierProof(models.Model):
    """One measurement of what a circuit carries, beside what was contracted; never changed.

    Evidence of the bandwidth upgrade: rates are Mbit/s, ``up`` from the unit into the network.
    ``detail`` has each second of both directions and TCP's retransmissions.
    """

    region_lookups: ClassVar[tuple[str, ...]] = tuple(
        f"circuit__{path}" for path in Circuit.region_lookups
    )
    unit_lookups: ClassVar[tuple[str, ...]] = tuple(
        f"circuit__{path}" for path in Circuit.unit_lookups
    )

    circuit = models.ForeignKey(
        Circuit, verbose_name=_("circuit"), on_delete=models.PROTECT, related_name="tier_proofs"
    )
    measured_at = models.DateTimeField(_("time of the test"))
    measured_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("measured by"),
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
    )
    address = models.GenericIPAddressField(_("address"))
    contracted_mbps = models.PositiveIntegerField(_("contracted bandwidth (Mbit/s)"))
    up_mbps = models.FloatField(_("measured up (Mbit/s)"), null=True)
    down_mbps = models.FloatField(_("measured down (Mbit/s)"), null=True)
    method = models.CharField(_("test method"), max_length=200, blank=True)
    outcome = models.CharField(_("result of the test"), max_length=12, choices=ProofOutcome.choices)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    objects = RestrictedQuerySet["TierProof"].as_manager()

    class Meta:
        verbose_name = _("bandwidth proof")
        verbose_name_plural = _("bandwidth proofs")
        ordering = ["-measured_at", "-pk"]
        indexes = [models.Index(fields=["circuit", "-measured_at"])]

    def __str__(self) -> str:
        return f"{self.circuit_id}: {self.outcome}"


class Revision(models.Model):
    """A counter that every change of the inventory or targets raises; the engine follows it."""

    name = models.CharField(max_length=20, primary_key=True)
    value = models.PositiveBigIntegerField(default=0)

    objects: models.Manager[Revision] = models.Manager()

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
