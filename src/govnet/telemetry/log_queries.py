# ruff: noqa: S608 -- table and column names come from the schema; every value is bound
"""Questions about log messages and traps: search with facets, over time, what is new, volume.

The words of a search are looked up in the text index; only what has more than one word between
two spaces (``GigabitEthernet0/0/1``, a Chinese term) or a ``*`` is compared with the text too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from govnet.telemetry.queries import ask_rows

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Cursor = tuple[datetime, str]
"""Time and key of a row. Equal messages of one millisecond have one key, and count as one here."""

Facet = Literal["device_id", "severity", "facility", "event", "program", "channel"]
FACETS: Final[tuple[Facet, ...]] = (
    "device_id",
    "severity",
    "facility",
    "event",
    "program",
    "channel",
)
MAX_ROWS: Final = 500
MAX_TERMS: Final = 12
MAX_EXPORT: Final = 200_000
FACET_VALUES: Final = 12
BUCKETS_S: Final = (1, 5, 10, 30, 60, 300, 900, 3600, 3 * 3600, 86400, 7 * 86400)

_ONE_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_ANY_WORD: Final = re.compile(r"[A-Za-z0-9]|[^\x00-\x7f]")
_COLUMNS: Final = (
    "toUnixTimestamp64Milli(ts), device_id, source_id, toString(address), channel, facility,"
    " severity, host, program, vendor, event, about, port_id, skew_s, head, text,"
    " base64Encode(raw), toString(cityHash64(ts, source_id, address, head, text, raw))"
)


@dataclass(frozen=True, slots=True)
class LogRow:
    """One message as it is stored; ``key`` tells it from others of the same millisecond."""

    at: datetime
    device_id: int
    source_id: int
    address: str
    channel: str
    facility: int
    severity: int
    host: str
    program: str
    vendor: str
    event: str
    about: str
    port_id: int
    skew_s: float | None
    head: str
    text: str
    raw: str
    key: str


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which messages are meant.

    Attributes:
        start: begin of the period, with a time zone.
        end: its end, exclusive.
        words: what the text must hold, all of it; ``*`` stands for any characters, ``-word``
            for what it must not hold.
        devices: only of these devices; None is any, and includes messages of unknown senders.
        least: severity at least as urgent as this number.
        values: facets and the values of which one must be there.
    """

    start: datetime
    end: datetime
    words: str = ""
    devices: Sequence[int] | None = None
    least: int = 7
    values: Mapping[Facet, Sequence[str | int]] = field(default_factory=dict)


def log_search(
    client: Client, wanted: LogFilter, limit: int = 100, before: Cursor | None = None
) -> list[LogRow]:
    """The newest messages.

    Args:
        client: the store.
        wanted: which.
        limit: at most; never over ``MAX_ROWS``.
        before: time and key of the last row of the page before this one.
    """
    return _older(client, wanted, min(limit, MAX_ROWS), before)


def log_tail(
    client: Client, wanted: LogFilter, after: Cursor | None, limit: int = 200
) -> list[LogRow]:
    """Messages that came after one, oldest first; with None the newest of all."""
    where, bound = _where(wanted)
    if after is None:
        return _rows(client, where, bound, "DESC", min(limit, MAX_ROWS))[::-1]
    where += (
        " AND ts >= fromUnixTimestamp64Milli({c_ts:Int64}) AND (ts, key) > "
        "(fromUnixTimestamp64Milli({c_ts:Int64}), {c_key:String})"
    )
    bound |= {"c_ts": _ms(after[0]), "c_key": after[1]}
    return _rows(client, where, bound, "ASC", min(limit, MAX_ROWS))


def log_export(client: Client, wanted: LogFilter, page: int = 5_000) -> Iterator[LogRow]:
    """All messages, newest first, at most ``MAX_EXPORT``; read page by page."""
    before: Cursor | None = None
    for _ in range(0, MAX_EXPORT, page):
        rows = _older(client, wanted, page, before)
        yield from rows
        if len(rows) < page:
            return
        before = (rows[-1].at, rows[-1].key)


def _older(client: Client, wanted: LogFilter, limit: int, before: Cursor | None) -> list[LogRow]:
    where, bound = _where(wanted)
    if before is not None:
        where += (
            " AND ts <= fromUnixTimestamp64Milli({c_ts:Int64}) AND (ts, key) < "
            "(fromUnixTimestamp64Milli({c_ts:Int64}), {c_key:String})"
        )
        bound |= {"c_ts": _ms(before[0]), "c_key": before[1]}
    return _rows(client, where, bound, "DESC", limit)


def log_facets(client: Client, wanted: LogFilter) -> dict[Facet, list[tuple[str | int, int]]]:
    """The most frequent values of each facet and how many messages have them."""
    where, bound = _where(wanted)
    tops = ", ".join(f"approx_top_k({FACET_VALUES}, 200)({name})" for name in FACETS)
    (found,) = ask_rows(client, f"SELECT {tops} FROM log_message WHERE {where}", bound)
    return {
        name: [_counted(entry) for entry in _list(values)]
        for name, values in zip(FACETS, found, strict=True)
    }


def _list(values: object) -> list[object]:
    return list(values) if isinstance(values, list | tuple) else []


def _counted(entry: object) -> tuple[str | int, int]:
    if isinstance(entry, Mapping):
        value, number = entry["item"], entry["count"]
    else:
        value, number, *_error = _list(entry)
    return (value if isinstance(value, int) else str(value)), int(str(number))


def log_histogram(
    client: Client, wanted: LogFilter, buckets: int = 60
) -> tuple[int, list[tuple[datetime, int, int]]]:
    """Messages over time.

    Returns:
        seconds of a bucket, and of each that has any: begin, messages, those of severity 0 to 3.
    """
    span = (wanted.end - wanted.start).total_seconds()
    width = next((b for b in BUCKETS_S if span / b <= buckets), BUCKETS_S[-1])
    where, bound = _where(wanted)
    sql = (
        "SELECT toUnixTimestamp(toStartOfInterval(toDateTime(ts, 'UTC'),"
        " toIntervalSecond({width:UInt32}), 'UTC')) AS bucket, count(), countIf(severity <= 3)"
        f" FROM log_message WHERE {where} GROUP BY bucket ORDER BY bucket"
    )
    rows = ask_rows(client, sql, {**bound, "width": width})
    return width, [
        (datetime.fromtimestamp(int(str(at)), UTC), int(str(n)), int(str(bad)))
        for at, n, bad in rows
    ]


def log_volume(client: Client, start: datetime, end: datetime) -> dict[int, int]:
    """Messages of each source in a period, widened to whole hours."""
    sql = (
        "SELECT source_id, sum(messages) FROM log_message_1h"
        " WHERE ts >= toStartOfHour({start:DateTime('UTC')}) AND ts < {end:DateTime('UTC')}"
        " GROUP BY source_id"
    )
    bound = {"start": start.astimezone(UTC), "end": end.astimezone(UTC)}
    return {int(str(pk)): int(str(n)) for pk, n in ask_rows(client, sql, bound)}


def _rows(
    client: Client, where: str, bound: Mapping[str, object], order: str, limit: int
) -> list[LogRow]:
    sql = (
        f"SELECT {_COLUMNS} AS key FROM log_message WHERE {where}"
        f" ORDER BY ts {order}, key {order} LIMIT {{limit:UInt32}}"
    )
    return [
        LogRow(datetime.fromtimestamp(int(str(at)) / 1000, UTC), *rest)  # type: ignore[arg-type]
        for at, *rest in ask_rows(client, sql, {**bound, "limit": limit})
    ]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _where(wanted: LogFilter) -> tuple[str, dict[str, object]]:
    parts = [
        "ts >= fromUnixTimestamp64Milli({start:Int64})",
        "ts < fromUnixTimestamp64Milli({end:Int64})",
    ]
    bound: dict[str, object] = {"start": _ms(wanted.start), "end": _ms(wanted.end)}
    if wanted.devices is not None:
        parts.append("device_id IN {devices:Array(UInt32)}")
        bound["devices"] = list(wanted.devices)
    if wanted.least < 7:
        parts.append("severity <= {least:UInt8}")
        bound["least"] = wanted.least
    for name, values in wanted.values.items():
        kind = "Array(String)" if name in {"event", "program", "channel"} else "Array(Int64)"
        parts.append(f"{name} IN {{v_{name}:{kind}}}")
        bound[f"v_{name}"] = list(values)
    for number, term in enumerate(wanted.words.split()[:MAX_TERMS]):
        condition = _term(term, f"t{number}")
        if condition:
            parts.append(condition[0])
            bound[f"t{number}"] = condition[1]
    return " AND ".join(parts), bound


def _term(term: str, name: str) -> tuple[str, str] | None:
    """The condition of one term and its bound value."""
    without = len(term) > 1 and term.startswith("-")
    text = term[1:] if without else term
    if not text.strip("*"):
        return None
    if "*" in text:
        pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        condition, value = f"text ILIKE {{{name}:String}}", f"%{pattern.replace('*', '%')}%"
    else:
        exact = f"positionCaseInsensitiveUTF8(text, {{{name}:String}}) > 0"
        words = f"hasAllTokens(text, {{{name}:String}})"
        value = text
        if _ONE_WORD.fullmatch(text):
            condition = words
        elif _ANY_WORD.search(text):
            condition = f"{words} AND {exact}"
        else:
            condition = exact
    return (f"NOT ({condition})" if without else condition), value
