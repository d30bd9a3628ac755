"""Opening an ICMP socket that stamps arrivals, and reading its error queue (Linux)."""

from __future__ import annotations

import ctypes
import errno
import secrets
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final

import structlog

from govnet.engine.probes.icmp_metrics import FAMILY_NAME
from govnet.engine.probes.icmp_packet import (
    COOKIE_BYTES,
    ERROR_TEXT,
    ICMP_HEADER_BYTES,
    reply_filter,
)

log = structlog.get_logger()

# Linux numbers that Python's socket module does not name (asm-generic/socket.h, linux/in.h).
SO_ATTACH_FILTER: Final = 26
SO_RCVBUFFORCE: Final = 33
SO_TIMESTAMPNS: Final = 35
SO_MEMINFO: Final = 55
_MEMINFO_DROPS: Final = 8
_RECVERR: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, 11),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25),
}
_PROTOCOL: Final = {
    socket.AF_INET: socket.IPPROTO_ICMP,
    socket.AF_INET6: socket.IPPROTO_ICMPV6,
}
_ORIGIN_ICMP: Final = (2, 3)
_EXTENDED_ERROR: Final = struct.Struct("@IBBBxII")

RECEIVE_BUFFER_BYTES: Final = 16 * 1024 * 1024
"""Asked for; the kernel gives at most net.core.rmem_max without CAP_NET_ADMIN."""
# Room for the stamp, the extended error and the offender's address.
_ERROR_ANCILLARY_BYTES: Final = 256
_QUOTED_BYTES: Final = ICMP_HEADER_BYTES + COOKIE_BYTES
_CLOCK_SPREAD_NS: Final = 50_000


class IcmpSocketError(RuntimeError):
    """This process may not open an ICMP socket, or the host lacks the family.

    The message says what an administrator has to change.
    """


@dataclass(frozen=True, slots=True)
class IcmpSocket:
    """An open socket and what its packets need.

    Attributes:
        sock: non-blocking, unconnected.
        family: ``AF_INET`` or ``AF_INET6``.
        ident: the identifier that our echoes bear; the kernel's choice on a datagram socket.
        raw: True when it is a raw socket.
    """

    sock: socket.socket
    family: socket.AddressFamily
    ident: int
    raw: bool

    @property
    def has_ip_header(self) -> bool:
        """Only a raw IPv4 socket hands out the IP header."""
        return self.raw and self.family == socket.AF_INET

    @property
    def receive_buffer(self) -> int:
        """Bytes the kernel holds for us, its own overhead included."""
        return self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def kernel_drops(self) -> int:
        """Datagrams that the kernel dropped because this socket's buffer was full."""
        info = self.sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36)
        return int(struct.unpack("@9I", info)[_MEMINFO_DROPS])


@dataclass(frozen=True, slots=True)
class IcmpError:
    """One ICMP error about a packet of ours, from the socket's error queue.

    Attributes:
        quoted: our ICMP message as far as the error quotes it.
        target: the address the packet went to.
        text: what the error says, by its type and code.
    """

    quoted: bytes
    target: str
    text: str


def open_icmp_socket(family: socket.AddressFamily) -> IcmpSocket:
    """A datagram ICMP socket, or a raw one where the former is forbidden.

    Raises:
        IcmpSocketError: neither is allowed, or the host has no such family.
    """
    try:
        return _open_datagram(family)
    except PermissionError:
        log.debug("icmp_datagram_forbidden", family=FAMILY_NAME[family])
    except OSError as error:
        raise IcmpSocketError(f"no {FAMILY_NAME[family]} ICMP socket: {error}") from error
    try:
        return _open_raw(family)
    except PermissionError as error:
        raise IcmpSocketError(_advice(family)) from error
    except OSError as error:
        raise IcmpSocketError(f"no {FAMILY_NAME[family]} ICMP socket: {error}") from error


def _advice(family: socket.AddressFamily) -> str:
    return (
        f"may not open an {FAMILY_NAME[family]} ICMP socket: set "
        '`sysctl -w net.ipv4.ping_group_range="0 2147483647"` (it covers IPv6 too, and can be '
        "narrowed to this service's group), or give the process CAP_NET_RAW"
    )


def _open_datagram(family: socket.AddressFamily) -> IcmpSocket:
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, _PROTOCOL[family])
    try:
        sock.bind(("", 0))
        _configure(sock, family)
        # The kernel uses the "port" of a ping socket as the identifier of its echoes.
        return IcmpSocket(sock, family, int(sock.getsockname()[1]), raw=False)
    except OSError:
        sock.close()
        raise


def _open_raw(family: socket.AddressFamily) -> IcmpSocket:
    sock = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _PROTOCOL[family])
    ident = secrets.randbelow(0xFFFF) + 1
    try:
        _attach_filter(sock, reply_filter(family, ident))
        _configure(sock, family)
        return IcmpSocket(sock, family, ident, raw=True)
    except OSError:
        sock.close()
        raise


def _attach_filter(sock: socket.socket, program: bytes) -> None:
    buffer = ctypes.create_string_buffer(program, len(program))
    descriptor = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, descriptor)


def _configure(sock: socket.socket, family: socket.AddressFamily) -> None:
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    # Errors about our echoes; it also makes the kernel tell of packets lost in its own queues.
    sock.setsockopt(*_RECVERR[family], 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)


def read_icmp_errors(icmp: IcmpSocket, limit: int) -> list[IcmpError]:
    """Takes at most ``limit`` errors off the socket's error queue.

    Args:
        icmp: the socket.
        limit: bound of one call, so that a flood of errors cannot hold the event loop.
    """
    found: list[IcmpError] = []
    for _ in range(limit):
        try:
            data, ancillary, _, source = icmp.sock.recvmsg(
                _QUOTED_BYTES, _ERROR_ANCILLARY_BYTES, socket.MSG_ERRQUEUE
            )
        except BlockingIOError:
            break
        text = _error_text(icmp.family, ancillary)
        if text:
            found.append(IcmpError(data, str(source[0]), text))
    return found


def _error_text(family: socket.AddressFamily, ancillary: list[tuple[int, int, bytes]]) -> str:
    wanted = _RECVERR[family]
    for level, kind, data in ancillary:
        if (level, kind) == wanted and len(data) >= _EXTENDED_ERROR.size:
            _, origin, icmp_type, code, _, _ = _EXTENDED_ERROR.unpack_from(data)
            if origin in _ORIGIN_ICMP:
                return ERROR_TEXT[family].get((icmp_type, code), "")
    return ""


def take_pending_error(sock: socket.socket) -> int:
    """Clears and returns the error that an ICMP message has left on the socket.

    The kernel reports it at the next call, whichever target that call is about.
    """
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def clock_offset_ns() -> int:
    """CLOCK_REALTIME minus CLOCK_MONOTONIC: it changes only when the wall clock is stepped.

    Both clocks are slewed alike, so drift of NTP does not show. A reading torn by preemption is
    taken again, or it would look like a step.
    """
    offset = 0
    for _ in range(5):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        offset = wall - (before + after) // 2
        if after - before <= _CLOCK_SPREAD_NS:
            break
    return offset


LOCAL_ERRORS: Final = {
    errno.ENETUNREACH: "no_route",
    errno.EHOSTUNREACH: "no_route",
    errno.EINVAL: "no_route",  # a blackhole route
    errno.ENETDOWN: "no_route",
    errno.EADDRNOTAVAIL: "no_route",
    errno.EACCES: "send_denied",
    errno.EPERM: "send_denied",
    errno.EMSGSIZE: "too_big",
}
"""Reason codes of sends that this host's own kernel refused."""
