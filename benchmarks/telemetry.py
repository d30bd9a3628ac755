"""The column store measured: ``uv run python -m benchmarks.telemetry [--objects 2000]``.

Starts a store of its own in a temporary directory and prints: what writing costs, what a demo
city's load costs at rest, and how long the questions of the pages take over a year of data.
Judged is what has a limit: a question is a part of a page (300 ms), the demo city's load a part
of the idle demo (25 % of one core, 1.5 GiB). Results: ``benchmarks/out/telemetry.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
from clickhouse_connect.driver.client import Client
from tests.store_process import StoreProcess, store_process
from tests.telemetry.samples import interface_columns, probe_columns

from benchmarks.telemetry_seed import seed
from govnet.telemetry import queries
from govnet.telemetry.client import connect
from govnet.telemetry.writer import Writer

OUT = Path(__file__).parent / "out" / "telemetry.json"
PAGE_MS = 300.0
CORE_PERCENT = 25.0
MEMORY_MIB = 1536.0

figures: list[dict[str, object]] = []
"""What was judged, in the form that ``python -m benchmarks`` sums up."""


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def report(what: str, value: str) -> None:
    print(f"{what:58s} {value}", flush=True)


def judge(name: str, value: float, limit: float, unit: str, shown: str = "") -> None:
    """Report a figure that has a limit."""
    verdict = "PASS" if value <= limit else "FAIL"
    report(name, f"{shown or f'{value:.1f} {unit}'}   target <= {limit:g} {unit}  {verdict}")
    figures.append(
        {"name": name, "value": float(value), "limit": limit, "unit": unit, "verdict": verdict}
    )


def writing(store: StoreProcess, batches: int, rows: int) -> None:
    """Large batches through spool and store."""
    assert store.process
    ours, theirs = psutil.Process(), psutil.Process(store.process.pid)
    writer = Writer("bench", store.config, flush_seconds=60, flush_rows=10**9)
    before, began = (cpu(ours), cpu(theirs)), time.perf_counter()
    for _ in range(batches):
        ts = time.time() + np.arange(float(rows)) / 1000
        writer.append(
            "probe_result", probe_columns(ts, np.arange(rows), rtt_ms=np.random.rand(rows))
        )
        assert writer.flush(60)
    spooled = time.perf_counter() - began
    assert writer.wait_inserted(120)
    took, total = time.perf_counter() - began, batches * rows
    report(f"append to disk, batches of {rows:,}", f"{total / spooled:,.0f} rows/s")
    report("append to store, raw and three rollups", f"{total / took:,.0f} rows/s")
    mine, its = (cpu(ours) - before[0]) / total * 1e6, (cpu(theirs) - before[1]) / total * 1e6
    report("CPU per million rows, writer + store", f"{mine:.2f} s + {its:.2f} s")
    writer.close()


def demo_load(store: StoreProcess, seconds: float) -> None:
    """163 units: 326 probe results in 10 s; 163 × 4 interfaces and 163 devices in 60 s."""
    assert store.process
    ours, theirs = psutil.Process(), psutil.Process(store.process.pid)
    writer = Writer("bench", store.config)
    before, began, tick = (cpu(ours), cpu(theirs)), time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        now = np.full(33, time.time())
        writer.append("probe_result", probe_columns(now, np.arange(33) + 33 * (tick % 10)))
        if tick % 60 == 0:
            for if_index in range(4):
                ts, octets = np.full(163, time.time()), np.full(163, 10**6)
                columns = interface_columns(ts, octets, octets, np.full(163, 60.0))
                columns["device_id"] = np.arange(163)
                columns["if_index"] = np.full(163, if_index)
                writer.append("interface_sample", columns)
        tick += 1
        time.sleep(max(0.0, began + tick - time.perf_counter()))
    took = time.perf_counter() - began
    mine, its = (cpu(ours) - before[0]) / took, (cpu(theirs) - before[1]) / took
    shown = f"{mine:.1%} + {its:.1%} of one core"
    judge("demo city's load, CPU of writer + store", 100 * (mine + its), CORE_PERCENT, "%", shown)
    judge("store resident under it", theirs.memory_info().rss / 2**20, MEMORY_MIB, "MiB")
    writer.close()


def idle(store: StoreProcess, seconds: float) -> None:
    assert store.process
    process = psutil.Process(store.process.pid)
    time.sleep(3)
    before = cpu(process)
    time.sleep(seconds)
    report("store without load, CPU", f"{(cpu(process) - before) / seconds:.1%} of one core")
    report("store resident", f"{process.memory_info().rss / 2**20:.0f} MiB")


def asking(client: Client, objects: int, runs: int) -> None:
    now = datetime.now(UTC)
    hour, day, week, year = (now - timedelta(hours=h) for h in (1, 24, 24 * 7, 24 * 365))
    pairs = [(device, 1) for device in range(1, min(objects, 40) + 1)]
    ids = list(range(1, objects + 1))
    chance = np.random.default_rng(1)

    def one() -> int:
        return int(chance.integers(1, objects + 1))

    questions: dict[str, Callable[[], object]] = {
        "probe series, 1 hour": lambda: queries.probe_series(client, one(), hour, now),
        "probe series, 1 day": lambda: queries.probe_series(client, one(), day, now),
        "probe series, 1 week": lambda: queries.probe_series(client, one(), week, now),
        "probe series, 1 year": lambda: queries.probe_series(client, one(), year, now),
        "interface series, 1 year": lambda: queries.interface_series(client, one(), 1, year, now),
        "sum of 40 interfaces, 1 day": lambda: queries.interface_sum_series(
            client, pairs, day, now
        ),
        "sum of 40 interfaces, 1 year": lambda: queries.interface_sum_series(
            client, pairs, year, now
        ),
        "95th percentile, 2 weeks": lambda: queries.percentile_95(
            client, one(), 1, now - timedelta(days=14), now
        ),
        "worst targets, 1 day": lambda: queries.worst_targets(client, day, now),
        f"latest of {objects} targets": lambda: queries.latest_probe(client, ids),
    }
    for name, question in questions.items():
        question()
        took = []
        for _ in range(runs):
            began = time.perf_counter()
            question()
            took.append((time.perf_counter() - began) * 1000)
        p95 = float(np.percentile(took, 95))
        shown = f"median {np.median(took):6.1f} ms   p95 {p95:6.1f} ms"
        judge(f"{name}, p95", p95, PAGE_MS, "ms", shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, store_process(Path(directory)) as store:
        client = connect(store.config)
        idle(store, 5)
        demo_load(store, args.seconds)
        writing(store, 10, 100_000)
        size = client.query(
            "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts"
            " WHERE active AND table = 'probe_result' AND rows > 10000"
        )
        report("bytes per raw probe result on disk", f"{size.result_rows[0][0]:.1f}")
        began = time.perf_counter()
        rows = seed(client, args.objects, {"1h": 365, "5m": 14, "1m": 2})
        report("seeding a year", f"{rows:,} rows in {time.perf_counter() - began:.0f} s")
        asking(client, args.objects, args.runs)
        assert store.process
        resident = psutil.Process(store.process.pid).memory_info().rss / 2**20
        judge("store resident after all this", resident, MEMORY_MIB, "MiB")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"figures": figures}, indent=1), encoding="utf-8")
    sys.exit(any(figure["verdict"] == "FAIL" for figure in figures))


if __name__ == "__main__":
    main()
