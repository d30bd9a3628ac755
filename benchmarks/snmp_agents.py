"""Simulated agents for the SNMP benchmark: one C process that answers for all of 127/8.

It must not be the limit, so it is compiled (``snmp_agents.c``, gcc). Values are formulas; the
ones here say what a client must have read.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

OUT = Path(__file__).parent / "out"
SOURCE = Path(__file__).with_suffix(".c")
FIRST = int(IPv4Address("127.30.0.1"))


class MissingCompilerError(RuntimeError):
    """There is no gcc; the message says what to install."""


def address(number: int) -> str:
    """Address of the agent with this number, 1 to 65,000."""
    return str(IPv4Address(FIRST + number - 1))


def is_dead(number: int, dead_every: int) -> bool:
    """Whether the agent never answers."""
    return dead_every > 0 and (FIRST + number - 1) % 65536 % dead_every == 0


def octets_base(number: int, column: int, if_index: int) -> int:
    """Value of an ifXTable octet counter when the agents started."""
    return (FIRST + number - 1) * 1000003 + (100 + column) * 10007 + if_index * 101


def octets_rate(number: int, column: int, if_index: int) -> int:
    """Octets per second by which it grows."""
    return 1000 + (FIRST + number - 1 + (100 + column) * 7 + if_index * 13) % 90000


def build() -> Path:
    """Compile the agents.

    Raises:
        MissingCompilerError: no gcc.
    """
    OUT.mkdir(exist_ok=True)
    program = OUT / "snmp_agents"
    if shutil.which("gcc") is None:
        raise MissingCompilerError("the simulated agents need gcc: apt-get install gcc libc6-dev")
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        command = ["gcc", "-O2", "-Wall", "-o", str(program), str(SOURCE)]
        subprocess.run(command, check=True, capture_output=True)
    return program


@contextmanager
def running(interfaces: int, dead_every: int = 0) -> Iterator[int]:
    """Agents as long as the block runs; gives their UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))
        port = int(probe.getsockname()[1])
    command = [str(build()), str(port), str(interfaces), str(dead_every)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise RuntimeError("the simulated agents did not start")
            yield port
        finally:
            process.terminate()
