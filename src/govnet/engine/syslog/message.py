"""One syslog message: RFC 5424, RFC 3164, and what devices send instead of either.

Nothing is refused: what has no header is a message without one. Nothing is believed either:
host name and time are the sender's own words, whoever reads them must know the address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final

from govnet.engine.safety import decode_as, visible

MAX_OCTETS: Final = 65_536
"""Of a longer message the beginning is kept."""

CUT_FROM: Final = 480
"""A message of so many octets may have been cut by its sender (RFC 3164, RFC 5424 6.1)."""

USER: Final = 1
NOTICE: Final = 5
"""Facility and severity of a message without a priority (RFC 3164, 4.3.3)."""

MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}

# Each alternative begins differently and no quantifier meets its own characters: linear.
_PRIORITY: Final = re.compile(r"<(\d{1,3})>")
_RFC5424: Final = re.compile(
    r"1 (-|[\dT:.+Z-]{10,40}) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32})(?: |$)"
)
_ELEMENT: Final = re.compile(r'\[[!-~]{1,32}?(?: [!-~]{1,32}?="(?:[^"\\\]]|\\.)*")*\]', re.DOTALL)
_TIME: Final = re.compile(
    r"(?: ?\d{1,10}: )?[*.]?(?:"
    r"(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2})(?: (?P<year>\d{4}))?"
    r" (?P<clock>\d{2}:\d{2}:\d{2})(?:[.:]\d{1,6})?(?: (?P<after>\d{4})(?= ))?"
    r"|(?P<date>\d{4}-\d{2}-\d{2})[T ](?P<iso>\d{2}:\d{2}:\d{2})(?:[.,]\d{1,9})?"
    r")(?P<zone>Z|[+-]\d{2}:?\d{2})?(?:(?: [A-Z]{3,4})?: ?| |$)"
)
_HOST: Final = re.compile(r"([^\s:\[\]%<>=]{1,255}):? (?=\S)")
_TAG: Final = re.compile(r"([\w./-]{1,64})(?:\[([\w.-]{1,20})\])?: ?")


@dataclass(slots=True)
class Message:
    """What a message says.

    Attributes:
        facility: 0 to 23.
        severity: 0 (emergency) to 7 (debug).
        device_time: when, by the sender's clock, seconds since the epoch; None if not told.
        host: the sender's name for itself; not to be trusted.
        program: application name or tag.
        head: everything before the text, as it may be shown.
        text: the message; control characters are written out.
        charset: ``utf-8``, ``gb18030`` or ``unknown``.
        raw: the octets as received, where ``head`` and ``text`` do not give them exactly.
    """

    facility: int
    severity: int
    device_time: float | None
    host: str
    program: str
    head: str
    text: str
    charset: str
    raw: bytes


def parse(data: bytes, received: float, zone: tzinfo, charset: str = "") -> Message:
    """Read one message; never raises.

    Args:
        data: as received, without its framing.
        received: when, seconds since the epoch; gives a time without a year its year.
        zone: that of clocks which do not say theirs.
        charset: the sender's, when a person has told it.
    """
    data = data[:MAX_OCTETS].rstrip(b"\r\n\0")
    whole, found = decode_as(data, charset, cut=len(data) >= CUT_FROM)
    facility, severity, at = _priority(whole)
    structured = _RFC5424.match(whole, at)
    if structured is not None:
        device_time, host, program, at = _rfc5424(whole, structured, received, zone)
    else:
        device_time, host, program, at = _rfc3164(whole, at, received, zone)
    while whole.startswith(" ", at):  # a relay keeps the space behind the tag
        at += 1
    head, text = visible(whole[:at]), visible(whole[at:].removeprefix("\ufeff"))
    exact = found == "utf-8" and (head + text).encode() == data
    return Message(
        facility, severity, device_time, host, program, head, text, found, b"" if exact else data
    )


def _priority(text: str) -> tuple[int, int, int]:
    found = _PRIORITY.match(text)
    if found is None or int(found[1]) > 191:
        return USER, NOTICE, 0
    value = int(found[1])
    return value >> 3, value & 7, found.end()


def _rfc5424(
    text: str, found: re.Match[str], received: float, zone: tzinfo
) -> tuple[float | None, str, str, int]:
    stamp, host, program, _process, _kind = found.groups()
    time = _TIME.match(stamp)
    device_time = _moment(stamp, _year(received), zone) if time else None
    at = _after_elements(text, found.end())
    return device_time, _or_empty(host), _or_empty(program), at


def _after_elements(text: str, at: int) -> int:
    """Where the text begins behind the structured data (RFC 5424, 6.3)."""
    if text.startswith("-", at):
        at += 1
    while (element := _ELEMENT.match(text, at)) is not None:
        at = element.end()
    return at + 1 if text.startswith(" ", at) else at


def _or_empty(field: str) -> str:
    return "" if field == "-" else field


def _rfc3164(
    text: str, at: int, received: float, zone: tzinfo
) -> tuple[float | None, str, str, int]:
    time = _TIME.match(text, at)
    if time is None:  # no header: a tag may still say who speaks
        tag = _TAG.match(text, at)
        return (None, "", tag[1], tag.end()) if tag and at else (None, "", "", at)
    device_time = _moment(time[0], _year(received), zone)
    if device_time is not None and not (time["year"] or time["after"] or time["date"]):
        device_time = _nearest_year(time[0], device_time, received, zone)
    at, host = time.end(), ""
    if not time[0].rstrip().endswith(":") and (named := _HOST.match(text, at)):
        host, at = visible(named[1]), named.end()
    tag = _TAG.match(text, at)
    return (device_time, host, tag[1], tag.end()) if tag else (device_time, host, "", at)


def _year(received: float) -> int:
    return datetime.fromtimestamp(received, timezone.utc).year  # noqa: UP017  # hot


def _nearest_year(stamp: str, moment: float, received: float, zone: tzinfo) -> float:
    """On New Year's Eve a message of last year arrives in this one, or the other way round."""
    if abs(moment - received) < 180 * 86400:
        return moment
    other = _moment(stamp, _year(received) + (1 if moment < received else -1), zone)
    return moment if other is None or abs(other - received) > abs(moment - received) else other


@lru_cache(maxsize=4096)
def _moment(stamp: str, year: int, zone: tzinfo) -> float | None:
    """Seconds since the epoch; None for a date that does not exist."""
    found = _TIME.match(stamp)
    if found is None:
        return None
    if found["date"]:
        date = found["date"]
        day = (int(date[:4]), int(date[5:7]), int(date[8:]))
    else:
        told = found["year"] or found["after"]
        day = (int(told or year), MONTHS.get(found["month"], 0), int(found["day"]))
    hour, minute, second = map(int, (found["iso"] or found["clock"]).split(":"))
    try:
        away = _zone(found["zone"], zone)
        return datetime(*day, hour, minute, second, tzinfo=away).timestamp()
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None, default: tzinfo) -> tzinfo:
    if not text:
        return default
    if text == "Z":
        return timezone.utc  # noqa: UP017
    digits = text[1:].replace(":", "")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-away if text[0] == "-" else away)
