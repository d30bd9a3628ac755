"""How alarms are drawn: the level by shape, word and colour; what an alarm affects."""

from __future__ import annotations

from typing import Any, Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from govnet.alarms.choices import AlarmState, EntryKind, Level
from govnet.alarms.metrics import METRICS
from govnet.alarms.models import Alarm

register = template.Library()

SIGNS: Final = {
    Level.CRITICAL: "◆",
    Level.MAJOR: "▲",
    Level.MINOR: "■",
    Level.NOTICE: "○",
}
STATE_SIGNS: Final = {
    AlarmState.RAISED: "!",
    AlarmState.ACKNOWLEDGED: "✓",
    AlarmState.CLEARED: "●",
    AlarmState.CLOSED: "—",
}


@register.simple_tag
def level_badge(level: str, count: int | None = None) -> SafeString:
    """A level by shape, word and colour."""
    known = Level(level)
    number = format_html(' <span class="state-count">{}</span>', count) if count is not None else ""
    return format_html(
        '<span class="level level-{}"><span class="state-sign" aria-hidden="true">{}</span>'
        "<span>{}</span>{}</span>",
        known.value,
        SIGNS[known],
        known.label,
        number,
    )


@register.simple_tag
def alarm_state(alarm: Alarm) -> SafeString:
    """Where an alarm stands, with what keeps it quiet."""
    known = AlarmState(alarm.state)
    quiet = _(" · in maintenance") if alarm.window_id else ""
    return format_html(
        '<span class="alarm-state alarm-{}"><span aria-hidden="true">{}</span> {}{}</span>',
        known.value,
        STATE_SIGNS[known],
        known.label,
        quiet,
    )


@register.filter
def affected(alarm: Alarm) -> str:
    """How much an alarm reaches, in a few words."""
    return impact_text(alarm.impact)


def impact_text(impact: dict[str, Any]) -> str:
    """Counts as words; empty when nothing else is affected."""
    words = [
        _circuits(impact),
        ngettext("%d unit", "%d units", n) % n if (n := impact.get("units", 0)) else "",
        ngettext("%d device", "%d devices", n) % n if (n := impact.get("devices", 0)) else "",
        ngettext("%d service", "%d services", n) % n if (n := impact.get("services", 0)) else "",
    ]
    return " · ".join(word for word in words if word)


def _circuits(impact: dict[str, Any]) -> str:
    """The circuits of a contract that ends."""
    if not (n := impact.get("circuits", 0)):
        return ""
    text = ngettext(
        "%(n)d circuit of contract %(contract)s", "%(n)d circuits of contract %(contract)s", n
    )
    return text % {"n": n, "contract": impact["contract"]}


_BLIND: Final = {
    "engine_silent": lambda: _("The measuring engine gives no results."),
    "references": lambda: _("No reference target answers: the monitor itself is cut off."),
    "mass_outage": lambda: _("More than half fails at once and nothing proves that we can see."),
    "nothing_answers": lambda: _("Nothing at all answers: the monitor itself is cut off."),
    "store_away": lambda: _("The column store does not answer."),
}
_REASONS: Final = {
    "upstream_answers": lambda: _("What stands above it answers"),
    "link_down_seen": lambda: _("A port reports the link as down"),
    "link_up_seen": lambda: _("The links to it are up, so it is not the line"),
    "other_path_holds": lambda: _("Both ends answer over another way"),
    "all_behind_down": lambda: _("Everything behind it is down as well"),
    "behind_answers": lambda: _("What lies behind it answers: it forwards"),
    "only_common_cause": lambda: _("It is the nearest thing that all failed ones share"),
    "host_answers": lambda: _("Its host answers: the path is whole"),
    "no_uplink_recorded": lambda: _("The ledger has no uplink for it"),
    "nothing_answers": lambda: _("Nothing at all answers"),
    "shared_loss": lambda: _("All degraded ones lie behind it"),
    "upstream_clean": lambda: _("What stands above it is clean"),
}


@register.simple_tag
def why(alarm: Alarm) -> list[str]:
    """What speaks for an alarm, in sentences."""
    detail = alarm.detail
    said = []
    if (blind := _BLIND.get(detail.get("reason", ""))) and alarm.object_kind == "platform":
        said.append(blind())
    for fact in detail.get("facts", ()):
        if words := _REASONS.get(fact.get("reason", "")):
            count = fact.get("count")
            said.append(f"{words()} ({count})" if count else words())
    for name, value in detail.get("values", {}).items():
        metric = METRICS.get(name)
        if metric is not None:
            said.append(f"{metric.label}: {value:g} {metric.unit.replace('C', '°C')}")
    if source := detail.get("source"):
        said.append(_("Reported by %s") % source)
    return said


@register.filter
def entry_text(text: str, kind: str) -> str:
    """The text of a timeline entry; levels are stored by their codes."""
    if kind != EntryKind.LEVEL:
        return text
    return " → ".join(str(Level(part).label) for part in text.split(" → ") if part in Level.values)


@register.simple_tag
def level_sign(level: str) -> str:
    """The shape of a level."""
    return SIGNS[Level(level)]


@register.simple_tag
def level_word(level: str) -> str:
    """The word for a level."""
    return str(Level(level).label)


@register.filter
def unlocalized_id(number: int) -> str:
    """A number for an attribute, without the language's separators."""
    return str(number)
