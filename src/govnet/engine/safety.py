"""What may be shown of a peer's text, and where a peer may send us. Peers are not trusted."""

from __future__ import annotations

import codecs
import unicodedata
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # most clouds
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # Amazon over IPv6
    )
)
"""Addresses at which a cloud machine tells its secrets to whoever asks from inside."""

NAT64 = ip_network("64:ff9b::/96")
SHARED = ip_network("100.64.0.0/10")

# Category "Other" of Unicode: control, format (bidirectional overrides among them),
# surrogates, private use, unassigned; and line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Scope(IntEnum):
    """How far inside a network an address is; a redirect may not lead further inside."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    FORBIDDEN = 3


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, NAT64, 6to4), else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    assert isinstance(NAT64, IPv6Network)
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or address


def scope_of(address: Address) -> Scope:
    """Classify an address.

    Link-local, metadata, multicast, unspecified and broadcast addresses are forbidden: no
    service that is worth watching over HTTP lives there, and machines keep secrets there.
    """
    inner = embedded(address)
    if inner in METADATA or inner.is_link_local or inner.is_multicast or inner.is_unspecified:
        return Scope.FORBIDDEN
    if inner.is_loopback:
        return Scope.LOOPBACK
    if inner.version == 4 and inner.is_reserved:
        return Scope.FORBIDDEN
    if inner.is_private or (inner.version == 4 and inner in SHARED):
        return Scope.PRIVATE
    return Scope.PUBLIC


def decode(data: bytes, *, cut: bool = False) -> str:
    """Text of a peer in UTF-8 or, failing that, GB18030; never raises.

    Args:
        data: as received.
        cut: True when ``data`` may end inside a character; that rest is left out then.
    """
    return decode_as(data, cut=cut)[0]


def decode_as(data: bytes, charset: str = "", *, cut: bool = False) -> tuple[str, str]:
    """As :func:`decode`, with the character set that was found; ``unknown`` when none fits.

    Args:
        data: as received.
        charset: the peer's, when it is known; then it is tried first.
        cut: True when ``data`` may end inside a character.
    """
    if charset in {"", "utf-8"} and data.isascii():
        return data.decode("ascii"), "utf-8"
    for encoding in (charset, "utf-8", "gb18030") if charset else ("utf-8", "gb18030"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(data, final=not cut)
        except UnicodeDecodeError:
            continue
        return text, encoding
    return data.decode("utf-8", "backslashreplace"), "unknown"


def visible(text: str) -> str:
    r"""The whole text with what steers a terminal or a page written out, such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(_escape(character) for character in text)


def printable(text: str | bytes, limit: int = 200) -> str:
    r"""Text of a peer made safe to show: what steers a terminal or a page becomes ``\x1b``.

    Args:
        text: as received; bytes are decoded.
        limit: characters of the answer at most; what is cut is marked by "…".
    """
    if isinstance(text, bytes):
        most = 4 * limit + 4
        text = decode(text[:most], cut=len(text) > most)
    cut = text[: limit + 1]
    shown = "".join(_escape(character) for character in cut)
    return shown if len(shown) <= limit and len(text) <= limit else shown[: limit - 1] + "…"


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _UNPRINTABLE:
        return character
    return character.encode("unicode_escape").decode("ascii")
