"""softflowd: NetFlow v9 of the first core, IPFIX of the second, v5 of an aggregation router."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from govnet.lab.daemons.base import IPFIX_PORT, NETFLOW_PORT, Daemon, Room

EXPORTERS: Final = {
    "core1": ("to-isp1", "9", NETFLOW_PORT),
    "core2": ("to-isp2", "10", IPFIX_PORT),
    "agg1": ("to-core1", "5", NETFLOW_PORT),
}
"""Node to the interface that is watched, the version and the port of the operations room."""

NUMBERED: Final = """number=$(ip -o link show dev "$0" | cut -d: -f1)
exec /usr/sbin/softflowd -i "$number:$0" "$@"
"""
"""Its flows name the interface by its index, which only the node knows; by itself it says 0."""

TIMEOUTS: Final = ("tcp=15", "tcp.rst=5", "tcp.fin=5", "udp=15", "icmp=10", "general=15")


def daemons(room: Room) -> Iterator[Daemon]:
    """The exporter of one of the nodes that have one."""
    if room.node.name not in EXPORTERS:
        return
    interface, version, port = EXPORTERS[room.node.name]
    times = [word for value in (*TIMEOUTS, "maxlife=30", "expint=5") for word in ("-t", value)]
    paths = ("-p", "/run/softflowd.pid", "-c", "/run/softflowd.ctl")
    options = ("-d", "-v", version, *paths, *times, "-n", f"{room.collector[0]}:{port}")
    # It ends when it cannot reach its collector as it starts: not before routing has converged.
    yield Daemon("softflowd", ("/bin/sh", "-c", NUMBERED, interface, *options), wave=4)
