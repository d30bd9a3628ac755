"""Alarms, their timeline, what the notice side is told, rules, and maintenance windows.

``govnet.alarms.services`` is the only writer of alarms, their entries and notice events.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import ClassVar, Final, Literal, Self

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.alarms.choices import (
    ACTIVE,
    OPEN,
    AlarmState,
    Cause,
    EntryKind,
    Level,
    NoticeKind,
    ObjectKind,
    ResponsibleParty,
)
from govnet.alarms.refs import Ref
from govnet.core.querysets import RestrictedQuerySet
from govnet.inventory.models import (
    AccessPoint,
    Circuit,
    Device,
    LedgerModel,
    Region,
    Unit,
)
from govnet.monitor.models import Target

# ---- Maintenance windows ------------------------------------------------------------------


class Repeat(models.TextChoices):
    """How a maintenance window comes back."""

    ONCE = "once", _("Once")
    DAILY = "daily", _("Every day")
    WEEKLY = "weekly", _("Every week")
    MONTHLY = "monthly", _("Every month")


_FREQUENCIES: Final[Mapping[str, Literal[1, 2, 3]]] = {
    Repeat.DAILY: DAILY,
    Repeat.WEEKLY: WEEKLY,
    Repeat.MONTHLY: MONTHLY,
}

MAX_LENGTH = timedelta(days=31)
MAX_REPEATED_LENGTH = timedelta(days=1)


class AboutObject(models.Model):
    """Base of what is about one object of the ledger or one target: a key for each kind.

    The keys are declared by the models themselves, as what becomes of a row differs that is
    about something deleted.
    """

    OBJECT_FIELDS: ClassVar[tuple[str, ...]] = (
        "region",
        "unit",
        "access_point",
        "device",
        "circuit",
        "target",
    )
    region_lookups: ClassVar[tuple[str, ...]] = (
        "region",
        "unit__region",
        "access_point__unit__region",
        "device__region",
        "circuit__access_point__unit__region",
        "circuit__z_port__device__region",
        *(f"target__{path}" for path in Target.region_lookups),
    )
    unit_lookups: ClassVar[tuple[str, ...]] = (
        "unit",
        "access_point__unit",
        "device__access_point__unit",
        "circuit__access_point__unit",
        *(f"target__{path}" for path in Target.unit_lookups),
    )

    class Meta:
        abstract = True

    @property
    def about(self) -> models.Model | None:
        """The object itself."""
        chosen = (getattr(self, name) for name in self.OBJECT_FIELDS)
        return next((instance for instance in chosen if instance is not None), None)

    @property
    def ref(self) -> Ref:
        """The object as a reference, without reading it."""
        for name in self.OBJECT_FIELDS:
            pk = getattr(self, f"{name}_id")
            if pk is not None:
                return Ref(name, pk)
        raise ValueError("it is about no object")


class WindowQuerySet(RestrictedQuerySet["MaintenanceWindow"]):
    """Maintenance windows."""

    def reaching(self, start: datetime, end: datetime) -> Self:
        """Windows that may have a span inside a period; ``spans`` says exactly."""
        day = timezone.localdate(start)
        once = Q(repeat=Repeat.ONCE, ends_at__gt=start)
        again = Q(repeat_until__isnull=True) | Q(repeat_until__gte=day - timedelta(days=1))
        return self.filter(once | (~Q(repeat=Repeat.ONCE) & again), starts_at__lt=end)


class MaintenanceWindow(AboutObject, LedgerModel):
    """A span of planned work (挂牌) on one object, once or again and again.

    Inside it notices are held back and outages count as planned; measuring, states and alarms
    go on. ``subtree`` extends it to everything that belongs to the object or lies behind it.
    """

    region = models.ForeignKey(
        Region, verbose_name=_("region"), on_delete=models.CASCADE, null=True, blank=True
    )
    unit = models.ForeignKey(
        Unit, verbose_name=_("unit"), on_delete=models.CASCADE, null=True, blank=True
    )
    access_point = models.ForeignKey(
        AccessPoint, verbose_name=_("access point"), on_delete=models.CASCADE, null=True, blank=True
    )
    device = models.ForeignKey(
        Device, verbose_name=_("device"), on_delete=models.CASCADE, null=True, blank=True
    )
    circuit = models.ForeignKey(
        Circuit, verbose_name=_("circuit"), on_delete=models.CASCADE, null=True, blank=True
    )
    target = models.ForeignKey(
        Target, verbose_name=_("target"), on_delete=models.CASCADE, null=True, blank=True
    )
    subtree = models.BooleanField(_("with everything below"), default=True)
    starts_at = models.DateTimeField(pgettext_lazy("maintenance", "starts"))
    ends_at = models.DateTimeField(pgettext_lazy("maintenance", "ends"))
    repeat = models.CharField(
        _("repeat"), max_length=8, choices=Repeat.choices, default=Repeat.ONCE
    )
    repeat_until = models.DateField(_("repeat until"), null=True, blank=True)
    reason = models.CharField(pgettext_lazy("maintenance", "reason"), max_length=200)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("entered by"),
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
    )

    objects = WindowQuerySet.as_manager()

    class Meta:
        verbose_name = _("maintenance window")
        verbose_name_plural = _("maintenance windows")
        ordering = ["-starts_at", "-pk"]
        indexes = [models.Index(fields=["repeat", "ends_at"])]

    def __str__(self) -> str:
        return self.reason

    def get_absolute_url(self) -> str:
        """The window's page."""
        return reverse("alarms:maintenancewindow", args=[self.pk])

    @property
    def amended(self) -> bool:
        """True when it stands as it does only since after its start: an amendment (补挂)."""
        return self.pk is not None and self.updated_at > self.starts_at

    @property
    def active(self) -> bool:
        """True while work goes on."""
        now = timezone.now()
        return bool(self.spans(now, now + timedelta(microseconds=1)))

    def clean(self) -> None:
        """One object; an end after the start; a repetition that does not overlap itself."""
        chosen = [name for name in self.OBJECT_FIELDS if getattr(self, f"{name}_id") is not None]
        if len(chosen) != 1:
            where = chosen[1] if chosen else None
            message = _("Choose exactly one object that is being worked on.")
            raise ValidationError({where: message} if where else message)
        if None in (self.starts_at, self.ends_at):  # each has its own error
            return
        if self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": _("The end must come after the start.")})
        once = self.repeat == Repeat.ONCE
        if self.ends_at - self.starts_at > (MAX_LENGTH if once else MAX_REPEATED_LENGTH):
            message = _("At most 31 days.") if once else _("Repeated: at most one day each time.")
            raise ValidationError({"ends_at": message})

    def spans(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Its spans inside a period, cut to it, oldest first.

        A repetition keeps the local time of day; a month without the day has none.
        """
        length = self.ends_at - self.starts_at
        if self.repeat == Repeat.ONCE:
            begins = [self.starts_at]
        else:
            begins = self._begins(start - length, end)
        cut = ((max(begin, start), min(begin + length, end)) for begin in begins)
        return [(first, last) for first, last in cut if first < last]

    def _begins(self, after: datetime, before: datetime) -> list[datetime]:
        zone = timezone.get_default_timezone()
        first = timezone.make_naive(self.starts_at, zone)
        until = datetime.combine(self.repeat_until, time.max) if self.repeat_until else None
        rule = rrule(_FREQUENCIES[self.repeat], dtstart=first, until=until, cache=False)
        found = rule.between(
            timezone.make_naive(after, zone), timezone.make_naive(before, zone), inc=True
        )
        return [timezone.make_aware(begin, zone) for begin in found]


# ---- Rules --------------------------------------------------------------------------------


class RuleSource(models.TextChoices):
    """Where a rule looks."""

    STATE = "state", _("Confirmed states")
    METRIC = "metric", pgettext_lazy("rule source", "Measured values")
    EXPIRY = "expiry", _("Dates of expiry")
    EVENT = "event", _("Traps and logs")
    PLATFORM = "platform", _("The platform itself")


class Rule(LedgerModel):
    """When an alarm is raised, at which level, and what to do first.

    A rule on measured values or dates has a condition in the language of
    ``govnet.alarms.conditions``. Shipped rules have a ``code`` that is also the kind of their
    alarms; a person may change them and set them back.
    """

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80, unique=True)
    source = models.CharField(_("source"), max_length=8, choices=RuleSource.choices)
    condition = models.TextField(pgettext_lazy("rule", "condition"), blank=True, max_length=1000)
    level = models.CharField(
        _("level"),
        max_length=8,
        choices=Level.choices,
        blank=True,
        help_text=_("Empty: by what the fault affects."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    cause = models.CharField(_("probable cause"), max_length=20, choices=Cause.choices, blank=True)
    party = models.CharField(
        _("responsible party"), max_length=20, choices=ResponsibleParty.choices, blank=True
    )
    advice = models.CharField(_("next step"), max_length=300, blank=True)
    close_after_h = models.PositiveIntegerField(
        _("close by itself after (h)"),
        null=True,
        blank=True,
        help_text=_("Hours after recovery; empty: a person closes it with a cause."),
    )
    shipped = models.BooleanField(pgettext_lazy("rule", "shipped"), default=False, editable=False)

    objects = RestrictedQuerySet["Rule"].as_manager()

    class Meta:
        verbose_name = _("alarm rule")
        verbose_name_plural = _("alarm rules")
        ordering = ["source", "code"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The condition belongs to the source and can be read."""
        conditional = self.source in (RuleSource.METRIC, RuleSource.EXPIRY)
        if conditional and self.condition:
            self._check_condition()
        elif conditional != bool(self.condition):
            message = _("Write a condition.") if conditional else _("Such a rule has none.")
            raise ValidationError({"condition": message})

    def _check_condition(self) -> None:
        from govnet.alarms.conditions import ConditionError, parse  # noqa: PLC0415  # heavy

        try:
            dated = {metric.dated for metric in parse(self.condition).metrics}
        except ConditionError as error:
            raise ValidationError({"condition": str(error)}) from error
        if dated != {self.source == RuleSource.EXPIRY}:
            message = _("Dates (days until an end) belong to rules on expiry only.")
            raise ValidationError({"condition": message})

    def get_absolute_url(self) -> str:
        """The rule's page."""
        return reverse("alarms:rule", args=[self.pk])


# ---- Alarms -------------------------------------------------------------------------------


class AlarmQuerySet(RestrictedQuerySet["Alarm"]):
    """Alarms."""

    def active(self) -> Self:
        """Those whose fault is still there."""
        return self.filter(state__in=ACTIVE)

    def open(self) -> Self:
        """Those that nobody has closed."""
        return self.filter(state__in=OPEN)

    def roots(self) -> Self:
        """Those that no other alarm explains."""
        return self.filter(root__isnull=True)


class Alarm(models.Model):
    """One fault of one object, from the first sign to the closing with a cause.

    ``kind`` is the code of a rule, ``kind@object`` the correlation key: while an alarm is
    active, whatever is said of the same fault (by poll, trap or syslog) belongs to it. The
    object is kept by kind and id with its name, so that the history outlives it.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("unit",)

    kind = models.CharField(pgettext_lazy("alarm", "kind"), max_length=40)
    rule = models.ForeignKey(
        Rule,
        verbose_name=_("alarm rule"),
        on_delete=models.SET_NULL,
        related_name="alarms",
        null=True,
    )
    object_kind = models.CharField(_("object"), max_length=12, choices=ObjectKind.choices)
    object_id = models.PositiveBigIntegerField(default=0)
    object_name = models.CharField(_("object name"), max_length=200)
    unit = models.ForeignKey(
        Unit, verbose_name=_("unit"), on_delete=models.SET_NULL, related_name="alarms", null=True
    )
    region = models.ForeignKey(
        Region,
        verbose_name=_("region"),
        on_delete=models.SET_NULL,
        related_name="alarms",
        null=True,
    )
    level = models.CharField(_("level"), max_length=8, choices=Level.choices)
    urgency = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(
        _("state"), max_length=12, choices=AlarmState.choices, default=AlarmState.RAISED
    )
    root = models.ForeignKey(
        "self",
        verbose_name=_("explained by"),
        on_delete=models.SET_NULL,
        related_name="shadowed",
        null=True,
    )
    window = models.ForeignKey(
        MaintenanceWindow,
        verbose_name=_("maintenance window"),
        on_delete=models.SET_NULL,
        related_name="alarms",
        null=True,
    )
    impact = models.JSONField(_("affects"), default=dict)
    detail = models.JSONField(_("detail"), default=dict)
    occurrences = models.PositiveIntegerField(_("times"), default=1)
    flapping = models.BooleanField(_("flapping"), default=False)
    quiet_since = models.DateTimeField(null=True, editable=False)
    first_at = models.DateTimeField(_("first seen"))
    last_at = models.DateTimeField(_("last seen"))
    raised_at = models.DateTimeField(_("raised"))
    cleared_at = models.DateTimeField(_("cleared"), null=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("acknowledged by"),
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
    )
    closed_at = models.DateTimeField(_("closed"), null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("closed by"),
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
    )
    cause = models.CharField(_("cause"), max_length=20, choices=Cause.choices, blank=True)
    party = models.CharField(
        _("responsible party"),
        max_length=20,
        choices=ResponsibleParty.choices,
        default=ResponsibleParty.UNKNOWN,
    )
    notified_at = models.DateTimeField(_("notified"), null=True)

    objects = AlarmQuerySet.as_manager()

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        ordering = ["-urgency", "-raised_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "object_kind", "object_id"],
                condition=Q(state__in=["raised", "acknowledged"]),
                name="one_active_alarm_per_fault",
            )
        ]
        indexes = [
            models.Index(fields=["state", "-urgency", "-raised_at"]),
            models.Index(fields=["object_kind", "object_id", "-raised_at"]),
            models.Index(fields=["-raised_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.rule.name if self.rule else self.kind}: {self.object_name}"

    def get_absolute_url(self) -> str:
        """The alarm's page."""
        return reverse("alarms:alarm", args=[self.pk])

    @property
    def ref(self) -> Ref:
        """What it is about."""
        return Ref(self.object_kind, self.object_id)

    @property
    def key(self) -> str:
        """The correlation key."""
        return f"{self.kind}@{self.ref}"

    @property
    def is_active(self) -> bool:
        """True while the fault is there."""
        return self.state in ACTIVE

    @property
    def is_open(self) -> bool:
        """True until somebody closed it."""
        return self.state in OPEN

    @property
    def quiet(self) -> bool:
        """True when nobody is to be told: another alarm explains it, or work is planned."""
        return not self.is_explained_by(None) or self.window_id is not None

    def is_explained_by(self, other: Alarm | None) -> bool:
        """True when ``other`` is the alarm that explains it; with None, when nothing does."""
        if other is None:
            return self.root_id is None and self.known_root is None
        return self.known_root is other or (other.pk is not None and self.root_id == other.pk)

    @property
    def known_root(self) -> Alarm | None:
        """The alarm that explains it, as far as it was read or is about to be stored."""
        return self._state.fields_cache.get("root")


class AlarmEntry(models.Model):
    """One line of an alarm's timeline, with the evidence that it rests on.

    ``evidence`` refers to what can be looked up: ``{"flips": [ids]}``, ``{"samples":
    [target id, from, to]}``, ``{"events": [{source, text, …}]}``.
    """

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="entries")
    at = models.DateTimeField(_("time"))
    kind = models.CharField(_("what"), max_length=12, choices=EntryKind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True
    )
    text = models.CharField(_("text"), max_length=1000, blank=True)
    evidence = models.JSONField(_("evidence"), default=dict)

    objects: models.Manager[AlarmEntry] = models.Manager()

    class Meta:
        verbose_name = _("timeline entry")
        verbose_name_plural = _("timeline entries")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.alarm_id}: {self.kind}"


class NoticeEvent(models.Model):
    """Something about an alarm that people are to be told: the outbox of the notice side.

    Written in the transaction that changed the alarm, so none is lost or invented. The notice
    side takes events in the order of their ids and sets ``handled_at`` by one conditional
    UPDATE: exactly one taker wins.
    """

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="notice_events")
    kind = models.CharField(_("what"), max_length=12, choices=NoticeKind.choices)
    level = models.CharField(_("level"), max_length=8, choices=Level.choices)
    created_at = models.DateTimeField(_("created"))
    handled_at = models.DateTimeField(_("handled"), null=True)

    objects: models.Manager[NoticeEvent] = models.Manager()

    class Meta:
        verbose_name = _("notice event")
        verbose_name_plural = _("notice events")
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(handled_at__isnull=True), name="unhandled_notices"
            )
        ]

    def __str__(self) -> str:
        return f"{self.alarm_id}: {self.kind}"


class ReportedEvent(models.Model):
    """What another source (trap, syslog) said of a fault and the correlator has not yet merged.

    Equal reports of half a second are one row with a count, so that a storm stays small.
    """

    kind = models.CharField(max_length=40)
    object_kind = models.CharField(max_length=12, choices=ObjectKind.choices)
    object_id = models.PositiveBigIntegerField()
    raised = models.BooleanField()
    source = models.CharField(max_length=12)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)
    evidence = models.JSONField(default=list)

    objects: models.Manager[ReportedEvent] = models.Manager()

    class Meta:
        verbose_name = _("reported event")
        verbose_name_plural = _("reported events")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind}@{self.object_kind}:{self.object_id}"


class EventState(models.Model):
    """What other sources last said of a fault; the correlator's memory of events."""

    kind = models.CharField(max_length=40)
    object_kind = models.CharField(max_length=12, choices=ObjectKind.choices)
    object_id = models.PositiveBigIntegerField()
    raised = models.BooleanField()
    source = models.CharField(max_length=12)
    since = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)
    evidence = models.JSONField(default=list)

    objects: models.Manager[EventState] = models.Manager()

    class Meta:
        verbose_name = _("event state")
        verbose_name_plural = _("event states")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "object_kind", "object_id"], name="one_state_per_event"
            )
        ]
        indexes = [models.Index(fields=["raised"])]

    def __str__(self) -> str:
        return f"{self.kind}@{self.object_kind}:{self.object_id}"

    @property
    def ref(self) -> Ref:
        """What it is about."""
        return Ref(self.object_kind, self.object_id)


class Cursor(models.Model):
    """How far the correlator has read something, so that a restart neither skips nor repeats."""

    name = models.CharField(max_length=20, primary_key=True)
    value = models.BigIntegerField(default=0)

    objects: models.Manager[Cursor] = models.Manager()

    class Meta:
        verbose_name = _("cursor")
        verbose_name_plural = _("cursors")

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
