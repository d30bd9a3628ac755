# ruff: noqa: S608 -- table and column names come from the schema; every value is bound
"""Questions about flows: totals and series by up to three dimensions, hosts, interfaces.

Octets are those of the flow records times their sampling rate. Each question reads the coarsest
table that has its dimensions and answers: rollups for what the ledger knows, the raw table for
ports, protocols' details and the other end's addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from govnet.telemetry.queries import (
    BUCKET,
    MAX_POINTS,
    PERIOD,
    Floats,
    Grid,
    Matrix,
    Plan,
    ask_rows,
    matrix,
    nearest_rank_95,
    plan_at,
    plan_for,
)
from govnet.telemetry.schema import (
    FLOW,
    FLOW_HOST,
    FLOW_INTERFACE,
    INTERFACE_SAMPLE,
    INWARD,
    OUTWARD,
    TRANSIT,
)

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

DIMENSIONS: Final = tuple(key.name for key in FLOW.rolled_keys())
"""Columns that every resolution has."""

RAW_DIMENSIONS: Final = (
    *(key.name for key in FLOW.keys if key.name not in DIMENSIONS),
    "src", "dst", "src_port", "dst_port", "src_as", "dst_as", "country", "tos",
)  # fmt: skip
"""Columns that the raw rows alone have, for as long as those are kept."""

MAX_DIMENSIONS: Final = 3
FINEST_S: Final = 60
"""No finer than exporters tell of a flow that goes on: what lies between would look like gaps."""

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
    """Traffic over time, per second: bits, packets or flows.

    Attributes:
        grid: the buckets.
        rates: of each group, by its key, the largest first; 0 where nothing of it passed, NaN
            where no flow of any kind came, from any exporter: nothing is known then.
        other: of all groups that are not among them.
    """

    grid: Grid
    rates: Mapping[tuple[object, ...], Floats]
    other: Floats

    @property
    def total(self) -> Floats:
        """Of all groups."""
        return sum(self.rates.values(), self.other)


@dataclass(frozen=True)
class Octets:
    """Octets of IP packets in one direction of an interface.

    Attributes:
        flows: told by flows, scaled by sampling.
        counted: by the interface's counters over SNMP; None where these were not polled.
    """

    flows: float
    counted: float | None


@dataclass(frozen=True)
class InterfaceCheck:
    """What passed one interface of an exporter, told twice."""

    exporter_id: int
    if_index: int
    into: Octets
    out: Octets


@dataclass(frozen=True)
class UnknownAddress:
    """A private address in use that no address block holds.

    Attributes:
        address: as text.
        first: its first flow of the period, seconds since the epoch.
        last: its last one.
        octets: in both directions.
        flows: records.
        exporter_id: who told of it.
    """

    address: str
    first: int
    last: int
    octets: int
    flows: int
    exporter_id: int


Network: TypeAlias = IPv4Network | IPv6Network
Amount: TypeAlias = Literal["octets", "packets_total", "flows"]
Values: TypeAlias = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Where:
    """Which flows a question is about; all conditions must hold.

    Attributes:
        values: what columns may be.
        network: one end of the flow lies in it.
    """

    values: Values = field(default_factory=dict)
    network: Network | None = None

    @property
    def columns(self) -> set[str]:
        """The columns that it reads."""
        return {*self.values, *(("src", "dst") if self.network else ())}

    @property
    def sql(self) -> str:
        """The condition."""
        terms = [f"{name} IN {{w_{name}:Array(UInt64)}}" for name in self.values]
        if self.network:
            within = "BETWEEN {w_low:IPv6} AND {w_high:IPv6}"
            terms.append(f"(src {within} OR dst {within})")
        return " AND ".join(terms) or "1"

    @property
    def parameters(self) -> dict[str, object]:
        """Its values."""
        bound: dict[str, object] = {
            f"w_{name}": [int(value) for value in values] for name, values in self.values.items()
        }
        if self.network:
            bound["w_low"], bound["w_high"] = _ends(self.network)
        return bound


ANY: Final = Where()
_MAPPED: Final = int(IPv6Address("::ffff:0:0"))
_POINTS: Final = 300
_PRIVATE: Final = (
    ("::ffff:10.0.0.0", "::ffff:10.255.255.255"),
    ("::ffff:100.64.0.0", "::ffff:100.127.255.255"),
    ("::ffff:172.16.0.0", "::ffff:172.31.255.255"),
    ("::ffff:192.168.0.0", "::ffff:192.168.255.255"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
)
"""RFC 1918, 6598 and 4193: nobody else's on this network."""


def flow_totals(
    client: Client,
    by: Sequence[str],
    start: datetime,
    end: datetime,
    where: Where = ANY,
    limit: int = 20,
    *,
    amount: Amount = "octets",
    max_points: int = _POINTS,
) -> list[FlowTotal]:
    """The largest groups of a period.

    Args:
        client: the store.
        by: up to three of ``DIMENSIONS`` and ``RAW_DIMENSIONS``; none: one total.
        start: begin of the period, with a time zone; widened to whole buckets.
        end: its end, exclusive.
        where: filters.
        limit: groups at most.
        amount: by which they are ranked.
        max_points: of the series whose sums these are.
    """
    plan = _plan(by, start, end, where, max_points)
    grouped = f" GROUP BY {', '.join(by)} ORDER BY {amount}_ DESC, {', '.join(by)}" if by else ""
    sql = (
        f"SELECT {''.join(f'{_shown(name)}, ' for name in by)}"
        f"{plan.totals('octets')} AS octets_, {plan.totals('packets_total')} AS packets_total_,"
        f" {plan.totals('flows')} AS flows_"
        f" FROM {plan.table} WHERE {where.sql} AND {PERIOD}{grouped} LIMIT {{limit:UInt32}}"
    )
    parameters = {**plan.parameters(), **where.parameters, "limit": min(limit, MAX_GROUPS)}
    rows = ask_rows(client, sql, parameters)
    return [FlowTotal(tuple(row[:-3]), *(int(str(value)) for value in row[-3:])) for row in rows]


def flow_series(
    client: Client,
    by: Sequence[str],
    start: datetime,
    end: datetime,
    where: Where = ANY,
    *,
    groups: int = 10,
    amount: Amount = "octets",
    max_points: int = _POINTS,
) -> FlowSeries:
    """The largest groups of a period over time; arguments as of :func:`flow_totals`."""
    plan = _plan(by, start, end, where, min(max_points, MAX_POINTS))
    return _series(client, plan, by, where, groups, amount)


def _series(
    client: Client, plan: Plan, by: Sequence[str], where: Where, groups: int, amount: Amount
) -> FlowSeries:
    per_second = (8 if amount == "octets" else 1) / plan.bucket_s
    total = plan.totals(amount)
    chosen = f"FROM {plan.table} WHERE {where.sql} AND {PERIOD}"
    parameters = {**plan.parameters(), **where.parameters, "groups": groups}
    nothing = np.where(_heard(client, plan), 0.0, np.nan)
    other, rates = nothing.copy(), dict[tuple[object, ...], Floats]()
    sql = f"SELECT {BUCKET}, {total} {chosen} GROUP BY bucket"
    for bucket, value in ask_rows(client, sql, parameters):
        other[plan.place(bucket)] += int(str(value)) * per_second
    if by:
        names, shown = ", ".join(by), ", ".join(_shown(name) for name in by)
        sql = (
            f"SELECT {BUCKET}, {shown}, {total} {chosen} AND ({names}) IN (SELECT {names} {chosen}"
            f" GROUP BY {names} ORDER BY {total} DESC, {names} LIMIT {{groups:UInt32}})"
            f" GROUP BY bucket, {names}"
        )
        for bucket, *key, value in ask_rows(client, sql, parameters):
            rate, place = int(str(value)) * per_second, plan.place(bucket)
            rates.setdefault(tuple(key), nothing.copy())[place] += rate
            other[place] -= rate
    largest = sorted(rates, key=lambda key: -float(np.nansum(rates[key])))
    other[np.abs(other) < 1e-6] = 0.0  # what floating point left of a difference is nothing
    return FlowSeries(plan.grid, {key: rates[key] for key in largest}, other)


def _heard(client: Client, plan: Plan) -> npt.NDArray[np.bool_]:
    """Buckets in which any flow came at all."""
    heard = np.zeros(len(plan.grid.times), np.bool_)
    sql = f"SELECT {BUCKET} FROM {plan.table} WHERE {PERIOD} GROUP BY bucket"
    for (bucket,) in ask_rows(client, sql, plan.parameters()):
        heard[plan.place(bucket)] = True
    return heard


def flow_percentiles(
    client: Client, by: str, start: datetime, end: datetime, where: Where = ANY
) -> dict[tuple[object, ...], Floats]:
    """95th percentile of five-minute averages, bit/s, of each value of a column.

    As :func:`govnet.telemetry.queries.percentile_95`, by nearest rank; what came in five minutes
    without any flow is not known and not in it.

    Returns:
        By column value and direction (``OUTWARD``, ``INWARD``): percentile, and the number of
        averages that it is of.
    """
    plan = plan_at(FLOW, 300, start, end)
    series = _series(client, plan, (by, "direction"), where, MAX_GROUPS, "octets")
    return {
        key: np.array([nearest_rank_95(rates), np.count_nonzero(~np.isnan(rates))])
        for key, rates in series.rates.items()
    }


def unknown_addresses(
    client: Client, start: datetime, end: datetime, limit: int = 50
) -> list[UnknownAddress]:
    """Private addresses (RFC 1918, 6598, 4193) in use that no address block holds.

    Only the raw rows know them, for as long as those are kept.
    """
    plan = plan_for(FLOW, start, end, _POINTS, raw=True)
    private = " OR ".join(
        f"address BETWEEN toIPv6('{low}') AND toIPv6('{high}')" for low, high in _PRIVATE
    )
    ends = " UNION ALL ".join(
        f"SELECT {end_} AS address, ts, bytes, exporter_id FROM {plan.table}"
        f" WHERE direction IN ({TRANSIT}, {unregistered}) AND {PERIOD}"
        for end_, unregistered in (("src", INWARD), ("dst", OUTWARD))
    )
    sql = (
        "SELECT toString(address), toUnixTimestamp(min(ts)), toUnixTimestamp(max(ts)),"
        f" sum(bytes) AS o, count(), any(exporter_id) FROM ({ends}) WHERE {private}"
        " GROUP BY address ORDER BY o DESC LIMIT {limit:UInt32}"
    )
    rows = ask_rows(client, sql, {**plan.parameters(), "limit": min(limit, MAX_GROUPS)})
    return [UnknownAddress(str(row[0]), *(int(str(v)) for v in row[1:])) for row in rows]


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
    where = ANY if unit_ids is None else Where({"unit_id": unit_ids})
    sql = (
        "SELECT toString(host), unit_id, direction, sum(octets) AS o, sum(packets_total) AS p,"
        f" sum(flows) AS f FROM {plan.table} WHERE {where.sql} AND {PERIOD}"
        " GROUP BY host, unit_id, direction ORDER BY o DESC LIMIT {limit:UInt32}"
    )
    parameters = {**plan.parameters(), **where.parameters, "limit": min(limit, MAX_GROUPS)}
    rows = ask_rows(client, sql, parameters)
    return [FlowTotal(tuple(row[:-3]), *(int(str(value)) for value in row[-3:])) for row in rows]


def interface_checks(
    client: Client, devices: Mapping[int, int], start: datetime, end: datetime
) -> list[InterfaceCheck]:
    """What flows and SNMP say of the same interfaces; only five minutes that both told of count.

    Args:
        client: the store.
        devices: the device of each exporter asked about, by exporter id.
        start: begin of the period, with a time zone; widened to five minutes.
        end: its end, exclusive.
    """
    if not devices:
        return []
    plan = plan_at(FLOW_INTERFACE, 300, start, end)
    told = _told_by_flows(client, plan, sorted(devices))
    counted = matrix(
        client, INTERFACE_SAMPLE, _COUNTED, sorted({*devices.values()}), start, end, plan.bucket_s
    )
    heard: dict[int, npt.NDArray[np.bool_]] = {}
    for (exporter, _interface), octets in told.items():
        heard.setdefault(exporter, np.zeros(octets.shape[1], np.bool_))[octets.any(axis=0)] = True
    return [
        _checked(exporter, interface, octets, _ip_octets(counted, (devices[exporter], interface)),
                 heard[exporter])
        for (exporter, interface), octets in sorted(told.items())
        if interface
    ]  # fmt: skip


_COUNTED: Final = (
    "in_octets_total", "out_octets_total", "in_packets_total", "out_packets_total", "seconds_total",
)  # fmt: skip
_FRAMING: Final = 18
"""Octets of an Ethernet header and checksum: interface counters have them, flows do not."""

_MEASURED: Final = 0.5
"""The least share of five minutes that must have been polled to stand for all of it."""


def _told_by_flows(
    client: Client, plan: Plan, exporters: Sequence[int]
) -> dict[tuple[int, int], Floats]:
    """Octets in and out (rows) by five minutes (columns) of each exporter and interface."""
    chosen = f"FROM {plan.table} WHERE exporter_id IN {{exporters:Array(UInt32)}} AND {PERIOD}"
    sql = (
        f"SELECT exporter_id, interface, {BUCKET}, sum(i), sum(o) FROM ("
        f"SELECT exporter_id, ts, in_if AS interface, octets AS i, toUInt64(0) AS o {chosen}"
        f" UNION ALL SELECT exporter_id, ts, out_if, toUInt64(0), octets {chosen})"
        " GROUP BY exporter_id, interface, bucket LIMIT 200000"
    )
    told: dict[tuple[int, int], Floats] = {}
    for row in ask_rows(client, sql, {**plan.parameters(), "exporters": exporters}):
        exporter, interface, bucket, into, out = (int(str(value)) for value in row)
        empty = np.zeros((2, len(plan.grid.times)))
        told.setdefault((exporter, interface), empty)[:, plan.place(bucket)] = into, out
    return told


def _ip_octets(counted: Matrix, interface: tuple[int, int]) -> Floats | None:
    """What SNMP counted, in and out (rows) by bucket; NaN where too little was polled."""
    row = counted.rows.get(interface)
    if row is None:
        return None
    one = {name: counted.columns[name][row] for name in _COUNTED}
    polled = one["seconds_total"] / counted.grid.bucket_s
    scale = np.where(polled >= _MEASURED, 1 / np.maximum(polled, _MEASURED), np.nan)
    return np.array([
        (one[f"{way}_octets_total"] - _FRAMING * one[f"{way}_packets_total"]) * scale
        for way in ("in", "out")
    ])  # fmt: skip


def _checked(
    exporter: int,
    interface: int,
    octets: Floats,
    counted: Floats | None,
    heard: npt.NDArray[np.bool_],
) -> InterfaceCheck:
    both = heard if counted is None else heard & ~np.isnan(counted).any(axis=0)
    if counted is None or not both.any():
        into, out = octets[:, heard].sum(axis=1).tolist()
        return InterfaceCheck(exporter, interface, Octets(into, None), Octets(out, None))
    ways = zip(octets[:, both].sum(axis=1), counted[:, both].sum(axis=1), strict=True)
    into, out = (Octets(float(flows), float(snmp)) for flows, snmp in ways)
    return InterfaceCheck(exporter, interface, into, out)


def _plan(by: Sequence[str], start: datetime, end: datetime, where: Where, max_points: int) -> Plan:
    """Where the columns are; the raw table when only it has them.

    Raises:
        ValueError: too many dimensions, or one that does not exist.
    """
    asked = {*by} | where.columns
    unknown = asked - {*DIMENSIONS, *RAW_DIMENSIONS}
    if unknown or len(by) > MAX_DIMENSIONS:
        raise ValueError(f"flows cannot be asked by {', '.join(map(str, sorted(unknown or by)))}")
    whole_minutes = max(int((end - start).total_seconds() // FINEST_S), 1)
    points = min(max_points, whole_minutes)
    return plan_for(FLOW, start, end, points, raw=not asked <= {*DIMENSIONS})


def _shown(name: str) -> str:
    return f"toString({name})" if name in {"src", "dst"} else name


def _ends(network: Network) -> tuple[str, str]:
    """First and last address, as the store keeps them: IPv4 mapped."""
    ends = int(network.network_address), int(network.broadcast_address)
    shift = _MAPPED if network.version == 4 else 0
    low, high = (str(IPv6Address(end + shift)) for end in ends)
    return low, high
