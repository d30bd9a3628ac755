# ruff: noqa: S608 -- table and column names come from the schema; every value is bound
"""Questions about flows: totals and series by up to three dimensions, hosts, interfaces.

Octets are those of the flow records times their sampling rate. Each question reads the coarsest
table that has its dimensions and answers: rollups for what the ledger knows, the raw table for
ports, protocols' details and the other end's addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from clickhouse_connect.driver.client import Client

from govnet.telemetry.queries import BUCKET, MAX_POINTS, PERIOD, Floats, Grid, ask_rows, plan_for
from govnet.telemetry.schema import FLOW, FLOW_HOST, FLOW_INTERFACE, Family

DIMENSIONS: Final = tuple(key.name for key in FLOW.rolled_keys())
"""Columns that every resolution has."""

RAW_DIMENSIONS: Final = (
    *(key.name for key in FLOW.keys if key.name not in DIMENSIONS),
    "src", "dst", "src_port", "dst_port", "src_as", "dst_as", "country", "tos",
)  # fmt: skip
"""Columns that the raw rows alone have, for as long as those are kept."""

MAX_DIMENSIONS: Final = 3
MAX_GROUPS: Final = 2_000


@dataclass(frozen=True)
class FlowTotal:
    """Traffic of one group over a period.

    Attributes:
        key: a value for each dimension asked for; addresses as text.
        octets: scaled by sampling.
        packets: likewise.
        flows: records.
    """

    key: tuple[object, ...]
    octets: int
    packets: int
    flows: int


@dataclass(frozen=True)
class FlowSeries:
    """Traffic over time.

    Attributes:
        grid: the buckets.
        bps: bit/s of each group, by its key; 0 where nothing passed.
        other_bps: of all groups that are not among them.
    """

    grid: Grid
    bps: Mapping[tuple[object, ...], Floats]
    other_bps: Floats


@dataclass(frozen=True)
class InterfaceOctets:
    """What flows say passed an exporter's interface."""

    exporter_id: int
    if_index: int
    in_octets: int
    out_octets: int


Where = Mapping[str, Sequence[int]]
"""Values that a column may have; all columns must fit."""


def flow_totals(
    client: Client,
    by: Sequence[str],
    start: datetime,
    end: datetime,
    where: Where | None = None,
    limit: int = 20,
) -> list[FlowTotal]:
    """The largest groups of a period, by octets.

    Args:
        client: the store.
        by: up to three of ``DIMENSIONS`` and ``RAW_DIMENSIONS``.
        start: begin of the period, with a time zone; widened to whole buckets.
        end: its end, exclusive.
        where: filters.
        limit: groups at most.
    """
    where = where or {}
    family, raw = _family(by, where)
    plan = plan_for(family, start, end, 200, raw=raw)
    sql = (
        f"SELECT {', '.join(_shown(name) for name in by)}, {plan.totals('octets')} AS o,"
        f" {plan.totals('packets_total')} AS p, {plan.totals('flows')} AS f"
        f" FROM {plan.table} WHERE {_filters(where)} AND {PERIOD}"
        f" GROUP BY {', '.join(by)} ORDER BY o DESC LIMIT {{limit:UInt32}}"
    )
    parameters = {**plan.parameters(), **_bound(where), "limit": min(limit, MAX_GROUPS)}
    rows = ask_rows(client, sql, parameters)
    return [FlowTotal(tuple(row[:-3]), *(int(str(value)) for value in row[-3:])) for row in rows]


def flow_series(
    client: Client,
    by: Sequence[str],
    start: datetime,
    end: datetime,
    where: Where | None = None,
    *,
    groups: int = 10,
    max_points: int = 300,
) -> FlowSeries:
    """The largest groups of a period over time; arguments as of :func:`flow_totals`."""
    where = where or {}
    largest = flow_totals(client, by, start, end, where, groups) if by else []
    family, raw = _family(by, where)
    plan = plan_for(family, start, end, min(max_points, MAX_POINTS), raw=raw)
    shown = ", ".join(_shown(name) for name in by)
    sql = (
        f"SELECT {BUCKET}, {shown + ', ' if shown else ''}{plan.totals('octets')} AS o"
        f" FROM {plan.table} WHERE {_filters(where)} AND {PERIOD}"
        f" GROUP BY {', '.join(('bucket', *by))}"
    )
    keys = [total.key for total in largest]
    bps = {key: np.zeros(len(plan.grid.times)) for key in keys}
    other = np.zeros(len(plan.grid.times))
    for bucket, *rest in ask_rows(client, sql, {**plan.parameters(), **_bound(where)}):
        place = (int(str(bucket)) - plan.first) // plan.bucket_s
        series = bps.get(tuple(rest[:-1]), other)
        series[place] += int(str(rest[-1])) * 8 / plan.bucket_s
    return FlowSeries(plan.grid, bps, other)


def flow_hosts(
    client: Client,
    start: datetime,
    end: datetime,
    unit_ids: Sequence[int] | None = None,
    limit: int = 20,
) -> list[FlowTotal]:
    """The network's own addresses that moved most; keys are address, unit and direction.

    ``::`` is everything that was not among the largest of its insert.
    """
    plan = plan_for(FLOW_HOST, start, end, 200)
    where: Where = {} if unit_ids is None else {"unit_id": unit_ids}
    sql = (
        "SELECT toString(host), unit_id, direction, sum(octets) AS o, sum(packets_total) AS p,"
        f" sum(flows) AS f FROM {plan.table} WHERE {_filters(where)} AND {PERIOD}"
        " GROUP BY host, unit_id, direction ORDER BY o DESC LIMIT {limit:UInt32}"
    )
    parameters = {**plan.parameters(), **_bound(where), "limit": min(limit, MAX_GROUPS)}
    rows = ask_rows(client, sql, parameters)
    return [FlowTotal(tuple(row[:-3]), *(int(str(value)) for value in row[-3:])) for row in rows]


def flow_interfaces(client: Client, start: datetime, end: datetime) -> list[InterfaceOctets]:
    """Octets into and out of every exporter's interfaces, to compare with SNMP's counters."""
    plan = plan_for(FLOW_INTERFACE, start, end, 200)
    sql = (
        "SELECT exporter_id, interface, sum(i) AS into, sum(o) AS out FROM ("
        f" SELECT exporter_id, in_if AS interface, octets AS i, toUInt64(0) AS o FROM {plan.table}"
        f" WHERE {PERIOD} UNION ALL SELECT exporter_id, out_if, toUInt64(0), octets"
        f" FROM {plan.table} WHERE {PERIOD})"
        " WHERE exporter_id > 0 AND interface > 0 GROUP BY exporter_id, interface"
        " ORDER BY exporter_id, interface LIMIT 10000"
    )
    return [
        InterfaceOctets(*(int(str(value)) for value in row))
        for row in ask_rows(client, sql, plan.parameters())
    ]


def _family(by: Sequence[str], where: Where) -> tuple[Family, bool]:
    """Where the columns are, and whether only its raw table has them.

    Raises:
        ValueError: too many dimensions, or one that does not exist.
    """
    asked = {*by, *where}
    unknown = asked - {*DIMENSIONS, *RAW_DIMENSIONS}
    if unknown or len(by) > MAX_DIMENSIONS:
        raise ValueError(f"flows cannot be asked by {', '.join(map(str, sorted(unknown or by)))}")
    return FLOW, not asked <= {*DIMENSIONS}


def _shown(name: str) -> str:
    return f"toString({name})" if name in {"src", "dst"} else name


def _filters(where: Where) -> str:
    return " AND ".join(f"{name} IN {{w_{name}:Array(UInt64)}}" for name in where) or "1"


def _bound(where: Where) -> dict[str, object]:
    return {f"w_{name}": [int(value) for value in values] for name, values in where.items()}
