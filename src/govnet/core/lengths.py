"""Lengths of time in words, to the second or shortened to what a column holds."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def length_text(seconds: float | str | None, parts: int = 4) -> str:
    """A length of time as 1 day 2 h 3 min 4 s; a dash for unknown.

    Args:
        seconds: how long; a text is a number as stored.
        parts: at most so many units, the largest first; what follows is cut off.
    """
    if seconds is None or seconds == "":
        return "—"
    whole = round(float(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, last = divmod(rest, 60)
    found = [ngettext("%d day", "%d days", days) % days] if days else []
    found += [_("%d h") % hours] if hours else []
    found += [_("%d min") % minutes] if minutes else []
    found += [_("%d s") % last] if last or not found else []
    return " ".join(found[:parts])
