"""The peers of the SNMP benchmark: Debian's Zabbix proxy and snmp_exporter.

Their programs are taken from the system when installed, else their packages are downloaded and
unpacked under ``benchmarks/out/peers``: nothing is installed and no service is left running.
"""

from __future__ import annotations

import gzip
import http.client
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

import psutil
from tests.peers import free_port

from benchmarks.snmp_agents import OUT, address

PEERS = OUT / "peers"
PACKAGES = ("prometheus-snmp-exporter", "zabbix-proxy-sqlite3", "libodbc2", "libopenipmi0")
LIBRARIES = PEERS / "usr/lib/x86_64-linux-gnu"
COLUMNS = {
    "ifHCInOctets": "1.3.6.1.2.1.31.1.1.1.6",
    "ifHCOutOctets": "1.3.6.1.2.1.31.1.1.1.10",
    "ifHCInUcastPkts": "1.3.6.1.2.1.31.1.1.1.7",
    "ifHCOutUcastPkts": "1.3.6.1.2.1.31.1.1.1.11",
    "ifInErrors": "1.3.6.1.2.1.2.2.1.14",
    "ifOutErrors": "1.3.6.1.2.1.2.2.1.20",
    "ifInDiscards": "1.3.6.1.2.1.2.2.1.13",
    "ifOutDiscards": "1.3.6.1.2.1.2.2.1.19",
}


class PeerMissingError(RuntimeError):
    """A peer cannot be had here; the message says why."""


@dataclass
class Measured:
    """What one side did: samples, CPU seconds (of these, the store's), resident size."""

    samples: int
    cpu_s: float
    resident_mib: float
    note: str = ""
    store_s: float = 0.0

    @property
    def us_per_sample(self) -> float:
        return self.cpu_s / self.samples * 1e6


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its children included, from /proc/<pid>/stat."""
    total = 0.0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def resident_mib(pid: int) -> float:
    """Resident memory of a process and its children; shared pages count once per process."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(process.memory_full_info().pss for process in family) / 2**20


def program(path: str) -> Path:
    """A peer's program, from the system or from its unpacked package.

    Raises:
        PeerMissingError: it cannot be had.
    """
    installed = Path("/") / path
    if installed.exists():
        return installed
    if not (PEERS / path).exists():
        _unpack()
    return PEERS / path


def _unpack() -> None:
    if shutil.which("apt-get") is None:
        raise PeerMissingError("no apt-get to download Debian's packages with")
    PEERS.mkdir(parents=True, exist_ok=True)
    command = ["apt-get", "download", "-q", *PACKAGES]
    got = subprocess.run(command, cwd=PEERS, capture_output=True, text=True, check=False)
    if got.returncode:
        raise PeerMissingError(f"apt-get download: {got.stderr.strip()[:300]}")
    for package in PEERS.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package.name, "."], cwd=PEERS, check=True)


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"LD_LIBRARY_PATH": str(LIBRARIES)}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, start_new_session=True
        ) as process,
    ):
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


# --- prometheus-snmp-exporter ---------------------------------------------------------------


def exporter(agents: int, interfaces: int, port: int, folder: Path, rounds: int = 2) -> Measured:
    """Scrape every agent for the eight counters; the scraper's CPU is not counted.

    Raises:
        PeerMissingError: it cannot be had.
    """
    binary = program("usr/bin/prometheus-snmp-exporter")
    config = folder / "snmp.yml"
    config.write_text(_exporter_config())
    http_port = free_port()
    command = [
        str(binary),
        f"--config.file={config}",
        f"--web.listen-address=127.0.0.1:{http_port}",
    ]
    with _process(command, folder / "exporter.log") as process:
        _scrape(http_port, port, range(1, 51), interfaces)  # warm
        before = cpu_seconds(process.pid)
        for _ in range(rounds):
            _scrape(http_port, port, range(1, agents + 1), interfaces)
        used = cpu_seconds(process.pid) - before
        samples = rounds * agents * interfaces * len(COLUMNS)
        return Measured(samples, used, resident_mib(process.pid), "exporter alone, no Prometheus")


def _exporter_config() -> str:
    lines = ["bench:", "  version: 2", "  max_repetitions: 25", "  timeout: 2s", "  retries: 1"]
    lines += ["  auth:", "    community: public", "  walk:"]
    lines += [f"  - {oid}" for oid in COLUMNS.values()]
    lines.append("  metrics:")
    for name, oid in COLUMNS.items():
        lines += [f"  - name: {name}", f"    oid: {oid}", "    type: counter", f"    help: {name}"]
        lines += ["    indexes:", "    - labelname: ifIndex", "      type: gauge"]
    return "\n".join(lines) + "\n"


def _scrape(http_port: int, port: int, numbers: range, interfaces: int) -> None:
    todo: SimpleQueue[int] = SimpleQueue()
    for number in numbers:
        todo.put(number)

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", http_port, timeout=30)
        while True:
            try:
                target = f"{address(todo.get_nowait())}:{port}"
            except Empty:
                break
            body = _ask(connection, f"/snmp?module=bench&target={target}")
            found = sum(line.startswith(b"if") for line in body.splitlines())
            if found != interfaces * len(COLUMNS):
                raise RuntimeError(f"snmp_exporter gave {found} samples of {target}")
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(8)]:
            done.result()


def _ask(connection: http.client.HTTPConnection, path: str) -> bytes:
    for _ in range(100):
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        except ConnectionRefusedError:
            connection.close()
            time.sleep(0.1)
    raise RuntimeError("snmp_exporter does not listen")


# --- Zabbix proxy ---------------------------------------------------------------------------

INTERVAL_S = 30


def zabbix(agents: int, interfaces: int, port: int, folder: Path, window_s: int = 60) -> Measured:
    """Poll every agent every 30 s into the proxy's own SQLite; CPU over a steady window.

    Raises:
        PeerMissingError: it cannot be had, or it does not reach the due rate.
    """
    binary = program("usr/sbin/zabbix_proxy")
    schema = program("usr/share/zabbix-proxy-sqlite3/schema.sql.gz")
    database = folder / "zabbix.db"
    _fill(database, gzip.decompress(schema.read_bytes()).decode(), agents, interfaces, port)
    config = folder / "zabbix.conf"
    config.write_text(_zabbix_config(folder, database))
    due = agents * interfaces * len(COLUMNS) / INTERVAL_S
    with _process([str(binary), "-f", "-c", str(config)], folder / "zabbix.out") as process:
        _await_rate(process, database, due * 0.9)
        rows, used, started = _rows(database), cpu_seconds(process.pid), time.monotonic()
        time.sleep(window_s)
        rows, used = _rows(database) - rows, cpu_seconds(process.pid) - used
        elapsed = time.monotonic() - started
        note = f"{rows / elapsed:,.0f} of {due:,.0f} samples/s due, SQLite included"
        return Measured(rows, used, resident_mib(process.pid), note)


def _zabbix_config(folder: Path, database: Path) -> str:
    settings = {
        "ProxyMode": 1,
        "Server": "127.0.0.1",
        "Hostname": "bench",
        "ListenIP": "127.0.0.1",
        "ListenPort": _low_port(),
        "DBName": database,
        "LogFile": folder / "zabbix.log",
        "PidFile": folder / "zabbix.pid",
        "SocketDir": folder,
        "AllowRoot": 1,
        "StartPollers": 20,
        "StartPollersUnreachable": 1,
        "StartTrappers": 1,
        "StartPingers": 0,
        "StartDiscoverers": 0,
        "StartHTTPPollers": 0,
        "StartDBSyncers": 2,
        "CacheSize": "1G",
        "HistoryCacheSize": "256M",
        "HistoryIndexCacheSize": "128M",
        "Timeout": 4,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _low_port() -> int:
    """A free port that the proxy accepts: 1,024 to 32,767."""
    for port in range(20_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise PeerMissingError("no free port below 32,768")


def _fill(database: Path, schema: str, agents: int, interfaces: int, port: int) -> None:
    """The configuration that a server would have sent."""
    with sqlite3.connect(database) as connection:
        connection.executescript(schema)
        connection.execute("INSERT INTO hstgrp (groupid, name) VALUES (1, 'bench')")
        connection.execute("INSERT INTO config (configid, discovery_groupid) VALUES (1, 1)")
        numbers = range(1, agents + 1)
        connection.executemany(
            "INSERT INTO hosts (hostid, host, name, status) VALUES (?, ?, ?, 0)",
            [(n, f"agent{n}", f"agent{n}") for n in numbers],
        )
        connection.executemany(
            "INSERT INTO interface (interfaceid, hostid, main, type, useip, ip, port)"
            " VALUES (?, ?, 1, 2, 1, ?, ?)",
            [(n, n, address(n), str(port)) for n in numbers],
        )
        connection.executemany(
            "INSERT INTO interface_snmp (interfaceid, version, bulk, community)"
            " VALUES (?, 2, 1, 'public')",
            [(n,) for n in numbers],
        )
        items = [
            (n, f"{oid}.{i}", f"{name}[{i}]", f"{name}[{i}]", f"{INTERVAL_S}s")
            for n in numbers
            for name, oid in COLUMNS.items()
            for i in range(1, interfaces + 1)
        ]
        connection.executemany(
            "INSERT INTO items (itemid, type, hostid, interfaceid, snmp_oid, name, key_, delay,"
            " value_type) VALUES (?, 20, ?, ?, ?, ?, ?, ?, 3)",
            [(k, item[0], item[0], *item[1:]) for k, item in enumerate(items, 1)],
        )
        connection.execute("INSERT INTO item_rtdata (itemid) SELECT itemid FROM items")
    connection.close()


def _rows(database: Path) -> int:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)
    try:
        found = connection.execute("SELECT max(id) FROM proxy_history").fetchone()
    finally:
        connection.close()
    return int(found[0] or 0)


def _await_rate(process: subprocess.Popen[bytes], database: Path, wanted: float) -> None:
    """Wait until the proxy keeps up, at most 100 s."""
    before, at = _rows(database), time.monotonic()
    for _ in range(10):
        time.sleep(10)
        if process.poll() is not None:
            raise PeerMissingError("zabbix_proxy ended; see zabbix.log")
        rows, now = _rows(database), time.monotonic()
        if (rows - before) / (now - at) >= wanted:
            return
        before, at = rows, now
    raise PeerMissingError(f"zabbix_proxy does not reach {wanted:,.0f} samples/s")
