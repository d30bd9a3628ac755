"""Service hours as people write them: 09:00-12:00, 13:30-17:00."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from django.utils.translation import gettext as _

from govnet.engine.service_hours import MINUTES_OF_DAY, Hours

_SPAN: Final = re.compile(r"(\d{1,2}):(\d{2})\s*[-–—~～至]\s*(\d{1,2}):(\d{2})")
_SEPARATORS: Final = re.compile(r"[,，;；、\s]+")


class HoursError(ValueError):
    """The text names no hours of a day; the message says what is wrong."""


def parse_hours(text: str) -> Hours:
    """Read the hours of one day; an empty text is a day without service.

    Raises:
        HoursError: not hours, more than a day, or spans that overlap.
    """
    normal = text.replace("：", ":").strip()
    rest = _SEPARATORS.sub("", _SPAN.sub("", normal))
    found = [tuple(map(int, match.groups())) for match in _SPAN.finditer(normal)]
    if rest:
        raise HoursError(_("Write hours like 09:00-12:00, 13:30-17:00."))
    hours = []
    for a, b, c, d in found:
        opens, closes = a * 60 + b, c * 60 + d
        if b > 59 or d > 59 or closes > MINUTES_OF_DAY or opens >= closes:
            raise HoursError(_("Hours run from 00:00 to 24:00, and the end comes after the begin."))
        hours.append((opens, closes))
    hours.sort()
    if any(one[1] > two[0] for one, two in pairwise(hours)):
        raise HoursError(_("The hours of a day overlap."))
    return tuple(hours)


def print_hours(hours: Hours) -> str:
    """Hours in the one spelling that is stored."""
    return ", ".join(f"{_clock(a)}-{_clock(b)}" for a, b in hours)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
