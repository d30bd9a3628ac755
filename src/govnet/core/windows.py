"""The span of time that a page shows: a named range that ends now, or two moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RANGES: dict[str, tuple[timedelta, str | Promise]] = {
    "1h": (timedelta(hours=1), _("1 hour")),
    "6h": (timedelta(hours=6), _("6 hours")),
    "24h": (timedelta(hours=24), _("24 hours")),
    "7d": (timedelta(days=7), _("7 days")),
    "30d": (timedelta(days=30), _("30 days")),
    "1y": (timedelta(days=365), _("1 year")),
}
DEFAULT_RANGE = "6h"
SHORTEST = timedelta(seconds=30)
LONGEST = timedelta(days=6 * 366)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time.

    Attributes:
        start: first moment, UTC.
        end: last moment, UTC.
        name: the range's name when it ends now; empty for two moments.
    """

    start: datetime
    end: datetime
    name: str = ""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.end - self.start).total_seconds()

    @property
    def query(self) -> str:
        """The window as a query string."""
        if self.name:
            return f"range={self.name}"
        return f"from={int(self.start.timestamp())}&to={int(self.end.timestamp())}"


class WindowError(ValueError):
    """The request asks for a span of time that cannot be shown."""


def named(name: str, now: datetime | None = None) -> Window:
    """The range of that name, ending now.

    Raises:
        WindowError: there is no such range.
    """
    if name not in RANGES:
        raise WindowError(f"unknown range {name[:20]!r}; one of {', '.join(RANGES)}")
    end = now or timezone.now()
    return Window(end - RANGES[name][0], end, name)


def _moment(text: str) -> datetime:
    """A moment from epoch seconds.

    Raises:
        WindowError: not a number, or no moment of this world.
    """
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise WindowError(f"not a time in epoch seconds: {text[:20]!r}") from error


def window_of(parameters: Mapping[str, str], default: str = DEFAULT_RANGE) -> Window:
    """The window that a request's ``range`` or ``from`` and ``to`` ask for.

    Raises:
        WindowError: unknown range, not a number, end before start, too short or too long.
    """
    if "from" not in parameters or "to" not in parameters:
        return named(parameters.get("range", default))
    start, end = _moment(parameters["from"]), _moment(parameters["to"])
    if end - start < SHORTEST:
        raise WindowError("the end must be at least 30 seconds after the start")
    if end - start > LONGEST:
        raise WindowError("no more than six years are kept")
    return Window(start, end)
