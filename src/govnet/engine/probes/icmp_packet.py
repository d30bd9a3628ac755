"""ICMP and ICMPv6 echo messages as bytes: building, checking, and the raw socket's filter.

Pure functions, no input or output. Every byte that is parsed here may come from a stranger.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Final, NamedTuple

COOKIE_BYTES: Final = 8
MIN_PAYLOAD: Final = COOKIE_BYTES
"""The payload starts with the cookie, so it cannot be shorter."""
DEFAULT_PAYLOAD: Final = 56
"""Payload of ping and fping: an 84-byte IPv4 packet, so their RTTs compare with ours."""
MAX_PAYLOAD: Final = 9000
ICMP_HEADER_BYTES: Final = 8

ECHO_REQUEST: Final = {socket.AF_INET: 8, socket.AF_INET6: 128}
ECHO_REPLY: Final = {socket.AF_INET: 0, socket.AF_INET6: 129}

_HEAD: Final = struct.Struct("!BBHH")
# struct sockaddr_in (without its filler) and sockaddr_in6, as the kernel writes them.
_SOCKADDR_IN: Final = struct.Struct("@HH4s")
_SOCKADDR_IN6: Final = struct.Struct("@HHI16sI")
SOURCE_BYTES: Final = {
    socket.AF_INET: _SOCKADDR_IN.size,
    socket.AF_INET6: _SOCKADDR_IN6.size,
}
_HEADER: Final = struct.Struct("!BxxxHH")

# RFC 792, RFC 1122, RFC 1812 (v4) and RFC 4443 (v6): (type, code) of errors that say that the
# echo did not reach its target. Fragmentation needed is one: the echo was dropped.
_ERRORS_V4: Final = {
    (3, 0): "net unreachable",
    (3, 1): "host unreachable",
    (3, 2): "protocol unreachable",
    (3, 3): "port unreachable",
    (3, 4): "fragmentation needed",
    (3, 5): "source route failed",
    (3, 6): "net unknown",
    (3, 7): "host unknown",
    (3, 9): "net prohibited",
    (3, 10): "host prohibited",
    (3, 11): "net unreachable for TOS",
    (3, 12): "host unreachable for TOS",
    (3, 13): "administratively prohibited",
    (3, 14): "host precedence violation",
    (3, 15): "precedence cutoff",
    (11, 0): "time to live exceeded",
    (11, 1): "reassembly time exceeded",
}
_ERRORS_V6: Final = {
    (1, 0): "no route",
    (1, 1): "administratively prohibited",
    (1, 2): "beyond scope",
    (1, 3): "address unreachable",
    (1, 4): "port unreachable",
    (1, 5): "source address policy",
    (1, 6): "rejected by route",
    (2, 0): "packet too big",
    (3, 0): "hop limit exceeded",
    (3, 1): "reassembly time exceeded",
}
ERROR_TEXT: Final = {socket.AF_INET: _ERRORS_V4, socket.AF_INET6: _ERRORS_V6}


class Endpoint(NamedTuple):
    """An address that can be sent an echo.

    Attributes:
        family: ``AF_INET`` or ``AF_INET6``.
        source: its socket address as bytes: what echoes go to, and what answers bear.
    """

    family: socket.AddressFamily
    source: bytes


def parse_endpoint(address: str) -> Endpoint:
    """Reads an IPv4 or IPv6 literal (``fe80::1%eth0`` with its scope) as a unicast address.

    Raises:
        ValueError: not an address, or not one that a single host answers for.
    """
    try:
        packed = socket.inet_pton(socket.AF_INET, address)
    except OSError:
        return _parse_endpoint_v6(address)
    if not 0 < packed[0] < 224:
        raise ValueError(f"{address!r} is not a unicast address")
    return Endpoint(socket.AF_INET, _SOCKADDR_IN.pack(socket.AF_INET, 0, packed))


def _parse_endpoint_v6(address: str) -> Endpoint:
    host, _, scope = address.partition("%")
    try:
        ip = ipaddress.IPv6Address(host)
        scope_id = socket.if_nametoindex(scope) if scope else 0
    except (ValueError, OSError) as error:
        raise ValueError(f"{address!r} is not an IPv4 or IPv6 address") from error
    if ip.ipv4_mapped is not None:
        return parse_endpoint(str(ip.ipv4_mapped))
    if ip.is_multicast or ip.is_unspecified:
        raise ValueError(f"{address!r} is not a unicast address")
    source = _SOCKADDR_IN6.pack(socket.AF_INET6, 0, 0, ip.packed, scope_id)
    return Endpoint(socket.AF_INET6, source)


def request_head(family: socket.AddressFamily, ident: int) -> bytes:
    """The first six bytes of every echo request (RFC 792, RFC 4443), with no checksum.

    Sequence, cookie and padding follow. The kernel fills in the checksum, and on a datagram
    socket the identifier; for a raw IPv4 socket see :func:`fill_checksum`.
    """
    return _HEAD.pack(ECHO_REQUEST[family], 0, 0, ident)


def fill_checksum(message: bytearray) -> None:
    """Sets the checksum of an ICMP message (RFC 1071).

    The one's complement sum of 16-bit words is the big-endian number modulo 65535, which one
    C-level operation computes; a sum of zero may be sent as 0xFFFF, as receivers add it up.
    """
    message[2:4] = b"\0\0"
    number = int.from_bytes(message, "big") << (8 if len(message) % 2 else 0)
    message[2:4] = (0xFFFF - number % 0xFFFF).to_bytes(2, "big")


def parse_quoted_request(data: bytes, request_type: int, ident: int) -> tuple[int, bytes] | None:
    """Sequence and cookie of our request as an ICMP error quotes it; None when not ours.

    RFC 792 asks a router to quote only the first 8 bytes, so the cookie may be short or empty.
    """
    if len(data) < ICMP_HEADER_BYTES:
        return None
    kind, got_ident, sequence = _HEADER.unpack_from(data)
    if kind != request_type or got_ident != ident:
        return None
    return sequence, data[ICMP_HEADER_BYTES : ICMP_HEADER_BYTES + COOKIE_BYTES]


def reply_filter(family: socket.AddressFamily, ident: int) -> bytes:
    """Classic BPF program for a raw socket: pass only echo replies to ``ident``.

    Without it, a raw socket is woken for every echo of every program on the host.
    """
    reply_type = ECHO_REPLY[family]
    if family == socket.AF_INET:
        # A raw IPv4 socket sees the IP header: X = its length, then loads relative to X.
        prologue = [(0xB1, 0, 0, 0)]
        load_byte, load_half = 0x50, 0x48
    else:
        prologue = []
        load_byte, load_half = 0x30, 0x28
    program = [
        *prologue,
        (load_byte, 0, 0, 0),
        (0x15, 0, 3, reply_type),
        (load_half, 0, 0, 4),
        (0x15, 0, 1, ident),
        (0x06, 0, 0, 0xFFFFFFFF),
        (0x06, 0, 0, 0),
    ]
    return b"".join(struct.pack("@HBBI", *instruction) for instruction in program)
