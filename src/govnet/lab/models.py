"""What people let happen in the twin beside this installation."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from govnet.lab.words import kind_word


class Order(models.Model):
    """One order given on the page of the twin, carried out or refused.

    Attributes:
        what: "inject", "heal", "play" or "stop".
        subject: the fault with its target and options, or the scenario, as they are written.
        refusal: why it was not carried out; empty when it was.
    """

    class What(models.TextChoices):
        """Kinds of orders."""

        INJECT = "inject", _("Fault injected")
        HEAL = "heal", _("Healed")
        PLAY = "play", _("Scenario started")
        STOP = "stop", _("Scenario stopped")

    at = models.DateTimeField(_("time"), auto_now_add=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("person"),
    )
    what = models.CharField(_("order"), max_length=10, choices=What.choices)
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    refusal = models.CharField(_("refused because"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("order to the twin")
        verbose_name_plural = _("orders to the twin")
        ordering = ("-at", "-pk")
        default_permissions = ("view", "add")

    def __str__(self) -> str:
        kind, _space, rest = self.subject.partition(" ")
        return f"{self.get_what_display()} {kind_word(kind)} {rest}".strip()
