"""A store and a receiver of their own, on ports of their own, that tests may kill."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.engine.flow import wire
from tests.peers import free_port
from tests.running import Installation, installation, until

HOST = "127.83.7.1"
FIELDS = (
    (8, 4),
    (12, 4),
    (7, 2),
    (11, 2),
    (4, 1),
    (10, 4),
    (14, 4),
    (1, 8),
    (2, 4),
    (22, 4),
    (21, 4),
)
PER_DATAGRAM = 20


@dataclass
class FlowSite:
    """The installation, and what was sent to it."""

    site: Installation
    port: int
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        self.processes[name] = self.site.start(name)

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait(10)

    def wait_store(self) -> None:
        until(lambda: self.rows("SELECT 1"), 150, "the store answers", self.log)

    def wait_receiver(self) -> None:
        def healthy() -> bool:
            assert self.processes["receiver"].poll() is None, self.log()
            return bool(self.health())

        until(healthy, 150, "the receiver answers", self.log)

    def health(self) -> dict[str, float]:
        """Counters of its health page; empty while it does not answer."""
        url = f"http://127.0.0.1:{self.site.port('receiver_health_port')}/healthz"
        try:
            counters: dict[str, float] = httpx.get(url, trust_env=False).json()["counters"]
        except httpx.HTTPError:
            return {}
        return counters

    def rows(self, sql: str) -> list[list[object]]:

        try:
            return self.site.sql(sql)
        except (httpx.HTTPError, FileNotFoundError):
            return []

    def log(self) -> str:
        return self.site.log_path.read_text()[-4000:]

    def send(self, datagrams: list[bytes], pace_s: float = 0.0) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("127.83.7.9", 0))
            for datagram in datagrams:
                sender.sendto(datagram, (HOST, self.port))
                if pace_s:
                    time.sleep(pace_s)

    def stored(self) -> int:
        found = self.rows("SELECT count() FROM flow")
        return int(str(found[0][0])) if found else -1


def numbered(first: int, count: int) -> list[bytes]:
    """Datagrams whose records carry numbers from ``first`` on as their octets; unique each."""

    out = []
    for at in range(first, first + count * PER_DATAGRAM, PER_DATAGRAM):
        records = b"".join(
            struct.pack(
                ">IIHHBIIQIII", 0x0A140000 + n % 250, 0xCB007101, 1, 443, 6, 3, 4, n, 1, 0, 0
            )
            for n in range(at, at + PER_DATAGRAM)
        )
        sequence = at // PER_DATAGRAM
        out.append(wire.v9([wire.a_set(256, records)], sequence, at=int(time.time()), uptime=0))
    return out


def template() -> bytes:
    return wire.v9([wire.a_set(0, wire.template(256, FIELDS))], 0, at=int(time.time()))


@contextmanager
def flow_site(directory: Path) -> Iterator[FlowSite]:
    port = free_port(socket.SOCK_DGRAM, HOST)
    site = installation(
        directory,
        GOVNET_RECEIVER_HOSTS=f'["{HOST}"]',
        GOVNET_NETFLOW_PORTS=f"[{port}]",
        GOVNET_SFLOW_PORT=str(free_port(socket.SOCK_DGRAM, HOST)),
    )
    flows = FlowSite(site, port)
    site.run("migrate")
    try:
        flows.start("store")
        flows.wait_store()
        flows.start("receiver")
        flows.wait_receiver()
        yield flows
    finally:
        for process in flows.processes.values():
            process.kill()
            process.wait(10)
