# ruff: noqa: S608 -- table and column names come from the schema; every value is bound
"""Every question that pages, reports and alarms ask of the column store, as typed functions.

Series choose the coarsest table that answers, on a regular grid aligned to the epoch; a bucket
without a sample is NaN (a gap is shown as a gap, never as zero). A grid is never finer than one
and a half times the object's own interval, so that a sample a moment late is not shown as a gap.

All functions raise ``TelemetryUnavailableError`` when the store does not answer, and are bounded
in rows and time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from govnet.telemetry.client import guarded
from govnet.telemetry.schema import (
    DEVICE_SAMPLE,
    INTERFACE_SAMPLE,
    PROBE_RESULT,
    Extract,
    Family,
    Rollup,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from clickhouse_connect.driver.client import Client

Floats: TypeAlias = npt.NDArray[np.float64]
Seconds: TypeAlias = npt.NDArray[np.int64]
Interface: TypeAlias = tuple[int, int]
"""Device id and ifIndex."""

MAX_POINTS: Final = 5_000
MAX_RAW_ROWS: Final = 50_000
MAX_OBJECTS: Final = 10_000
DEFAULT_INTERVAL_S: Final = 60.0
_FINE_STEPS: Final = (1, 2, 5, 10, 15, 20, 30, 60)
_DAY: Final = 86_400


@dataclass(frozen=True)
class Grid:
    """Where a series lies in time and which table answered.

    Attributes:
        table: the table asked.
        bucket_s: bucket width in seconds.
        times: start of each bucket, seconds since the epoch, regular.
    """

    table: str
    bucket_s: int
    times: Seconds


@dataclass(frozen=True)
class Band:
    """Average, minimum and maximum per bucket; NaN where nothing was measured."""

    avg: Floats
    min: Floats
    max: Floats


@dataclass(frozen=True)
class ProbeSeries:
    """Results of one target.

    Attributes:
        grid: the buckets.
        rtt_ms: round-trip time; NaN where nothing answered.
        jitter_ms: mean jitter.
        loss_ratio: lost ÷ sent requests, 0 to 1; NaN where nothing is known about the target.
        phases_ms: mean dns, connect, tls and first_byte times.
        runs: probe runs per bucket (0 in a gap).
        runs_failed: those of them that failed.
        runs_unknown: those in which the probe point itself could not measure.
    """

    grid: Grid
    rtt_ms: Band
    jitter_ms: Floats
    loss_ratio: Floats
    phases_ms: Mapping[str, Floats]
    runs: Floats
    runs_failed: Floats
    runs_unknown: Floats


@dataclass(frozen=True)
class InterfaceSeries:
    """Traffic of one interface; rates are over the seconds that were really measured.

    Attributes:
        grid: the buckets.
        in_bps: received bit/s; average over the bucket, smallest and largest sample.
        out_bps: sent bit/s.
        per_second: packets, errors and discards per second, by column name ("in_errors", ...).
        up_ratio: share of samples with ifOperStatus up.
        speed_mbps: largest interface speed reported, Mbit/s.
    """

    grid: Grid
    in_bps: Band
    out_bps: Band
    per_second: Mapping[str, Floats]
    up_ratio: Floats
    speed_mbps: Floats


@dataclass(frozen=True)
class DeviceSeries:
    """Health of one device: percent and degrees Celsius; uptime in seconds."""

    grid: Grid
    cpu_percent: Band
    memory_percent: Band
    temperature_c: Band
    uptime_s: Floats


@dataclass(frozen=True)
class SumSeries:
    """Traffic summed over several interfaces.

    Attributes:
        grid: the buckets.
        in_bps: sum of the interfaces' average rates; NaN when none was measured.
        out_bps: likewise.
        measured: how many of the interfaces the sum holds, per bucket: fewer than ``interfaces``
            means that the sum is too small.
        interfaces: how many were asked for.
    """

    grid: Grid
    in_bps: Floats
    out_bps: Floats
    measured: Floats
    interfaces: int


@dataclass(frozen=True)
class Percentile:
    """95th percentile of five-minute averages, the field's measure for billing and upgrades.

    Attributes:
        in_bps: received bit/s; NaN without data.
        out_bps: sent bit/s; NaN without data.
        buckets: five-minute averages that exist.
        expected: five-minute buckets in the period; what is missing is not in the percentile.
    """

    in_bps: float
    out_bps: float
    buckets: int
    expected: int


@dataclass(frozen=True)
class InterfaceRate:
    """The newest valid sample of an interface; ``ts`` in seconds since the epoch."""

    ts: float
    in_bps: float
    out_bps: float
    speed_mbps: int
    oper_up: bool


@dataclass(frozen=True)
class LatestProbe:
    """The newest result of a target; ``ts`` in seconds since the epoch."""

    ts: float
    outcome: int
    sent: int
    received: int
    rtt_ms: float | None
    jitter_ms: float | None
    reason: str


@dataclass(frozen=True)
class TargetQuality:
    """One row of the ranking of worst targets.

    Attributes:
        target_id: the target.
        loss_ratio: lost ÷ sent requests, 0 to 1.
        rtt_ms: mean round-trip time; None when nothing answered.
        runs: probe runs that say something about the target.
        runs_failed: those that failed.
    """

    target_id: int
    loss_ratio: float
    rtt_ms: float | None
    runs: int
    runs_failed: int


@dataclass(frozen=True)
class Plan:
    """Which table to ask and on what grid."""

    family: Family
    rollup: Rollup | None
    bucket_s: int
    first: int
    end: int

    @property
    def table(self) -> str:
        """The table's name."""
        return self.family.name + (self.rollup.suffix if self.rollup else "")

    def place(self, bucket: object) -> int:
        """Index on the grid of a bucket's start."""
        return (int(str(bucket)) - self.first) // self.bucket_s

    @property
    def grid(self) -> Grid:
        """The buckets."""
        return Grid(self.table, self.bucket_s, np.arange(self.first, self.end, self.bucket_s))

    def select(self, *measures: str) -> str:
        """Merging SELECT expressions of measures, named ``m_<measure>``; NaN for NULL."""
        raw = self.rollup is None
        return ", ".join(
            f"toFloat64(ifNull({self.family.measure(m).over(raw=raw)}, nan)) AS m_{m}"
            for m in measures
        )

    def parameters(self) -> dict[str, object]:
        """What ``BUCKET`` and ``PERIOD`` are bound to."""
        return {"bucket": self.bucket_s, "first": _utc(self.first), "end": _utc(self.end)}

    def totals(self, measure: str) -> str:
        """The merged sum of one measure."""
        return self.family.measure(measure).over(raw=self.rollup is None)


BUCKET = "intDiv(toUnixTimestamp(ts), {bucket:UInt32}) * {bucket:UInt32} AS bucket"
PERIOD = "ts >= {first:DateTime64(3, 'UTC')} AND ts < {end:DateTime64(3, 'UTC')}"


def plan_for(
    family: Family, start: datetime, end: datetime, max_points: int, *, raw: bool = False
) -> Plan:
    """Which table of a family answers, on what grid; its raw table when only that can.

    Raises:
        ValueError: the period ends before it starts.
    """
    wanted = replace(family, rollups=(), _by_name={}) if raw else family
    return _plan(wanted, start, end, max_points, 1.0)


def plan_at(family: Family, seconds: int, start: datetime, end: datetime) -> Plan:
    """The rollup of so many seconds, and the period widened to its buckets."""
    rollup = next(rollup for rollup in family.rollups if rollup.seconds == seconds)
    first = math.floor(start.timestamp() / seconds) * seconds
    last = math.ceil(end.timestamp() / seconds) * seconds
    return Plan(family, rollup, seconds, first, last)


def ask_rows(client: Client, sql: str, parameters: Mapping[str, object]) -> list[Sequence[object]]:
    """Rows of a small answer.

    Raises:
        TelemetryUnavailableError: the store does not answer.
    """
    answer = guarded(lambda: client.query(sql, parameters=dict(parameters)))
    return list(answer.result_rows)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _plan(
    family: Family,
    start: datetime,
    end: datetime,
    max_points: int,
    interval_s: float,
    now: float | None = None,
) -> Plan:
    first, last = start.timestamp(), end.timestamp()
    if not first < last:
        raise ValueError("the period must end after it starts")
    points = max(1, min(max_points, MAX_POINTS))
    step = max((last - first) / points, 1.5 * interval_s)
    age_days = ((time.time() if now is None else now) - first) / _DAY
    rollup = _coarsest(family, step, age_days)
    bucket = _bucket(rollup, step)
    return Plan(
        family=family,
        rollup=rollup,
        bucket_s=bucket,
        first=math.floor(first / bucket) * bucket,
        end=math.ceil(last / bucket) * bucket,
    )


def _coarsest(family: Family, step: float, age_days: float) -> Rollup | None:
    """The coarsest rollup no coarser than a step; a coarser one only if the finer have expired."""
    # An extract has no raw table: its finest rollup is what there is.
    fitting: Rollup | None = family.rollups[0] if isinstance(family, Extract) else None
    kept = age_days <= family.ttl_days
    for rollup in family.rollups:
        if rollup.seconds <= step or not kept:
            fitting = rollup
            kept = age_days <= rollup.ttl_days
    return fitting


def _bucket(rollup: Rollup | None, step: float) -> int:
    if rollup:
        return math.ceil(step / rollup.seconds) * rollup.seconds
    coarse = math.ceil(step / _FINE_STEPS[-1]) * _FINE_STEPS[-1]
    return next((fine for fine in _FINE_STEPS if fine >= step), coarse)


def _ask(client: Client, sql: str, parameters: Mapping[str, object]) -> pa.Table:
    table: pa.Table = guarded(lambda: client.query_arrow(sql, parameters=dict(parameters)))
    return table


@dataclass
class _Columns:
    """Measures of a plan laid on its grid; NaN where the store has no bucket."""

    plan: Plan
    answer: pa.Table
    _index: Seconds = field(init=False)

    def __post_init__(self) -> None:
        buckets = _numpy(self.answer["bucket"]).astype(np.int64)
        self._index = (buckets - self.plan.first) // self.plan.bucket_s

    def __getitem__(self, name: str) -> Floats:
        values = np.full((self.plan.end - self.plan.first) // self.plan.bucket_s, np.nan)
        values[self._index] = _numpy(self.answer[f"m_{name}"])
        return values

    def mean(self, name: str) -> Floats:
        return _ratio(self[f"{name}_sum"], self[f"{name}_count"])

    def band(self, name: str) -> Band:
        return Band(self.mean(name), self[f"{name}_min"], self[f"{name}_max"])

    def rate(self, name: str, factor: float = 1.0) -> Floats:
        return _ratio(self[f"{name}_total"] * factor, self["seconds_total"])


def _numpy(column: pa.ChunkedArray) -> npt.NDArray[np.generic]:
    """A column without NULL; ``to_numpy`` would import pandas, see ``telemetry.columns``."""
    if not column.num_chunks:  # to combine nothing would import pandas, too
        return np.empty(0)
    array: npt.NDArray[np.generic] = np.from_dlpack(column.combine_chunks())
    return array


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient, NaN where nothing was measured."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


def _series(
    client: Client, plan: Plan, keys: Mapping[str, int], measures: Sequence[str]
) -> _Columns:
    where = " AND ".join(f"{name} = {{{name}:UInt32}}" for name in keys)
    sql = (
        f"SELECT {BUCKET}, {plan.select(*measures)} FROM {plan.table}"
        f" WHERE {where} AND {PERIOD} GROUP BY bucket ORDER BY bucket"
    )
    return _Columns(plan, _ask(client, sql, {**plan.parameters(), **keys}))


_PHASES = ("dns", "connect", "tls", "first_byte")


def probe_series(
    client: Client,
    target_id: int,
    start: datetime,
    end: datetime,
    max_points: int = 600,
    interval_s: float = DEFAULT_INTERVAL_S,
) -> ProbeSeries:
    """Round-trip time, jitter, loss and phases of one target.

    Args:
        client: the store.
        target_id: the target.
        start: begin of the period, with a time zone.
        end: its end, exclusive.
        max_points: buckets at most (one more at the edges).
        interval_s: seconds between two probe runs.
    """
    plan = _plan(PROBE_RESULT, start, end, max_points, interval_s)
    measures = [m.name for m in PROBE_RESULT.measures]
    columns = _series(client, plan, {"target_id": target_id}, measures)
    return ProbeSeries(
        grid=plan.grid,
        rtt_ms=columns.band("rtt"),
        jitter_ms=columns.mean("jitter"),
        loss_ratio=1 - _ratio(columns["received_total"], columns["sent_total"]),
        phases_ms={phase: columns.mean(phase) for phase in _PHASES},
        runs=np.nan_to_num(columns["samples"]),
        runs_failed=np.nan_to_num(columns["runs_failed"]),
        runs_unknown=np.nan_to_num(columns["runs_unknown"]),
    )


_PER_SECOND = (
    "in_packets",
    "out_packets",
    "in_errors",
    "out_errors",
    "in_discards",
    "out_discards",
)


def interface_series(
    client: Client,
    device_id: int,
    if_index: int,
    start: datetime,
    end: datetime,
    max_points: int = 600,
    interval_s: float = DEFAULT_INTERVAL_S,
) -> InterfaceSeries:
    """Traffic, errors and state of one interface; arguments as in :func:`probe_series`."""
    plan = _plan(INTERFACE_SAMPLE, start, end, max_points, interval_s)
    measures = [m.name for m in INTERFACE_SAMPLE.measures]
    columns = _series(client, plan, {"device_id": device_id, "if_index": if_index}, measures)
    return InterfaceSeries(
        grid=plan.grid,
        in_bps=Band(columns.rate("in_octets", 8), columns["in_bps_min"], columns["in_bps_max"]),
        out_bps=Band(columns.rate("out_octets", 8), columns["out_bps_min"], columns["out_bps_max"]),
        per_second={name: columns.rate(name) for name in _PER_SECOND},
        up_ratio=_ratio(columns["samples_up"], columns["samples"]),
        speed_mbps=columns["speed_mbps_max"],
    )


def device_series(
    client: Client,
    device_id: int,
    start: datetime,
    end: datetime,
    max_points: int = 600,
    interval_s: float = DEFAULT_INTERVAL_S,
) -> DeviceSeries:
    """Processor, memory and temperature of one device; arguments as in :func:`probe_series`."""
    plan = _plan(DEVICE_SAMPLE, start, end, max_points, interval_s)
    measures = [m.name for m in DEVICE_SAMPLE.measures]
    columns = _series(client, plan, {"device_id": device_id}, measures)
    return DeviceSeries(
        grid=plan.grid,
        cpu_percent=columns.band("cpu"),
        memory_percent=columns.band("memory"),
        temperature_c=columns.band("temperature"),
        uptime_s=columns["uptime_s_max"],
    )


@dataclass(frozen=True)
class Matrix:
    """Measures of many objects on one grid.

    Attributes:
        grid: the buckets.
        rows: which row belongs to which object: a target's or device's id, or an interface.
        columns: by measure: objects in rows, buckets in columns; NaN for nothing measured.
    """

    grid: Grid
    rows: Mapping[tuple[int, ...], int]
    columns: Mapping[str, npt.NDArray[np.float64]]

    def mean(self, name: str) -> Floats:
        """Mean of what was measured."""
        return _ratio(self.columns[f"{name}_sum"], self.columns[f"{name}_count"])

    def rate(self, name: str, factor: float = 1.0) -> Floats:
        """A counter's rate per second over the seconds that were measured."""
        return _ratio(self.columns[f"{name}_total"] * factor, self.columns["seconds_total"])


def matrix(
    client: Client,
    family: Family,
    measures: Sequence[str],
    ids: Sequence[int],
    start: datetime,
    end: datetime,
    bucket_s: int,
) -> Matrix:
    """Measures of many objects at once, for rules.

    Args:
        client: the store.
        family: whose measures.
        measures: their names.
        ids: of the targets or devices (all interfaces of these), ``MAX_OBJECTS`` at most.
        start: begin of the period, with a time zone; widened to whole buckets.
        end: its end, exclusive.
        bucket_s: width of a bucket; ``MAX_POINTS`` buckets at most.
    """
    if len(ids) > MAX_OBJECTS:
        raise ValueError(f"{len(ids)} objects asked for, at most {MAX_OBJECTS}")
    age_days = (time.time() - start.timestamp()) / _DAY
    first = math.floor(start.timestamp() / bucket_s) * bucket_s
    last = math.ceil(end.timestamp() / bucket_s) * bucket_s
    if (last - first) // bucket_s > MAX_POINTS:
        raise ValueError(f"more than {MAX_POINTS} buckets asked for")
    plan = Plan(family, _coarsest(family, bucket_s, age_days), bucket_s, first, last)
    keys = ", ".join(family.key_names)
    sql = (
        f"SELECT {keys}, {BUCKET}, {plan.select(*measures)} FROM {plan.table}"
        f" WHERE {family.key_names[0]} IN {{ids:Array(UInt32)}} AND {PERIOD}"
        f" GROUP BY {keys}, bucket"
    )
    answer = _ask(client, sql, {**plan.parameters(), "ids": sorted(set(ids))})
    found = np.array([_numpy(answer[name]).astype(np.int64) for name in family.key_names])
    objects, row = np.unique(found, axis=1, return_inverse=True)
    column = (_numpy(answer["bucket"]).astype(np.int64) - first) // bucket_s
    shape = (objects.shape[1], (last - first) // bucket_s)
    columns = {name: np.full(shape, np.nan) for name in measures}
    for name, values in columns.items():
        values[row.ravel(), column] = _numpy(answer[f"m_{name}"])
    return Matrix(plan.grid, {tuple(k): n for n, k in enumerate(objects.T.tolist())}, columns)


_THESE_INTERFACES = (
    "device_id IN {devices:Array(UInt32)}"
    " AND (device_id, if_index) IN {interfaces:Array(Tuple(UInt32, UInt32))}"
)


def _interface_parameters(interfaces: Sequence[Interface]) -> dict[str, object]:
    if len(interfaces) > MAX_OBJECTS:
        raise ValueError(f"{len(interfaces)} interfaces asked for, at most {MAX_OBJECTS}")
    devices = sorted({device_id for device_id, _ in interfaces})
    return {"devices": devices, "interfaces": [tuple(pair) for pair in interfaces]}


def interface_sum_series(
    client: Client,
    interfaces: Sequence[Interface],
    start: datetime,
    end: datetime,
    max_points: int = 600,
    interval_s: float = DEFAULT_INTERVAL_S,
) -> SumSeries:
    """Traffic summed over interfaces, e.g. the egress; arguments as in :func:`probe_series`."""
    plan = _plan(INTERFACE_SAMPLE, start, end, max_points, interval_s)
    totals = plan.select("in_octets_total", "out_octets_total", "seconds_total")
    sql = (
        "SELECT bucket, sum(m_in_octets_total * 8 / m_seconds_total) AS m_in,"
        " sum(m_out_octets_total * 8 / m_seconds_total) AS m_out, count() AS m_measured"
        f" FROM (SELECT {BUCKET}, {totals} FROM {plan.table}"
        f" WHERE {_THESE_INTERFACES} AND {PERIOD}"
        " GROUP BY bucket, device_id, if_index HAVING m_seconds_total > 0)"
        " GROUP BY bucket ORDER BY bucket"
    )
    parameters = plan.parameters() | _interface_parameters(interfaces)
    columns = _Columns(plan, _ask(client, sql, parameters))
    return SumSeries(
        grid=plan.grid,
        in_bps=columns["in"],
        out_bps=columns["out"],
        measured=np.nan_to_num(columns["measured"]),
        interfaces=len(interfaces),
    )


def percentile_95(
    client: Client, device_id: int, if_index: int, start: datetime, end: datetime
) -> Percentile:
    """95th percentile of an interface's five-minute averages.

    The smallest average that at least 95 % of all averages do not exceed (nearest rank), as
    carriers bill it. ``start`` and ``end`` are widened to whole five minutes.
    """
    plan = plan_at(INTERFACE_SAMPLE, 300, start, end)
    measures = ("in_octets_total", "out_octets_total", "seconds_total")
    columns = _series(client, plan, {"device_id": device_id, "if_index": if_index}, measures)
    in_bps, out_bps = columns.rate("in_octets", 8), columns.rate("out_octets", 8)
    return Percentile(
        in_bps=nearest_rank_95(in_bps),
        out_bps=nearest_rank_95(out_bps),
        buckets=int(np.count_nonzero(~np.isnan(in_bps))),
        expected=len(in_bps),
    )


def nearest_rank_95(values: Floats) -> float:
    """The smallest value that at least 95 % do not exceed; NaN are left out, and of none."""
    present = values[~np.isnan(values)]
    if not len(present):
        return math.nan
    return float(np.percentile(present, 95, method="inverted_cdf"))


def latest_interface_rates(
    client: Client,
    interfaces: Sequence[Interface],
    within_s: float = 900,
    now: float | None = None,
) -> dict[Interface, InterfaceRate]:
    """The newest valid sample of each interface; one that has none in ``within_s`` is left out."""
    if not interfaces:
        return {}
    sql = (
        "SELECT device_id, if_index, toUnixTimestamp64Milli(max(ts)) AS at,"
        " argMax(in_octets * 8 / seconds, ts) AS in_bps,"
        " argMax(out_octets * 8 / seconds, ts) AS out_bps,"
        " argMax(speed_mbps, ts) AS speed, argMax(oper_up, ts) AS up"
        f" FROM interface_sample WHERE {_THESE_INTERFACES} AND seconds > 0 AND {PERIOD}"
        " GROUP BY device_id, if_index"
    )
    answer = _ask(client, sql, _recent(within_s, now) | _interface_parameters(interfaces))
    return {
        (int(row["device_id"]), int(row["if_index"])): InterfaceRate(
            ts=row["at"] / 1000,
            in_bps=float(row["in_bps"]),
            out_bps=float(row["out_bps"]),
            speed_mbps=int(row["speed"]),
            oper_up=bool(row["up"]),
        )
        for row in answer.to_pylist()
    }


def _recent(within_s: float, now: float | None) -> dict[str, object]:
    until = time.time() if now is None else now
    return {"first": _utc(until - within_s), "end": _utc(until + 60)}


def latest_probe(
    client: Client, target_ids: Sequence[int], within_s: float = 900, now: float | None = None
) -> dict[int, LatestProbe]:
    """The newest result of each target; one that has none in ``within_s`` is left out."""
    if len(target_ids) > MAX_OBJECTS:
        raise ValueError(f"{len(target_ids)} targets asked for, at most {MAX_OBJECTS}")
    if not target_ids:
        return {}
    columns = ("outcome", "sent", "received", "rtt_ms", "jitter_ms", "reason")
    # In a tuple, because argMax alone skips NULL and would show an older round-trip time.
    latest = f"argMax(tuple({', '.join(columns)}), ts) AS latest"
    picked = ", ".join(f"tupleElement(latest, {n}) AS {c}" for n, c in enumerate(columns, 1))
    sql = (
        f"SELECT target_id, at, {picked}"
        f" FROM (SELECT target_id, toUnixTimestamp64Milli(max(ts)) AS at, {latest}"
        f" FROM probe_result WHERE target_id IN {{targets:Array(UInt32)}} AND {PERIOD}"
        " GROUP BY target_id)"
    )
    parameters = _recent(within_s, now) | {"targets": sorted(set(target_ids))}
    answer = _ask(client, sql, parameters)
    return {
        int(row["target_id"]): LatestProbe(
            ts=row["at"] / 1000,
            outcome=int(row["outcome"]),
            sent=int(row["sent"]),
            received=int(row["received"]),
            rtt_ms=row["rtt_ms"],
            jitter_ms=row["jitter_ms"],
            reason=str(row["reason"]),
        )
        for row in answer.to_pylist()
    }


def worst_targets(
    client: Client, start: datetime, end: datetime, limit: int = 10
) -> list[TargetQuality]:
    """Targets by loss, then by mean round-trip time; those only unknown are left out."""
    plan = _plan(PROBE_RESULT, start, end, 60, DEFAULT_INTERVAL_S)
    measures = (
        "sent_total",
        "received_total",
        "rtt_sum",
        "rtt_count",
        "samples",
        "runs_unknown",
        "runs_failed",
    )
    sql = (
        f"SELECT target_id, 1 - m_received_total / m_sent_total AS loss,"
        " if(m_rtt_count > 0, m_rtt_sum / m_rtt_count, NULL) AS rtt,"
        " m_samples - m_runs_unknown AS runs, m_runs_failed AS failed"
        f" FROM (SELECT target_id, {plan.select(*measures)} FROM {plan.table}"
        f" WHERE {PERIOD} GROUP BY target_id HAVING m_sent_total > 0)"
        " ORDER BY loss DESC, rtt DESC NULLS LAST, target_id LIMIT {limit:UInt32}"
    )
    parameters = plan.parameters() | {"limit": min(limit, MAX_OBJECTS)}
    del parameters["bucket"]
    return [
        TargetQuality(
            target_id=int(row["target_id"]),
            loss_ratio=float(row["loss"]),
            rtt_ms=row["rtt"],
            runs=int(row["runs"]),
            runs_failed=int(row["failed"]),
        )
        for row in _ask(client, sql, parameters).to_pylist()
    ]


def raw_probes(
    client: Client, target_id: int, start: datetime, end: datetime, limit: int = 1000
) -> pa.Table:
    """Raw results of one target, newest first, with the columns of ``probe_result``."""
    return _raw(client, PROBE_RESULT, {"target_id": target_id}, start, end, limit)


def raw_interface(
    client: Client,
    device_id: int,
    if_index: int,
    start: datetime,
    end: datetime,
    limit: int = 1000,
) -> pa.Table:
    """Raw samples of one interface, newest first, with the columns of ``interface_sample``."""
    keys = {"device_id": device_id, "if_index": if_index}
    return _raw(client, INTERFACE_SAMPLE, keys, start, end, limit)


def _raw(
    client: Client,
    family: Family,
    keys: Mapping[str, int],
    start: datetime,
    end: datetime,
    limit: int,
) -> pa.Table:
    columns = ", ".join(column.name for column in family.columns)
    where = " AND ".join(f"{name} = {{{name}:UInt32}}" for name in keys)
    sql = (
        f"SELECT {columns} FROM {family.name} WHERE {where} AND {PERIOD}"
        " ORDER BY ts DESC LIMIT {limit:UInt32}"
    )
    period = {"first": start, "end": end, "limit": min(limit, MAX_RAW_ROWS)}
    return _ask(client, sql, {**period, **keys})
