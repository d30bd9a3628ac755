"""A scriptable SNMPv2c agent in the test's own event loop: honest, short-spoken or hostile."""

from __future__ import annotations

import asyncio
import socket
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from govnet.engine.snmp import SnmpDevice, V2cCredential, ber
from govnet.engine.snmp.ber import Pdu, Tag

COMMUNITY = "public"
Mib = dict[str, tuple[int, bytes]]


def octets(value: int) -> bytes:
    """An unsigned value in the fewest octets of two's complement."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def interface_mib(
    indexes: list[int], octets_in: int = 10**12, *, uptime: int = 500_000, high: bool = True
) -> Mib:
    """System group and IF-MIB of a device with these interfaces."""
    mib: Mib = {
        "1.3.6.1.2.1.1.1.0": (Tag.OCTET_STRING, "核心交换机".encode()),
        "1.3.6.1.2.1.1.2.0": (Tag.OID, ber.encode_oid("1.3.6.1.4.1.99999.1")),
        "1.3.6.1.2.1.1.3.0": (Tag.TIME_TICKS, octets(uptime)),
        "1.3.6.1.2.1.1.5.0": (Tag.OCTET_STRING, b"sw1"),
        "1.3.6.1.2.1.2.1.0": (Tag.INTEGER, octets(len(indexes))),
        "1.3.6.1.2.1.31.1.5.0": (Tag.TIME_TICKS, octets(77)),
    }
    for i in indexes:
        mib |= {f"1.3.6.1.2.1.2.2.1.{c}.{i}": v for c, v in _if_columns(i, octets_in).items()}
        if high:
            mib |= {
                f"1.3.6.1.2.1.31.1.1.1.{c}.{i}": v for c, v in _ifx_columns(i, octets_in).items()
            }
    return mib


def _if_columns(i: int, octets_in: int) -> Mib:
    counter = {str(c): (int(Tag.COUNTER32), octets(c * 1000 + i % 1000)) for c in (13, 14, 19, 20)}
    return counter | {
        "1": (Tag.INTEGER, octets(i)),
        "2": (Tag.OCTET_STRING, f"GigabitEthernet0/0/{i}".encode()),
        "3": (Tag.INTEGER, b"\x06"),
        "5": (Tag.GAUGE32, octets(1_000_000_000)),
        "7": (Tag.INTEGER, b"\x01"),
        "8": (Tag.INTEGER, b"\x01"),
        "10": (Tag.COUNTER32, octets((octets_in + i) % 2**32)),
        "11": (Tag.COUNTER32, octets(1100 + i % 1000)),
        "16": (Tag.COUNTER32, octets((octets_in + 2 * i) % 2**32)),
        "17": (Tag.COUNTER32, octets(1700 + i % 1000)),
    }


def _ifx_columns(i: int, octets_in: int) -> Mib:
    return {
        "1": (Tag.OCTET_STRING, f"GE0/0/{i}".encode()),
        "6": (Tag.COUNTER64, octets(octets_in + i)),
        "7": (Tag.COUNTER64, octets(10**9 + i)),
        "10": (Tag.COUNTER64, octets(octets_in + 2 * i)),
        "11": (Tag.COUNTER64, octets(2 * 10**9 + i)),
        "15": (Tag.GAUGE32, octets(1000)),
        "18": (Tag.OCTET_STRING, f"至单位{i}".encode()),
        "19": (Tag.TIME_TICKS, b"\x00"),
    }


@dataclass
class FakeAgent:
    """Answers from a MIB; the knobs make it hard to talk to.

    Attributes:
        max_varbinds: a longer GETBULK answer is cut there.
        max_octets: a longer answer is "tooBig" (GET) or, with ``drop_big``, never sent.
        lose: how many of the next requests are not answered.
        delay_s: before each answer.
        mangle: turns each answer's octets into what is sent; None sends nothing.
        requests: PDU type and number of OIDs of each request seen.
    """

    mib: Mib = field(default_factory=lambda: interface_mib([1, 2, 3]))
    max_varbinds: int = 10_000
    max_octets: int = 60_000
    drop_big: bool = False
    lose: int = 0
    delay_s: float = 0.0
    mangle: Callable[[bytes, int], bytes | list[bytes] | None] = lambda data, _id: data
    requests: list[tuple[int, int]] = field(default_factory=list)
    most_in_flight: int = 0
    port: int = 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Protocol(self), local_addr=("127.0.0.1", 0), family=socket.AF_INET
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        self._in_flight = 0

    def close(self) -> None:
        self._transport.close()

    def device(self, device_id: int = 1, **changes: object) -> SnmpDevice:
        settings: dict[str, object] = {
            "address": "127.0.0.1",
            "credential": V2cCredential(COMMUNITY),
            "port": self.port,
            "timeout_s": 0.15,
        }
        return SnmpDevice(id=device_id, **(settings | changes))  # type: ignore[arg-type]  # test

    def answer(self, data: bytes, address: tuple[str, int]) -> None:
        header = ber.read_header(data)
        oids = [v.oid for v in ber.read_varbinds(data, header.start, header.end)]
        self.requests.append((header.pdu, len(oids)))
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        if self.lose:
            self.lose -= 1
            self._in_flight -= 1
            return
        reply = self._reply(header, oids)
        asyncio.get_running_loop().call_later(self.delay_s, self._send, reply, header, address)

    def _send(self, reply: bytes | None, header: ber.Header, address: tuple[str, int]) -> None:
        self._in_flight -= 1
        if reply is None:
            return
        sent = self.mangle(reply, header.request_id)
        for one in [sent] if isinstance(sent, bytes) else sent or []:
            self._transport.sendto(one, address)

    def _reply(self, header: ber.Header, oids: list[bytes]) -> bytes | None:
        message = response(header.request_id, self._varbinds(header, oids))
        if len(message) > self.max_octets:
            if self.drop_big:
                return None
            return response(header.request_id, [], status=1)
        return message

    def _varbinds(self, header: ber.Header, oids: list[bytes]) -> list[bytes]:
        ordered = sorted(self.mib, key=_key)
        keys = [_key(oid) for oid in ordered]

        def following(oid: bytes) -> tuple[bytes, bytes]:
            at = bisect_right(keys, tuple(ber.sub_ids(oid)))
            if at == len(keys):
                return oid, varbind(oid, Tag.END_OF_MIB_VIEW, b"")
            found = ber.encode_oid(ordered[at])
            return found, varbind(found, *self.mib[ordered[at]])

        if header.pdu == Pdu.GET:
            return [self._get(oid) for oid in oids]
        if header.pdu == Pdu.GETNEXT:
            return [following(oid)[1] for oid in oids]
        plain, repeated = oids[: header.error_status], oids[header.error_status :]
        out = [following(oid)[1] for oid in plain]
        for _ in range(header.error_index):
            steps = [following(oid) for oid in repeated]
            repeated = [oid for oid, _ in steps]
            out += [one for _, one in steps]
        return out[: self.max_varbinds]

    def _get(self, oid: bytes) -> bytes:
        found = self.mib.get(ber.decode_oid(oid))
        return varbind(oid, *found) if found else varbind(oid, Tag.NO_SUCH_INSTANCE, b"")


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, agent: FakeAgent) -> None:
        self._agent = agent

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._agent.answer(data, addr)


def _key(oid: str) -> tuple[int, ...]:
    return tuple(ber.sub_ids(ber.encode_oid(oid)))


def varbind(oid: bytes, tag: int, value: bytes) -> bytes:
    return ber.tlv(0x30, ber.tlv(Tag.OID, oid) + ber.tlv(tag, value))


def response(
    request_id: int, varbinds: list[bytes], status: int = 0, community: bytes = COMMUNITY.encode()
) -> bytes:
    pdu = (
        ber.encode_integer(request_id)
        + ber.encode_integer(status)
        + ber.encode_integer(0)
        + ber.tlv(0x30, b"".join(varbinds))
    )
    body = ber.encode_integer(1) + ber.tlv(Tag.OCTET_STRING, community)
    return ber.tlv(0x30, body + ber.tlv(Pdu.RESPONSE, pdu))
