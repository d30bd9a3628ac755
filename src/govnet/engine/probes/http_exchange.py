"""One HTTP/1.1 request over one connection, with everything that can go wrong named.

Written on asyncio streams and h11 (the parser; it bounds a header block to 16 KiB), because
the timing of each phase and the certificate of a connection that fails are what is measured.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import cast

import h11
import httpx
import structlog

from govnet import __version__
from govnet.engine.probes.certificates import (
    Certificate,
    read_certificate,
    reading_context,
    verify_reason,
    verifying_context,
)
from govnet.engine.probes.connect import (
    IpVersion,
    ProbeFailure,
    connect,
    connect_any,
    failure_of,
    resolve,
)
from govnet.engine.safety import Address, printable

MAX_HEADER_BYTES = 16 * 1024
MAX_OVERHEAD_BYTES = 256 * 1024
MAX_INTERIM = 10
MAX_PIECES = 5_000
"""Parsing one takes some 5 µs of the event loop: a body of one-byte chunks must end."""

READ_BYTES = 16 * 1024

USER_AGENT = f"GovNet/{__version__}".encode("ascii")

Permit = Callable[[list[Address]], list[Address]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask of one server.

    Attributes:
        url: absolute, http or https.
        method: GET or HEAD.
        headers: beyond the ones that are always sent.
        server_name: for the Host header, SNI and the check of the certificate, instead of the
            URL's host; empty for that.
        verify: False to accept any certificate at once.
        stop_at_bad_certificate: False to go on, over a second connection, with a certificate
            that was not accepted.
        ca_pem: further authorities to trust.
        max_bytes: body bytes to keep; reading stops there.
    """

    url: httpx.URL
    method: str
    headers: Mapping[str, str]
    server_name: str
    verify: bool
    stop_at_bad_certificate: bool
    ca_pem: str
    max_bytes: int


@dataclass(slots=True)
class Exchange:
    """What was seen so far; still useful when the exchange fails halfway.

    Attributes:
        url: what was asked.
        phases_ms: dns, connect, tls, first_byte: each from the end of the one before.
        stage: the phase under way, for the reason of a timeout.
        cert_reason: why the certificate was not accepted; empty when it was.
    """

    url: httpx.URL
    phases_ms: dict[str, float] = field(default_factory=dict)
    stage: str = "dns"
    address: Address | None = None
    tls: str = ""
    certificate: Certificate | None = None
    cert_reason: str = ""
    cert_message: str = ""
    status: int = 0
    reason_phrase: str = ""
    http_version: str = ""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    body_cut: bool = False

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Measure one phase; phases that happen twice add up."""
        self.stage = stage
        before = time.perf_counter()
        yield
        spent = (time.perf_counter() - before) * 1000
        self.phases_ms[stage] = self.phases_ms.get(stage, 0.0) + spent

    def header(self, name: bytes) -> str:
        """First value of a response header, not yet made printable; empty without one."""
        return next((v.decode("latin-1") for n, v in self.headers if n == name), "")


async def run_exchange(
    exchange: Exchange, request: Request, permit: Permit, version: IpVersion, seconds: float
) -> None:
    """Ask once and fill ``exchange``; the caller bounds the whole by ``seconds``.

    Args:
        exchange: a fresh one of ``request.url``; holds what was seen even after a failure.
        request: what to ask.
        permit: given the host's addresses, those that may be connected to; raises
            ``ProbeFailure`` when none may.
        version: IP version to use.
        seconds: shared between the addresses when the first does not answer.

    Raises:
        ProbeFailure: there is no usable answer.
    """
    with exchange.timed("dns"):
        addresses = permit(await resolve(request.url.raw_host.decode("ascii"), version))
    writer: asyncio.StreamWriter | None = None
    try:
        reader, writer = await _open(exchange, request, addresses, seconds)
        await _ask(exchange, request, reader, writer)
    except ssl.SSLError as error:
        raise ProbeFailure("tls_error", printable(error.reason or str(error))) from error
    except OSError as error:
        if isinstance(error, TimeoutError) and error.errno is None:
            raise  # the caller's own time limit
        raise failure_of(error) from error
    except (h11.RemoteProtocolError, ValueError) as error:
        raise ProbeFailure("http_protocol_error", printable(str(error))) from error
    finally:
        if writer is not None:
            writer.transport.abort()


# Connecting


async def _open(
    exchange: Exchange, request: Request, addresses: list[Address], seconds: float
) -> Streams:
    port = request.url.port or (443 if request.url.scheme == "https" else 80)
    with exchange.timed("connect"):
        connection = await connect_any(addresses, port, seconds)
    exchange.address = ip_address(connection.getpeername()[0])
    if request.url.scheme == "http":
        return await asyncio.open_connection(sock=connection, limit=READ_BYTES)
    if not request.verify:
        return await _handshake(exchange, request, connection, reading_context())
    try:
        return await _handshake(exchange, request, connection, verifying_context(request.ca_pem))
    except ssl.SSLCertVerificationError as error:
        return await _look_at_bad_certificate(exchange, request, port, error)


async def _look_at_bad_certificate(
    exchange: Exchange, request: Request, port: int, error: ssl.SSLCertVerificationError
) -> Streams:
    """Connect again without verification: also a bad certificate has a date and an issuer."""
    exchange.cert_message = printable(error.verify_message)
    assert exchange.address is not None
    streams: Streams | None = None
    try:
        with exchange.timed("connect"):
            connection = await connect(exchange.address, port)
        streams = await _handshake(exchange, request, connection, reading_context())
    except (OSError, ProbeFailure) as second:
        log.debug("certificate not readable", url=str(request.url), error=str(second))
    exchange.cert_reason = verify_reason(error, exchange.certificate)
    if streams is None or request.stop_at_bad_certificate:
        if streams is not None:
            streams[1].transport.abort()
        raise ProbeFailure(exchange.cert_reason, exchange.cert_message)
    return streams


async def _handshake(
    exchange: Exchange, request: Request, connection: socket.socket, context: ssl.SSLContext
) -> Streams:
    name = request.server_name or request.url.raw_host.decode("ascii")
    with exchange.timed("tls"):
        try:
            reader, writer = await asyncio.open_connection(
                sock=connection, ssl=context, server_hostname=name, limit=READ_BYTES
            )
        except BaseException:
            connection.close()
            raise
    secured = writer.get_extra_info("ssl_object")
    exchange.tls = f"{secured.version()} {secured.cipher()[0]}"
    der = secured.getpeercert(binary_form=True)
    try:
        exchange.certificate = read_certificate(der) if der else None
    except ValueError as error:  # OpenSSL took it, the stricter parser did not
        exchange.cert_message = printable(str(error))
    return reader, writer


# Asking


async def _ask(
    exchange: Exchange,
    request: Request,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
    incoming = _Incoming(reader, parser, request.max_bytes + MAX_OVERHEAD_BYTES)
    sent = parser.send(_first_line_and_headers(request)) or b""
    sent += parser.send(h11.EndOfMessage()) or b""
    with exchange.timed("first_byte"):
        writer.write(sent)
        await writer.drain()
        await incoming.feed()
    exchange.stage = "body"
    if not incoming.taken:
        raise ProbeFailure("empty_reply", "connection closed without an answer")
    await _read_answer(exchange, incoming, request.max_bytes)
    if not exchange.status:
        raise ProbeFailure("http_protocol_error", "no final response")


def _first_line_and_headers(request: Request) -> h11.Request:
    host = request.server_name.encode("ascii") or request.url.netloc
    headers = [
        (b"Host", host),
        (b"User-Agent", USER_AGENT),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", b"identity"),
        (b"Connection", b"close"),
        *((name.encode("ascii"), value.encode("ascii")) for name, value in request.headers.items()),
    ]
    return h11.Request(method=request.method, target=request.url.raw_path, headers=headers)


async def _read_answer(exchange: Exchange, incoming: _Incoming, max_bytes: int) -> None:
    body = bytearray()
    pieces = interim = 0
    try:
        while len(body) <= max_bytes:
            event = await incoming.next_event()
            if isinstance(event, h11.Response):
                _note_head(exchange, event)
            elif isinstance(event, h11.InformationalResponse):
                interim += 1
            elif isinstance(event, h11.Data):
                body += event.data
                pieces += 1
            else:
                return
            if pieces > MAX_PIECES or interim > MAX_INTERIM:
                raise ProbeFailure("too_much_data", "endless small pieces")
    finally:
        exchange.body, exchange.body_cut = bytes(body[:max_bytes]), len(body) > max_bytes


def _note_head(exchange: Exchange, event: h11.Response) -> None:
    exchange.status = event.status_code
    exchange.reason_phrase = printable(event.reason, 80)
    exchange.http_version = event.http_version.decode("ascii")
    exchange.headers = list(event.headers)


class _Incoming:
    """Bytes of the peer on their way into the parser, counted and limited."""

    def __init__(
        self, reader: asyncio.StreamReader, parser: h11.Connection, max_bytes: int
    ) -> None:
        self._reader = reader
        self._parser = parser
        self._max_bytes = max_bytes
        self.taken = 0

    async def feed(self) -> None:
        await asyncio.sleep(0)  # a peer that always has data must not hold the loop
        data = await self._reader.read(READ_BYTES)
        self.taken += len(data)
        if self.taken > self._max_bytes:
            raise ProbeFailure("too_much_data", f"over {self._max_bytes} bytes around the body")
        self._parser.receive_data(data)

    async def next_event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            await self.feed()
        assert event is not h11.NEED_DATA
        return cast("h11.Event | type[h11.PAUSED]", event)
