"""Address plan of the twin: what is given to whom, in order.

Private (RFC 1918, RFC 4193) inside; the Internet and the province outside are played with
documentation addresses (RFC 5737, RFC 3849) and a neighbouring private block. Nothing of it
leaves the namespaces.
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Final

CITY4: Final = IPv4Network("10.43.0.0/16")
CITY6: Final = IPv6Network("fd43:600::/32")
LOOPBACKS4: Final = IPv4Network("10.43.0.0/24")
SERVICES4: Final = IPv4Network("10.43.2.0/24")
LINKS4: Final = IPv4Network("10.43.4.0/22")
UNITS4: Final = IPv4Network("10.43.64.0/18")

PROVINCE4: Final = IPv4Network("10.42.0.0/16")
PROVINCE6: Final = IPv6Network("fd42::/32")
INTERNET4: Final = (IPv4Network("198.51.100.0/24"), IPv4Network("203.0.113.0/24"))
INTERNET6: Final = (IPv6Network("2001:db8:1::/48"), IPv6Network("2001:db8:2::/48"))

ANNOUNCED: Final = {
    "province": (PROVINCE4, PROVINCE6),
    "isp1": (INTERNET4[0], INTERNET6[0]),
    "isp2": (INTERNET4[1], INTERNET6[1]),
    "core1": (CITY4, CITY6),
    "core2": (CITY4, CITY6),
}
"""What a router tells its BGP neighbours; it discards what of it has no longer route."""

Pair = tuple[tuple[IPv4Interface, IPv6Interface], tuple[IPv4Interface, IPv6Interface]]


def loopback(number: int) -> tuple[IPv4Address, IPv6Address]:
    """Management addresses of the ``number``-th router, from 1 on."""
    return LOOPBACKS4[number], CITY6[number]


def link(number: int) -> Pair:
    """Addresses of both ends of the ``number``-th line between routers: /31 and /64."""
    return _pair(_nth4(LINKS4, 31, number), 0, _nth6(1, number))


def service(number: int) -> Pair:
    """The ``number``-th server and its router, /29 and /64."""
    return _pair(_nth4(SERVICES4, 29, number), 1, _nth6(2, number))


def unit(number: int) -> Pair:
    """The ``number``-th unit's access point and its router, /29 and /64.

    The unit has the second address: the first is the gateway's, by custom.
    """
    return _pair(_nth4(UNITS4, 29, number), 1, _nth6(4, number))


def outside(network4: IPv4Network, network6: IPv6Network, number: int) -> Pair:
    """The ``number``-th line to a neighbour, from the end of the neighbour's block."""
    small4 = IPv4Network((int(network4.broadcast_address) - 1 - 2 * number, 31))
    small6 = IPv6Network((int(network6.network_address) + ((0xFFFF - number) << 64), 64))
    return _pair(small4, 0, small6)


def _nth4(block: IPv4Network, length: int, number: int) -> IPv4Network:
    address = int(block.network_address) + (number << (32 - length))
    network = IPv4Network((address, length))
    if not network.subnet_of(block):
        raise ValueError(f"the block {block} has no {number}-th network of length {length}")
    return network


def _nth6(kind: int, number: int) -> IPv6Network:
    return IPv6Network((int(CITY6.network_address) + (kind << 80) + (number << 64), 64))


def _pair(four: IPv4Network, first: int, six: IPv6Network) -> Pair:
    """The Z end has the lower address of both."""
    z = IPv4Interface((four[first], four.prefixlen)), IPv6Interface((six[1], 64))
    a = IPv4Interface((four[first + 1], four.prefixlen)), IPv6Interface((six[2], 64))
    return a, z
