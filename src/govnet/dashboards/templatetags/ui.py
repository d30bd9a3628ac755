"""What every page draws the same way: icons, states, ages and rates."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from django import template
from django.db.models import Model
from django.forms import BoundField
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from govnet.dashboards.reasons import reason_words
from govnet.engine.result import State
from govnet.monitor.models import Flip, Target

register = template.Library()

Measured = float | str | None
"""A number, or nothing: None, or the empty text that a template gives for what is not there."""

_ICONS = Path(__file__).resolve().parents[2] / "static" / "vendor" / "tabler-icons"

STATE_SIGNS = {
    State.UP: ("●", gettext_lazy("Normal")),
    State.DEGRADED: ("▲", gettext_lazy("Degraded")),
    State.DOWN: ("✖", gettext_lazy("Down")),
    State.UNKNOWN: ("?", gettext_lazy("Unknown")),
}


@lru_cache(maxsize=128)
def _svg(name: str) -> str:
    return (_ICONS / f"{name}.svg").read_text(encoding="utf-8")


@register.simple_tag
def icon(name: str) -> SafeString:
    """A vendored Tabler icon, inline, hidden from screen readers: text stands beside it."""
    if not name.replace("-", "").isalnum():
        raise ValueError(f"not an icon name: {name!r}")
    svg = _svg(name).replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)
    return mark_safe(svg)  # noqa: S308  # a file of the package, never input


@register.simple_tag
def state_badge(state: str | None, count: int | None = None) -> SafeString:
    """A state by shape, word and colour; anything unknown is drawn as unknown, never as good."""
    try:
        known = State(state or State.UNKNOWN)
    except ValueError:
        known = State.UNKNOWN
    sign, word = STATE_SIGNS[known]
    number = format_html(' <span class="state-count">{}</span>', count) if count is not None else ""
    return format_html(
        '<span class="state state-{}"><span class="state-sign" aria-hidden="true">{}</span>'
        '<span class="state-word">{}</span>{}</span>',
        known.value,
        sign,
        word,
        number,
    )


def age_text(seconds: float) -> str:
    """A length of time in its largest whole unit, as a person says it."""
    whole = max(0, int(seconds))
    if whole < 60:
        return ngettext("%d second", "%d seconds", whole) % whole
    if whole < 3600:
        return ngettext("%d minute", "%d minutes", whole // 60) % (whole // 60)
    if whole < 86400:
        return ngettext("%d hour", "%d hours", whole // 3600) % (whole // 3600)
    return ngettext("%d day", "%d days", whole // 86400) % (whole // 86400)


@register.filter
def age(moment: datetime | None) -> str:
    """How long ago a moment was; a dash for never."""
    if not moment:
        return "—"
    return _("%s ago") % age_text((timezone.now() - moment).total_seconds())


@register.filter
def duration(moment: datetime | None) -> str:
    """How long something has lasted since a moment; a dash for unknown."""
    return age_text((timezone.now() - moment).total_seconds()) if moment else "—"


@register.filter
def seconds_text(seconds: Measured) -> str:
    """A number of seconds as a length of time; a dash for unknown."""
    return "—" if seconds is None or seconds == "" else age_text(float(seconds))


@register.filter
def rate(bps: Measured) -> str:
    """A rate in Mbit/s, the unit of every line in the field; a dash for unknown."""
    return "—" if bps is None or bps == "" else f"{float(bps) / 1e6:,.2f} Mbit/s"


@register.filter
def milliseconds(value: Measured) -> str:
    """A time in milliseconds with the digits that carry meaning; a dash for unknown."""
    if value is None or value == "":
        return "—"
    number = float(value)
    return f"{number:.2f} ms" if number < 10 else f"{number:.1f} ms"


@register.filter
def percent(ratio: Measured) -> str:
    """A ratio as a percentage with two decimals; a dash for unknown."""
    return "—" if ratio is None or ratio == "" else f"{float(ratio) * 100:.2f}%"


@register.filter
def minute(moment: datetime | None) -> str:
    """A moment in the site's zone, as ``2026-11-23 14:05:09``; a dash for never."""
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S") if moment else "—"


_CONTROL_CLASSES = {
    "CheckboxInput": "form-check-input",
    "Select": "form-select",
    "SelectMultiple": "form-select",
    "CheckboxSelectMultiple": "",
    "RadioSelect": "",
    "ClearableFileInput": "form-control",
}


@register.filter
def control(field: BoundField) -> SafeString:
    """A form field with the theme's class; a wrong one is marked for eye and screen reader."""
    kind = type(field.field.widget).__name__
    css = _CONTROL_CLASSES.get(kind, "form-control")
    if field.errors:
        css = f"{css} is-invalid".strip()
    return field.as_widget(attrs={"class": css} if css else {})


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """True for a field whose label stands after the box."""
    return type(field.field.widget).__name__ == "CheckboxInput"


@register.filter
def unlocalized(value: float) -> str:
    """A number as SVG and URLs want it, whatever the language of the page."""
    return f"{value:g}"


@register.filter
def reason_text(code: str | None) -> str:
    """A reason code in words; a code without words is shown as it is."""
    return reason_words(code)


@register.simple_tag
def confirmed_after(flip: Flip) -> str:
    """Time from the first sample of the new state to its confirmation."""
    return f"{(flip.confirmed_at - flip.at).total_seconds():.1f} s"


@register.filter
def owner(target: Target) -> Model | None:
    """What a target belongs to: its device, access point, circuit or unit."""
    return target.device or target.access_point or target.circuit or target.unit


@register.simple_tag
def state_word(state: str) -> str:
    """The word for a state, for titles and labels."""
    return str(STATE_SIGNS[State(state)][1])


@register.filter
def pretty_json(value: object) -> str:
    """Structured detail for a person: indented, Chinese left readable; the template escapes it."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
