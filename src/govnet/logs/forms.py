"""Forms of the logs app."""

from __future__ import annotations

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.core.forms import ObjectForm
from govnet.logs import models

Texts = dict[str, str | Promise]


class LogSourceForm(ObjectForm):
    """A log source."""

    class Meta:
        model = models.LogSource
        fields = ("address", "name", "device", "charset", "silent_after_h", "notes")
        help_texts: ClassVar[Texts] = {
            "address": _("Where its messages come from, e.g. 10.0.0.1."),
            "device": _(
                "The device that speaks; found by itself when its address is in the ledger."
            ),
            "charset": _("Only needed when Chinese text looks wrong."),
            "silent_after_h": _("Hours without a message that raise an alarm; empty: none."),
        }


class LogPatternForm(ObjectForm):
    """A log pattern."""

    class Meta:
        model = models.LogPattern
        fields = ("name", "pattern", "end_pattern", "least", "kind", "enabled", "notes")
        help_texts: ClassVar[Texts] = {
            "pattern": _("A regular expression (RE2) found in the text, e.g. (?i)disk .* failed."),
            "end_pattern": _("Found in the message that says it is over; empty: after 10 minutes."),
            "least": _("0 emergency to 7 debug: less urgent messages are not looked at."),
            "kind": _("Code of the alarm rule that gives level and advice."),
        }
