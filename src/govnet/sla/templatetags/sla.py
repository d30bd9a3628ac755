"""How availability is written: percentages cut off at four decimals, lengths to the second."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from govnet.core.lengths import length_text
from govnet.sla.forms import kind_label

register = template.Library()
register.filter("length_text", length_text)
register.filter("kind_label", kind_label)


@register.filter
def availability(percent: Decimal | str | None) -> SafeString:
    """A percentage; where the data are insufficient the words, never a number."""
    if percent is None or percent == "":
        return format_html(
            '<span class="state state-unknown"><span class="state-sign" aria-hidden="true">?</span>'
            '<span class="state-word">{}</span></span>',
            _("insufficient data"),
        )
    return format_html("{}%", percent)


@register.filter
def met_badge(met: bool | None) -> SafeString:  # a template's value
    """Whether what was owed was reached, by sign and word."""
    if met is None:
        return SafeString("—")
    state, sign, word = ("up", "●", _("met")) if met else ("down", "✖", _("not met"))
    return format_html(
        '<span class="state state-{}"><span class="state-sign" aria-hidden="true">{}</span>'
        '<span class="state-word">{}</span></span>',
        state,
        sign,
        word,
    )


@register.filter
def second(value: int) -> str:
    """A second since the epoch in the site's zone, as ``2026-11-23 14:05:09``."""
    moment = timezone.localtime(datetime.fromtimestamp(value, UTC))
    return moment.strftime("%Y-%m-%d %H:%M:%S")
