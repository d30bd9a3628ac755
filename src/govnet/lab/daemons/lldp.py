"""lldpd: who is at the other end of each cable, told to the SNMP agent through AgentX."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from govnet.lab.daemons.base import AGENTX, Daemon, Room

SEND_S: Final = 5


def daemons(room: Room) -> Iterator[Daemon]:
    """LLDP on every node with an agent, the operations room included: it is a neighbour."""
    node = room.node
    if not (node.agent or node.routes):
        return
    room.give("lldpd", "_lldpd")
    ipv4, ipv6 = room.city.address_of(node.name)
    room.write(
        "lldpd.conf",
        f'configure system hostname "{node.system_name}"\n'
        f"configure lldp tx-interval {SEND_S}\n"
        "configure lldp portidsubtype ifname\n"
        f"configure system ip management pattern {ipv4},{ipv6}\n"
        "configure system interface pattern to-*\n",
    )
    agent = ("-x", "-X", AGENTX.removeprefix("unix:")) if node.agent else ()
    command = ("/usr/sbin/lldpd", "-d", *agent, "-u", "/run/lldpd.socket", "-O")
    yield Daemon("lldpd", (*command, "/run/etc/lldpd.conf"), wave=3)
