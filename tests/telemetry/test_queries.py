"""Series, percentiles and rankings agree with numpy computed from the same samples."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govnet.config import Config
from govnet.telemetry import queries
from govnet.telemetry.client import TelemetryUnavailableError, connect, shared_client
from govnet.telemetry.columns import ColumnData
from govnet.telemetry.schema import PROBE_RESULT
from govnet.telemetry.writer import Writer
from tests.store_process import installation
from tests.telemetry.samples import Floats, interface_columns, probe_columns

NewId = Callable[[], int]
# An hour boundary of yesterday: within every retention, and whole in every rollup.
BASE = (math.floor(time.time() / 86_400) - 1) * 86_400 + 3600
FEW = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(BASE + seconds, UTC)


def store_rows(writer: Writer, table: str, columns: Mapping[str, ColumnData]) -> None:
    writer.append(table, columns)
    assert writer.flush()
    assert writer.wait_inserted(20), writer.status()


def bucketed(
    ts: Floats, values: Floats, grid: queries.Grid, reduce: Callable[[Floats], np.floating]
) -> Floats:
    """The reference: values of each bucket reduced by numpy."""
    result = np.full(len(grid.times), np.nan)
    for index, begin in enumerate(grid.times):
        inside = values[(ts >= begin) & (ts < begin + grid.bucket_s)]
        inside = inside[~np.isnan(inside)]
        if len(inside):
            result[index] = reduce(inside)
    return result


@FEW
@given(
    rtts=st.lists(st.one_of(st.none(), st.floats(2**-6, 5000, width=32)), min_size=1, max_size=360),
    points=st.sampled_from([6, 60, 360]),
)
def test_probe_series_agree_with_numpy(
    writer: Writer, client: Client, new_id: NewId, rtts: list[float | None], points: int
) -> None:
    target = new_id()
    rtt = np.array([math.nan if r is None else r for r in rtts], dtype=np.float64)
    answered = (~np.isnan(rtt)).astype(np.int64)
    ts = BASE + 10.0 * np.arange(len(rtt)) + 3.25
    outcome = np.where(answered == 1, 0, 2)
    columns = probe_columns(ts, target, rtt_ms=rtt, received=answered, outcome=outcome)
    store_rows(writer, "probe_result", columns)

    series = queries.probe_series(client, target, at(0), at(3600), points, interval_s=10)

    grid = series.grid
    assert len(set(np.diff(grid.times))) <= 1
    np.testing.assert_allclose(series.rtt_ms.avg, bucketed(ts, rtt, grid, np.mean), rtol=1e-6)
    np.testing.assert_allclose(series.rtt_ms.min, bucketed(ts, rtt, grid, np.min), rtol=1e-6)
    np.testing.assert_allclose(series.rtt_ms.max, bucketed(ts, rtt, grid, np.max), rtol=1e-6)
    lost = bucketed(ts, 1.0 - answered, grid, np.mean)
    np.testing.assert_allclose(series.loss_ratio, lost, atol=1e-9)
    assert series.runs.sum() == len(rtt)
    assert series.runs_failed.sum() == len(rtt) - answered.sum()


@FEW
@given(
    octets=st.lists(st.integers(0, 2**40), min_size=2, max_size=288),
    points=st.sampled_from([1, 20, 288]),
)
def test_interface_series_and_percentile_agree_with_numpy(
    writer: Writer, client: Client, new_id: NewId, octets: list[int], points: int
) -> None:
    device = new_id()
    received = np.array(octets, dtype=np.int64)
    sent = received // 3
    ts = BASE + 60.0 * np.arange(len(received)) + 30
    seconds = np.full(len(received), 60.0)
    columns = interface_columns(ts, received, sent, seconds, device_id=device)
    store_rows(writer, "interface_sample", columns)
    end = at(60 * len(received))

    series = queries.interface_series(client, device, 1, at(0), end, points)
    rates = received * 8 / 60.0
    reference = bucketed(ts, rates, series.grid, np.mean)
    np.testing.assert_allclose(series.in_bps.avg, reference, rtol=1e-6)
    np.testing.assert_allclose(
        series.in_bps.max, bucketed(ts, rates, series.grid, np.max), rtol=1e-6
    )
    np.testing.assert_allclose(series.out_bps.avg * 3, reference, rtol=1e-2, atol=10)

    percentile = queries.percentile_95(client, device, 1, at(0), end)
    fives = np.sort([rates[i : i + 5].mean() for i in range(0, len(rates), 5)])
    expected = fives[math.ceil(0.95 * len(fives)) - 1]
    assert percentile.in_bps == pytest.approx(expected, rel=1e-6)
    assert percentile.buckets == len(fives) == percentile.expected


def test_a_gap_is_a_gap_and_not_zero(writer: Writer, client: Client, new_id: NewId) -> None:
    target = new_id()
    ts = BASE + np.concatenate([np.arange(0.0, 600, 10), np.arange(1800.0, 2400, 10)])
    store_rows(writer, "probe_result", probe_columns(ts, target))
    series = queries.probe_series(client, target, at(0), at(3600), 60, interval_s=10)
    silent = (series.grid.times >= BASE + 600) & (series.grid.times < BASE + 1800)
    assert np.isnan(series.rtt_ms.avg[silent]).all()
    assert np.isnan(series.loss_ratio[silent]).all()
    assert (series.runs[silent] == 0).all()
    assert not np.isnan(series.rtt_ms.avg[:10]).any()


def test_a_regular_probe_with_jitter_shows_no_false_gaps(
    writer: Writer, client: Client, new_id: NewId
) -> None:
    target = new_id()
    late = np.random.default_rng(1).uniform(0, 4, 360)
    store_rows(writer, "probe_result", probe_columns(BASE + 10.0 * np.arange(360) + late, target))
    series = queries.probe_series(client, target, at(0), at(3600), 3600, interval_s=10)
    assert series.grid.table == "probe_result"
    assert not np.isnan(series.rtt_ms.avg).any()


def test_unknown_results_say_nothing_about_the_target(
    writer: Writer, client: Client, new_id: NewId
) -> None:
    target = new_id()
    ts = BASE + 10.0 * np.arange(6)
    outcome = np.array([0, 0, 0, 3, 3, 3])
    received = np.array([1, 1, 1, 0, 0, 0])
    columns = probe_columns(ts, target, outcome=outcome, received=received)
    store_rows(writer, "probe_result", columns)
    series = queries.probe_series(client, target, at(0), at(60), 1, interval_s=10)
    assert series.loss_ratio[0] == 0
    assert (series.runs[0], series.runs_unknown[0]) == (6, 3)


def test_a_sample_without_a_valid_delta_is_no_traffic_and_no_zero(
    writer: Writer, client: Client, new_id: NewId
) -> None:
    device = new_id()
    ts = BASE + 60.0 * np.arange(3) + 1
    octets = np.array([60_000, 0, 60_000])
    columns = interface_columns(ts, octets, octets, np.array([60.0, 0.0, 60.0]), device_id=device)
    store_rows(writer, "interface_sample", columns)
    series = queries.interface_series(client, device, 1, at(0), at(180), 1)
    assert series.in_bps.avg[0] == pytest.approx(8000)
    assert series.in_bps.min[0] == pytest.approx(8000)


def test_device_series_hold_what_the_sensors_said(
    writer: Writer, client: Client, new_id: NewId
) -> None:
    device = new_id()
    columns: dict[str, ColumnData] = {
        "ts": BASE + 60.0 * np.arange(4),
        "device_id": [device] * 4,
        "uptime_s": [100, 160, 220, 280],
        "cpu_percent": [10.0, 20.0, 30.0, 40.0],
        "memory_percent": [50.0, None, None, 70.0],
        "temperature_c": [None] * 4,
    }
    store_rows(writer, "device_sample", columns)
    series = queries.device_series(client, device, at(0), at(240), 1)
    assert series.cpu_percent.avg[0] == pytest.approx(25)
    assert series.memory_percent.avg[0] == pytest.approx(60)
    assert np.isnan(series.temperature_c.avg[0])
    assert series.uptime_s[0] == 280


def test_a_sum_says_how_many_interfaces_it_holds(
    writer: Writer, client: Client, new_id: NewId
) -> None:
    first, second = new_id(), new_id()
    seconds = np.full(10, 60.0)
    ts = BASE + 60.0 * np.arange(10)
    for device, octets, rows in ((first, 75_000, 10), (second, 150_000, 5)):
        data = np.full(rows, octets)
        columns = interface_columns(ts[:rows], data, data, seconds[:rows], device_id=device)
        store_rows(writer, "interface_sample", columns)
    pairs = [(first, 1), (second, 1), (second, 99)]
    series = queries.interface_sum_series(client, pairs, at(0), at(900), 3)
    np.testing.assert_allclose(series.in_bps, [30_000, 10_000, np.nan], rtol=1e-6)
    assert series.measured.tolist() == [2, 1, 0]
    assert series.interfaces == 3


def test_the_latest_result_of_a_target_that_stopped_answering_has_no_old_time(
    writer: Writer, client: Client, new_id: NewId
) -> None:
    target, silent = new_id(), new_id()
    rtt = np.array([5.0, math.nan])
    ts = BASE + np.array([0.0, 10.5])
    columns = probe_columns(ts, target, rtt_ms=rtt, received=np.array([1, 0]))
    store_rows(writer, "probe_result", columns)
    latest = queries.latest_probe(client, [target, silent], now=BASE + 60)
    assert latest.keys() == {target}
    assert latest[target].rtt_ms is None
    assert latest[target].received == 0
    assert latest[target].ts == pytest.approx(BASE + 10.5)


def test_latest_interface_rates_skip_invalid_samples(
    writer: Writer, client: Client, new_id: NewId
) -> None:
    device = new_id()
    octets = np.array([7_500, 0])
    columns = interface_columns(
        BASE + np.array([0.0, 60.0]), octets, octets, np.array([60.0, 0.0]), device_id=device
    )
    store_rows(writer, "interface_sample", columns)
    latest = queries.latest_interface_rates(client, [(device, 1), (device, 2)], now=BASE + 120)
    assert latest.keys() == {(device, 1)}
    assert latest[device, 1].in_bps == pytest.approx(1000)
    assert latest[device, 1].ts == BASE


def test_the_worst_targets_come_first(writer: Writer, client: Client, new_id: NewId) -> None:
    start = 7200.0  # an hour that the other tests of this file do not write to
    ts = BASE + start + 10.0 * np.arange(10)
    ids = [new_id() for _ in range(3)]
    good, slow, lossy = ids
    half = np.arange(10) % 2
    store_rows(writer, "probe_result", probe_columns(ts, good, rtt_ms=1.0))
    store_rows(writer, "probe_result", probe_columns(ts, slow, rtt_ms=900.0))
    store_rows(writer, "probe_result", probe_columns(ts, lossy, received=half))
    worst = queries.worst_targets(client, at(start), at(start + 3600), limit=5)
    assert [row.target_id for row in worst] == [lossy, slow, good]
    assert worst[0].loss_ratio == pytest.approx(0.5)
    assert worst[1].rtt_ms == pytest.approx(900)
    assert worst[1].runs == 10


def test_raw_rows_come_newest_first_and_bounded(
    writer: Writer, client: Client, new_id: NewId
) -> None:
    target = new_id()
    store_rows(writer, "probe_result", probe_columns(BASE + np.arange(50.0), target))
    rows = queries.raw_probes(client, target, at(0), at(3600), limit=20)
    assert rows.num_rows == 20
    assert rows["ts"][0].as_py() == at(49)
    device = new_id()
    octets = np.arange(3) * 1000
    columns = interface_columns(BASE + np.arange(3.0), octets, octets, np.ones(3), device_id=device)
    store_rows(writer, "interface_sample", columns)
    samples = queries.raw_interface(client, device, 1, at(0), at(10))
    assert samples["in_octets"].to_pylist() == [2000, 1000, 0]


@pytest.mark.parametrize(
    ("hours", "interval_s", "table"),
    [
        (1, 10, "probe_result"),
        (1, 60, "probe_result_1m"),
        (24, 10, "probe_result_1m"),
        (24 * 7, 10, "probe_result_5m"),
        (24 * 30, 60, "probe_result_1h"),
        (24 * 365, 60, "probe_result_1h"),
    ],
)
def test_the_coarsest_table_that_answers_is_asked(
    client: Client, hours: int, interval_s: float, table: str
) -> None:
    end = datetime.now(UTC)
    start = end - timedelta(hours=hours)
    series = queries.probe_series(client, 1, start, end, interval_s=interval_s)
    assert series.grid.table == table
    assert len(series.grid.times) <= 602


def test_an_hour_of_last_year_is_asked_of_a_table_that_still_has_it(client: Client) -> None:
    start = datetime.now(UTC) - timedelta(days=300)
    series = queries.probe_series(client, 1, start, start + timedelta(hours=1), interval_s=10)
    assert series.grid.table == "probe_result_5m"
    older = datetime.now(UTC) - timedelta(days=800)
    series = queries.probe_series(client, 1, older, older + timedelta(hours=6), interval_s=10)
    assert series.grid.table == "probe_result_1h"


def test_a_period_that_ends_before_it_starts_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        queries.probe_series(client, 1, at(10), at(10))


def test_a_store_that_is_gone_is_one_kind_of_error(store: Config, client: Client) -> None:
    with installation(store.data_dir) as elsewhere:
        with pytest.raises(TelemetryUnavailableError, match="does not answer"):
            connect(elsewhere)
        with pytest.raises(TelemetryUnavailableError):
            shared_client(elsewhere)


def test_every_measure_of_a_rollup_equals_the_same_measure_of_the_raw_rows(
    writer: Writer, client: Client, new_id: NewId
) -> None:
    target = new_id()
    rng = np.random.default_rng(7)
    ts: npt.NDArray[np.float64] = BASE + rng.uniform(0, 3600, 500)
    rtt = np.where(rng.random(500) < 0.1, np.nan, rng.uniform(0.1, 90, 500))
    outcome = rng.integers(0, 4, 500)
    columns = probe_columns(ts, target, rtt_ms=rtt, outcome=outcome)
    store_rows(writer, "probe_result", columns)
    names = [measure.name for measure in PROBE_RESULT.measures]

    def totals(table: str, *, raw: bool) -> list[float]:
        select = ", ".join(f"{PROBE_RESULT.measure(n).over(raw=raw)} AS m_{n}" for n in names)
        sql = f"SELECT {select} FROM {table} WHERE target_id = {{t:UInt32}}"
        return list(client.query(sql, parameters={"t": target}).result_rows[0])

    reference = totals("probe_result", raw=True)
    for rollup in PROBE_RESULT.rollups:
        assert totals(PROBE_RESULT.name + rollup.suffix, raw=False) == pytest.approx(reference)
