"""The DNS probe against dnsmasq and against servers that lie."""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import dns.flags
import dns.message
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from govnet.engine.probes.dns import DnsParams, parse_name, probe
from govnet.engine.result import Outcome, ProbeKind, Result, Target
from tests.peers import free_port, require

NAME = "portal.example.gov.cn"
Reply = Callable[[bytes], list[bytes]]


def target(
    port: int,
    name: str = NAME,
    *,
    timeout_s: float = 0.5,
    tries: int = 1,
    **params: Any,  # noqa: ANN401 - of every type
) -> Target:
    params = {"server": "127.0.0.1", "port": port, **params}
    return Target(5, ProbeKind.DNS, name, timeout_s=timeout_s, tries=tries, params=params)


@pytest.fixture(scope="module")
def dnsmasq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = require("dnsmasq")
    folder: Path = tmp_path_factory.mktemp("dnsmasq")
    port = free_port()
    many = [f"--host-record=many.example.gov.cn,10.9.{i // 250}.{i % 250 + 1}" for i in range(200)]
    process = subprocess.Popen(
        [
            program, "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
            "--bind-interfaces", "--listen-address=127.0.0.1", "--listen-address=::1",
            f"--port={port}", f"--pid-file={folder}/pid", "--local=/example.gov.cn/",
            f"--host-record={NAME},10.1.2.3,fd00::1",
            "--cname=www.example.gov.cn," + NAME,
            "--txt-record=example.gov.cn,v=spf1 -all",
            "--mx-host=example.gov.cn,mail.example.gov.cn,10",
            "--ptr-record=3.2.1.10.in-addr.arpa," + NAME,
            *many,
        ],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=5)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"dnsmasq ended: {process.communicate()[1]!r}")
        if asyncio.run(probe(target(port, timeout_s=0.2))).received:
            return
    raise RuntimeError("dnsmasq does not answer")


@pytest.mark.peer
@pytest.mark.parametrize(
    ("name", "params"),
    [
        (NAME, {"expected": ["10.1.2.3"]}),
        (NAME.upper() + ".", {"expected": ["10.1.2.3"]}),
        (NAME, {"query_type": "AAAA", "expected": ["FD00:0::1"]}),
        (NAME, {"server": "::1"}),
        (NAME, {"transport": "tcp", "expected": ["10.1.2.3"]}),
        ("www.example.gov.cn", {"expected": ["10.1.2.3"]}),
        ("www.example.gov.cn", {"query_type": "CNAME", "expected": [NAME]}),
        ("example.gov.cn", {"query_type": "TXT", "expected": ["v=spf1 -all"]}),
        ("example.gov.cn", {"query_type": "MX", "expected": ["10 mail.example.gov.cn"]}),
        ("3.2.1.10.in-addr.arpa", {"query_type": "PTR", "expected": [NAME]}),
        ("missing.example.gov.cn", {"expected_rcode": "NXDOMAIN"}),
    ],
)
async def test_a_right_answer_is_ok(dnsmasq: int, name: str, params: dict[str, Any]) -> None:
    result = await probe(target(dnsmasq, name, **params))
    assert (result.outcome, result.reason, result.received) == (Outcome.OK, "", 1)
    assert result.rtt_ms is not None
    assert result.rtt_ms > 0


@pytest.mark.peer
@pytest.mark.parametrize(
    ("name", "params", "outcome", "reason"),
    [
        (NAME, {"expected": ["10.1.2.4"]}, Outcome.DEGRADED, "answer_mismatch"),
        (NAME, {"max_rtt_ms": 0.0001}, Outcome.DEGRADED, "slow"),
        (NAME, {"query_type": "SRV"}, Outcome.FAILED, "no_answer_records"),
        ("missing.example.gov.cn", {}, Outcome.FAILED, "rcode_nxdomain"),
        ("elsewhere.example.org", {}, Outcome.FAILED, "rcode_refused"),
    ],
)
async def test_a_wrong_answer_has_a_reason(
    dnsmasq: int, name: str, params: dict[str, Any], outcome: Outcome, reason: str
) -> None:
    result = await probe(target(dnsmasq, name, **params))
    assert (result.outcome, result.reason, result.received) == (outcome, reason, 1)


@pytest.mark.peer
async def test_a_truncated_answer_is_asked_for_again_over_tcp(dnsmasq: int) -> None:
    result = await probe(target(dnsmasq, "many.example.gov.cn", expected=["10.9.0.200"]))
    assert (result.outcome, result.reason) == (Outcome.OK, "")
    assert (result.detail["transport"], result.detail["answer_count"]) == ("tcp", 200)
    assert len(result.detail["answers"]) == 20


async def test_a_closed_port_is_refused_at_once() -> None:
    before = time.monotonic()
    result = await probe(target(free_port(), timeout_s=5, tries=2))
    assert (result.outcome, result.reason, result.received) == (Outcome.FAILED, "refused", 0)
    assert time.monotonic() - before < 1


class _Server(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in self._reply(data):
            self._transport.sendto(answer, addr)


@asynccontextmanager
async def serving(reply: Reply) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Server(reply), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def ask(reply: Reply, **params: Any) -> Result:  # noqa: ANN401 - of every type
    async with serving(reply) as port:
        return await probe(target(port, timeout_s=0.3, **params))


def right(query: bytes) -> bytes:
    response = dns.message.make_response(dns.message.from_wire(query))
    response.answer.append(dns.rrset.from_text(NAME + ".", 60, "IN", "A", "10.1.2.3"))
    return response.to_wire()


def with_id(wire: bytes, number: int) -> bytes:
    return struct.pack("!H", number) + wire[2:]


def answer_section(query: bytes, records: bytes, count: int = 1) -> bytes:
    end = query.index(b"\x00", 12) + 5
    header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, count, 0, 0)
    return header + query[12:end] + records


A_RECORD = struct.pack("!HHIH", 1, 1, 60, 4) + bytes((10, 1, 2, 3))


@pytest.mark.parametrize(
    "reply",
    [
        lambda q: [b"\x00"],
        lambda q: [q[:7]],
        lambda q: [q],
        lambda q: [b"\xff" * 600],
        lambda q: [with_id(right(q), (q[0] << 8 | q[1]) ^ 1)],
        lambda q: [right(q.replace(b"\x06portal", b"\x06attack"))],
        # a name that is a pointer to itself, to beyond the end, and forwards
        lambda q: [answer_section(q, struct.pack("!H", 0xC000 | (len(q) - 11)) + A_RECORD)],
        lambda q: [answer_section(q, b"\xff\xff" + A_RECORD)],
        lambda q: [answer_section(q, b"\xc0\x0c" + A_RECORD, count=65535)],
        lambda q: [answer_section(q, b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 9) + b"abcd")],
        lambda q: [answer_section(q, (b"\xc0\x0c" + A_RECORD) * 3000, count=3000)],
        lambda q: [b"junk"] * 100,
    ],
    ids=lambda _: "",
)
async def test_a_hostile_answer_has_a_reason(reply: Reply) -> None:
    result = await ask(reply)
    assert (result.outcome, result.reason, result.received) == (Outcome.FAILED, "bad_answer", 0)
    assert result.detail["bad_answers"] >= 1
    json.dumps(result.detail)


async def test_forged_answers_do_not_hide_the_right_one() -> None:
    def reply(query: bytes) -> list[bytes]:
        forged = with_id(right(query), (query[0] << 8 | query[1]) ^ 7)
        return [forged, b"garbage", right(query)]

    result = await ask(reply, expected=["10.1.2.3"])
    assert result.outcome is Outcome.OK
    assert result.detail["bad_answers"] == 2


async def test_silence_is_a_timeout_and_every_try_asks() -> None:
    asked = []

    def reply(query: bytes) -> list[bytes]:
        asked.append(query)
        return []

    async with serving(reply) as port:
        result = await probe(target(port, timeout_s=0.1, tries=3))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "timeout")
    assert len({query[:2] for query in asked}) == 3


async def test_a_server_that_only_says_truncated_and_has_no_tcp_is_refused() -> None:
    def reply(query: bytes) -> list[bytes]:
        response = dns.message.make_response(dns.message.from_wire(query))
        response.flags |= dns.flags.TC
        return [response.to_wire()]

    result = await ask(reply)
    assert (result.outcome, result.reason) == (Outcome.FAILED, "refused")


async def test_records_are_shown_without_their_escape_codes() -> None:
    def reply(query: bytes) -> list[bytes]:
        response = dns.message.make_response(dns.message.from_wire(query))
        text = '"\\027[31mred\\226\\128\\174"'
        response.answer.append(dns.rrset.from_text(NAME + ".", 60, "IN", "TXT", text))
        return [response.to_wire()]

    result = await ask(reply, query_type="TXT")
    assert result.outcome is Outcome.OK
    assert "\x1b" not in result.detail["answers"][0]


@given(data=st.binary(max_size=300), framed=st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_bytes_make_it_raise(data: bytes, framed: bool) -> None:
    def reply(query: bytes) -> list[bytes]:
        return [answer_section(query, data) if framed else query[:2] + data, right(query)]

    result = asyncio.run(ask(reply))
    json.dumps(result.detail)
    assert result.outcome in (Outcome.OK, Outcome.FAILED)


async def test_a_wrong_name_is_the_operators_mistake() -> None:
    result = await probe(target(53, "a" * 70 + ".cn"))
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "bad_name")
    with pytest.raises(ValueError, match="domain name"):
        parse_name("a..b")
    assert parse_name("政务.cn").to_text() == "xn--zfr164b.cn."


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"server": "dns.example.org"},
        {"server": "1.2.3.4", "port": 0},
        {"server": "1.2.3.4", "query_type": "AXFR"},
        {"server": "1.2.3.4", "surplus": 1},
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DnsParams.model_validate(params)
