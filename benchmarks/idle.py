"""The idle demo: resident memory and CPU of all its processes together.

Starts ``govnet demo`` in a directory and network of its own, waits until everything is
measured, lets it settle, then adds up every process over a window. Nobody looks at a page
meanwhile. Resident memory counts shared pages once for each process, as the target does;
the proportional figure is printed beside it. Results: ``benchmarks/out/idle.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

OUT = Path(__file__).parent / "out" / "idle.json"
NETWORK = "127.251.0.0/16"
LIMIT_MIB = 1536.0
LIMIT_PERCENT = 25.0
START_S = 120.0
MIB = 1 << 20
PORTS = ("WEB", "STORE", "ENGINE_HEALTH", "WORKER_HEALTH", "WEB_HEALTH")


@dataclass(frozen=True)
class Load:
    """What one process takes."""

    name: str
    rss_mib: float
    pss_mib: float
    cpu_percent: float


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    *ports, portal = free_ports(len(PORTS) + 1)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GOVNET_")}
    settings = {f"GOVNET_{name}_PORT": str(port) for name, port in zip(PORTS, ports, strict=True)}
    env = {**kept, **settings, "GOVNET_DATA_DIR": str(folder / "data")}
    options = ("--loopback", "--network", NETWORK, "--portal-port", str(portal), "--no-faults")
    with (folder / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "govnet", "demo", *options], env=env, stdout=log, stderr=log
        )
    return process, env


def wait_until_measuring(process: subprocess.Popen[bytes], env: dict[str, str]) -> None:
    deadline = time.monotonic() + START_S
    command = [sys.executable, "-m", "govnet", "status"]
    while subprocess.run(command, env=env, capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("the demo did not start")
        time.sleep(1)


def family(pid: int) -> list[psutil.Process]:
    me = psutil.Process(pid)
    return [me, *me.children(recursive=True)]


def short_name(process: psutil.Process) -> str:
    words = process.cmdline()
    if "-m" in words:
        module, *rest = words[words.index("-m") + 1 :]
        return f"{module} {rest[0]}" if module == "govnet" else module
    return "snmp_agent.py" if "snmp_agent.py" in words else Path(words[0]).name


def measure(pid: int, window_s: float) -> list[Load]:
    """Every process of the demo over the window; CPU in percent of one core."""
    before = {process: sum(process.cpu_times()[:2]) for process in family(pid)}
    started = time.monotonic()
    time.sleep(window_s)
    elapsed = time.monotonic() - started
    loads = []
    for process in family(pid):
        memory = process.memory_full_info()
        cpu_s = sum(process.cpu_times()[:2]) - before.get(process, 0.0)
        name = short_name(process)
        loads.append(
            Load(name, memory.rss / MIB, memory.pss / MIB, round(cpu_s / elapsed * 100, 2))
        )
    return loads


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def report(loads: list[Load]) -> bool:
    """Print and store; True when both limits are met."""
    rss, pss = sum(load.rss_mib for load in loads), sum(load.pss_mib for load in loads)
    cpu = sum(load.cpu_percent for load in loads)
    for name in sorted({load.name for load in loads}):
        same = [load for load in loads if load.name == name]
        memory, used = sum(x.rss_mib for x in same), sum(x.cpu_percent for x in same)
        print(f"  {len(same):3} × {name:28} {memory:8.1f} MiB {used:8.2f} %")
    rows = (("resident MiB", rss, LIMIT_MIB), ("% of one core", cpu, LIMIT_PERCENT))
    figures = [
        {
            "name": f"idle demo, {name}",
            "value": value,
            "limit": limit,
            "unit": name,
            "verdict": "PASS" if value <= limit else "FAIL",
        }
        for name, value, limit in rows
    ]
    for name, value, limit in rows:
        verdict = "PASS" if value <= limit else "FAIL"
        print(f"idle demo, {name:24} {value:9.1f}  target <= {limit:g}  {verdict}")
    print(f"idle demo, {'proportional MiB':24} {pss:9.1f}")
    OUT.parent.mkdir(exist_ok=True)
    stored = {"figures": figures, "pss_mib": pss, "processes": [asdict(load) for load in loads]}
    OUT.write_text(json.dumps(stored, indent=1), encoding="utf-8")
    return all(value <= limit for _, value, limit in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settle", type=float, default=60.0, help="seconds before measuring")
    parser.add_argument("--window", type=float, default=60.0, help="seconds measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        process, env = start(Path(name))
        try:
            wait_until_measuring(process, env)
            time.sleep(options.settle)
            loads = measure(process.pid, options.window)
        finally:
            stop(process)
    return int(not report(loads))


if __name__ == "__main__":
    sys.exit(main())
