"""Channels, recipients, the roster, escalation policies, and every notice with its fate.

``govnet.notices.dispatch`` and ``govnet.notices.sender`` are the only writers of deliveries.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.alarms.choices import Level, NoticeKind
from govnet.alarms.models import Alarm
from govnet.config import get_config
from govnet.core.fields import SecretField
from govnet.core.querysets import RestrictedQuerySet
from govnet.inventory.models import LedgerModel, Region
from govnet.notices.channels import TRANSPORTS
from govnet.notices.channels.base import Settings, Transport
from govnet.notices.choices import ChannelKind, Charset, Days, DeliveryState, Security, To


class NoticeModel(LedgerModel):
    """Base of what people set up here."""

    class Meta:
        abstract = True

    def get_absolute_url(self) -> str:
        """The object's page."""
        return reverse(f"notices:{self._meta.model_name}", args=[self.pk])


class Recipient(NoticeModel):
    """Somebody who can be told: with or without an account, of the centre or of a contractor."""

    name = models.CharField(_("name"), max_length=40, unique=True)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("mobile phone"), max_length=20, blank=True)
    account = models.CharField(
        _("user name"),
        max_length=150,
        blank=True,
        help_text=_("What is acknowledged by a link is entered under this account."),
    )

    objects = RestrictedQuerySet["Recipient"].as_manager()

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """One way to reach them at least."""
        if not (self.email or self.phone):
            raise ValidationError(_("Give an e-mail address or a mobile phone."))

    def address(self, kind: str) -> str:
        """Where a channel of this kind reaches them; empty when it does not."""
        return self.email if kind == ChannelKind.MAIL else self.phone


class DutyShift(NoticeModel):
    """Who is on duty from when to when."""

    recipient = models.ForeignKey(
        Recipient, verbose_name=_("recipient"), on_delete=models.CASCADE, related_name="shifts"
    )
    starts_at = models.DateTimeField(pgettext_lazy("shift", "starts"))
    ends_at = models.DateTimeField(pgettext_lazy("shift", "ends"))

    objects = RestrictedQuerySet["DutyShift"].as_manager()

    class Meta:
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")
        ordering = ["-starts_at", "recipient"]
        indexes = [models.Index(fields=["ends_at", "starts_at"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="shift_ends_after_its_start",
                violation_error_message=_("The end must come after the start."),
            ),
            models.UniqueConstraint(fields=["recipient", "starts_at"], name="shift_once"),
        ]

    @property
    def name(self) -> str:
        """Who it is."""
        return self.recipient.name

    def __str__(self) -> str:
        begin = timezone.localtime(self.starts_at)
        return f"{self.recipient} {begin:%Y-%m-%d %H:%M}"


class Channel(NoticeModel):
    """A way out: a mail server, a robot, an SMS gateway, a web service, a log server."""

    SECRET_FIELDS: ClassVar[tuple[str, ...]] = ("secret", "signing_secret")

    name = models.CharField(_("name"), max_length=60, unique=True)
    kind = models.CharField(pgettext_lazy("channel", "kind"), max_length=8, choices=ChannelKind)
    enabled = models.BooleanField(_("enabled"), default=True)
    address = models.CharField(_("address"), max_length=500)
    user = models.CharField(_("user name"), max_length=120, blank=True)
    secret = SecretField(_("key or password"), null=True, blank=True)
    signing_secret = SecretField(_("signing key"), null=True, blank=True)
    sender = models.EmailField(_("sender"), blank=True)
    security = models.CharField(
        _("connection"), max_length=8, choices=Security.choices, blank=True, default=""
    )
    body = models.TextField(_("request"), max_length=2000, blank=True)
    charset = models.CharField(
        _("encoding"), max_length=8, choices=Charset.choices, default=Charset.UTF_8
    )
    success = models.CharField(_("answer of success"), max_length=120, blank=True)
    recipients = models.TextField(_("recipients"), max_length=2000, blank=True)
    per_minute = models.PositiveSmallIntegerField(
        _("messages a minute"),
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(600)],
    )
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)

    objects = RestrictedQuerySet["Channel"].as_manager()

    class Meta:
        verbose_name = pgettext_lazy("notice", "channel")
        verbose_name_plural = pgettext_lazy("notice", "channels")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def addresses(self) -> list[str]:
        """The channel's own recipients, one a line."""
        return [line.strip() for line in self.recipients.splitlines() if line.strip()]

    def transport(self) -> Transport:
        """What sends for it."""
        settings = Settings(
            address=self.address,
            user=self.user,
            secret=self.secret or "",
            signing_secret=self.signing_secret or "",
            sender=self.sender,
            tls=self.security,
            body=self.body,
            charset=self.charset,
            success=self.success,
            loopback=get_config().notice_loopback,
        )
        return TRANSPORTS[self.kind](settings)

    def clean(self) -> None:
        """What the kind needs is there; what it does not read is left empty."""
        transport = TRANSPORTS.get(self.kind)
        if transport is None:
            return
        errors = {
            name: _("Needed for this kind of channel.")
            for name in transport.needs
            if not getattr(self, name)
        }
        if transport.to_people and self.quiet_from is None and self.quiet_until is not None:
            errors["quiet_from"] = _("Give both or neither.")
        if self.quiet_from is not None and self.quiet_until is None:
            errors["quiet_until"] = _("Give both or neither.")
        if errors:
            raise ValidationError(errors)

    def quiet_end(self, at: datetime) -> datetime | None:
        """When the quiet hours that ``at`` lies in are over; None outside of them."""
        if self.quiet_from is None or self.quiet_until is None:
            return None
        local = timezone.localtime(at)
        if not within(local.time(), self.quiet_from, self.quiet_until):
            return None
        end = local.replace(
            hour=self.quiet_until.hour, minute=self.quiet_until.minute, second=0, microsecond=0
        )
        return end if end > local else end + timedelta(days=1)


def within(moment: time, first: time, last: time) -> bool:
    """True inside of a span of the day, which may reach over midnight; equal ends are a day."""
    if first < last:
        return first <= moment < last
    return moment >= first or moment < last


class Policy(NoticeModel):
    """Who is told of which alarms, when, and who next if nobody acts."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    least = models.CharField(
        _("from level"), max_length=8, choices=Level.choices, default=Level.MAJOR
    )
    region = models.ForeignKey(
        Region,
        verbose_name=_("region"),
        on_delete=models.CASCADE,
        related_name="+",
        null=True,
        blank=True,
    )
    days = models.CharField(_("days"), max_length=8, choices=Days.choices, default=Days.ALL)
    hours_from = models.TimeField(pgettext_lazy("time of day", "from"), null=True, blank=True)
    hours_until = models.TimeField(pgettext_lazy("time of day", "until"), null=True, blank=True)

    objects = RestrictedQuerySet["Policy"].as_manager()

    class Meta:
        verbose_name = _("notice policy")
        verbose_name_plural = _("notice policies")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(hours_from__isnull=True, hours_until__isnull=True)
                | Q(hours_from__isnull=False, hours_until__isnull=False),
                name="policy_hours_both_or_neither",
                violation_error_message=_("Give both or neither."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def holds(self, at: datetime) -> bool:
        """True on its days and in its hours, in the site's time zone."""
        local = timezone.localtime(at)
        if self.days != Days.ALL and (local.weekday() >= 5) != (self.days == Days.WEEKEND):
            return False
        if self.hours_from is None or self.hours_until is None:
            return True
        return within(local.time(), self.hours_from, self.hours_until)


class Step(models.Model):
    """One step of a policy: after so many minutes without acknowledgement, tell these."""

    policy = models.ForeignKey(
        Policy, verbose_name=_("notice policy"), on_delete=models.CASCADE, related_name="steps"
    )
    after_min = models.PositiveSmallIntegerField(_("after (min)"), default=0)
    channel = models.ForeignKey(
        Channel,
        verbose_name=pgettext_lazy("notice", "channel"),
        on_delete=models.PROTECT,
        related_name="steps",
    )
    to = models.CharField(_("whom"), max_length=10, choices=To.choices, default=To.CHANNEL)
    recipient = models.ForeignKey(
        Recipient,
        verbose_name=_("recipient"),
        on_delete=models.PROTECT,
        related_name="steps",
        null=True,
        blank=True,
    )
    repeat_min = models.PositiveSmallIntegerField(
        _("again every (min)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(5)],
        help_text=_("Until somebody acknowledges; empty: once."),
    )

    objects: models.Manager[Step] = models.Manager()

    class Meta:
        verbose_name = pgettext_lazy("notice policy", "step")
        verbose_name_plural = pgettext_lazy("notice policy", "steps")
        ordering = ["policy", "after_min", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(to=To.RECIPIENT) | Q(recipient__isnull=False),
                name="step_names_its_recipient",
                violation_error_message=_("Choose the recipient."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.after_min} min: {self.channel}"

    def get_additional_data(self) -> dict[str, int]:
        """Lets the audit trail show a step's changes on its policy's page."""
        return {"parent": self.policy_id}


class Delivery(models.Model):
    """One notice of one alarm to one step's recipients: due, sent, failed or dropped, and why."""

    region_lookups: ClassVar[tuple[str, ...]] = ("alarm__region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("alarm__unit",)

    alarm = models.ForeignKey(
        Alarm, verbose_name=_("alarm"), on_delete=models.CASCADE, related_name="deliveries"
    )
    kind = models.CharField(_("what"), max_length=12, choices=NoticeKind.choices)
    channel = models.ForeignKey(
        Channel,
        verbose_name=pgettext_lazy("notice", "channel"),
        on_delete=models.CASCADE,
        related_name="deliveries",
    )
    step = models.ForeignKey(Step, on_delete=models.SET_NULL, related_name="+", null=True)
    recipient = models.ForeignKey(
        Recipient,
        verbose_name=_("recipient"),
        on_delete=models.SET_NULL,
        related_name="deliveries",
        null=True,
    )
    state = models.CharField(
        _("state"), max_length=8, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    created_at = models.DateTimeField(_("created"))
    due_at = models.DateTimeField(_("due"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    told = models.JSONField(_("people told"), default=list)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    together = models.PositiveSmallIntegerField(_("alarms in the message"), default=1)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    objects = RestrictedQuerySet["Delivery"].as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state="waiting"), name="waiting_deliveries"
            ),
            models.Index(fields=["-created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.alarm}"
