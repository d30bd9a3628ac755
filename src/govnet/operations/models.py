"""Work orders, their history, pauses and evidence; what is allowed by level.

``govnet.operations.services`` is the only writer of orders and what belongs to them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.alarms.choices import Cause, Level, ResponsibleParty
from govnet.alarms.models import Alarm
from govnet.core.querysets import RestrictedQuerySet
from govnet.inventory.models import (
    AccessPoint,
    Circuit,
    Contractor,
    Device,
    LedgerModel,
    Region,
    Unit,
)
from govnet.notices.models import Channel
from govnet.operations.choices import ENDED, ClockName, EntryKind, OrderState, PauseReason, Source
from govnet.operations.clocks import Clock, Timing, clock
from govnet.sla.models import ServiceCalendar


class OrderLimit(LedgerModel):
    """What is allowed for orders of one level (响应/到场/恢复时限)."""

    level = models.CharField(_("level"), max_length=8, choices=Level.choices, unique=True)
    respond_min = models.PositiveIntegerField(
        _("response within (min)"), validators=[MinValueValidator(1)]
    )
    on_site_min = models.PositiveIntegerField(
        _("on site within (min)"), validators=[MinValueValidator(1)]
    )
    restore_min = models.PositiveIntegerField(
        _("restored within (min)"), validators=[MinValueValidator(1)]
    )
    calendar = models.ForeignKey(
        ServiceCalendar,
        verbose_name=_("service calendar"),
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text=_("The clocks run in its hours; empty: round the clock."),
    )
    escalate_to = models.ForeignKey(
        Channel,
        verbose_name=_("tell when overdue"),
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
    )

    objects = RestrictedQuerySet["OrderLimit"].as_manager()

    class Meta:
        verbose_name = _("time limit of orders")
        verbose_name_plural = _("time limits of orders")
        ordering = ["restore_min"]

    def __str__(self) -> str:
        return str(self.get_level_display())

    def get_absolute_url(self) -> str:
        """The limit's page."""
        return reverse("operations:orderlimit", args=[self.pk])


class WorkOrderQuerySet(RestrictedQuerySet["WorkOrder"]):
    """Work orders."""

    def open(self) -> Self:
        """Those that somebody still has to do something about."""
        return self.exclude(state__in=ENDED)


class WorkOrder(LedgerModel):
    """A piece of work for somebody: mostly a fault to be mended (工单).

    A company's people see the orders of their company only, a unit's contact those of the
    unit.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("unit",)
    contractor_lookups: ClassVar[tuple[str, ...]] = ("contractor",)

    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), max_length=4000, blank=True)
    source = models.CharField(_("source"), max_length=8, choices=Source.choices)
    level = models.CharField(_("level"), max_length=8, choices=Level.choices)
    state = models.CharField(
        _("state"), max_length=10, choices=OrderState.choices, default=OrderState.NEW
    )
    alarm = models.ForeignKey(
        Alarm,
        verbose_name=_("alarm"),
        on_delete=models.SET_NULL,
        related_name="work_orders",
        null=True,
        blank=True,
    )
    unit = models.ForeignKey(
        Unit, verbose_name=_("unit"), on_delete=models.PROTECT, null=True, blank=True
    )
    access_point = models.ForeignKey(
        AccessPoint,
        verbose_name=_("access point"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
    )
    circuit = models.ForeignKey(
        Circuit, verbose_name=_("circuit"), on_delete=models.PROTECT, null=True, blank=True
    )
    device = models.ForeignKey(
        Device, verbose_name=_("device"), on_delete=models.PROTECT, null=True, blank=True
    )
    region = models.ForeignKey(
        Region, verbose_name=_("region"), on_delete=models.PROTECT, null=True, blank=True
    )
    contractor = models.ForeignKey(
        Contractor,
        verbose_name=_("contractor"),
        on_delete=models.PROTECT,
        related_name="work_orders",
        null=True,
        blank=True,
        help_text=_("Who is to mend it; empty: the centre itself."),
    )
    reporter = models.CharField(
        _("reported by"), max_length=80, blank=True, help_text=_("Name and phone of who called.")
    )
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("opened by"),
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
        editable=False,
    )
    reported_at = models.DateTimeField(_("reported"))
    dispatched_at = models.DateTimeField(_("dispatched"), null=True, editable=False)
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)
    on_site_at = models.DateTimeField(_("on site"), null=True, editable=False)
    restored_at = models.DateTimeField(_("restored"), null=True, editable=False)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, editable=False)
    cause = models.CharField(_("cause"), max_length=20, choices=Cause.choices, blank=True)
    party = models.CharField(
        _("responsible party"), max_length=20, choices=ResponsibleParty.choices, blank=True
    )
    score = models.PositiveSmallIntegerField(
        _("callback score (1 to 5)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
    )

    objects = WorkOrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("work order")
        verbose_name_plural = _("work orders")
        ordering = ["-reported_at", "-pk"]
        indexes = [models.Index(fields=["state", "-reported_at"])]
        permissions = [
            ("report_workorder", "Can report a fault as a work order"),
            ("handle_workorder", "Can accept and mend the own work orders"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["alarm"],
                condition=~Q(state__in=["closed", "cancelled"]),
                name="one_open_order_per_alarm",
                violation_error_message=_("This alarm has an open work order."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        """The order's page."""
        return reverse("operations:workorder", args=[self.pk])

    @property
    def number(self) -> str:
        """The number that people quote: day of the report and a running number."""
        return f"GD{timezone.localtime(self.reported_at):%Y%m%d}-{self.pk}"

    @property
    def is_open(self) -> bool:
        """True until it is closed or cancelled."""
        return self.state not in ENDED

    def timing(self, limit: OrderLimit, now: datetime) -> Timing:
        """What its clocks run by; a pause that goes on is open into the future."""
        pauses = [(pause.started_at, pause.ended_at) for pause in self.pauses.all()]
        far = now + timedelta(days=3650)
        return Timing(
            hours=limit.calendar.service_hours() if limit.calendar else None,
            pauses=[(first, last or far) for first, last in pauses],
            zone=ZoneInfo(settings.TIME_ZONE),
        )

    def clocks(self, limit: OrderLimit | None, now: datetime | None = None) -> list[Clock]:
        """Response, on site and restoration as they stand; none when the level has no limits."""
        if limit is None:
            return []
        now = now or timezone.now()
        timing = self.timing(limit, now)
        stop = self.closed_at if self.state == OrderState.CANCELLED else None
        rows = (
            (ClockName.RESPOND, limit.respond_min, self.dispatched_at, self.accepted_at),
            (ClockName.ON_SITE, limit.on_site_min, self.dispatched_at, self._on_site),
            (ClockName.RESTORE, limit.restore_min, self.reported_at, self.restored_at),
        )
        return [
            clock(name, minutes * 60, start, end or stop, timing, now)
            for name, minutes, start, end in rows
        ]

    @property
    def _on_site(self) -> datetime | None:
        """What was mended from afar needed nobody on site: that clock ends with the repair."""
        return self.on_site_at or self.restored_at


class OrderEntry(models.Model):
    """One line of a work order's history."""

    order = models.ForeignKey(WorkOrder, on_delete=models.CASCADE, related_name="entries")
    at = models.DateTimeField(_("time"))
    kind = models.CharField(_("what"), max_length=10, choices=EntryKind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True
    )
    text = models.CharField(_("text"), max_length=1000, blank=True)

    objects: models.Manager[OrderEntry] = models.Manager()

    class Meta:
        verbose_name = _("history entry")
        verbose_name_plural = _("history entries")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.kind}"


class OrderPause(models.Model):
    """A span in which the clocks stand still, with reason and proof."""

    order = models.ForeignKey(WorkOrder, on_delete=models.CASCADE, related_name="pauses")
    reason = models.CharField(_("reason"), max_length=16, choices=PauseReason.choices)
    explanation = models.CharField(_("explanation"), max_length=500)
    proof = models.FileField(_("proof"), upload_to="operations/proofs/%Y/%m/", max_length=200)
    proof_name = models.CharField(max_length=200)
    proof_digest = models.CharField(_("hash of the proof (SHA-256)"), max_length=64)
    started_at = models.DateTimeField(pgettext_lazy("pause", "from"))
    ended_at = models.DateTimeField(pgettext_lazy("pause", "until"), null=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True
    )

    objects: models.Manager[OrderPause] = models.Manager()

    class Meta:
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        ordering = ["started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(ended_at__isnull=True), name="one_open_pause"
            )
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.reason}"


class OrderEvidence(models.Model):
    """What was measured around the fault, kept with its hash: it outlives raw samples."""

    order = models.ForeignKey(WorkOrder, on_delete=models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=12)
    title = models.CharField(_("title"), max_length=200)
    content = models.JSONField(_("content"))
    digest = models.CharField(_("hash (SHA-256)"), max_length=64)
    collected_at = models.DateTimeField(_("collected"))

    objects: models.Manager[OrderEvidence] = models.Manager()

    class Meta:
        verbose_name = _("piece of evidence")
        verbose_name_plural = _("evidence")
        ordering = ["collected_at", "pk"]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.title}"
