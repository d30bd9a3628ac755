"""Where a channel may connect to: its address is typed by a person and must not reach inside.

An address that is private is admitted, because a government network's gateways are. Loopback
is this machine itself and needs the administrator's setting; link-local and metadata addresses
are never admitted. What was checked is what is connected to, so that a name that changes
between the two leads nowhere.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address

from govnet.engine.safety import Scope, scope_of
from govnet.notices.channels.base import TransportError


def admitted(host: str, port: int, *, loopback: bool, datagram: bool = False) -> str:
    """The first address of a host that a channel may connect to.

    Raises:
        TransportError: the name is unknown (again later), or leads where no channel may go.
    """
    kind = socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM
    try:
        found = socket.getaddrinfo(host, port, type=kind)
    except OSError as error:
        raise TransportError(f"{host}: {error.strerror or error}") from error
    highest = Scope.LOOPBACK if loopback else Scope.PRIVATE
    for *_, address in found:
        if scope_of(ip_address(str(address[0]).partition("%")[0])) <= highest:
            return str(address[0])
    raise TransportError(f"{host} is an address that notices must not be sent to.", permanent=True)


def host_and_port(address: str, default: int) -> tuple[str, int]:
    """Split ``host:port``, ``[v6]:port`` or ``host``.

    Raises:
        TransportError: the port is no number.
    """
    host, colon, port = address.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = address, str(default)
    if not (port.isdigit() and 0 < int(port) < 65536):
        raise TransportError(f"{address}: the port is not a number.", permanent=True)
    return host.strip("[]"), int(port)
