"""Service calendars, agreements, exclusions, and statements frozen with what they rest on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.alarms.models import AboutObject
from govnet.core.querysets import RestrictedQuerySet
from govnet.engine.service_hours import DayKind, Hours, ServiceHours
from govnet.inventory.models import (
    AccessPoint,
    Carrier,
    Circuit,
    Contractor,
    Device,
    LedgerModel,
    Region,
    Unit,
)
from govnet.monitor.models import Target
from govnet.sla.hours import HoursError, parse_hours, print_hours

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

WEEKDAYS: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)


def _hours_field(label: StrPromise, default: str = "") -> models.CharField[str, str]:
    return models.CharField(label, max_length=80, blank=True, default=default)


class SlaModel(LedgerModel):
    """A row of this app with a page of its own."""

    class Meta:
        abstract = True

    def get_absolute_url(self) -> str:
        """The object's page."""
        return reverse(f"sla:{self._meta.model_name}", args=[self.pk])


class ServiceCalendar(SlaModel):
    """When a service is owed: hours of each weekday, and of days off."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    monday = _hours_field(_("Monday"))
    tuesday = _hours_field(_("Tuesday"))
    wednesday = _hours_field(_("Wednesday"))
    thursday = _hours_field(_("Thursday"))
    friday = _hours_field(_("Friday"))
    saturday = _hours_field(_("Saturday"))
    sunday = _hours_field(_("Sunday"))
    follows_holidays = models.BooleanField(
        _("follows the public holidays"),
        default=True,
        help_text=_("Days off have the hours below; days worked in exchange those of Monday."),
    )
    holiday = _hours_field(_("on days off"))

    objects = RestrictedQuerySet["ServiceCalendar"].as_manager()

    class Meta:
        verbose_name = _("service calendar")
        verbose_name_plural = _("service calendars")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Hours can be read; they are stored in one spelling."""
        errors = {}
        for name in (*WEEKDAYS, "holiday"):
            try:
                setattr(self, name, print_hours(parse_hours(getattr(self, name))))
            except HoursError as error:
                errors[name] = str(error)
        if errors:
            raise ValidationError(errors)
        if not any(getattr(self, name) for name in WEEKDAYS):
            raise ValidationError({"monday": _("At least one day must have service hours.")})

    @classmethod
    def from_week(
        cls, name: str, week: Sequence[str], holiday: str = "", *, follows_holidays: bool = True
    ) -> Self:
        """A calendar, not saved, of the hours of Monday to Sunday."""
        days = dict(zip(WEEKDAYS, week, strict=True))
        return cls(name=name, holiday=holiday, follows_holidays=follows_holidays, **days)

    @property
    def week(self) -> tuple[Hours, ...]:
        """Hours of Monday to Sunday."""
        return tuple(parse_hours(getattr(self, name)) for name in WEEKDAYS)

    def service_hours(self) -> ServiceHours:
        """The calendar as the arithmetic wants it, with the special days on record."""
        if not self.follows_holidays:
            return ServiceHours(self.week)
        special = dict(SpecialDay.objects.values_list("day", "kind"))
        days = {day: DayKind(kind) for day, kind in special.items()}
        return ServiceHours(self.week, days, parse_hours(self.holiday))


class SpecialDay(LedgerModel):
    """A public holiday, or a weekend day worked in exchange (调休)."""

    class Kind(models.TextChoices):
        """How the day differs."""

        OFF = DayKind.OFF.value, _("Day off")
        WORK = DayKind.WORK.value, _("Worked in exchange")

    day = models.DateField(_("day"), unique=True)
    kind = models.CharField(_("kind"), max_length=4, choices=Kind.choices)
    name = models.CharField(_("holiday"), max_length=40, blank=True)
    source = models.CharField(
        pgettext_lazy("holiday", "source"),
        max_length=120,
        blank=True,
        help_text=_("The notice of the State Council's General Office, by its number"),
    )

    objects = RestrictedQuerySet["SpecialDay"].as_manager()

    class Meta:
        verbose_name = _("holiday or exchanged day")
        verbose_name_plural = _("holidays and exchanged days")
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"{self.day} {self.name}".strip()

    def get_absolute_url(self) -> str:
        """The day's page."""
        return reverse("sla:specialday", args=[self.pk])


class ObjectKind(models.TextChoices):
    """Things whose availability is measured by themselves."""

    CIRCUIT = "circuit", _("Circuit")
    ACCESS_POINT = "access_point", _("Access point")
    UNIT = "unit", _("Unit")
    TARGET = "target", _("Application")
    DEVICE = "device", _("Device")


class Agreement(SlaModel):
    """What is owed for one kind of object, and in which hours."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind of object"), max_length=12, choices=ObjectKind.choices)
    carrier = models.ForeignKey(
        Carrier,
        verbose_name=_("carrier"),
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text=_("Only circuits of this carrier; it goes before an agreement for all."),
    )
    calendar = models.ForeignKey(
        ServiceCalendar,
        verbose_name=_("service calendar"),
        on_delete=models.PROTECT,
        related_name="agreements",
    )
    availability = models.DecimalField(
        _("availability owed (%)"),
        max_digits=7,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    restore_minutes = models.PositiveIntegerField(
        _("mean time to restore owed (min)"), null=True, blank=True
    )
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)

    objects = RestrictedQuerySet["Agreement"].as_manager()

    class Meta:
        verbose_name = _("service-level agreement")
        verbose_name_plural = _("service-level agreements")
        ordering = ["kind", "name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A carrier only where there are circuits; an end after the begin."""
        if self.carrier_id and self.kind != ObjectKind.CIRCUIT:
            raise ValidationError({"carrier": _("Only circuits have a carrier.")})
        if self.valid_until and self.valid_from and self.valid_until < self.valid_from:
            raise ValidationError({"valid_until": _("The end lies before the begin.")})


class ExclusionReason(models.TextChoices):
    """Why a time does not count against whoever owes the service."""

    FORCE_MAJEURE = "force_majeure", _("Force majeure")
    USER_CAUSED = "user_caused", _("Caused by the user")


class ExclusionStatus(models.TextChoices):
    """Where an exclusion stands; only an approved one counts."""

    PROPOSED = "proposed", _("Proposed")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Exclusion(AboutObject, LedgerModel):
    """A span that does not count, with its proof; one person proposes, another approves."""

    region = models.ForeignKey(
        Region, verbose_name=_("region"), on_delete=models.PROTECT, null=True, blank=True
    )
    unit = models.ForeignKey(
        Unit, verbose_name=_("unit"), on_delete=models.PROTECT, null=True, blank=True
    )
    access_point = models.ForeignKey(
        AccessPoint, verbose_name=_("access point"), on_delete=models.PROTECT, null=True, blank=True
    )
    device = models.ForeignKey(
        Device, verbose_name=_("device"), on_delete=models.PROTECT, null=True, blank=True
    )
    circuit = models.ForeignKey(
        Circuit, verbose_name=_("circuit"), on_delete=models.PROTECT, null=True, blank=True
    )
    target = models.ForeignKey(
        Target, verbose_name=_("application"), on_delete=models.PROTECT, null=True, blank=True
    )
    starts_at = models.DateTimeField(_("begin"))
    ends_at = models.DateTimeField(_("end"))
    reason = models.CharField(_("reason"), max_length=16, choices=ExclusionReason.choices)
    explanation = models.CharField(_("what happened"), max_length=300)
    proof = models.FileField(_("proof"), upload_to="sla/proofs/%Y/%m/", max_length=200)
    proof_digest = models.CharField(_("hash of the proof (SHA-256)"), max_length=64)
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=ExclusionStatus.choices,
        default=ExclusionStatus.PROPOSED,
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("proposed by"),
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    decision = models.CharField(_("reason of the decision"), max_length=300, blank=True)

    objects = RestrictedQuerySet["Exclusion"].as_manager()

    class Meta:
        verbose_name = _("exclusion")
        verbose_name_plural = _("exclusions")
        ordering = ["-starts_at", "-pk"]
        indexes = [models.Index(fields=["status", "ends_at"])]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="excl_span")
        ]

    def __str__(self) -> str:
        return f"{self.about}: {self.get_reason_display()}"

    def get_absolute_url(self) -> str:
        """The exclusion's page."""
        return reverse("sla:exclusion", args=[self.pk])

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.ends_at - self.starts_at


class PeriodKind(models.TextChoices):
    """Civil periods of the site's time zone."""

    MONTH = "month", _("Monthly")
    QUARTER = "quarter", _("Quarterly")
    YEAR = "year", _("Yearly")


class StatementSchedule(LedgerModel):
    """Which statements the worker issues by itself when a period has ended."""

    scope_kind = models.CharField(_("for each"), max_length=20)
    period = models.CharField(_("period"), max_length=8, choices=PeriodKind.choices)
    since = models.DateField(
        pgettext_lazy("schedule", "from"),
        help_text=_("Periods that ended before this day are not issued."),
        default=timezone.localdate,
    )
    enabled = models.BooleanField(_("enabled"), default=True)

    objects = RestrictedQuerySet["StatementSchedule"].as_manager()

    class Meta:
        verbose_name = _("statement schedule")
        verbose_name_plural = _("statement schedules")
        ordering = ["scope_kind", "period"]
        constraints = [
            models.UniqueConstraint(fields=["scope_kind", "period"], name="one_schedule_each")
        ]

    def __str__(self) -> str:
        return f"{self.scope_kind} {self.get_period_display()}"

    @property
    def kind(self) -> PeriodKind:
        """The kind of period."""
        return PeriodKind(self.period)


class Statement(models.Model):
    """The availability of everything in a scope over one period, as it was issued.

    ``figures`` is what was printed, ``inputs`` all that it was computed from: changes of state,
    windows, exclusions, service hours and the version of the formula. Neither is ever changed;
    issuing again makes a new version that names the one before.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("region", "unit__region")
    unit_lookups: ClassVar[tuple[str, ...]] = ("unit",)
    contractor_lookups: ClassVar[tuple[str, ...]] = ("contractor",)

    scope_kind = models.CharField(_("scope"), max_length=20)
    scope_id = models.PositiveBigIntegerField()
    title = models.CharField(_("about"), max_length=200)
    # What decides who may see it; a statement of neither concerns the whole site.
    region = models.ForeignKey(
        Region, verbose_name=_("region"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    unit = models.ForeignKey(
        Unit, verbose_name=_("unit"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    contractor = models.ForeignKey(
        Contractor,
        verbose_name=_("contractor"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    period = models.CharField(_("period"), max_length=8, choices=PeriodKind.choices)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    amends = models.OneToOneField(
        "self",
        verbose_name=_("amends"),
        on_delete=models.PROTECT,
        related_name="amended_by",
        null=True,
    )
    reason = models.CharField(_("reason of the amendment"), max_length=200, blank=True)
    figures = models.JSONField(_("figures"))
    inputs = models.BinaryField(_("inputs"))
    formula_version = models.PositiveSmallIntegerField(_("formula version"))
    digest = models.CharField(_("hash (SHA-256)"), max_length=64)
    issued_at = models.DateTimeField(_("issued"), auto_now_add=True)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("issued by"),
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
    )

    objects = RestrictedQuerySet["Statement"].as_manager()

    class Meta:
        verbose_name = _("availability statement")
        verbose_name_plural = _("availability statements")
        ordering = ["-first_day", "scope_kind", "title", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["scope_kind", "scope_id", "period", "first_day", "version"],
                name="one_statement_a_version",
            )
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.period_name}"

    def get_absolute_url(self) -> str:
        """The statement's page."""
        return reverse("sla:statement", args=[self.pk])

    @property
    def period_name(self) -> str:
        """The period as people write it: 2026-10, 2026 Q3, 2026."""
        day = self.first_day
        match self.period:
            case PeriodKind.YEAR:
                return f"{day.year}"
            case PeriodKind.QUARTER:
                return f"{day.year} Q{(day.month + 2) // 3}"
            case _:
                return f"{day:%Y-%m}"

    def opened_inputs(self) -> dict[str, Any]:
        """What it was computed from, as JSON-ready data."""
        opened: dict[str, Any] = json.loads(gzip.decompress(bytes(self.inputs)))
        return opened
