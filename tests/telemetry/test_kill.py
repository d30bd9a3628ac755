"""kill -9 at any moment: every acknowledged sample is in the store exactly once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from govnet.telemetry.client import connect
from govnet.telemetry.writer import Writer
from tests.store_process import StoreProcess, store_process
from tests.telemetry.samples import number, pairs, probe_columns

KILLS = 20
NUMBERS_PER_WRITER = 10_000_000


def start_writer(generation: int, report: Path) -> subprocess.Popen[bytes]:
    first = generation * NUMBERS_PER_WRITER + 1
    command = [sys.executable, "-m", "tests.telemetry.load_writer", str(first), str(report)]
    return subprocess.Popen(command)


def wait_for_growth(report: Path, process: subprocess.Popen[bytes]) -> None:
    """Load is on: the report grew by a few acknowledged ranges."""
    size, deadline = report.stat().st_size, time.monotonic() + 120
    while report.stat().st_size < size + 60:
        assert process.poll() is None, "the load writer ended by itself"
        assert time.monotonic() < deadline, "the load writer acknowledges nothing"
        time.sleep(0.01)


def acknowledged(report: Path) -> set[int]:
    ranges = (line.split() for line in report.read_text().splitlines())
    return {n for first, end in ranges for n in range(int(first), int(end))}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_acknowledged_sample_is_stored_exactly_once_over_twenty_kills(
    tmp_path: Path,
) -> None:
    chance = random.Random(20)
    report = tmp_path / "acknowledged"
    report.touch()
    with store_process(tmp_path / "data") as store:
        writers = [start_writer(0, report)]
        try:
            for kill in range(KILLS):
                wait_for_growth(report, writers[-1])
                time.sleep(chance.uniform(0, 0.3))
                if kill % 4 != 3:  # the store alone, or both; every fourth time the writer alone
                    store.kill()
                if kill % 2:
                    stop(writers[-1])
                    writers.append(start_writer(kill + 1, report))
                if kill % 4 != 3:
                    store.start()
        finally:
            stop(writers[-1])
        drain(store)
        assert_exactly_once(store, acknowledged(report))


def stop(writer: subprocess.Popen[bytes]) -> None:
    writer.kill()
    writer.wait()


def drain(store: StoreProcess) -> None:
    writer = Writer("load", store.config)
    assert writer.wait_inserted(300), writer.status()
    assert writer.close()


def assert_exactly_once(store: StoreProcess, promised: set[int]) -> None:
    assert len(promised) > KILLS * 200
    client = connect(store.config)
    times = pairs(client, "SELECT target_id, count() FROM probe_result GROUP BY 1")
    lost = [n for n in promised if n not in times]
    assert not lost, f"{len(lost)} acknowledged samples lost, e.g. {lost[:5]}"
    assert set(times.values()) == {1}, "a sample was stored twice"
    for rollup in ("_1m", "_5m", "_1h"):
        sql = f"SELECT target_id, sum(samples) FROM probe_result{rollup} GROUP BY 1"
        assert pairs(client, sql) == times, f"probe_result{rollup} differs from the raw samples"


def test_a_block_announced_but_never_stored_is_accepted_at_the_next_try(tmp_path: Path) -> None:
    """The state that a kill between the deduplication log and the part's rename leaves."""
    body = b"1\t2026-11-23 00:00:00\n"
    insert = "INSERT INTO crash (n, ts) FORMAT TabSeparated"
    token = {"insert_deduplication_token": "the batch"}
    with store_process(tmp_path) as store:
        client = connect(store.config)
        client.command(
            "CREATE TABLE crash (n UInt32, ts DateTime('UTC')) ENGINE = MergeTree ORDER BY n"
            " SETTINGS non_replicated_deduplication_window = 100"
        )
        client.raw_insert("", insert_block=f"{insert}\n".encode() + body, settings=token)
        store.kill()
        (part,) = (store.config.telemetry_dir / "chdb").glob("store/*/*/all_1_1_0")
        part.rename(tmp_path / "never-renamed-into-place")
        store.start()
        assert number(client, "SELECT count() FROM crash") == 0
        client.raw_insert("", insert_block=f"{insert}\n".encode() + body, settings=token)
        assert number(client, "SELECT count() FROM crash") == 1
        client.raw_insert("", insert_block=f"{insert}\n".encode() + body, settings=token)
        assert number(client, "SELECT count() FROM crash") == 1


@pytest.mark.timeout(900)
def test_an_hour_of_batches_is_replayed_once_when_the_store_comes_back(tmp_path: Path) -> None:
    batches = 60
    with store_process(tmp_path) as store:
        store.kill()
        writer = Writer("engine", store.config, flush_seconds=60)
        began = time.time() - 3600
        for batch in range(batches):
            ts = began + batch * (3600 / batches) + np.zeros(10)
            ids = np.arange(10, dtype=np.int64) + batch * 10
            writer.append("probe_result", probe_columns(ts, ids))
            assert writer.flush()
        status = writer.status()
        assert status["spooled_batches"] == batches
        assert status["rows_acknowledged"] == batches * 10
        store.start()
        assert writer.wait_inserted(300)
        writer.close()
        client = connect(store.config)
        assert number(client, "SELECT count() FROM probe_result") == batches * 10
        assert number(client, "SELECT uniqExact(target_id) FROM probe_result") == batches * 10
        assert number(client, "SELECT sum(samples) FROM probe_result_5m") == batches * 10
