"""Who sends log messages and traps, and which messages the site wants alarms for."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from govnet.core.querysets import RestrictedQuerySet
from govnet.engine.syslog.dialects import compiled
from govnet.inventory.models import Device, LedgerModel


class Charset(models.TextChoices):
    """How a source writes Chinese."""

    BY_ITSELF = "", _("Find out (UTF-8, else GB18030)")
    UTF8 = "utf-8", "UTF-8"
    GB18030 = "gb18030", "GB18030 (GBK)"


class LogSource(LedgerModel):
    """A sender of messages or traps; made when its first one comes, known or not.

    Attributes:
        silent: nothing came for longer than ``silent_after_h``, and that was reported.
        told: what was found last: character set, clock skew in seconds, host name.
        counters: messages and what was wrong with them, since the receiver started.
    """

    region_lookups: ClassVar[tuple[str, ...]] = ("device__region",)
    unit_lookups: ClassVar[tuple[str, ...]] = ("device__access_point__unit",)

    address = models.GenericIPAddressField(_("address"), unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    device = models.ForeignKey(
        Device,
        verbose_name=_("device"),
        on_delete=models.SET_NULL,
        related_name="log_sources",
        null=True,
        blank=True,
    )
    charset = models.CharField(
        _("character set"), max_length=8, choices=Charset.choices, blank=True, default=""
    )
    silent_after_h = models.PositiveSmallIntegerField(
        _("silent after (h)"),
        null=True,
        blank=True,
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 90)],
    )
    silent = models.BooleanField(_("silent"), default=False, editable=False)
    first_seen = models.DateTimeField(_("first received"), null=True, blank=True, editable=False)
    last_seen = models.DateTimeField(_("last received"), null=True, blank=True, editable=False)
    told = models.JSONField(_("told"), default=dict, blank=True, editable=False)
    counters = models.JSONField(_("counters"), default=dict, blank=True, editable=False)

    objects = RestrictedQuerySet["LogSource"].as_manager()

    class Meta:
        verbose_name = _("log source")
        verbose_name_plural = _("log sources")
        ordering = ["address"]

    def __str__(self) -> str:
        return self.name or (self.device.name if self.device else str(self.address))


def check_pattern(value: str) -> None:
    """A pattern that cannot be matched in linear time is refused when it is entered.

    Raises:
        ValidationError: it is not RE2.
    """
    try:
        compiled(value)
    except ValueError:
        raise ValidationError(
            _("Not a pattern that can be used. Write a regular expression (RE2).")
        ) from None


class LogPattern(LedgerModel):
    """Messages that raise an alarm on their device, and those that end it."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    pattern = models.CharField(_("pattern"), max_length=500, validators=[check_pattern])
    end_pattern = models.CharField(
        _("pattern of the end"), max_length=500, blank=True, validators=[check_pattern]
    )
    least = models.PositiveSmallIntegerField(
        _("severity at least"),
        default=7,
        validators=[MaxValueValidator(7)],
    )
    kind = models.CharField(_("alarm rule"), max_length=40, default="log_pattern")
    enabled = models.BooleanField(_("enabled"), default=True)

    objects = RestrictedQuerySet["LogPattern"].as_manager()

    class Meta:
        verbose_name = _("log pattern")
        verbose_name_plural = _("log patterns")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
