"""Lists of the logs app."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from govnet.core.tables import LinkColumn, ObjectTable
from govnet.logs import models

NUMBER: dict[str, dict[str, str]] = {"td": {"class": "num"}, "th": {"class": "num"}}
SKEW_SHOWN_S = 5


class LogSourceTable(ObjectTable):
    """Log sources, known or not."""

    address = LinkColumn()
    device = tables.Column(linkify=True, empty_values=())
    messages = tables.Column(_("Messages"), accessor="counters__messages", attrs=NUMBER)
    traps = tables.Column(_("Traps"), accessor="counters__traps", attrs=NUMBER)
    refused = tables.Column(_("Refused"), accessor="counters__refused", attrs=NUMBER)
    dropped = tables.Column(
        _("Dropped because decoding lagged"), accessor="counters__queue_dropped", attrs=NUMBER
    )
    found_charset = tables.Column(_("Character set"), accessor="told__charset")
    skew = tables.Column(_("Clock skew"), accessor="told__skew_s", attrs=NUMBER)

    class Meta(ObjectTable.Meta):
        model = models.LogSource
        fields = (
            "address", "name", "device", "messages", "traps", "refused", "dropped", "found_charset",
            "skew", "silent_after_h", "silent", "last_seen", "notes",
        )  # fmt: skip

    default_columns = (
        "address", "device", "messages", "traps", "refused", "found_charset", "skew", "last_seen",
    )  # fmt: skip

    def render_device(self, value: Any, record: models.LogSource) -> str | SafeString:  # noqa: ANN401
        """The device, or how to make it one."""
        if value:
            return str(value)
        query = urlencode(
            {"management_ipv6" if ":" in record.address else "management_ipv4": record.address}
        )
        label = _now("Unknown: add to the ledger")
        return format_html('<a href="{}?{}">{}</a>', reverse("inventory:device_add"), query, label)

    def render_messages(self, value: int) -> str:
        """With separators."""
        return number_format(value, force_grouping=True)

    def render_skew(self, value: float) -> str:
        """In seconds, signed; small ones are not worth a look."""
        if abs(value) < SKEW_SHOWN_S:
            return "≈ 0"
        return f"▲ {value:+.0f} s"


class LogPatternTable(ObjectTable):
    """Log patterns."""

    name = LinkColumn()

    class Meta(ObjectTable.Meta):
        model = models.LogPattern
        fields = ("name", "pattern", "end_pattern", "least", "kind", "enabled", "notes")

    default_columns = ("name", "pattern", "least", "kind", "enabled")
