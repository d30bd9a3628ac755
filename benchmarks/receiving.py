"""What the benchmarks of the receiver share: a paced sender, our process, its cost."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.peers import free_port

from govnet.config import Config

HOST, SENDER = "127.91.3.1", "127.91.3.2"
MIB = 2**20


@dataclass
class Verdict:
    """One judged figure; ``value`` must not exceed ``limit``, both in the unit of ``text``."""

    name: str
    text: str
    value: float | None
    limit: float

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "NOT MEASURED"
        return "PASS" if self.value <= self.limit else "FAIL"


_SENDER = """
import ctypes, pickle, socket, sys, time
host, source, port, rate, seconds, path = sys.argv[1:]
first, sent = pickle.load(open(path, "rb"))
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.bind((source, 0)); out.connect((host, int(port))); out.setsockopt(1, 7, 8 << 20)
for _ in range(3 if first else 0): out.send(first); time.sleep(0.05)
rate, seconds = float(rate), float(seconds)
began, done, total = time.monotonic(), 0, len(sent) if not seconds else int(rate * seconds)
while done < total:
    due = min(int((time.monotonic() - began) * rate) + 1, total)
    while done < due:
        out.send(sent[done % len(sent)]); done += 1
    time.sleep(0.002)
print(done, time.monotonic() - began, time.process_time())
"""


def send(
    port: int, sent: list[bytes], rate: float, seconds: float = 0.0, first: bytes = b""
) -> tuple[int, float]:
    """Send at so many datagrams a second, all once or for so long; how many, and its CPU.

    ``first`` goes before, three times, and is not counted.
    """
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        pickle.dump((first, sent), file)
        file.flush()
        command = [sys.executable, "-c", _SENDER, HOST, SENDER, str(port), str(rate), str(seconds)]
        done = subprocess.run([*command, file.name], capture_output=True, text=True, check=True)
    number, _, cpu = done.stdout.split()
    return int(number), float(cpu)


def cpu_of(*processes: psutil.Process) -> float:
    total = 0.0
    for process in processes:
        for one in (process, *process.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system
    return total


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


@contextmanager
def our_receiver(config: Config, *, netflow: int = 0, syslog: int = 0) -> Iterator[psutil.Process]:
    """The receiver process, listening on one of the two ports; the others are anything free."""
    ports = [port or free_port(socket.SOCK_DGRAM, HOST) for port in (netflow, syslog, 0, 0)]
    environment = os.environ | {
        "GOVNET_RECEIVER_HOSTS": f'["{HOST}"]',
        "GOVNET_NETFLOW_PORTS": f"[{ports[0]}]",
        "GOVNET_SYSLOG_PORTS": f"[{ports[1]}]",
        "GOVNET_SFLOW_PORT": str(ports[2]),
        "GOVNET_TRAP_PORTS": f"[{ports[3]}]",
        "GOVNET_RECEIVER_HEALTH_PORT": str(free_port()),
        "GOVNET_SPOOL_MAX_MIB": "8192",
    }
    govnet = [sys.executable, "-m", "govnet"]
    subprocess.run([*govnet, "migrate"], env=environment, check=True, capture_output=True)
    with (config.data_dir / "receiver.log").open("wb") as log:
        process = subprocess.Popen([*govnet, "receiver"], env=environment, stdout=log, stderr=log)
    try:
        _await_port(netflow or syslog, process)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    wanted = f":{port:04X} "
    for _ in range(600):
        if wanted in Path("/proc/net/udp").read_text(encoding="ascii"):
            time.sleep(1.0)
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError("the receiver does not come up")


def until(condition: Callable[[], object], seconds: float, every_s: float = 0.2) -> None:
    """Wait for a condition, not for ever."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(every_s)
