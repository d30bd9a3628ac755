# ruff: noqa: S608 -- every name in these statements is declared in the schema
"""Every table of the column store, declared once and rendered to ClickHouse DDL.

A *family* is one raw table and its rollups (1 minute, 5 minutes, 1 hour). A rollup keeps, per
bucket and key, one column per *measure*: an aggregate function over an expression of the raw
columns that can be merged again (``sum``, ``min``, ``max``), so that the same measure is asked
of a raw table or of any rollup with the same arithmetic: average = sum ÷ count, rate =
Σ octets × 8 ÷ Σ seconds. Every rollup is fed by a materialised view from the raw table itself,
never from another rollup: that is what lets the store recognise a repeated insert in all of them.

Later parts of the product add their own families with :func:`register`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

SCHEMA_VERSION = 4
"""Raised by one with every change below; ``tests/telemetry/schemas`` keeps each past state."""

DEDUPLICATION_WINDOW = 10_000
"""Inserted blocks that a table remembers. A retry comes before its writer's next batch, so only
*other* writers' batches count against it: at one batch in 5 s, fourteen hours of them."""

ColumnKind = Literal["key", "value"]
Merge = Literal["sum", "min", "max"]


@dataclass(frozen=True)
class Column:
    """One column of a raw table.

    Attributes:
        name: its name in SQL and in ``Writer.append``.
        type: ClickHouse type.
        codec: ClickHouse codec chain, without the word CODEC.
    """

    name: str
    type: str
    codec: str = "ZSTD(1)"

    def ddl(self) -> str:
        """The column as CREATE TABLE and ADD COLUMN want it."""
        return f"`{self.name}` {self.type} CODEC({self.codec})"


@dataclass(frozen=True)
class Measure:
    """One mergeable aggregate over the raw columns.

    Attributes:
        name: column name in the rollups; must not be a raw column's name, or the aggregate
            would refer to itself.
        merge: function that makes it from raw rows and merges it again.
        expression: what it aggregates, in the raw table's columns.
        type: ClickHouse type of the aggregate.
    """

    name: str
    merge: Merge
    expression: str
    type: str

    def column(self) -> Column:
        """The rollup's column that keeps this measure."""
        return Column(self.name, f"SimpleAggregateFunction({self.merge}, {self.type})")

    def over(self, *, raw: bool) -> str:
        """The SELECT expression over raw rows or over rollup rows."""
        return f"{self.merge}({self.expression if raw else self.name})"


@dataclass(frozen=True)
class Rollup:
    """One time resolution of a family.

    Attributes:
        suffix: appended to the raw table's name.
        seconds: bucket width.
        ttl_days: how long buckets are kept.
        partition_by: ClickHouse partition expression; whole partitions expire.
    """

    suffix: str
    seconds: int
    ttl_days: int
    partition_by: str = "toYYYYMM(ts)"


@dataclass(frozen=True)
class Table:
    """One physical table, raw or rollup, ready to be rendered."""

    name: str
    columns: tuple[Column, ...]
    order_by: tuple[str, ...]
    partition_by: str
    ttl_days: int
    engine: str = "MergeTree"
    indexes: tuple[str, ...] = ()
    tuning: tuple[tuple[str, int], ...] = ()

    @property
    def ttl(self) -> str:
        """The TTL expression; ``ts`` is DateTime64 in raw tables, DateTime in rollups."""
        return f"toDateTime(ts) + toIntervalDay({self.ttl_days})"

    def settings(self) -> dict[str, int]:
        """MergeTree settings: why each is there.

        ``ttl_only_drop_parts``: expiry drops whole partitions and never rewrites data.
        ``fsync_*``: an acknowledged insert survives a power cut, because the writer deletes its
        spool file on the acknowledgement. ``old_parts_lifetime``: merged-away parts need not
        stay eight minutes in a store that has no replicas.
        """
        return {
            "non_replicated_deduplication_window": DEDUPLICATION_WINDOW,
            "ttl_only_drop_parts": 1,
            "fsync_after_insert": 1,
            "fsync_part_directory": 1,
            "old_parts_lifetime": 60,
            **dict(self.tuning),
        }

    def create_sql(self) -> str:
        """CREATE TABLE IF NOT EXISTS for a single server (the seam for Replicated engines)."""
        parts = (*(column.ddl() for column in self.columns), *(f"INDEX {i}" for i in self.indexes))
        columns = ",\n    ".join(parts)
        settings = ", ".join(f"{name} = {value}" for name, value in self.settings().items())
        return (
            f"CREATE TABLE IF NOT EXISTS {self.name} (\n    {columns}\n)\n"
            f"ENGINE = {self.engine}\nPARTITION BY {self.partition_by}\n"
            f"ORDER BY ({', '.join(self.order_by)})\nTTL {self.ttl}\nSETTINGS {settings}"
        )


@dataclass(frozen=True)
class View:
    """The materialised view that feeds one rollup from its raw table."""

    name: str
    target: str
    select: str

    def create_sql(self) -> str:
        """CREATE MATERIALIZED VIEW IF NOT EXISTS."""
        return (
            f"CREATE MATERIALIZED VIEW IF NOT EXISTS {self.name} TO {self.target} AS {self.select}"
        )

    def modify_sql(self) -> str:
        """Replace the SELECT without a moment in which inserts are not rolled up."""
        return f"ALTER TABLE {self.name} MODIFY QUERY {self.select}"


# Raw data expire by the day, so that expiry drops a directory and a merge never rewrites more
# than one day; a year of hours is one partition.
STANDARD_ROLLUPS = (
    Rollup("_1m", 60, 90),
    Rollup("_5m", 300, 400),
    Rollup("_1h", 3600, 6 * 365 + 2, "toYear(ts)"),
)


@dataclass(frozen=True)
class Family:
    """A raw table with its rollups.

    Attributes:
        name: the raw table's name.
        keys: what a sample belongs to, first in the primary key: one object's samples lie
            together on disk, which is how pages read them.
        values: the other columns, besides ``ts``.
        measures: what the rollups keep.
        ttl_days: how long raw samples are kept.
        rollups: the resolutions.
        raw_order: columns that the raw table is sorted by, when not by all keys; ``ts`` comes
            last unless it is named.
        raw_partition: the raw table's partitions, which expire whole.
        indexes: skipping indexes of the raw table, as CREATE TABLE has them after INDEX.
        rolled: the keys of the rollups, when not all of them.
        cascade: feed the coarser rollups from the finest, not from the raw rows: for a table of
            so many rows that grouping each of them thrice would be most of the insert's cost.
        tuning: further MergeTree settings of the raw table.
    """

    name: str
    keys: tuple[Column, ...]
    values: tuple[Column, ...]
    measures: tuple[Measure, ...]
    ttl_days: int = 35
    rollups: tuple[Rollup, ...] = STANDARD_ROLLUPS
    raw_order: tuple[str, ...] = ()
    raw_partition: str = "toYYYYMMDD(ts)"
    indexes: tuple[str, ...] = ()
    rolled: tuple[str, ...] = ()
    cascade: bool = False
    tuning: tuple[tuple[str, int], ...] = ()
    _by_name: dict[str, Measure] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        clash = {c.name for c in self.columns} & {m.name for m in self.measures}
        if clash:
            raise ValueError(f"{self.name}: measures named like raw columns: {sorted(clash)}")
        self._by_name.update({measure.name: measure for measure in self.measures})

    @property
    def columns(self) -> tuple[Column, ...]:
        """All raw columns, the order of ``Writer.append`` and of CREATE TABLE."""
        ts = Column("ts", "DateTime64(3, 'UTC')", "DoubleDelta, ZSTD(1)")
        return (ts, *self.keys, *self.values)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the key columns."""
        return tuple(key.name for key in self.keys)

    def measure(self, name: str) -> Measure:
        """One measure by name."""
        return self._by_name[name]

    def raw_table(self) -> Table:
        """The raw table."""
        order = tuple(dict.fromkeys((*(self.raw_order or self.key_names), "ts")))
        return Table(
            self.name,
            self.columns,
            order,
            self.raw_partition,
            self.ttl_days,
            indexes=self.indexes,
            tuning=self.tuning,
        )

    def rolled_keys(self) -> tuple[Column, ...]:
        """The keys of the rollups."""
        return tuple(key for key in self.keys if not self.rolled or key.name in self.rolled)

    def rollup_table(self, rollup: Rollup) -> Table:
        """The table of one resolution."""
        ts = Column("ts", "DateTime('UTC')", "DoubleDelta, ZSTD(1)")
        return Table(
            name=self.name + rollup.suffix,
            columns=(ts, *self.rolled_keys(), *(measure.column() for measure in self.measures)),
            order_by=(*(key.name for key in self.rolled_keys()), "ts"),
            partition_by=rollup.partition_by,
            ttl_days=rollup.ttl_days,
            engine="AggregatingMergeTree",
        )

    def rollup_view(self, rollup: Rollup) -> View:
        """The view that feeds one resolution."""
        keys = ", ".join(key.name for key in self.rolled_keys())
        raw = not self.cascade or rollup is self.rollups[0]
        source = self.name if raw else self.name + self.rollups[0].suffix
        names = ", ".join(m.name for m in self.measures)
        measures = ",\n    ".join(f"{m.over(raw=raw)} AS {m.name}" for m in self.measures)
        if not raw:  # a measure must not refer to itself
            names = ", ".join(f"{m.name}_ AS {m.name}" for m in self.measures)
            measures = ",\n    ".join(f"{m.over(raw=raw)} AS {m.name}_" for m in self.measures)
        # The bucket has its own name: called "ts" it would shadow the raw column.
        select = (
            f"SELECT bucket AS ts, {keys},\n    {names}\n"
            f"FROM (\n    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), "
            f"toIntervalSecond({rollup.seconds}), 'UTC') AS bucket, {keys},\n    {measures}\n"
            f"    FROM {source}\n    GROUP BY bucket, {keys}\n)"
        )
        return View(f"{self.name}{rollup.suffix}_mv", self.name + rollup.suffix, select)

    def tables(self) -> tuple[Table, ...]:
        """Raw table first, then the rollups from fine to coarse."""
        return (self.raw_table(), *(self.rollup_table(rollup) for rollup in self.rollups))

    def views(self) -> tuple[View, ...]:
        """One view per rollup."""
        return tuple(self.rollup_view(rollup) for rollup in self.rollups)


@dataclass(frozen=True)
class Extract(Family):
    """Rollups of another family's raw rows by other keys; it has no raw table of its own.

    Keys of which there may be millions (addresses) cannot all be kept for years. So the extract
    may have *leaders*: of each inserted block and bucket the largest rows keep their ``named``
    key, the others are summed up with that key empty. Totals stay exact, and a leader's own
    figure is too small at most by what it moved in blocks in which it was not among the leaders.

    Attributes:
        source: the family whose raw rows are rolled up.
        named: the address that is emptied outside of the leaders; empty: all rows are kept.
        expression: what it is in the source's columns.
        rank_by: the measure that ranks.
        leaders: how many rows of a bucket keep their address.
    """

    source: str = ""
    named: str = ""
    expression: str = ""
    rank_by: str = ""
    leaders: int = 1_000

    def tables(self) -> tuple[Table, ...]:
        """The rollups alone."""
        return tuple(self.rollup_table(rollup) for rollup in self.rollups)

    def rollup_view(self, rollup: Rollup) -> View:
        """The finest is made from the source's raw rows, the others from the finest."""
        if rollup is not self.rollups[0]:
            return super().rollup_view(rollup)
        keys = ", ".join(self.key_names)
        measures = ", ".join(f"{m.over(raw=True)} AS {m.name}" for m in self.measures)
        given = ", ".join(
            f"{self.expression} AS {name}" if name == self.named else name
            for name in self.key_names
        )
        grouped = (
            f"SELECT bucket AS ts, {keys}, {', '.join(m.name for m in self.measures)}\nFROM (\n"
            f"    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), "
            f"toIntervalSecond({rollup.seconds}), 'UTC') AS bucket, {given},\n    {measures}\n"
            f"    FROM {self.source}\n    GROUP BY bucket, {keys}\n)"
        )
        select = self._leaders(grouped) if self.named else grouped
        return View(f"{self.name}{rollup.suffix}_mv", self.name + rollup.suffix, select)

    def _leaders(self, grouped: str) -> str:
        keys = ", ".join(name for name in self.key_names if name != self.named)
        merged = ", ".join(f"{m.over(raw=False)} AS {m.name}_" for m in self.measures)
        named = ", ".join(f"{m.name}_ AS {m.name}" for m in self.measures)
        return (
            f"SELECT ts, {keys}, {self.named}_ AS {self.named}, {named}\nFROM (\n"
            f"    SELECT ts, {keys}, if(place <= {self.leaders}, {self.named}, toIPv6('::')) AS "
            f"{self.named}_, {merged}\n    FROM (\n"
            f"        SELECT *, row_number() OVER (PARTITION BY ts ORDER BY {self.rank_by} DESC)"
            f" AS place FROM ({grouped})\n    )\n"
            f"    GROUP BY ts, {keys}, {self.named}_\n)"
        )


def _total(name: str, expression: str) -> Measure:
    return Measure(name, "sum", expression, "UInt64")


def _mean(name: str, expression: str) -> tuple[Measure, ...]:
    """Sum and count of an expression that is NULL where nothing was measured."""
    return (
        Measure(f"{name}_sum", "sum", f"toFloat64(ifNull({expression}, 0))", "Float64"),
        _total(f"{name}_count", f"isNotNull({expression})"),
    )


def _spread(name: str, expression: str) -> tuple[Measure, ...]:
    """As ``_mean``, with minimum and maximum."""
    return (
        *_mean(name, expression),
        Measure(f"{name}_min", "min", expression, "Nullable(Float32)"),
        Measure(f"{name}_max", "max", expression, "Nullable(Float32)"),
    )


_MILLISECONDS = "Nullable(Float32)"
_OUTCOME_UNKNOWN = 3  # engine.result.Outcome.UNKNOWN: says nothing about the target


def _known(column: str) -> str:
    return f"if(outcome != {_OUTCOME_UNKNOWN}, {column}, NULL)"


PROBE_RESULT = Family(
    name="probe_result",
    keys=(Column("target_id", "UInt32"),),
    values=(
        Column("outcome", "UInt8"),
        Column("sent", "UInt16"),
        Column("received", "UInt16"),
        Column("rtt_ms", _MILLISECONDS),
        Column("jitter_ms", _MILLISECONDS),
        Column("dns_ms", _MILLISECONDS),
        Column("connect_ms", _MILLISECONDS),
        Column("tls_ms", _MILLISECONDS),
        Column("first_byte_ms", _MILLISECONDS),
        Column("reason", "LowCardinality(String)"),
    ),
    measures=(
        _total("samples", "1"),
        _total("runs_ok", "outcome = 0"),
        _total("runs_degraded", "outcome = 1"),
        _total("runs_failed", "outcome = 2"),
        _total("runs_unknown", f"outcome = {_OUTCOME_UNKNOWN}"),
        _total("sent_total", f"if(outcome != {_OUTCOME_UNKNOWN}, sent, 0)"),
        _total("received_total", f"if(outcome != {_OUTCOME_UNKNOWN}, received, 0)"),
        *_spread("rtt", _known("rtt_ms")),
        *_mean("jitter", _known("jitter_ms")),
        *_mean("dns", _known("dns_ms")),
        *_mean("connect", _known("connect_ms")),
        *_mean("tls", _known("tls_ms")),
        *_mean("first_byte", _known("first_byte_ms")),
    ),
)

_COUNTERS = (
    "in_octets",
    "out_octets",
    "in_packets",
    "out_packets",
    "in_errors",
    "out_errors",
    "in_discards",
    "out_discards",
)


def _rate(octets: str) -> str:
    """bit/s of one sample; NULL without a valid delta (a reboot is a gap, never a spike)."""
    return f"if(seconds > 0, toFloat32({octets} * 8 / seconds), NULL)"


INTERFACE_SAMPLE = Family(
    name="interface_sample",
    keys=(Column("device_id", "UInt32"), Column("if_index", "UInt32")),
    values=(
        Column("seconds", "Float32"),
        *(Column(name, "UInt64", "T64, ZSTD(1)") for name in _COUNTERS),
        Column("in_octets_counter", "UInt64", "Delta, ZSTD(1)"),
        Column("out_octets_counter", "UInt64", "Delta, ZSTD(1)"),
        Column("oper_up", "UInt8"),
        Column("speed_mbps", "UInt32"),
    ),
    measures=(
        _total("samples", "1"),
        _total("samples_valid", "seconds > 0"),
        _total("samples_up", "oper_up"),
        Measure("seconds_total", "sum", "toFloat64(seconds)", "Float64"),
        *(_total(f"{name}_total", f"if(seconds > 0, {name}, 0)") for name in _COUNTERS),
        Measure("in_bps_min", "min", _rate("in_octets"), "Nullable(Float32)"),
        Measure("in_bps_max", "max", _rate("in_octets"), "Nullable(Float32)"),
        Measure("out_bps_min", "min", _rate("out_octets"), "Nullable(Float32)"),
        Measure("out_bps_max", "max", _rate("out_octets"), "Nullable(Float32)"),
        Measure("speed_mbps_max", "max", "speed_mbps", "UInt32"),
    ),
)

DEVICE_SAMPLE = Family(
    name="device_sample",
    keys=(Column("device_id", "UInt32"),),
    values=(
        Column("uptime_s", "UInt64", "Delta, ZSTD(1)"),
        Column("cpu_percent", "Nullable(Float32)"),
        Column("memory_percent", "Nullable(Float32)"),
        Column("temperature_c", "Nullable(Float32)"),
    ),
    measures=(
        _total("samples", "1"),
        Measure("uptime_s_min", "min", "uptime_s", "UInt64"),
        Measure("uptime_s_max", "max", "uptime_s", "UInt64"),
        *_spread("cpu", "cpu_percent"),
        *_spread("memory", "memory_percent"),
        *_spread("temperature", "temperature_c"),
    ),
)

OUTWARD, INWARD, INTERNAL, TRANSIT = 1, 2, 3, 4
"""``direction`` of a flow: from a registered address to one that is not, back, between two
registered ones, between two others."""

_ID = "UInt32"
_TRAFFIC = (
    _total("octets", "bytes"),
    _total("packets_total", "packets"),
    _total("flows", "1"),
)

FLOW = Family(
    name="flow",
    keys=(
        Column("unit_id", _ID),
        Column("direction", "UInt8"),
        Column("application", "UInt16"),
        Column("protocol", "UInt8"),
        Column("carrier_id", _ID),
        Column("circuit_id", _ID),
        Column("peer_unit_id", _ID),
        Column("access_point_id", _ID),
        Column("exporter_id", _ID),
        Column("in_if", _ID),
        Column("out_if", _ID),
    ),
    values=(
        Column("src", "IPv6"),
        Column("dst", "IPv6"),
        Column("src_port", "UInt16"),
        Column("dst_port", "UInt16"),
        Column("tcp_flags", "UInt8"),
        Column("tos", "UInt8"),
        Column("src_as", _ID),
        Column("dst_as", _ID),
        Column("country", "UInt16"),
        Column("bytes", "UInt64", "T64, ZSTD(1)"),
        Column("packets", "UInt64", "T64, ZSTD(1)"),
        Column("sampling", _ID),
        Column("duration_ms", _ID),
    ),
    measures=_TRAFFIC,
    ttl_days=15,
    raw_order=("unit_id",),
    # With the bucket 28 octets: up to 32 are hashed as one number, more as strings.
    rolled=(
        "unit_id",
        "direction",
        "application",
        "protocol",
        "carrier_id",
        "circuit_id",
        "peer_unit_id",
        "access_point_id",
    ),
    cascade=True,
    # Inserted as one file, not as one for each column, and merged when there are twenty parts of
    # a size, not five: a row is written less often, and each query opens some more files.
    tuning=(("merge_selector_base", 20), ("min_bytes_for_wide_part", 128 * 2**20)),
)

FLOW_HOST = Extract(
    name="flow_host",
    source="flow",
    keys=(Column("unit_id", _ID), Column("direction", "UInt8"), Column("host", "IPv6")),
    values=(),
    measures=_TRAFFIC,
    rollups=STANDARD_ROLLUPS[1:],
    cascade=True,
    named="host",
    expression=f"if(direction = {INWARD}, dst, src)",
    rank_by="octets",
)
"""Traffic by the address on the network's own side."""

FLOW_INTERFACE = Extract(
    name="flow_interface",
    source="flow",
    keys=(Column("exporter_id", _ID), Column("in_if", _ID), Column("out_if", _ID)),
    values=(),
    measures=_TRAFFIC,
    rollups=STANDARD_ROLLUPS[1:],
    cascade=True,
)
"""Traffic by the exporter's interfaces, to compare with what SNMP counts there."""

LOG_DAYS = 400
"""The law asks for six months of logs (网络安全法, art. 21); so this year meets the last."""

LOG_MESSAGE = Family(
    name="log_message",
    keys=(Column("device_id", _ID), Column("source_id", _ID), Column("severity", "UInt8")),
    values=(
        Column("address", "IPv6"),
        Column("channel", "LowCardinality(String)"),
        Column("facility", "UInt8"),
        Column("host", "String"),
        Column("program", "LowCardinality(String)"),
        Column("vendor", "LowCardinality(String)"),
        Column("event", "LowCardinality(String)"),
        Column("about", "String"),
        Column("port_id", _ID),
        Column("skew_s", "Nullable(Float32)"),
        Column("head", "String"),
        Column("text", "String"),
        Column("raw", "String"),
    ),
    measures=(_total("messages", "1"),),
    ttl_days=LOG_DAYS,
    rollups=STANDARD_ROLLUPS[2:],
    raw_order=("ts",),  # asked by time, newest first, for all devices or for few
    raw_partition="toYYYYMM(ts)",
    # Words of ASCII text whole (an address is one), Chinese by character.
    indexes=(
        "words text TYPE text(tokenizer = asciiCJK, preprocessor = lower(text))",
        "devices device_id TYPE set(64) GRANULARITY 1",
    ),
)
"""Syslog messages and traps. ``raw`` is empty where ``head`` and ``text`` are the octets received;
``skew_s`` is the device's clock minus ours."""

_families: dict[str, Family] = {}


def register(family: Family) -> Family:
    """Add a family to the schema; its tables appear at the next migration.

    Raises:
        ValueError: another family has this name.
    """
    if _families.setdefault(family.name, family) != family:
        raise ValueError(f"another telemetry family is already called {family.name!r}")
    return family


def families() -> Iterator[Family]:
    """Every registered family."""
    yield from _families.values()


def family(name: str) -> Family:
    """One family by its raw table's name.

    Raises:
        KeyError: no such family.
    """
    return _families[name]


def digest(sql: str) -> str:
    """Short fingerprint of a definition, recorded beside it in the store."""
    return hashlib.sha256(sql.encode()).hexdigest()[:16]


for _family in (
    PROBE_RESULT,
    INTERFACE_SAMPLE,
    DEVICE_SAMPLE,
    FLOW,
    FLOW_HOST,
    FLOW_INTERFACE,
    LOG_MESSAGE,
):
    register(_family)
