"""BER for SNMPv2c messages (RFC 3416, RFC 3417 section 8): encode requests, decode answers.

Everything that decodes raises only ``BerError``, reads each octet a bounded number of times
and never trusts a length: datagrams are untrusted. The table walk in ``tables`` has its own
tight loop for the expected shape; this module is its slow path and its oracle in tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Final, NamedTuple

MAX_SUB_IDS: Final = 128  # RFC 2578, 3.5
MAX_SUB_ID: Final = 2**32 - 1


class BerError(ValueError):
    """The octets are not the BER that SNMPv2c allows."""


class Pdu(IntEnum):
    """PDU types of RFC 3416 that a manager sends or receives."""

    GET = 0xA0
    GETNEXT = 0xA1
    RESPONSE = 0xA2
    GETBULK = 0xA5


class Tag(IntEnum):
    """Value types of RFC 2578 and the three exceptions of RFC 3416."""

    INTEGER = 0x02
    OCTET_STRING = 0x04
    NULL = 0x05
    OID = 0x06
    IP_ADDRESS = 0x40
    COUNTER32 = 0x41
    GAUGE32 = 0x42
    TIME_TICKS = 0x43
    OPAQUE = 0x44
    COUNTER64 = 0x46
    NO_SUCH_OBJECT = 0x80
    NO_SUCH_INSTANCE = 0x81
    END_OF_MIB_VIEW = 0x82


EXCEPTIONS: Final = frozenset((Tag.NO_SUCH_OBJECT, Tag.NO_SUCH_INSTANCE, Tag.END_OF_MIB_VIEW))
_UNSIGNED: Final[dict[int, int]] = {
    Tag.COUNTER32: 2**32 - 1,
    Tag.GAUGE32: 2**32 - 1,
    Tag.TIME_TICKS: 2**32 - 1,
    Tag.COUNTER64: 2**64 - 1,
}

Value = int | bytes | str | None


@dataclass(frozen=True, slots=True)
class RawVarBind:
    """One variable binding as the wire has it: OID octets, tag and value octets."""

    oid: bytes
    tag: int
    value: bytes


class Header(NamedTuple):
    """An answer up to its variable bindings, which lie at ``start:end`` of the datagram."""

    community: bytes
    pdu: int
    request_id: int
    error_status: int
    error_index: int
    start: int
    end: int


# --- encoding ---------------------------------------------------------------------------


def _open(tag: int, size: int) -> bytes:
    """Tag and shortest length of an element whose ``size`` octets follow."""
    if size < 0x80:
        return bytes((tag, size))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets


def tlv(tag: int, body: bytes) -> bytes:
    """One element with a definite length in the shortest form."""
    return _open(tag, len(body)) + body


def encode_integer(value: int) -> bytes:
    """An INTEGER element, two's complement in the fewest octets."""
    size = (value + (value < 0)).bit_length() // 8 + 1
    return tlv(Tag.INTEGER, value.to_bytes(size, "big", signed=True))


def encode_sub_id(value: int) -> bytes:
    """One sub-identifier in base 128.

    Raises:
        BerError: out of 0 to 2**32 - 1.
    """
    if not 0 <= value <= MAX_SUB_ID:
        raise BerError(f"sub-identifier {value} is not within 0 to 4294967295")
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.append(0x80 | (value & 0x7F))
    return bytes(reversed(octets))


@lru_cache(maxsize=8192)
def encode_oid(oid: str) -> bytes:
    """The octets (without tag and length) of a dotted OID; a leading dot is allowed.

    Raises:
        BerError: not an OID of 2 to 128 sub-identifiers.
    """
    try:
        ids = [int(part) for part in oid.removeprefix(".").split(".")]
    except ValueError:
        raise BerError(f"{oid!r} is not an OID") from None
    if not 2 <= len(ids) <= MAX_SUB_IDS or ids[0] > 2 or (ids[0] < 2 and ids[1] > 39):
        raise BerError(f"{oid!r} is not an OID")
    return encode_sub_id(ids[0] * 40 + ids[1]) + b"".join(map(encode_sub_id, ids[2:]))


@lru_cache(maxsize=4096)
def request_head(community: bytes, pdu: Pdu, tail_octets: int) -> bytes:
    """A request up to its request id, which takes four octets and is followed by a tail."""
    prefix = b"\x02\x01\x01" + tlv(Tag.OCTET_STRING, community)
    pdu_head = _open(pdu, 6 + tail_octets) + b"\x02\x04"
    return _open(0x30, len(prefix) + len(pdu_head) + 4 + tail_octets) + prefix + pdu_head


def request_tail(oids: list[bytes], first: int = 0, second: int = 0) -> bytes:
    """A request after its request id.

    Args:
        oids: octets of the OIDs asked.
        first: non-repeaters of a GETBULK, 0 otherwise.
        second: max-repetitions of a GETBULK, 0 otherwise.
    """
    return encode_integer(first) + encode_integer(second) + null_varbinds(oids)


def null_varbinds(oids: list[bytes]) -> bytes:
    """The variable binding list of a request: encoded OIDs, each with NULL."""
    return tlv(0x30, b"".join([tlv(0x30, tlv(Tag.OID, oid) + b"\x05\x00") for oid in oids]))


# --- decoding ---------------------------------------------------------------------------


def read_tl(data: bytes, pos: int, end: int) -> tuple[int, int, int]:
    """Tag of the element at ``pos``, and where its value starts and stops.

    Raises:
        BerError: truncated, indefinite length, or longer than ``end``.
    """
    if pos + 2 > end:
        raise BerError("truncated element")
    tag, size, start = data[pos], data[pos + 1], pos + 2
    if size & 0x80:
        octets = size & 0x7F
        if not 1 <= octets <= 4 or start + octets > end:
            raise BerError("bad length")
        size = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if start + size > end:
        raise BerError("element is longer than what holds it")
    return tag, start, start + size


def _read_integer(data: bytes, pos: int, end: int) -> tuple[int, int]:
    tag, start, stop = read_tl(data, pos, end)
    if tag != Tag.INTEGER or not 1 <= stop - start <= 4:
        raise BerError("an INTEGER of one to four octets was expected")
    return int.from_bytes(data[start:stop], "big", signed=True), stop


_LENGTH: Final = rb"([\x00-\x7f]|\x81.|\x82..)"
_COMMON: Final = re.compile(
    rb"0%b\x02\x01\x01\x04([\x00-\x7f])(.*?)([\xa0-\xaf])%b\x02\x04([\x40-\x7f]...)"
    rb"\x02\x01([\x00-\x7f])\x02\x01([\x00-\x7f])0%b" % (_LENGTH, _LENGTH, _LENGTH),
    re.DOTALL,
)


def read_header(data: bytes) -> Header:
    """Everything of an SNMPv2c message before its variable bindings.

    The form that answers to our four-octet request ids have is taken by one expression, at a
    third of the cost; whatever it does not take, or takes wrongly, goes element by element.

    Raises:
        BerError: not a v2c message, truncated, or octets after its end.
    """
    common = _COMMON.match(data)
    if common is not None:
        whole, size, community, pdu, rest, request_id, status, index, octets = common.groups()
        end, start = len(data), common.end()
        if (
            len(community) == size[0]
            and common.end(1) + _size(whole) == end
            and common.end(5) + _size(rest) == end
            and start + _size(octets) == end
        ):
            number = int.from_bytes(request_id, "big")
            return Header(community, pdu[0], number, status[0], index[0], start, end)
    return read_any_header(data)


def _size(length: bytes) -> int:
    return length[0] if len(length) == 1 else int.from_bytes(length[1:], "big")


def read_any_header(data: bytes) -> Header:
    """``read_header`` for every form that BER allows.

    Raises:
        BerError: not a v2c message, truncated, or octets after its end.
    """
    tag, pos, end = read_tl(data, 0, len(data))
    if tag != 0x30 or end != len(data):
        raise BerError("not one SNMP message")
    version, pos = _read_integer(data, pos, end)
    if version != 1:
        raise BerError(f"SNMP version field {version}, 1 (v2c) was expected")
    tag, start, pos = read_tl(data, pos, end)
    if tag != Tag.OCTET_STRING:
        raise BerError("no community")
    community = data[start:pos]
    pdu, pos, stop = read_tl(data, pos, end)
    if stop != end:
        raise BerError("octets after the PDU")
    request_id, pos = _read_integer(data, pos, end)
    status, pos = _read_integer(data, pos, end)
    index, pos = _read_integer(data, pos, end)
    tag, start, stop = read_tl(data, pos, end)
    if tag != 0x30 or stop != end:
        raise BerError("no variable binding list")
    return Header(community, pdu, request_id, status, index, start, end)


def read_varbind(data: bytes, pos: int, end: int) -> tuple[RawVarBind, int]:
    """The variable binding at ``pos`` and where the next one starts.

    Raises:
        BerError: malformed.
    """
    tag, start, stop = read_tl(data, pos, end)
    if tag != 0x30:
        raise BerError("no variable binding")
    tag, oid_start, oid_stop = read_tl(data, start, stop)
    if tag != Tag.OID:
        raise BerError("a variable binding without OID")
    value_tag, value_start, value_stop = read_tl(data, oid_stop, stop)
    if value_stop != stop:
        raise BerError("octets after the value")
    return RawVarBind(data[oid_start:oid_stop], value_tag, data[value_start:value_stop]), stop


def read_varbinds(data: bytes, start: int, end: int) -> list[RawVarBind]:
    """All variable bindings between two positions.

    Raises:
        BerError: malformed.
    """
    found = []
    while start < end:
        varbind, start = read_varbind(data, start, end)
        found.append(varbind)
    return found


def sub_ids(octets: bytes) -> list[int]:
    """Sub-identifiers of OID octets or of a part of them that starts at a boundary.

    Raises:
        BerError: truncated, padded, over 32 bits or more than 128 of them.
    """
    ids: list[int] = []
    value = 0
    fresh = True
    for octet in octets:
        if fresh and octet == 0x80:
            raise BerError("padded sub-identifier")
        value = (value << 7) | (octet & 0x7F)
        if value > MAX_SUB_ID:
            raise BerError("sub-identifier over 32 bits")
        fresh = octet < 0x80
        if fresh:
            ids.append(value)
            value = 0
    if not fresh:
        raise BerError("truncated sub-identifier")
    if len(ids) > MAX_SUB_IDS:
        raise BerError("over 128 sub-identifiers")
    return ids


def decode_oid(octets: bytes) -> str:
    """Dotted form of OID octets, without a leading dot.

    Raises:
        BerError: empty or malformed.
    """
    ids = sub_ids(octets)
    if not ids:
        raise BerError("empty OID")
    first = min(ids[0] // 40, 2)
    return ".".join(map(str, (first, ids[0] - first * 40, *ids[1:])))


def decode_value(tag: int, octets: bytes) -> Value:
    """A value as Python has it: int, bytes (strings, Opaque), str (OID, address), None.

    Raises:
        BerError: unknown type or octets out of the type's range.
    """
    if tag == Tag.INTEGER:
        if not 1 <= len(octets) <= 4:
            raise BerError("an Integer32 of one to four octets was expected")
        return int.from_bytes(octets, "big", signed=True)
    if tag in _UNSIGNED:
        return decode_unsigned(tag, octets)
    if tag in (Tag.OCTET_STRING, Tag.OPAQUE):
        return octets
    if tag == Tag.OID:
        return decode_oid(octets)
    if tag == Tag.IP_ADDRESS:
        if len(octets) != 4:
            raise BerError("an IpAddress of four octets was expected")
        return str(IPv4Address(octets))
    if tag in EXCEPTIONS or tag == Tag.NULL:
        return None
    raise BerError(f"unknown value type 0x{tag:02x}")


def decode_unsigned(tag: int, octets: bytes) -> int:
    """A counter, gauge or time; agents that leave out the leading zero octet are understood.

    Raises:
        BerError: empty or over the type's range.
    """
    value = int.from_bytes(octets, "big")
    if not 1 <= len(octets) <= 9 or value > _UNSIGNED[tag]:
        raise BerError("an unsigned value out of its type's range")
    return value
