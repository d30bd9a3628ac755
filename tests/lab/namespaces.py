"""Network namespaces of a test's own, and what goes through a cable between two of them."""

from __future__ import annotations

import itertools
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from govnet.lab.kernel import inside
from tests.peers import require, require_root


def ip(*arguments: str) -> str:
    """Run ``ip`` and return what it says."""
    done = subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


@contextmanager
def namespaces(*names: str) -> Iterator[list[str]]:
    """Namespaces with this process's own names; removed at the end with what runs inside."""
    require_root("network namespaces")
    require("ip")
    full = [f"gvt{os.getpid()}-{name}" for name in names]
    try:
        for name in full:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        yield full
    finally:
        for name in full:
            with suppress(subprocess.CalledProcessError):
                ip("netns", "del", name)


def read_link(namespace: str, interface: str, what: str) -> str:
    """A file of /sys/class/net as the namespace sees it, e.g. ``speed``."""
    command = ["ip", "netns", "exec", namespace, "cat", f"/sys/class/net/{interface}/{what}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Passage(NamedTuple):
    """Of numbered datagrams sent one way: how many, which arrived, and how late (seconds)."""

    sent: int
    arrived: list[int]
    late: list[float]

    @property
    def loss(self) -> float:
        return 1 - len(self.arrived) / self.sent

    @property
    def mean_burst(self) -> float:
        """Mean number of datagrams lost in a row."""
        edges = [-1, *self.arrived, self.sent]
        gaps = [b - a - 1 for a, b in itertools.pairwise(edges) if b - a > 1]
        return sum(gaps) / len(gaps) if gaps else 0.0


def send_through(
    source: str, target: str, address: str, number: int, *, pause: float = 0.0005, wait: float = 0.3
) -> Passage:
    """Send numbered, stamped datagrams from one namespace to an address in another."""
    with inside(target):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with inside(source):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    arrived: list[int] = []
    late: list[float] = []

    def collect() -> None:
        with suppress(BlockingIOError):
            while True:
                index, stamp = struct.unpack("!Id", receiver.recv(64))
                arrived.append(index)
                late.append(time.monotonic() - stamp)

    with receiver, sender:
        receiver.bind((address, 9))
        receiver.setblocking(False)
        for index in range(number):
            sender.sendto(struct.pack("!Id", index, time.monotonic()), (address, 9))
            time.sleep(pause)
            collect()
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and len(arrived) < number:
            time.sleep(0.0005)
            collect()
    return Passage(number, arrived, late)
