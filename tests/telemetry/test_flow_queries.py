"""Flow questions over known rows, against sums in Python."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from clickhouse_connect.driver.client import Client

from govnet.telemetry import flow_queries
from govnet.telemetry.schema import FLOW, INTERFACE_SAMPLE, INWARD, OUTWARD
from govnet.telemetry.writer import Writer

ROWS = 3_000
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
END = START + timedelta(hours=1)


def address(last: int) -> bytes:
    return bytes(10) + b"\xff\xff" + bytes([10, 0, last >> 8, last & 255])


@pytest.fixture(scope="module")
def rows(writer: Writer) -> dict[str, Any]:
    chance = np.random.default_rng(3)
    columns: dict[str, Any] = {c.name: np.zeros(ROWS, np.int64) for c in FLOW.columns}
    columns["ts"] = START.timestamp() + np.sort(chance.uniform(0, 3600, ROWS))
    for name, top in (("unit_id", 5), ("application", 4), ("circuit_id", 3), ("dst_port", 9)):
        columns[name] = chance.integers(1, top, ROWS)
    columns["direction"] = np.where(chance.random(ROWS) < 0.5, OUTWARD, INWARD)
    columns["exporter_id"][:] = 1
    columns["in_if"], columns["out_if"] = chance.integers(0, 4, ROWS), chance.integers(0, 4, ROWS)
    columns["bytes"], columns["packets"] = (
        chance.integers(40, 9_000, ROWS),
        chance.integers(1, 9, ROWS),
    )
    for name in ("src", "dst"):
        hosts = chance.integers(1, 30, ROWS)
        columns[name] = np.frombuffer(b"".join(address(int(h)) for h in hosts), "V16")
        columns[f"{name}_host"] = hosts
    given = {c.name: columns[c.name] for c in FLOW.columns}
    writer.append("flow", given)
    assert writer.flush(30)
    assert writer.wait_inserted(60)
    return columns


def summed(
    rows: dict[str, Any], *by: str, keep: npt.NDArray[np.bool_] | slice = slice(None)
) -> Counter[tuple[int, ...]]:
    total: Counter[tuple[int, ...]] = Counter()
    keys = zip(*(rows[name][keep].tolist() for name in by), strict=True)
    for key, octets in zip(keys, rows["bytes"][keep].tolist(), strict=True):
        total[key] += octets
    return total


@pytest.mark.parametrize(
    "by",
    [
        ("unit_id",),
        ("application", "direction"),
        ("dst_port",),
        ("unit_id", "dst_port", "circuit_id"),
    ],
)
def test_totals(client: Client, rows: dict[str, Any], by: tuple[str, ...]) -> None:
    found = flow_queries.flow_totals(client, by, START, END, limit=500)
    assert {t.key: t.octets for t in found} == dict(summed(rows, *by))
    assert sum(t.flows for t in found) == ROWS
    assert sum(t.packets for t in found) == int(rows["packets"].sum())
    assert [t.octets for t in found] == sorted((t.octets for t in found), reverse=True)


def test_filters(client: Client, rows: dict[str, Any]) -> None:
    keep = np.isin(rows["unit_id"], [2, 3]) & (rows["direction"] == INWARD)
    where = flow_queries.Where({"unit_id": [2, 3], "direction": [INWARD]})
    found = flow_queries.flow_totals(client, ["application"], START, END, where)
    assert {t.key: t.octets for t in found} == dict(summed(rows, "application", keep=keep))


def test_series_and_what_is_left_over(client: Client, rows: dict[str, Any]) -> None:
    found = flow_queries.flow_series(client, ["unit_id"], START, END, groups=2, max_points=60)
    assert found.grid.table == "flow_1m"
    assert len(found.rates) == 2
    step = found.grid.bucket_s / 8
    octets = {key: float(np.nansum(bps)) * step for key, bps in found.rates.items()}
    expected = dict(summed(rows, "unit_id").most_common(2))
    assert octets == pytest.approx(expected)
    left = float(np.nansum(found.other)) * step
    assert left == pytest.approx(rows["bytes"].sum() - sum(expected.values()))
    whole = flow_queries.flow_series(client, [], START, END)
    sums = np.nansum(whole.total) * whole.grid.bucket_s / 8
    assert sums == pytest.approx(rows["bytes"].sum())
    packets = flow_queries.flow_series(client, ["unit_id"], START, END, amount="packets_total")
    total = np.nansum(packets.total) * packets.grid.bucket_s
    assert total == pytest.approx(rows["packets"].sum())


def test_where_no_flow_came_at_all_is_a_gap_and_no_zero(
    client: Client, rows: dict[str, Any]
) -> None:
    about = START - timedelta(minutes=30), START + timedelta(minutes=30)
    only = flow_queries.Where({"unit_id": [3]})
    found = flow_queries.flow_series(client, ["unit_id"], *about, only, max_points=60)
    before = found.grid.times < START.timestamp()
    assert np.isnan(found.total[before]).all()
    heard = np.isin(found.grid.times, rows["ts"].astype(np.int64) // 60 * 60)
    assert not np.isnan(found.total[heard]).any()


@pytest.mark.parametrize("prefix", ["10.0.0.4/30", "10.0.0.9/32", "2001:db8::/32"])
def test_a_prefix_matches_either_end(client: Client, rows: dict[str, Any], prefix: str) -> None:
    network = ipaddress.ip_network(prefix)
    inside = [h for h in range(30) if ipaddress.ip_address(f"10.0.0.{h}") in network]
    keep = np.isin(rows["src_host"], inside) | np.isin(rows["dst_host"], inside)
    where = flow_queries.Where(network=network)
    found = flow_queries.flow_totals(client, ["unit_id"], START, END, where)
    assert {t.key: t.octets for t in found} == dict(summed(rows, "unit_id", keep=keep))


def test_percentiles_by_nearest_rank_of_five_minutes(client: Client, rows: dict[str, Any]) -> None:
    found = flow_queries.flow_percentiles(client, "circuit_id", START, END)
    slots = ((rows["ts"] - START.timestamp()) // 300).astype(int)
    for circuit, direction in ((1, INWARD), (2, OUTWARD)):
        keep = (rows["circuit_id"] == circuit) & (rows["direction"] == direction)
        sums = np.bincount(slots[keep], rows["bytes"][keep], 12) * 8 / 300
        expected = sorted(sums)[11]  # 95 % of 12 is 11.4: the twelfth
        assert found[circuit, direction] == pytest.approx([expected, 12])


def test_private_addresses_in_use_that_nobody_registered(
    client: Client, rows: dict[str, Any]
) -> None:
    unregistered: Counter[str] = Counter()
    for end, direction in (("src_host", INWARD), ("dst_host", OUTWARD)):
        keep = rows["direction"] == direction
        for (host,), octets in summed(rows, end, keep=keep).items():
            unregistered[f"::ffff:10.0.0.{host}"] += octets
    found = flow_queries.unknown_addresses(client, START, END)
    assert {one.address: one.octets for one in found} == unregistered
    assert all(START.timestamp() <= one.first <= one.last < END.timestamp() for one in found)


def test_hosts_are_the_networks_own_end(client: Client, rows: dict[str, Any]) -> None:
    local = np.where(rows["direction"] == INWARD, rows["dst_host"], rows["src_host"])
    found = flow_queries.flow_hosts(client, START, END, limit=1_000)
    by_host: Counter[str] = Counter()
    for total in found:
        by_host[str(total.key[0])] += total.octets
    expected = summed({**rows, "local": local}, "local")
    assert by_host == {f"::ffff:10.0.0.{host}": octets for (host,), octets in expected.items()}


def test_interfaces_are_told_by_flows_and_counted_by_snmp(
    client: Client, writer: Writer, rows: dict[str, Any]
) -> None:
    minutes = np.arange(10, 60)  # of the first ten minutes SNMP knows nothing
    polled: dict[str, Any] = {c.name: np.zeros(100, np.int64) for c in INTERFACE_SAMPLE.columns}
    polled["ts"] = START.timestamp() + np.tile(minutes, 2) * 60 + 30.0
    polled["device_id"][:], polled["if_index"] = 70, np.repeat([1, 2], 50)
    polled["seconds"] = np.full(100, 60.0)
    polled["in_octets"][:], polled["in_packets"][:], polled["out_octets"][:] = 1_018, 1, 500
    writer.append("interface_sample", polled)
    assert writer.flush(30)
    assert writer.wait_inserted(60)
    found = {c.if_index: c for c in flow_queries.interface_checks(client, {1: 70}, START, END)}
    into, out = summed(rows, "in_if"), summed(rows, "out_if")
    assert (found[3].into, found[3].out) == (
        flow_queries.Octets(into[3,], None),
        flow_queries.Octets(out[3,], None),
    )
    keep = rows["ts"] >= START.timestamp() + 600
    into, out = summed(rows, "in_if", keep=keep), summed(rows, "out_if", keep=keep)
    for interface in (1, 2):
        assert found[interface].into == flow_queries.Octets(into[interface,], 50 * 1_000)
        assert found[interface].out == flow_queries.Octets(out[interface,], 50 * 500)
    assert not flow_queries.interface_checks(client, {2: 70}, START, END), "another exporter"


@pytest.mark.parametrize("by", [["bytes; DROP TABLE flow"], ["unit_id"] * 4])
def test_what_is_no_dimension_is_refused(client: Client, by: list[str]) -> None:
    with pytest.raises(ValueError, match="cannot be asked"):
        flow_queries.flow_totals(client, by, START, END)


def test_hosts_beyond_the_leaders_are_summed_up(
    client: Client, writer: Writer, new_id: Callable[[], int]
) -> None:
    count = 1_500
    given: dict[str, Any] = {c.name: np.zeros(count, np.int64) for c in FLOW.columns}
    given["ts"] = np.full(count, (START - timedelta(hours=3)).timestamp())
    given["unit_id"][:], given["direction"][:] = 4_000_000, OUTWARD
    given["bytes"] = np.arange(1, count + 1)
    given["src"] = np.frombuffer(b"".join(address(n) for n in range(count)), "V16")
    given["dst"] = np.frombuffer(address(1) * count, "V16")
    writer.append("flow", given)
    assert writer.flush(30)
    assert writer.wait_inserted(60)
    day = START - timedelta(hours=4), START - timedelta(hours=1)
    found = flow_queries.flow_hosts(client, *day, unit_ids=[4_000_000], limit=2_000)
    assert sum(t.octets for t in found) == count * (count + 1) // 2
    rest = [t for t in found if t.key[0] == "::"]
    assert [t.octets for t in rest] == [500 * 501 // 2]
    assert len(found) == 1_001
