"""A little known traffic, and softflowd metering it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.engine.flow.frames import ethernet, icmp, ip, tcp, udp, write_pcap
from tests.peers import require

START = 1_790_000_000.25
PAYLOAD = b"x" * 400


@dataclass(frozen=True)
class Known:
    """One direction of one conversation."""

    src: str
    dst: str
    protocol: int
    src_port: int
    dst_port: int
    packets: int
    tcp_flags: int = 0

    @property
    def octets(self) -> int:
        transport = {6: 20, 17: 8, 1: 8, 58: 8}[self.protocol]
        return self.packets * ((40 if ":" in self.src else 20) + transport + len(PAYLOAD))

    def packet(self) -> bytes:
        if self.protocol == 6:
            body = tcp(self.src_port, self.dst_port, self.tcp_flags, PAYLOAD)
        elif self.protocol == 17:
            body = udp(self.src_port, self.dst_port, PAYLOAD)
        else:
            body = icmp(self.dst_port >> 8, self.dst_port & 255, PAYLOAD)
        return ip(self.src, self.dst, self.protocol, body)


TRAFFIC = (
    Known("10.1.2.3", "203.0.113.80", 6, 40001, 443, 7, 0x18),
    Known("203.0.113.80", "10.1.2.3", 6, 443, 40001, 12, 0x18),
    Known("10.1.9.9", "198.51.100.53", 17, 5353, 53, 3),
    Known("10.1.7.7", "10.1.2.3", 1, 0, 0x0800, 4),
    Known("2001:db8:1::5", "2001:db8:2::80", 6, 50000, 80, 5, 0x10),
    Known("2001:db8:2::80", "2001:db8:1::5", 6, 80, 50000, 9, 0x10),
)


def traffic_pcap(path: Path) -> Path:
    """Every flow of TRAFFIC, its packets 100 ms apart."""
    frames = [
        (START + 0.1 * number, ethernet(known.packet()))
        for known in TRAFFIC
        for number in range(known.packets)
    ]
    write_pcap(path, sorted(frames))
    return path


def softflowd(directory: Path, version: int, *options: str) -> list[tuple[float, bytes]]:
    """What softflowd exports of TRAFFIC: when and what it sent."""
    program, control = require("softflowd"), require("softflowctl")
    capture, socket_file = traffic_pcap(directory / "traffic.pcap"), directory / "control"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.2)
        to = f"127.0.0.1:{receiver.getsockname()[1]}"
        command = [program, "-d", "-6", "-r", str(capture), "-n", to, "-v", str(version)]
        command += ["-p", str(directory / "pid"), "-c", str(socket_file), *options]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 10
            while process.poll() is None:  # it goes on with its file only when asked something
                assert time.monotonic() < deadline, "softflowd does not end"
                ask = [control, "-c", str(socket_file), "statistics"]
                subprocess.run(ask, capture_output=True, check=False)
                time.sleep(0.05)
        return list(_received(receiver))


def _received(receiver: socket.socket) -> Iterator[tuple[float, bytes]]:
    while True:
        try:
            data = receiver.recv(65535)
        except TimeoutError:
            return
        yield time.time(), data
