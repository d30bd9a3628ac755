"""rsyslog on every router and one unit's device: their messages to the operations room.

Some routers write RFC 5424, the others RFC 3164, as a city's devices do; two of the latter write
Chinese in GB18030, which neither RFC provides for and many devices do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from govnet.lab.daemons.base import SYSLOG_PORT, Daemon, Room

MODERN: Final = frozenset({"core1", "agg2", "isp1"})
CHINESE: Final = frozenset({"acc02", "u001"})
"""A router and a unit's device that write GB18030."""

CONFIGURATION: Final = """\
module(load="imuxsock" SysSock.Use="on" SysSock.Name="/run/log" SysSock.RateLimit.Interval="0")
action(type="omfwd" target="{target}" port="{port}" protocol="udp" template="{template}"
  action.resumeInterval="1" # its first messages come before the routes
  address="{source}") # the one that the ledger knows, as a router's "logging source" is set
"""
CHINESE_TEMPLATE: Final = """\
template(name="chinese" type="string"
  string="<%PRI%>%TIMESTAMP% %HOSTNAME% %syslogtag% 设备日志:%msg%")
"""


def daemons(room: Room) -> Iterator[Daemon]:
    """The log daemon of a device."""
    name = room.node.name
    if not room.node.agent or not (room.node.routes or name in CHINESE):
        return
    text = CONFIGURATION.format(
        target=room.collector[0],
        port=SYSLOG_PORT,
        template=_template(name),
        source=room.city.address_of(name)[0],
    )
    before = CHINESE_TEMPLATE if name in CHINESE else ""
    room.write("rsyslog.conf", before + text, encoding="gb18030")
    yield Daemon(
        "rsyslogd",
        # Without a file for its process id: after a power cut the number may be another's.
        ("/usr/sbin/rsyslogd", "-n", "-iNONE", "-f", "/run/etc/rsyslog.conf"),
        ready="/run/log",
    )


def _template(name: str) -> str:
    if name in CHINESE:
        return "chinese"
    return f"RSYSLOG_{'SyslogProtocol23' if name in MODERN else 'TraditionalForward'}Format"
