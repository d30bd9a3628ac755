"""What the writer promises when disk, store or caller misbehave; the store is a stand-in here."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from hypothesis import given
from hypothesis import strategies as st

from govnet.config import Config
from govnet.telemetry import writer as writer_module
from govnet.telemetry.client import TelemetryUnavailableError
from govnet.telemetry.columns import ColumnData, narrowed, to_batch
from govnet.telemetry.spool import Batch, Spool, SpoolInUseError
from govnet.telemetry.writer import Writer
from tests.telemetry.samples import probe_columns


class FakeStore:
    """Takes batches like the store: once per token; may be down or refuse."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.refused_table = ""
        self.batches: dict[str, tuple[str, list[int]]] = {}

    def __call__(self, batch: Batch, data: bytes) -> None:
        if self.error and batch.table in {self.refused_table, self.refused_table or batch.table}:
            raise self.error
        table = pa.ipc.open_stream(data).read_all()
        key = "target_id" if batch.table == "probe_result" else "device_id"
        self.batches[batch.token] = (batch.table, table[key].to_pylist())

    @property
    def ids(self) -> list[int]:
        return [i for table, ids in self.batches.values() if table == "probe_result" for i in ids]


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=tmp_path, spool_max_mib=16)


@pytest.fixture
def writer(config: Config, store: FakeStore) -> Iterator[Writer]:
    writer = Writer("engine", config, flush_seconds=60, sender=store)
    yield writer
    writer.close(timeout=1)


def append(writer: Writer, *ids: int) -> int:
    numbers = np.array(ids, dtype=np.int64)
    return writer.append("probe_result", probe_columns(np.full(len(ids), 1.7e9), numbers))


def spool_files(config: Config) -> list[Path]:
    return sorted(config.spool_dir("engine").glob("*.arrow"))


def test_a_row_is_acknowledged_only_when_it_is_on_disk(
    config: Config, store: FakeStore, writer: Writer
) -> None:
    store.error = TelemetryUnavailableError("down")
    ticket = append(writer, 1, 2, 3)
    assert writer.acknowledged < ticket
    assert not spool_files(config)
    assert writer.flush()
    assert writer.acknowledged >= ticket
    (file,) = spool_files(config)
    with pa.ipc.open_stream(file) as stream:
        assert stream.read_all()["target_id"].to_pylist() == [1, 2, 3]


def test_time_alone_starts_a_batch(config: Config, store: FakeStore) -> None:
    writer = Writer("timed", config, flush_seconds=0.05, sender=store)
    ticket = append(writer, 1)
    deadline = time.monotonic() + 5
    while writer.acknowledged < ticket and time.monotonic() < deadline:
        time.sleep(0.01)
    assert writer.acknowledged >= ticket
    assert writer.wait_inserted(5)
    assert writer.close()
    assert store.ids == [1]


def test_size_alone_starts_a_batch(config: Config, store: FakeStore) -> None:
    writer = Writer("sized", config, flush_seconds=60, flush_rows=10, sender=store)
    ticket = append(writer, *range(10))
    deadline = time.monotonic() + 5
    while writer.acknowledged < ticket and time.monotonic() < deadline:
        time.sleep(0.01)
    assert writer.acknowledged >= ticket
    writer.close()


def test_rows_appended_by_many_threads_arrive_once(store: FakeStore, writer: Writer) -> None:
    def work(first: int) -> None:
        for number in range(first, first + 50):
            append(writer, number)

    threads = [threading.Thread(target=work, args=(n * 50,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush()
    assert writer.wait_inserted(5)
    assert sorted(store.ids) == list(range(400))
    assert len(store.batches) == 1, "one block for the store"


def test_a_restart_sends_what_the_last_process_left(config: Config, store: FakeStore) -> None:
    store.error = TelemetryUnavailableError("down")
    first = Writer("engine", config, sender=store)
    append(first, 1, 2)
    assert first.close(timeout=1)
    assert len(spool_files(config)) == 1
    (config.spool_dir("engine") / "000000000009.tmp").write_bytes(b"half a batch")
    store.error = None
    second = Writer("engine", config, sender=store)
    assert second.wait_inserted(5)
    append(second, 3)
    second.close()
    assert sorted(store.ids) == [1, 2, 3]
    assert [p.name for p in config.spool_dir("engine").iterdir()] == ["spool.lock"]


def test_a_retry_carries_the_same_token(config: Config, store: FakeStore) -> None:
    tokens: list[str] = []

    def lossy(batch: Batch, data: bytes) -> None:
        tokens.append(batch.token)
        store(batch, data)
        if len(tokens) < 3:  # stored, but the answer was lost
            raise TelemetryUnavailableError("connection reset")

    writer = Writer("engine", config, sender=lossy)
    append(writer, 1)
    writer.flush()
    assert writer.wait_inserted(10)
    writer.close()
    assert len(tokens) == 3
    assert len(set(tokens)) == 1


def test_a_damaged_spool_file_is_set_aside_counted_and_alarmed(
    config: Config, store: FakeStore
) -> None:
    store.error = TelemetryUnavailableError("down")
    writer = Writer("engine", config, sender=store)
    for number in range(3):
        append(writer, number)
        assert writer.flush()
    writer.close(timeout=0.5)
    files = spool_files(config)
    files[0].write_bytes(files[0].read_bytes()[:-40])
    damaged = bytearray(files[1].read_bytes())
    damaged[len(damaged) // 2] ^= 1
    files[1].write_bytes(damaged)
    store.error = None
    writer = Writer("engine", config, sender=store)
    assert writer.wait_inserted(5)
    status = writer.status()
    writer.close()
    assert store.ids == [2]
    assert status["rows_quarantined"] == 2
    assert "quarantine" in status["alarm"]
    assert status["alarm_kind"] == "set_aside"
    assert "checksum" in status["last_error"]
    assert len(list((config.spool_dir("engine") / "quarantine").iterdir())) == 2


def test_a_full_spool_drops_the_oldest_counts_and_alarms(
    config: Config, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.error = TelemetryUnavailableError("down")
    writer = Writer("engine", config, flush_seconds=60, sender=store)
    append(writer, 0)
    writer.flush()
    writer._spool.max_bytes = spool_files(config)[0].stat().st_size * 5
    for number in range(1, 12):
        append(writer, number)
        assert writer.flush()
    status = writer.status()
    assert status["full"] is True
    assert "full" in status["alarm"]
    assert status["alarm_kind"] == "spool_full"
    assert status["rows_dropped"] == 12 - len(spool_files(config))
    assert 0 < status["spooled_bytes"] <= writer._spool.max_bytes
    store.error = None
    assert writer.wait_inserted(40)
    assert store.ids == list(range(12 - len(store.ids), 12)), "the newest are kept"
    assert writer.status()["full"] is False
    writer.close()


@pytest.mark.parametrize("code", [16, 53, 117])
def test_a_batch_that_the_store_will_never_take_is_set_aside(
    store: FakeStore, writer: Writer, code: int
) -> None:
    store.error = DatabaseError("no such column", code=code)
    append(writer, 1)
    writer.flush()
    assert writer.wait_inserted(5)
    status = writer.status()
    assert (status["rows_quarantined"], status["rows_inserted"]) == (1, 0)
    assert status["alarm"]
    store.error = None
    append(writer, 2)
    writer.flush()
    assert writer.wait_inserted(5)
    assert store.ids == [2]


@pytest.mark.parametrize("code", [241, 243, 60, 516, None])
def test_a_refusal_that_may_pass_keeps_the_batch(
    store: FakeStore, writer: Writer, code: int | None
) -> None:
    store.error = DatabaseError("not now", code=code)
    append(writer, 1)
    writer.flush()
    assert not writer.wait_inserted(0.3)
    assert writer.status()["last_error"]
    store.error = None
    assert writer.wait_inserted(10)
    assert store.ids == [1]


def test_a_table_that_is_refused_does_not_hold_up_the_others(
    store: FakeStore, writer: Writer
) -> None:
    store.error, store.refused_table = DatabaseError("unknown table", code=60), "device_sample"
    empty: list[object] = [None]
    row: dict[str, ColumnData] = {"ts": [1.7e9], "device_id": [5], "uptime_s": [1]}
    sensors = dict.fromkeys(("cpu_percent", "memory_percent", "temperature_c"), empty)
    writer.append("device_sample", {**row, **sensors})
    assert writer.flush()
    append(writer, 1)
    assert writer.flush()
    deadline = time.monotonic() + 5
    while not store.ids and time.monotonic() < deadline:
        time.sleep(0.01)
    assert store.ids == [1]
    assert writer.status()["spooled_batches"] == 1


def test_a_disk_without_room_loses_nothing_while_memory_lasts(
    store: FakeStore, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Spool.put

    def full(*args: object) -> Batch:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Spool, "put", full)
    ticket = append(writer, 1, 2)
    assert not writer.flush(timeout=0.3)
    status = writer.status()
    assert writer.acknowledged < ticket
    assert "No space left" in status["last_error"]
    assert "cannot be put on disk" in status["alarm"]
    append(writer, 3)
    monkeypatch.setattr(Spool, "put", real)
    assert writer.flush(timeout=10)
    assert writer.wait_inserted(5)
    assert sorted(store.ids) == [1, 2, 3]
    assert writer.status()["alarm"] == ""


def test_memory_is_bounded_while_the_disk_has_no_room(
    store: FakeStore, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> Batch:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Spool, "put", full)
    monkeypatch.setattr(writer, "_batch_rows", 100)
    monkeypatch.setattr(writer_module, "BUFFER_ROWS", 1000)
    for number in range(50):
        append(writer, *[number] * 100)
    status = writer.status()
    assert status["rows_buffered"] <= 1200
    assert status["rows_dropped"] == 5000 - status["rows_buffered"]
    monkeypatch.undo()
    assert not writer.flush(timeout=10), "the caller is told that rows were dropped"
    assert writer.flush(timeout=10)
    assert writer.wait_inserted(5)
    assert store.ids[-1] == 49


def fill(ballast: Path) -> None:
    """Write until the file system has no room left."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.root
def test_a_really_full_file_system_is_survived(tmp_path: Path, store: FakeStore) -> None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root to mount a small file system")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], check=True)
    try:
        store.error = TelemetryUnavailableError("down")
        writer = Writer("engine", Config(data_dir=tmp_path), flush_seconds=60, sender=store)
        ballast = tmp_path / "ballast"
        append(writer, 1)
        assert writer.flush()
        fill(ballast)
        append(writer, 2)
        assert not writer.flush(timeout=0.5)
        assert "No space" in writer.status()["last_error"]
        ballast.unlink()
        store.error = None
        assert writer.flush(timeout=20)
        assert writer.wait_inserted(20)
        assert sorted(store.ids) == [1, 2]
        writer.close()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_two_processes_cannot_share_a_spool(config: Config, writer: Writer) -> None:
    with pytest.raises(SpoolInUseError, match="its own name"):
        Spool(config.spool_dir("engine"), 1000)


def test_lag_is_the_age_of_the_oldest_batch_even_after_a_restart(
    config: Config, store: FakeStore
) -> None:
    store.error = TelemetryUnavailableError("down")
    writer = Writer("engine", config, sender=store)
    append(writer, 1)
    writer.close(timeout=0.5)
    (file,) = spool_files(config)
    hour_ago = time.time() - 3600
    os.utime(file, (hour_ago, hour_ago))
    writer = Writer("engine", config, sender=store)
    assert 3600 <= writer.status()["lag_s"] < 3700
    store.error = None
    assert writer.wait_inserted(40)
    assert writer.status()["lag_s"] == 0
    writer.close()


def test_a_closed_writer_takes_nothing_more(config: Config, store: FakeStore) -> None:
    writer = Writer("engine", config, sender=store)
    append(writer, 1)
    assert writer.close()
    assert store.ids == [1]
    with pytest.raises(RuntimeError, match="closed"):
        append(writer, 2)


def test_retries_wait_longer_and_longer_with_jitter() -> None:
    longest = [writer_module._backoff(n, lambda: 1.0) for n in range(1, 20)]
    assert longest == sorted(longest)
    assert longest[0] == writer_module.RETRY_FIRST_S
    assert longest[-1] == writer_module.RETRY_LONGEST_S
    assert writer_module._backoff(5, lambda: 0.0) == longest[4] / 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nosuch": [1]}, "unknown: nosuch"),
        ({"sent": [1, 2]}, "differ in length"),
        ({"target_id": [-1]}, r"probe_result\.target_id"),
        ({"target_id": [None]}, r"target_id: 1 values are missing"),
        ({"sent": [70_000]}, r"probe_result\.sent"),
        ({"ts": [1.7e12]}, "seconds since 1970"),
        ({"ts": [float("nan")]}, "seconds since 1970"),
        ({"reason": [5]}, r"ok"),
        ({"rtt_ms": ["fast"]}, r"probe_result\.rtt_ms"),
        ({"sent": [1.5]}, "whole numbers"),
        ({"reason": [None]}, r"probe_result\.reason"),
    ],
)
def test_a_wrong_value_names_its_table_and_column(
    change: dict[str, list[object]], message: str
) -> None:
    columns = probe_columns(np.array([1.7e9]), 1) | change
    if message == "ok":
        assert to_batch("probe_result", columns)["reason"][0].as_py() == "5"
        return
    with pytest.raises(ValueError, match=message):
        to_batch("probe_result", columns)


def test_neither_writing_nor_reading_imports_pandas() -> None:
    """It costs every process a second of CPU and 55 MiB, for nothing."""
    code = """
import sys, numpy as np, pyarrow as pa
from govnet.telemetry import queries, writer
from govnet.telemetry.columns import ColumnData, narrowed, to_batch
from tests.telemetry.samples import probe_columns
batch = to_batch("probe_result", probe_columns(np.array([1.7e9]), 1))
chunk = writer._Chunk("probe_result", 1, [batch, batch], 2)
table = pa.ipc.open_stream(chunk.encode("lz4")).read_all()
assert queries._numpy(table["target_id"]).tolist() == [1, 1]
assert queries._numpy(pa.chunked_array([], pa.int64())).tolist() == []
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e6, width=32)), max_size=20),
    st.lists(st.integers(0, 2**32 - 1), max_size=20),
    st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=20),
)
def test_values_arrive_as_they_were(
    rtts: list[float | None], ids: list[int], reasons: list[str]
) -> None:
    rows = min(len(rtts), len(ids), len(reasons))
    columns = probe_columns(np.full(rows, 1.7e9), 1) | {
        "rtt_ms": rtts[:rows],
        "target_id": ids[:rows],
        "reason": reasons[:rows],
    }
    batch = to_batch("probe_result", columns)
    batch.validate(full=True)
    assert batch["rtt_ms"].to_pylist() == rtts[:rows]
    assert batch["target_id"].to_pylist() == ids[:rows]
    assert batch["reason"].to_pylist() == reasons[:rows]


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(ValueError, match="'nosuch'"):
        to_batch("nosuch", {})


@given(st.lists(st.floats(0, 2**32 - 1), max_size=20))
def test_time_stamps_keep_their_milliseconds(seconds: list[float]) -> None:
    batch = to_batch("probe_result", probe_columns(np.array(seconds), 1))
    stored = batch["ts"].cast(pa.int64()).to_numpy(zero_copy_only=False)
    np.testing.assert_allclose(stored, np.array(seconds) * 1000, atol=0.501)


def test_a_file_is_complete_when_it_has_its_name(tmp_path: Path) -> None:
    """RLIMIT_FSIZE cuts the write short in the middle, as a disk that fills up does."""
    code = f"""
import resource, signal
from pathlib import Path
from govnet.telemetry.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path({str(tmp_path)!r}), 10**9)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    spool.put("probe_result", 1, bytes(20000))
except OSError as error:
    print("refused", error.errno, len(spool), spool.bytes)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused", str(errno.EFBIG), "0", "0"]
    assert [path.name for path in tmp_path.iterdir()] == ["spool.lock"]


@given(
    st.lists(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5), min_size=1, max_size=4),
    st.sampled_from([8, 16, 32, 64]),
)
def test_narrowed_columns_hold_the_same_numbers(parts: list[list[int]], bits: int) -> None:
    wide = pa.schema([pa.field("n", pa.uint64()), pa.field("x", pa.float32())])
    batches = [
        pa.RecordBatch.from_pydict({"n": [n % 2**bits for n in part], "x": [1.5] * len(part)}, wide)
        for part in parts
    ]
    narrow = narrowed(batches)
    assert [b["n"].to_pylist() for b in narrow] == [b["n"].to_pylist() for b in batches]
    assert [b["x"] for b in narrow] == [b["x"] for b in batches]
    assert len({batch.schema for batch in narrow}) == 1
    assert narrow[0]["n"].type.bit_width <= bits
