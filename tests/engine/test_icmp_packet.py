"""Bytes from strangers: nothing that is fed to the ICMP client makes it fail or believe."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.probes.icmp_channel import WAITING, EchoRun, IcmpChannel
from govnet.engine.probes.icmp_packet import (
    fill_checksum,
    parse_endpoint,
    parse_quoted_request,
    request_head,
)
from govnet.engine.probes.icmp_socket import IcmpSocket, clock_offset_ns

IDENT = 4711


class FakeIcmpSocket(IcmpSocket):
    """A socket that needs no privilege; nothing is sent through it."""

    def kernel_drops(self) -> int:
        return 0


def reference_checksum(message: bytes) -> int:
    """RFC 1071, word by word."""
    padded = message + b"\0" * (len(message) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(st.binary(min_size=8, max_size=200))
def test_a_receiver_finds_the_checksum_right(message: bytes) -> None:
    filled = bytearray(message)
    fill_checksum(filled)
    assert reference_checksum(bytes(filled)) in {0xFFFF, 0}
    assert filled[:2] + filled[4:] == message[:2] + message[4:]


@given(st.binary(max_size=60))
def test_a_quoted_request_is_ours_only_with_our_ident(data: bytes) -> None:
    quoted = parse_quoted_request(data, 8, IDENT)
    ours = len(data) >= 8 and data[0] == 8 and data[4:6] == IDENT.to_bytes(2, "big")
    assert (quoted is not None) == ours
    if quoted is not None:
        assert quoted[0] == int.from_bytes(data[6:8], "big")
        assert data[8:].startswith(quoted[1])


@pytest.mark.parametrize("ip_header", [False, True])
@given(data=st.lists(st.binary(max_size=100) | st.just(b"\0\0\0\0\x12\x67"), max_size=20))
def test_random_datagrams_are_counted_and_never_answer_an_echo(
    ip_header: bool, data: list[bytes]
) -> None:
    async def feed() -> None:
        # UDP carries the bytes of strangers to the same reading code without privileges.
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        ):
            sock.bind(("127.0.0.1", 0))
            icmp = FakeIcmpSocket(sock, socket.AF_INET, IDENT, raw=ip_header)
            channel = IcmpChannel(icmp, asyncio.get_running_loop(), 1000.0)
            done = asyncio.get_running_loop().create_future()
            run = EchoRun([parse_endpoint("127.0.0.1")], 1, 1.0, 48, b"", done)
            # In flight under every number, so that only the cookie keeps strangers out.
            channel._run_of = [run] * 0x10000
            before = channel._counts.malformed + channel._counts.forged
            for datagram in data:
                stranger.sendto(datagram, sock.getsockname())
            assert channel._drain(1000) == len(data)
            assert run.status[0] == WAITING
            assert channel._counts.malformed + channel._counts.forged - before == len(data)
            channel._run_of = [None] * 0x10000
            channel.close()
            done.cancel()

    asyncio.run(feed())


@given(st.text(max_size=60))
def test_any_text_is_an_endpoint_or_a_value_error(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except ValueError:
        return
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    assert (mapped or address).packed in endpoint.source


def test_a_link_local_address_keeps_its_scope() -> None:
    index = socket.if_nametoindex("lo")
    assert parse_endpoint("fe80::1%lo").source.endswith(index.to_bytes(4, sys.byteorder))
    with pytest.raises(ValueError, match="not an IPv4 or IPv6 address"):
        parse_endpoint("fe80::1%nosuchinterface")


def test_addresses_are_spelled_as_the_kernel_spells_them() -> None:
    assert parse_endpoint("2001:DB8:0:0::1") == parse_endpoint("2001:db8::1")
    assert parse_endpoint("::ffff:192.0.2.1") == parse_endpoint("192.0.2.1")


def test_requests_start_as_the_rfcs_say() -> None:
    assert request_head(socket.AF_INET, 0x1234) == b"\x08\x00\x00\x00\x12\x34"
    assert request_head(socket.AF_INET6, 0x1234) == b"\x80\x00\x00\x00\x12\x34"


def test_the_clock_offset_stays_put_while_nobody_steps_the_clock() -> None:
    readings = [clock_offset_ns() for _ in range(50)]
    assert max(readings) - min(readings) < 500_000
