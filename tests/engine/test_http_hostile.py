"""HTTP servers that lie, stall, flood or speak nonsense: a reason, never an exception."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govnet.engine.probes.http import probe
from govnet.engine.result import Outcome, ProbeKind, Result, Target

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    """Run a server on a free port of loopback; every connection gets ``answer``."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the probe had enough, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def saying(data: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()

    return answer


def repeating(first: bytes, piece: bytes, pause_s: float = 0.0) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return answer


async def ask(
    answer: Answer, *, scheme: str = "http", timeout_s: float = 5.0, **params: str | int
) -> Result:
    async with serving(answer) as port:
        url = f"{scheme}://127.0.0.1:{port}/"
        return await probe(
            Target(1, ProbeKind.HTTP, url, timeout_s=timeout_s, tries=1, params=params)
        )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_reply"),
        (b"\x00" * 100, "http_protocol_error"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "http_protocol_error"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nBad header\r\n\r\n", "http_protocol_error"),
        (HEAD + b"Content-Length: 100\r\n\r\nshort", "http_protocol_error"),
        (HEAD + b"Content-Length: -5\r\n\r\n", "http_protocol_error"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "http_protocol_error"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n", "http_protocol_error"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nx", None),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "http_protocol_error"),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\nxx", "http_protocol_error"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "http_protocol_error"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "too_much_data"),
        (b"HTTP/1.1 302 Found\r\nLocation: \x01\x02\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/shadow\r\n\r\n", "redirect_forbidden"),
        (b"HTTP/1.1 302 Found\r\nLocation: /" + b"a" * 9000 + b"\r\n\r\n", "redirect_invalid"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe/\r\n\r\n", None),
    ],
)
async def test_a_malformed_answer_has_a_reason(data: bytes, reason: str | None) -> None:
    result = await ask(saying(data))
    assert result.outcome is Outcome.FAILED
    assert result.reason
    assert reason is None or result.reason == reason


async def test_endless_headers_end() -> None:
    result = await ask(repeating(HEAD, b"X-Pad: " + b"a" * 1000 + b"\r\n"))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "http_protocol_error")
    one_line = await ask(repeating(HEAD + b"X: ", b"a" * 10_000))
    assert one_line.reason == "http_protocol_error"


async def test_an_endless_body_is_cut_in_bounded_memory() -> None:
    tracemalloc.start()
    try:
        result = await ask(repeating(HEAD + b"\r\n", b"z" * 65536), max_bytes=1 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.outcome is Outcome.OK
    assert result.detail["body_cut"]
    assert peak < 12 << 20


async def test_endless_tiny_chunks_end_before_they_cost_much() -> None:
    pieces = b"1\r\na\r\n" * 2000
    before = time.process_time()
    result = await ask(repeating(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", pieces))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "too_much_data")
    assert time.process_time() - before < 0.5


async def test_endless_chunk_extensions_end() -> None:
    start = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x="
    result = await ask(repeating(start, b"e" * 8192))
    assert result.reason == "http_protocol_error"


@pytest.mark.parametrize(
    ("first", "piece", "reason"),
    [
        (b"", b"H", "body_timeout"),
        (HEAD + b"\r\n", b"x", "body_timeout"),
        (HEAD, b"X: y\r\n", "body_timeout"),
    ],
)
async def test_a_dripping_answer_ends_at_the_time_limit(
    first: bytes, piece: bytes, reason: str
) -> None:
    before = time.monotonic()
    result = await ask(repeating(first, piece, pause_s=0.05), timeout_s=0.4)
    assert result.outcome is Outcome.FAILED
    assert result.reason in (reason, "http_protocol_error")
    assert time.monotonic() - before < 1.0


async def test_silence_names_the_phase_that_it_fell_in() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    result = await ask(silent, timeout_s=0.3)
    assert (result.outcome, result.reason) == (Outcome.FAILED, "first_byte_timeout")
    secured = await ask(silent, scheme="https", timeout_s=0.3)
    assert (secured.outcome, secured.reason) == (Outcome.FAILED, "tls_timeout")


async def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\x00" * (20 << 20))
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    tracemalloc.start()
    try:
        result = await ask(saying(head + bomb), body_contains="x")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, "body_encoded")
    assert peak < 4 << 20


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad\r\n\r\n", b"\x16\x03\x01\xff\xff" * 99])
async def test_tls_garbage_is_a_tls_error(garbage: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(garbage)
        await writer.drain()

    result = await ask(answer, scheme="https")
    assert (result.outcome, result.reason) == (Outcome.FAILED, "tls_error")


async def test_a_connection_closed_in_the_handshake_is_a_reset() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)

    result = await ask(answer, scheme="https")
    assert result.outcome is Outcome.FAILED
    assert result.reason in ("reset", "tls_error")


async def test_what_the_peer_says_is_shown_without_its_escape_codes() -> None:
    body = b"\x1b[2J\x1b]0;owned\x07\r\n\xe2\x80\xaehidden \xe4\xb8\xad\xe6\x96\x87"
    data = b"HTTP/1.1 200 O\x0bK\r\nServer: a\tb\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    result = await ask(saying(data.replace(b"\x0b", b"")))
    shown = json.dumps(result.detail, ensure_ascii=False)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "中文" in shown


@given(data=st.binary(max_size=400), headed=st.booleans())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_bytes_make_it_raise(data: bytes, headed: bool) -> None:
    result = asyncio.run(ask(saying((HEAD if headed else b"") + data), timeout_s=2.0))
    json.dumps(result.detail)
    assert result.outcome in (Outcome.OK, Outcome.FAILED)
    assert bool(result.reason) is (result.outcome is Outcome.FAILED)
