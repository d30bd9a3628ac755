"""The ICMP client beside fping in the same run: CPU per ping, RTT, RTT with a stalled loop.

``uv run python -m benchmarks.icmp`` as root (it makes a network namespace of its own), about
100 s. Each figure is the median of interleaved rounds. CPU is user + system of the measuring
process: fping's whole run; ours from the first call to the last time-out, so without start-up
and imports, which a daemon pays once. Ours uses the datagram socket that it has in production.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import logging
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import structlog

from govnet.engine.probes.icmp import IcmpClient, probe
from govnet.engine.result import ProbeKind, Target

OUT = Path(__file__).parent / "out" / "icmp.json"
CLONE_NEWNET = 0x40000000
TARGETS = 10_000
COUNT = 3
SWEEPS = 2
PACED_TARGETS = 2_000
PACED_S = 2.0
PACED_GROUP = 10
# fping prints three significant digits: above 10 ms only tenths, as coarse as the target.
DELAY_S = 0.009
RTT_TARGETS = 50
RTT_COUNT = 20
RTT_PERIOD_MS = 100
RTT_SPACING_MS = 2
STALL_S, STALL_EVERY_S = 0.02, 0.1


@dataclass
class Figure:
    """One line of the table."""

    name: str
    ours: float
    fping: float
    value: float
    limit: float | None
    unit: str

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return "PASS" if self.value <= self.limit else "FAIL"


def loopback(count: int) -> list[str]:
    return [f"127.{1 + i // 62500}.{i // 250 % 250}.{i % 250 + 1}" for i in range(count)]


def delayed(count: int) -> list[str]:
    return [f"10.98.{i // 250}.{i % 250 + 1}" for i in range(count)]


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# --- ours, each in a process of its own


async def burst() -> dict[str, float]:
    """Sweeps over all targets as fast as possible."""
    addresses = loopback(TARGETS)
    async with IcmpClient(max_rate=1e6) as client:
        before = cpu_s()
        for _ in range(SWEEPS):
            result = await client.sweep(addresses, count=COUNT, interval_s=0.01, timeout_s=1.0)
            if result.received.sum() != TARGETS * COUNT:
                raise SystemExit(f"lost echoes on loopback: {result.received.sum()}")
        await asyncio.sleep(1.1)  # the time-outs are part of the work
        return {"cpu_us": (cpu_s() - before) / (TARGETS * COUNT * SWEEPS) * 1e6}


async def paced() -> dict[str, float]:
    """One probe per target, spread over time; ten start together, every 10 ms."""
    targets = [
        Target(i, ProbeKind.ICMP, address, params={"count": COUNT})
        for i, address in enumerate(loopback(PACED_TARGETS))
    ]
    async with IcmpClient() as client:
        before, start = cpu_s(), time.monotonic()
        tasks = []
        for number, target in enumerate(targets):
            tasks.append(asyncio.create_task(probe(client, target)))
            if number % PACED_GROUP == 0:
                due = start + number * PACED_S / PACED_TARGETS
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        results = await asyncio.gather(*tasks)
        await asyncio.sleep(1.1)
        received = sum(result.received for result in results)
        if received != PACED_TARGETS * COUNT:
            raise SystemExit(f"lost echoes on loopback: {received}")
        return {"cpu_us": (cpu_s() - before) / received * 1e6}


async def rtts(addresses: list[str], *, stalled: bool) -> dict[str, float]:
    """Echoes at fping's pace; percentiles of the round-trip times."""

    async def stall() -> None:
        while True:
            time.sleep(STALL_S)  # noqa: ASYNC251 - the stall is what is measured
            await asyncio.sleep(STALL_EVERY_S - STALL_S)

    async def one(number: int, address: str) -> tuple[float, ...]:
        await asyncio.sleep(number * RTT_SPACING_MS / 1e3)
        report = await client.ping(address, count=RTT_COUNT, interval_s=RTT_PERIOD_MS / 1e3)
        return report.rtts_ms

    async with IcmpClient() as client:
        stalling = asyncio.create_task(stall()) if stalled else None
        found = await asyncio.gather(*(one(i, address) for i, address in enumerate(addresses)))
        if stalling is not None:
            stalling.cancel()
    return percentiles([rtt for row in found for rtt in row])


def percentiles(values: list[float]) -> dict[str, float]:
    if len(values) < 0.99 * RTT_TARGETS * RTT_COUNT:
        raise SystemExit(f"only {len(values)} answers")
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": float(p50), "p95": float(p95)}


CHILDREN: dict[str, Callable[[], dict[str, float]]] = {
    "burst": lambda: asyncio.run(burst()),
    "paced": lambda: asyncio.run(paced()),
    "loopback": lambda: asyncio.run(rtts(loopback(RTT_TARGETS), stalled=False)),
    "delayed": lambda: asyncio.run(rtts(delayed(RTT_TARGETS), stalled=False)),
    "stalled": lambda: asyncio.run(rtts(delayed(RTT_TARGETS), stalled=True)),
}


def ours(mode: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.icmp", "--child", mode]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


# --- fping


def run_fping(addresses: list[str], *options: str) -> tuple[str, float]:
    """What fping prints, and the CPU seconds of its process."""
    with tempfile.NamedTemporaryFile("w") as names, tempfile.TemporaryFile("w+") as output:
        names.write("\n".join(addresses))
        names.flush()
        child = subprocess.Popen(
            ["fping", "-q", *options, "-t", "1000", "-f", names.name], stderr=output
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return output.read(), usage.ru_utime + usage.ru_stime


def fping_cpu(addresses: list[str], count: int, *options: str) -> dict[str, float]:
    output, cpu = run_fping(addresses, "-c", str(count), *options)
    answered = sum(int(number) for number in re.findall(r"= \d+/(\d+)/", output))
    if answered != len(addresses) * count:
        raise SystemExit(f"fping lost echoes on loopback: {answered}")
    return {"cpu_us": cpu / answered * 1e6}


def fping_rtts(addresses: list[str]) -> dict[str, float]:
    options = ("-C", str(RTT_COUNT), "-p", str(RTT_PERIOD_MS), "-i", str(RTT_SPACING_MS))
    output, _ = run_fping(addresses, *options)
    rows = [line.split(" : ")[1].split() for line in output.splitlines() if " : " in line]
    return percentiles([float(value) for row in rows for value in row if value != "-"])


# --- the run


def private_network() -> None:
    """Moves this process and its children into a namespace with ping sockets allowed."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise SystemExit("needs root: it makes a network namespace")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 2147483647")


def measure(rounds: int) -> dict[str, list[dict[str, float]]]:
    paced_interval_ms = PACED_S * 1e3 / (PACED_TARGETS * COUNT)
    steps: dict[str, Callable[[], dict[str, float]]] = {
        "fping burst": lambda: fping_cpu(loopback(TARGETS), COUNT, "-i", "0", "-p", "10"),
        "ours burst": lambda: ours("burst"),
        "fping paced": lambda: fping_cpu(
            loopback(PACED_TARGETS * COUNT), 1, "-i", f"{paced_interval_ms:.3f}"
        ),
        "ours paced": lambda: ours("paced"),
        "fping loopback": lambda: fping_rtts(loopback(RTT_TARGETS)),
        "ours loopback": lambda: ours("loopback"),
        "fping delayed": lambda: fping_rtts(delayed(RTT_TARGETS)),
        "ours delayed": lambda: ours("delayed"),
        "ours stalled": lambda: ours("stalled"),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in steps}
    for number in range(rounds):
        for name, step in steps.items():
            found[name].append(step())
            print(f"round {number + 1} {name}: {found[name][-1]}", file=sys.stderr)
    return found


def figures(found: dict[str, list[dict[str, float]]]) -> list[Figure]:
    def median(name: str, key: str) -> float:
        return statistics.median(row[key] for row in found[name])

    def ratio(what: str, text: str, limit: float | None) -> Figure:
        own, peer = median(f"ours {what}", "cpu_us"), median(f"fping {what}", "cpu_us")
        return Figure(text, own, peer, own / peer, limit, "x")

    def error(what: str, peer_name: str, key: str, text: str, limit: float | None) -> Figure:
        own, peer = median(f"ours {what}", key), median(f"fping {peer_name}", key)
        return Figure(f"{text} {key} ms", own, peer, abs(own - peer), limit, "ms off")

    stalled = f"RTT, loop stalled {STALL_S * 1e3:.0f} of {STALL_EVERY_S * 1e3:.0f} ms,"
    return [
        ratio("burst", f"CPU us/ping, {TARGETS} targets, burst", 1.0),
        ratio("paced", f"CPU us/ping, probe() at {PACED_TARGETS * COUNT / PACED_S:.0f}/s", None),
        error("loopback", "loopback", "p50", "RTT, loopback,", None),
        error("loopback", "loopback", "p95", "RTT, loopback,", 0.1),
        error("delayed", "delayed", "p50", f"RTT, {DELAY_S * 1e3:.0f} ms path,", None),
        error("delayed", "delayed", "p95", f"RTT, {DELAY_S * 1e3:.0f} ms path,", 0.1),
        error("stalled", "delayed", "p50", stalled, None),
        error("stalled", "delayed", "p95", stalled, 1.0),
    ]


def report(rows: list[Figure], found: dict[str, list[dict[str, float]]]) -> None:
    print(f"{'':52}{'ours':>9}{'fping':>9}{'ratio/diff':>12}  target")
    for row in rows:
        target = f"<= {row.limit:g} {row.verdict}" if row.limit is not None else ""
        print(f"{row.name:52}{row.ours:9.3f}{row.fping:9.3f}{row.value:8.3f} {row.unit:6} {target}")
    OUT.parent.mkdir(exist_ok=True)
    lines = [asdict(row) | {"verdict": row.verdict} for row in rows]
    OUT.write_text(json.dumps({"figures": lines, "rounds": found}, indent=1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=CHILDREN)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    if options.child:
        gc.freeze()  # as a daemon does when it has started: imports are not collected again
        print(json.dumps(CHILDREN[options.child]()))
        return 0
    private_network()
    path = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.delayed_path", "gnbench0", str(DELAY_S)],
        stdout=subprocess.PIPE,
    )
    try:
        assert path.stdout is not None
        path.stdout.readline()
        found = measure(options.rounds)
    finally:
        path.kill()
        path.wait()
    rows = figures(found)
    report(rows, found)
    return int(any(row.verdict == "FAIL" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
