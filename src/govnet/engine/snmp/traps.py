"""Traps and informs: SNMPv1 (RFC 1157), v2c (RFC 3416), v3 (RFC 3412, RFC 3414).

A v1 trap is read as what RFC 3584 (3.1) makes of it, so that one set of rules serves all
versions. Everything raises only ``BerError``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from govnet.engine.safety import decode, visible
from govnet.engine.snmp.ber import BerError, Tag, decode_oid, decode_value, read_tl, read_varbinds

V1_TRAP: Final = 0xA4
INFORM: Final = 0xA6
V2_TRAP: Final = 0xA7

UPTIME: Final = "1.3.6.1.2.1.1.3.0"
TRAP_OID: Final = "1.3.6.1.6.3.1.1.4.1.0"
GENERIC: Final = "1.3.6.1.6.3.1.1.5"
ENTERPRISE: Final = "1.3.6.1.6.3.1.1.4.3.0"
MAX_VARIABLES: Final = 128
MAX_VALUE: Final = 1_000

Shown = int | str
"""A variable's value: a number, or text that may be shown."""


@dataclass(frozen=True, slots=True)
class Trap:
    """A notification.

    Attributes:
        oid: value of snmpTrapOID.0.
        variables: OID and value of each, without uptime and trap OID.
        agent: the agent's address, which only v1 tells; it may differ from the sender's.
    """

    oid: str
    variables: tuple[tuple[str, Shown], ...]
    agent: str = ""

    def column(self, oid: str) -> Shown | None:
        """Value of the first variable that is an instance of a column."""
        prefix = f"{oid}."
        for name, value in self.variables:
            if name == oid or name.startswith(prefix):
                return value
        return None


@dataclass(frozen=True, slots=True)
class Notification:
    """One message of v1 or v2c, or the scoped PDU of v3.

    Attributes:
        trap: what it says.
        inform: the sender waits for an answer.
        request_id: of an inform.
        varbinds: octets of the variable bindings, which an answer repeats.
    """

    trap: Trap
    inform: bool = False
    request_id: int = 0
    varbinds: bytes = b""


@dataclass(frozen=True, slots=True)
class Community:
    """A message of v1 or v2c."""

    version: int
    community: bytes
    notification: Notification


def version_of(data: bytes) -> int:
    """The version field: 0 (v1), 1 (v2c), 3.

    Raises:
        BerError: no SNMP message.
    """
    tag, at, end = read_tl(data, 0, len(data))
    if tag != 0x30 or end != len(data):
        raise BerError("not one SNMP message")
    return read_number(data, at, end)[0]


def read_community_message(data: bytes) -> Community:
    """A trap or inform of v1 or v2c.

    Raises:
        BerError: malformed, or another PDU.
    """
    _tag, at, end = read_tl(data, 0, len(data))
    version, at = read_number(data, at, end)
    community, at = read_octets(data, at, end)
    return Community(version, community, read_notification(data, at, end))


def read_notification(data: bytes, at: int, end: int) -> Notification:
    """The PDU at a position.

    Raises:
        BerError: malformed, or no notification.
    """
    pdu, start, stop = read_tl(data, at, end)
    if pdu == V1_TRAP:
        return Notification(_v1(data, start, stop))
    if pdu not in (V2_TRAP, INFORM):
        raise BerError(f"PDU 0x{pdu:02x} is no notification")
    request_id, start = read_number(data, start, stop)
    _status, start = read_number(data, start, stop)
    _index, start = read_number(data, start, stop)
    oid, variables, raw = _variables(data, start, stop)
    if not oid:
        raise BerError("a notification without snmpTrapOID")
    return Notification(Trap(oid, variables), pdu == INFORM, request_id, raw)


def _v1(data: bytes, at: int, end: int) -> Trap:
    tag, start, at = read_tl(data, at, end)
    if tag != Tag.OID:
        raise BerError("no enterprise")
    enterprise = decode_oid(data[start:at])
    tag, start, at = read_tl(data, at, end)
    agent = decode_value(tag, data[start:at])
    generic, at = read_number(data, at, end)
    specific, at = read_number(data, at, end)
    _tag, _start, at = read_tl(data, at, end)  # time stamp
    _oid, variables, _raw = _variables(data, at, end)
    if 0 <= generic <= 5:
        return Trap(f"{GENERIC}.{generic + 1}", variables, str(agent))
    return Trap(f"{enterprise}.0.{specific}", variables, str(agent))


def _variables(data: bytes, at: int, end: int) -> tuple[str, tuple[tuple[str, Shown], ...], bytes]:
    tag, start, stop = read_tl(data, at, end)
    if tag != 0x30:
        raise BerError("no variable bindings")
    oid, found = "", []
    for varbind in read_varbinds(data, start, stop)[:MAX_VARIABLES]:
        name = decode_oid(varbind.oid)
        value = decode_value(varbind.tag, varbind.value)
        if name == TRAP_OID:
            oid = str(value)
        elif name != UPTIME:
            found.append((name, _shown(value)))
    return oid, tuple(found), data[start:stop]


def _shown(value: int | bytes | str | None) -> Shown:
    if value is None:
        return ""
    if not isinstance(value, bytes):
        return value
    text = decode(value[:MAX_VALUE])
    if text.isprintable() or not value:
        return text
    if len(value) <= 32 and not value.rstrip(b"\0\r\n").isascii():
        return value.hex(":")  # an address or a bit string
    return visible(text.rstrip("\0\r\n"))


def read_number(data: bytes, at: int, end: int) -> tuple[int, int]:
    """An INTEGER at a position and where it ends.

    Raises:
        BerError: something else.
    """
    tag, start, stop = read_tl(data, at, end)
    if tag != Tag.INTEGER or not 1 <= stop - start <= 5:
        raise BerError("an INTEGER was expected")
    return int.from_bytes(data[start:stop], "big", signed=True), stop


def read_octets(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """An OCTET STRING at a position and where it ends.

    Raises:
        BerError: something else.
    """
    tag, start, stop = read_tl(data, at, end)
    if tag != Tag.OCTET_STRING:
        raise BerError("an OCTET STRING was expected")
    return data[start:stop], stop
