"""DNS probe: does a name server answer a question, and answer it right."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from pydantic import BaseModel, ConfigDict, Field, field_validator

from govnet.engine.probes.connect import ProbeFailure, failure_of
from govnet.engine.result import Outcome, Result, Target
from govnet.engine.safety import printable

EDNS_PAYLOAD = 1232
"""Largest answer asked for over UDP, bytes: what passes every path unfragmented
(DNS flag day 2020)."""

MAX_DATAGRAM = 4096
MAX_BAD_ANSWERS = 32
MAX_SHOWN = 20

QueryType = Literal["A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "PTR", "SRV", "CAA"]


class DnsParams(BaseModel):
    """Parameters of a DNS target; the target's address is the name to ask for.

    Attributes:
        server: address of the name server.
        port: its port.
        query_type: type of record to ask for.
        expected: answers that must be there, in the usual notation of their type; empty: any
            answer will do.
        expected_rcode: response code that is right.
        transport: "udp" with TCP for a truncated answer, or "tcp" at once.
        recursion: whether recursion is desired.
        max_rtt_ms: degraded when the answer took longer; None for no limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: str
    port: int = Field(default=53, ge=1, le=65535)
    query_type: QueryType = "A"
    expected: tuple[str, ...] = Field(default=(), max_length=20)
    expected_rcode: Literal["NOERROR", "NXDOMAIN", "REFUSED", "SERVFAIL"] = "NOERROR"
    transport: Literal["udp", "tcp"] = "udp"
    recursion: bool = True
    max_rtt_ms: float | None = Field(default=None, gt=0)

    @field_validator("server")
    @classmethod
    def _address(cls, value: str) -> str:
        return str(ip_address(value))


def parse_name(text: str) -> dns.name.Name:
    """Check a name to ask for; Chinese and other names are converted (IDNA 2003).

    Raises:
        ValueError: it is none.
    """
    if not text.isprintable() or " " in text:
        raise ValueError(printable(f"{text!r} is no domain name: it has blanks"))
    try:
        return dns.name.from_text(text)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(printable(f"{text!r} is no domain name: {error}")) from error


@dataclass(slots=True)
class _Try:
    """What one try saw."""

    failure: ProbeFailure | None = None
    response: dns.message.Message | None = None
    rtt_ms: float = 0.0
    transport: str = "udp"
    answers: list[str] = field(default_factory=list)
    bad: int = 0
    bad_message: str = ""


async def probe(target: Target) -> Result:
    """Ask one name server one question; ``rtt_ms`` is the time to its answer.

    Raises:
        pydantic.ValidationError: ``target.params`` are not ``DnsParams``.
    """
    params = DnsParams.model_validate(target.params)
    ts = time.time()
    try:
        name = parse_name(target.address)
    except ValueError as error:
        detail: dict[str, object] = {"error": str(error)}
        return Result(target.id, ts, Outcome.UNKNOWN, sent=0, reason="bad_name", detail=detail)
    seen = await _try(name, params, target.timeout_s)
    tries = 1
    while tries < target.tries and seen.response is None:
        seen = await _try(name, params, target.timeout_s)
        tries += 1
    outcome, reason = _judge(seen, params)
    answered = seen.response is not None
    return Result(
        target_id=target.id,
        ts=ts,
        outcome=outcome,
        sent=int(outcome is not Outcome.UNKNOWN),
        received=int(answered),
        rtt_ms=seen.rtt_ms if answered else None,
        reason=reason,
        detail=_detail(seen, params, name, tries),
        phases_ms={"dns": seen.rtt_ms} if answered else {},
    )


async def _try(name: dns.name.Name, params: DnsParams, timeout_s: float) -> _Try:
    seen = _Try(transport=params.transport)
    query = dns.message.make_query(name, params.query_type, payload=EDNS_PAYLOAD)
    if not params.recursion:
        query.flags &= ~dns.flags.RD
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            seen.response = await _ask(seen, query, params)
        seen.rtt_ms = (time.perf_counter() - started) * 1000
    except TimeoutError:
        reason = "bad_answer" if seen.bad else "timeout"
        seen.failure = ProbeFailure(reason, seen.bad_message or f"within {timeout_s:g} s")
    except ProbeFailure as failure:
        seen.failure = failure
    if seen.response is not None:
        seen.answers = _answers(seen.response, dns.rdatatype.from_text(params.query_type))
    return seen


async def _ask(seen: _Try, query: dns.message.Message, params: DnsParams) -> dns.message.Message:
    if params.transport == "udp":
        response = await _ask_udp(seen, query, params)
        if not response.flags & dns.flags.TC:
            return response
        seen.transport = "tcp"
    return await _ask_tcp(query, params)


async def _ask_udp(
    seen: _Try, query: dns.message.Message, params: DnsParams
) -> dns.message.Message:
    """Send once and take the first answer to our question; the rest is noted and passed over.

    The socket is connected: the kernel drops other senders and tells of a closed port.
    """
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in params.server else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            await loop.sock_connect(channel, (params.server, params.port))
            await loop.sock_sendall(channel, query.to_wire())
            while seen.bad < MAX_BAD_ANSWERS:
                response = _parse(seen, query, await loop.sock_recv(channel, MAX_DATAGRAM + 1))
                if response is not None:
                    return response
    except OSError as error:
        if isinstance(error, TimeoutError) and error.errno is None:
            raise  # our own time limit
        raise failure_of(error) from error
    raise ProbeFailure("bad_answer", seen.bad_message)


def _parse(seen: _Try, query: dns.message.Message, wire: bytes) -> dns.message.Message | None:
    """The response to our query, None (and a note) when the datagram is something else."""
    if len(wire) > MAX_DATAGRAM:
        return _pass_over(seen, f"over {MAX_DATAGRAM} bytes, {EDNS_PAYLOAD} were allowed")
    try:
        response = dns.message.from_wire(wire, raise_on_truncation=True)
    except dns.message.Truncated as error:
        response = error.kwargs["message"]  # what there is of it
    except (dns.exception.DNSException, ValueError) as error:
        return _pass_over(seen, f"{type(error).__name__}: {error}")
    return response if query.is_response(response) else _pass_over(seen, "another question's")


def _pass_over(seen: _Try, why: str) -> dns.message.Message | None:
    seen.bad += 1
    seen.bad_message = printable(why)
    return None


async def _ask_tcp(query: dns.message.Message, params: DnsParams) -> dns.message.Message:
    try:
        return await dns.asyncquery.tcp(query, params.server, port=params.port)
    except (dns.exception.DNSException, EOFError, ValueError) as error:
        text = printable(f"{type(error).__name__}: {error}")
        raise ProbeFailure("bad_answer", text) from error
    except OSError as error:
        if isinstance(error, TimeoutError) and error.errno is None:
            raise
        raise failure_of(error) from error


def _answers(response: dns.message.Message, wanted: dns.rdatatype.RdataType) -> list[str]:
    """Records of the type asked for, as text; aliases on the way are left out."""
    return [
        printable(record.to_text(), 300)
        for records in response.answer
        if records.rdtype == wanted
        for record in records
    ]


def _judge(seen: _Try, params: DnsParams) -> tuple[Outcome, str]:
    if seen.response is None:
        assert seen.failure is not None
        return seen.failure.outcome, seen.failure.reason
    rcode = dns.rcode.to_text(seen.response.rcode())
    if rcode != params.expected_rcode:
        return Outcome.FAILED, f"rcode_{rcode.lower()}"
    if rcode == "NOERROR" and not seen.answers:
        return Outcome.FAILED, "no_answer_records"
    if not {_folded(text) for text in params.expected} <= {_folded(t) for t in seen.answers}:
        return Outcome.DEGRADED, "answer_mismatch"
    if params.max_rtt_ms is not None and seen.rtt_ms > params.max_rtt_ms:
        return Outcome.DEGRADED, "slow"
    return Outcome.OK, ""


def _folded(text: str) -> str:
    """Comparable form: names ignore case and the final dot, addresses their notation."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text.strip('"').rstrip(".").lower()


def _detail(seen: _Try, params: DnsParams, name: dns.name.Name, tries: int) -> dict[str, object]:
    detail: dict[str, object] = {
        "server": params.server,
        "question": f"{printable(name.to_text())} {params.query_type}",
        "transport": seen.transport,
        "tries": tries,
        "answers": seen.answers[:MAX_SHOWN],
        "answer_count": len(seen.answers),
    }
    if seen.response is not None:
        detail["rcode"] = dns.rcode.to_text(seen.response.rcode())
        detail["flags"] = dns.flags.to_text(seen.response.flags)
    if seen.bad:
        detail["bad_answers"] = seen.bad
        detail["bad_message"] = seen.bad_message
    if seen.failure is not None:
        detail["error"] = seen.failure.message
    return detail
