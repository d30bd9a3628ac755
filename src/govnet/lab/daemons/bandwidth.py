"""iperf3 in the operations room: the far end of bandwidth measurements."""

from __future__ import annotations

from collections.abc import Iterator

from govnet.lab.daemons.base import Daemon, Room
from govnet.lab.description import Role


def daemons(room: Room) -> Iterator[Daemon]:
    """The measuring server."""
    if room.node.role is Role.OPERATIONS:
        yield Daemon("iperf3", ("/usr/bin/iperf3", "-s"))
