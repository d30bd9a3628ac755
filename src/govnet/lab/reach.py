"""Which addresses answer a ping, all asked at once; independent of GovNet's own probes.

ICMP datagram sockets (ping(7)) in this thread's network namespace.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterable

from govnet.lab.kernel import inside

ECHO4, ECHO6 = 8, 128
PAUSE_S = 0.2


def unreachable(namespace: str, addresses: Iterable[str], within_s: float) -> set[str]:
    """Ping from a namespace until everything answered or the time is over.

    Returns:
        the addresses that never answered.
    """
    missing = set(addresses)
    with inside(namespace), _socket(socket.AF_INET) as four, _socket(socket.AF_INET6) as six:
        deadline = time.monotonic() + within_s
        while missing:
            for address in missing:
                _ask(six if ":" in address else four, address)
            _collect((four, six), missing, min(deadline, time.monotonic() + PAUSE_S))
            if time.monotonic() >= deadline:
                break
    return missing


def _socket(family: socket.AddressFamily) -> socket.socket:
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)


def _ask(sender: socket.socket, address: str) -> None:
    kind = ECHO4 if sender.family == socket.AF_INET else ECHO6
    try:
        sender.sendto(struct.pack("!BBHHH", kind, 0, 0, 0, 1), (address, 0))
    except OSError:
        return  # no route yet, or the buffer is full: asked again soon


def _collect(sockets: Iterable[socket.socket], missing: set[str], until: float) -> None:
    while missing and (left := until - time.monotonic()) > 0:
        for ready in select.select(list(sockets), [], [], left)[0]:
            try:
                while True:
                    missing.discard(ready.recvfrom(64)[1][0])
            except BlockingIOError:
                continue
            except OSError:  # an ICMP error came for one of them
                continue
