"""rsyslog on every router: its daemons' messages to the operations room.

Some routers write RFC 5424, the others RFC 3164, as a city's devices do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from govnet.lab.daemons.base import SYSLOG_PORT, Daemon, Room

MODERN: Final = frozenset({"core1", "agg2", "isp1"})
CONFIGURATION: Final = """\
module(load="imuxsock" SysSock.Use="on" SysSock.Name="/run/log" SysSock.RateLimit.Interval="0")
action(type="omfwd" target="{target}" port="{port}" protocol="udp" template="{template}")
"""


def daemons(room: Room) -> Iterator[Daemon]:
    """The log daemon of a router."""
    if not (room.node.routes and room.node.agent):
        return
    modern = room.node.name in MODERN
    template = "RSYSLOG_SyslogProtocol23Format" if modern else "RSYSLOG_TraditionalForwardFormat"
    target = room.collector[0]
    room.write(
        "rsyslog.conf",
        CONFIGURATION.format(target=target, port=SYSLOG_PORT, template=template),
    )
    yield Daemon(
        "rsyslogd",
        # Without a file for its process id: after a power cut the number may be another's.
        ("/usr/sbin/rsyslogd", "-n", "-iNONE", "-f", "/run/etc/rsyslog.conf"),
        ready="/run/log",
    )
