"""What a request asks of the messages: period, words, facets; and back to a query string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.accounts.models import User
from govnet.inventory.models import Device
from govnet.telemetry.log_queries import Cursor, Facet, LogFilter

RANGES: Final[Mapping[str, tuple[timedelta, str | Promise]]] = {
    "1h": (timedelta(hours=1), _("1 hour")),
    "6h": (timedelta(hours=6), _("6 hours")),
    "24h": (timedelta(hours=24), _("24 hours")),
    "7d": (timedelta(days=7), _("7 days")),
    "30d": (timedelta(days=30), _("30 days")),
    "1y": (timedelta(days=365), _("1 year")),
}
DEFAULT: Final = "24h"

SEVERITIES: Final[tuple[str | Promise, ...]] = (
    pgettext_lazy("syslog severity", "Emergency"),
    pgettext_lazy("syslog severity", "Alert"),
    pgettext_lazy("syslog severity", "Critical"),
    pgettext_lazy("syslog severity", "Error"),
    pgettext_lazy("syslog severity", "Warning"),
    pgettext_lazy("syslog severity", "Notice"),
    pgettext_lazy("syslog severity", "Information"),
    pgettext_lazy("syslog severity", "Debug"),
)
FACILITIES: Final = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", *(f"local{number}" for number in range(8)),
)  # fmt: skip

TEXTS: Final[tuple[Facet, ...]] = ("event", "program", "channel")
NUMBERS: Final[tuple[Facet, ...]] = ("severity", "facility")


@dataclass(frozen=True, slots=True)
class Asked:
    """One search, as its address says it.

    Attributes:
        name: range that ends now; empty with two moments.
        words: as ``LogFilter``.
        device: only this one.
        least: severity at least.
        values: facets chosen, one value each.
    """

    start: datetime
    end: datetime
    name: str
    words: str = ""
    device: int | None = None
    least: int = 7
    values: tuple[tuple[Facet, str | int], ...] = ()

    @classmethod
    def of(cls, given: QueryDict, now: datetime | None = None) -> Self:
        """From a request.

        Raises:
            BadRequest: it asks for what there cannot be.
        """
        query = {name: str(given[name]) for name in given}
        try:
            name, start, end = _period(query, now or timezone.now())
            least = int(query.get("least", 7))
            device = int(query["device"]) if query.get("device") else None
            values: list[tuple[Facet, str | int]] = [
                (f, query[f][:200]) for f in TEXTS if f in query
            ]
            values += [(f, int(query[f])) for f in NUMBERS if f in query]
        except (ValueError, OverflowError, KeyError, OSError) as error:
            raise BadRequest(f"not a search: {error}") from error
        return cls(start, end, name, query.get("q", "")[:300], device, least, tuple(values))

    def filter(self, user: User) -> LogFilter:
        """The messages that this person may see of those asked for."""
        devices = None
        if self.device is not None or not user.sees_everything:
            rows = Device.objects.restrict(user).order_by()
            rows = rows if self.device is None else rows.filter(pk=self.device)
            devices = list(rows.values_list("pk", flat=True))
        values = {facet: [value] for facet, value in self.values}
        return LogFilter(self.start, self.end, self.words, devices, self.least, values)

    def query(self, **changes: Any) -> str:  # noqa: ANN401  # values of any parameter
        """The query string, with some parameters changed; None takes one away."""
        found: dict[str, Any] = {
            "q": self.words or None,
            "device": self.device,
            **dict(self.values),
        }
        found["least"] = self.least if self.least < 7 else None
        if self.name:
            found["range"] = self.name
        else:
            found |= {"from": int(self.start.timestamp()), "to": int(self.end.timestamp())}
        return urlencode({k: v for k, v in (found | changes).items() if v is not None})

    def at(self, start: datetime, end: datetime) -> str:
        """The query string of the same search in another period."""
        return replace(self, name="", start=start, end=end).query()


def _period(query: Mapping[str, str], now: datetime) -> tuple[str, datetime, datetime]:
    if "from" in query and "to" in query:
        start, end = (datetime.fromtimestamp(float(query[name]), UTC) for name in ("from", "to"))
        if not start < end:
            raise ValueError("the end comes before the start")
        return "", start, end
    name = query.get("range", DEFAULT)
    return name, now - RANGES[name][0], now + timedelta(minutes=1)


def cursor_text(at: datetime, key: str) -> str:
    """Time and key of a row, for an address."""
    return f"{round(at.timestamp() * 1000)}:{key}"


def cursor_of(text: str) -> Cursor | None:
    """The reverse of :func:`cursor_text`; None for an empty text.

    Raises:
        BadRequest: no cursor.
    """
    if not text:
        return None
    at, _colon, key = text.partition(":")
    try:
        return datetime.fromtimestamp(int(at) / 1000, UTC), str(int(key))
    except (ValueError, OverflowError, OSError) as error:
        raise BadRequest("no cursor") from error
