"""iperf3 in the operations room and at every access point: the ends of bandwidth measurements."""

from __future__ import annotations

from collections.abc import Iterator

from govnet.lab.daemons.base import Daemon, Room
from govnet.lab.description import Role


def daemons(room: Room) -> Iterator[Daemon]:
    """The measuring server, which waits."""
    if room.node.role in {Role.OPERATIONS, Role.UNIT}:
        yield Daemon("iperf3", ("/usr/bin/iperf3", "-s"))
