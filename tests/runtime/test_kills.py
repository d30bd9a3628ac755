"""kill -9 of the real store and the real engine under load, twenty times each.

A sample is acknowledged when the file that holds it has its final name in the spool. The test
keeps a second name (a hard link) of each such file, so that it knows what was promised even
after the engine has deleted what the store took.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from tests.running import until
from tests.runtime.machine import IMPORTS, Machine, machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

KILLS = 20
TARGETS = 150
"""Each asked once a second: a batch of half a second is on its way at any moment."""

LOOK_S = 0.02
FLUSH_S = "0.5"
MOST_WAIT_S = 0.4
"""The kills come at random within this after a batch was acknowledged: while it is inserted,
before and after."""

SEND_THE_REST = """
from govnet.config import get_config
from govnet.telemetry.writer import Writer
writer = Writer("engine", get_config())
assert writer.wait_inserted(500), writer.status()
writer.close()
"""


class Keeper:
    """Keeps every batch that the engine ever acknowledged."""

    def __init__(self, spool: Path, kept: Path) -> None:
        self._spool, self._kept = spool, kept
        self._names: set[str] = set()
        kept.mkdir()

    def look(self) -> None:
        """Keep what is new; a file that goes meanwhile was stored before it was seen."""
        names = [path.name for path in self._spool.iterdir()] if self._spool.exists() else []
        for name in names:
            if name.endswith(".arrow") and ".probe_result." in name and name not in self._names:
                try:
                    os.link(self._spool / name, self._kept / name)
                except FileNotFoundError:
                    continue
                self._names.add(name)

    @property
    def batches(self) -> int:
        """How many were kept."""
        return len(self._names)

    def rows(self) -> set[tuple[int, int]]:
        """(target, milliseconds since the epoch) of every acknowledged sample."""
        tables = [pa.ipc.open_stream(path.read_bytes()).read_all() for path in self._kept.iterdir()]
        return {
            (int(target), int(ts))
            for table in tables
            for target, ts in zip(
                table["target_id"].to_pylist(),
                table["ts"].cast(pa.int64()).to_pylist(),
                strict=True,
            )
        }


@contextmanager
def keeping(made: Machine, tmp_path: Path) -> Iterator[Keeper]:
    keeper = Keeper(made.data_dir / "spool" / "engine", tmp_path / "kept")
    done = threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_S):
            keeper.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield keeper
    finally:
        done.set()
        thread.join()
        keeper.look()


class Born:
    """One of the installation's processes, which can be started quickly and killed."""

    def __init__(self, made: Machine, name: str) -> None:
        with made.log_path.open("a") as log:
            self._nursery = subprocess.Popen(
                [sys.executable, "-m", "tests.runtime.nursery", name],
                env=made.env,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        made.children[f"nursery of the {name}"] = self._nursery
        self._pid = 0

    def start(self) -> None:
        assert self._nursery.stdin is not None
        self._nursery.stdin.write("start\n")
        self._nursery.stdin.flush()
        self._pid = int(self._answer())

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal it and wait until it is gone; returns the exit status."""
        os.kill(self._pid, number)
        return int(self._answer())

    def _answer(self) -> str:
        assert self._nursery.stdout is not None
        return self._nursery.stdout.readline()


def kill_both(
    made: Machine, store: Born, engine: Born, keeper: Keeper, chance: random.Random
) -> None:
    """Both under load, then one, and at once or a moment later the other."""
    store.start()
    engine.start()
    until(lambda: is_open(made.port("store_port")), 60, "a store", made.log_tail)
    before = keeper.batches
    until(lambda: keeper.batches > before, 60, "samples acknowledged", made.log_tail)
    time.sleep(chance.uniform(0, MOST_WAIT_S))
    turns = [engine, store]
    chance.shuffle(turns)
    for turn in turns:
        assert turn.end() == -signal.SIGKILL, "it had ended by itself"
        time.sleep(chance.choice((0, chance.uniform(0, MOST_WAIT_S))))


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def stored(made: Machine) -> list[tuple[int, int]]:
    rows = made.sql("SELECT target_id, toUnixTimestamp64Milli(ts) FROM probe_result")
    return [(int(target), int(ts)) for target, ts in rows]


def test_twenty_kills_of_store_and_engine_lose_and_double_no_acknowledged_sample(
    tmp_path: Path,
) -> None:
    chance = random.Random(20)
    with machine(tmp_path, GOVNET_FLUSH_SECONDS=FLUSH_S) as made:
        made.django(
            f"{IMPORTS}for n in range({TARGETS}):\n"
            "    ledger.target(name=str(n),"
            " address=f'127.45.{n // 250}.{n % 250 + 1}', interval_s=1)"
        )
        with keeping(made, tmp_path) as keeper:
            store, engine = Born(made, "store"), Born(made, "engine")
            for _ in range(KILLS):
                kill_both(made, store, engine, keeper, chance)
            store.start()
            engine.start()
            before = keeper.batches
            until(lambda: keeper.batches > before, 60, "measuring again", made.log_tail)
            assert engine.end(signal.SIGTERM) == 0, made.log_tail()
        command = [sys.executable, "-c", SEND_THE_REST]
        subprocess.run(command, env=made.env, check=True, timeout=600)
        assert not list(made.data_dir.glob("spool/engine/**/*.arrow")), "not all were taken"
        promised, landed = keeper.rows(), stored(made)
        print(f"{len(promised)} acknowledged samples seen in {keeper.batches} batches")
        assert len(promised) > KILLS * TARGETS // 2, "there was no load"
        assert len(landed) == len(set(landed)), "a sample is there twice"
        lost = promised - set(landed)
        assert not lost, f"{len(lost)} of {len(promised)} acknowledged samples are lost"
        for rollup in ("1m", "5m", "1h"):
            (row,) = made.sql(f"SELECT sum(samples) FROM probe_result_{rollup}")
            assert int(row[0]) == len(landed), f"the {rollup} rollup differs from the raw samples"
