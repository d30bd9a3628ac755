"""What a kill -9 leaves in the store's files, and an hour without the store.

Twenty kills of store and engine under load: ``tests/runtime/test_kills.py``.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from govnet.telemetry.client import connect
from govnet.telemetry.writer import Writer
from tests.store_process import store_process
from tests.telemetry.samples import number, probe_columns


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
