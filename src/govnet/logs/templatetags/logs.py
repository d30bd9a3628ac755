"""How messages are shown."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from govnet.logs import pages

register = template.Library()


@register.filter
def event_label(event: str) -> str:
    """What happened in people's words."""
    return pages.event_label(event)


@register.filter
def skew(seconds: float) -> str:
    """How far a device's clock is from ours."""
    if abs(seconds) < 5:
        return _("right")
    if seconds > 0:
        return _("%.0f s ahead") % seconds
    return _("%.0f s behind") % -seconds
