"""A network namespace of one's own for a test: routes, drops and errors that harm nobody."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers import require, require_root

CLONE_NEWNET = 0x40000000


@contextmanager
def private_network(*commands: str) -> Iterator[None]:
    """Puts this thread into a new namespace with ``lo`` up; it is gone at the end.

    Sockets opened inside stay in it. Each command runs in it by the shell.
    """
    require_root("network namespace")
    require("ip")
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        for command in ("ip link set lo up", *commands):
            subprocess.run(command, shell=True, check=True, capture_output=True, text=True)
        yield
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(home)


def allow_ping_sockets(*, allow: bool = True) -> None:
    """Sets whether everybody or nobody may open ICMP datagram sockets in this namespace."""
    value = "0 2147483647" if allow else "1 0"
    Path("/proc/sys/net/ipv4/ping_group_range").write_text(value)
