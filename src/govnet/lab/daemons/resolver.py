"""dnsmasq: the city's name server."""

from __future__ import annotations

from collections.abc import Iterator

from govnet.lab.daemons.base import Daemon, Room
from govnet.lab.daemons.portal import HOST
from govnet.lab.description import Role


def daemons(room: Room) -> Iterator[Daemon]:
    """The name server."""
    if room.node.role is not Role.RESOLVER:
        return
    hosts = {node.name: room.city.address_of(node.name) for node in room.city.nodes}
    lines = [f"{ip} {name}.city.example" for name, both in hosts.items() for ip in both]
    lines += [f"{ip} {HOST}" for ip in room.city.address_of("portal")]
    room.write("hosts", "\n".join(lines) + "\n")
    command = ("/usr/sbin/dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts")
    files = ("--conf-file=/dev/null", "--pid-file=/run/dnsmasq.pid", "--user=root")
    yield Daemon("dnsmasq", (*command, *files, "--addn-hosts=/run/etc/hosts"))
