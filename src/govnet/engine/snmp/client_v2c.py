"""The SNMP v2c client: one unconnected UDP socket per family for all devices.

Why not a library: measured, and told in docs/explanation/snmp.md. In short: no socket per
device, no timer per request, whole rows of many columns per packet, and answers that come
from another address of the device are taken, because the unguessable request id and the
community identify them (net-snmp over IPv6 answers from its interface address).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from govnet.engine.snmp import ber
from govnet.engine.snmp.ber import BerError, Header, Pdu
from govnet.engine.snmp.model import SnmpError

log = structlog.get_logger()

MAX_DATAGRAM: Final = 8192  # we never ask for more than fits 1,400 octets
DRAIN: Final = 64  # datagrams per wake-up, so that other work gets its turn
FRESH_S: Final = 0.25  # an answer later than this no longer fills the receive buffer in a burst
WANTED_BUFFER: Final = 16 * 1024 * 1024
SKB_OCTETS: Final = 4096  # what the kernel books for an answer of some 1,200 octets
# linux/errqueue.h, linux/in.h, linux/in6.h; the socket module has no names for them.
IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
SO_RCVBUFFORCE: Final = 33
_ERR: Final = struct.Struct("=IBBBBII")

DROPPED = Counter("govnet_snmp_dropped_datagrams_total", "Datagrams not taken", ["reason"])
ODD_SOURCE = Counter("govnet_snmp_odd_source_answers_total", "Answers from an address not asked")
IN_FLIGHT = Gauge("govnet_snmp_requests_in_flight", "v2c requests that wait for an answer")


@dataclass(slots=True)
class ExchangeStats:
    """Counts of one poll, and what the probe page shows when ``trace`` is a list."""

    sent: int = 0
    received: int = 0
    odd_sources: int = 0
    round_trips_ms: list[float] = field(default_factory=list)
    trace: list[dict[str, object]] | None = None

    @property
    def rtt_ms(self) -> float | None:
        """Median round trip in milliseconds."""
        times = sorted(self.round_trips_ms)
        return times[len(times) // 2] if times else None

    def note(self, **what: object) -> None:
        """Add a step to the trace, if anybody wants one."""
        if self.trace is not None:
            self.trace.append(what)


class _Request:
    """One request in flight."""

    __slots__ = ("address", "community", "done", "fresh", "future", "reason", "sent_at", "source")

    def __init__(self, address: tuple[str, int], community: bytes, now: float) -> None:
        self.address = address
        self.community = community
        self.future: asyncio.Future[tuple[bytes, Header]] | None = None
        self.sent_at = now
        self.fresh = True
        self.done = False
        self.reason = "timeout"
        self.source: str | None = None


class _Fifo:
    """Deadlines with one constant delay: first in is first out, so one timer serves them all."""

    def __init__(self, delay_s: float, on_expire: Callable[[_Request], None]) -> None:
        self._delay_s = delay_s
        self._on_expire = on_expire
        self._queue: deque[_Request] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def push(self, request: _Request, loop: asyncio.AbstractEventLoop) -> None:
        self._queue.append(request)
        if self._timer is None:
            self._timer = loop.call_later(self._delay_s, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now, queue = loop.time(), self._queue
        while queue:
            if not queue[0].done:
                due = queue[0].sent_at + self._delay_s
                if due > now:
                    self._timer = loop.call_at(due, self._expire, loop)
                    return
                self._on_expire(queue[0])
            queue.popleft()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._queue.clear()


class V2cClient:
    """Sends requests of many devices and matches their answers.

    Args:
        window: requests in flight that may still be answered in a burst; None: what the
            receive buffer that the system grants can hold.
    """

    def __init__(self, window: int | None = None) -> None:
        self._wanted_window = window
        self._window = window or 64
        self._fresh = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._pending: dict[int, _Request] = {}
        self._by_address: dict[tuple[str, int], int] = {}
        self._timeouts: dict[float, _Fifo] = {}
        self._freshness = _Fifo(FRESH_S, self._release)
        self._sockets: dict[int, socket.socket] = {}
        self._entropy = b""
        self._entropy_at = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Open the sockets; a machine without IPv6 works with IPv4 alone."""
        self._loop = asyncio.get_running_loop()
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                sock = _open_socket(family)
            except OSError as error:
                log.warning("snmp socket not opened", family=family.name, error=str(error))
                continue
            self._sockets[family] = sock
            self._loop.add_reader(sock.fileno(), self._readable, sock, family)
        if not self._sockets:
            raise SnmpError("no_socket", "neither an IPv4 nor an IPv6 UDP socket can be opened")
        granted = min(_receive_buffer(sock) for sock in self._sockets.values())
        self._window = self._wanted_window or max(16, granted // SKB_OCTETS)
        log.info("snmp client ready", receive_buffer=granted, window=self._window)

    async def close(self) -> None:
        """Close the sockets; requests in flight end with "timeout"."""
        for sock in self._sockets.values():
            if self._loop is not None:
                self._loop.remove_reader(sock.fileno())
            sock.close()
        self._sockets.clear()
        for request in list(self._pending.values()):
            self._end(request, None)
        for fifo in (*self._timeouts.values(), self._freshness):
            fifo.close()
        self._timeouts.clear()

    async def exchange(
        self, peer: Peer, head: bytes, tail: bytes, timeout_s: float, stats: ExchangeStats
    ) -> tuple[bytes, Header]:
        """Send one request once and wait for its answer.

        Returns:
            The datagram and its header, of this request id and community.

        Raises:
            SnmpError: "timeout", "refused", "unreachable", "malformed", "oversized".
        """
        loop = self._loop
        sock = self._sockets.get(peer.family)
        if loop is None or sock is None:
            raise SnmpError("unreachable", "no socket of this address family")
        while self._fresh >= self._window:
            await self._turn(loop)
        request = _Request(peer.address[:2], peer.community, loop.time())
        request_id = self._new_id()
        request.future = future = loop.create_future()
        self._pending[request_id] = request
        self._by_address[request.address] = request_id
        self._fresh += 1
        try:
            await self._send(sock, head + request_id.to_bytes(4, "big") + tail, peer.address)
            request.sent_at = loop.time()
            stats.sent += 1
            self._fifo(timeout_s).push(request, loop)
            self._freshness.push(request, loop)
            answer: tuple[bytes, Header] = await future
        finally:
            self._forget(request_id, request)
            if request.source:
                stats.odd_sources += 1
        stats.received += 1
        stats.round_trips_ms.append((loop.time() - request.sent_at) * 1000)
        return answer

    # --- inside ---------------------------------------------------------------------------

    async def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        waiter = loop.create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            self._wake()  # it may have been this one's turn
            raise

    def _release(self, request: _Request) -> None:
        """The request no longer counts for the window."""
        if not request.fresh:
            return
        request.fresh = False
        self._fresh -= 1
        self._wake()

    def _wake(self) -> None:
        """Let one that waits have its turn."""
        while self._waiting and self._fresh < self._window:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break

    def _new_id(self) -> int:
        """An unguessable id of exactly four octets that is not in use."""
        while True:
            if self._entropy_at >= len(self._entropy):
                self._entropy, self._entropy_at = os.urandom(4096), 0
            chunk = self._entropy[self._entropy_at : self._entropy_at + 4]
            self._entropy_at += 4
            request_id = 0x40000000 | (int.from_bytes(chunk, "big") & 0x3FFFFFFF)
            if request_id not in self._pending:
                return request_id

    def _fifo(self, timeout_s: float) -> _Fifo:
        fifo = self._timeouts.get(timeout_s)
        if fifo is None:
            fifo = self._timeouts[timeout_s] = _Fifo(timeout_s, self._timed_out)
        return fifo

    async def _send(self, sock: socket.socket, datagram: bytes, address: Address) -> None:
        family = sock.family
        for attempt in range(200):
            try:
                sock.sendto(datagram, address)
            except BlockingIOError:
                await asyncio.sleep(0.002)
            except OSError as error:
                # With IP_RECVERR the error of an earlier datagram to anybody ends up here once.
                self._drain_errors(sock, family)
                if attempt >= 3:
                    raise SnmpError("unreachable", str(error)) from error
            else:
                return
        raise SnmpError("unreachable", "the send buffer stays full")

    def _timed_out(self, request: _Request) -> None:
        self._end(request, None)

    def _end(self, request: _Request, answer: tuple[bytes, Header] | None) -> None:
        request.done = True
        future, request.future = request.future, None
        if future is None or future.done():
            return
        if answer is None:
            future.set_exception(SnmpError(request.reason))
        else:
            future.set_result(answer)

    def _forget(self, request_id: int, request: _Request) -> None:
        request.done = True
        request.future = None
        del self._pending[request_id]
        if self._by_address.get(request.address) == request_id:
            del self._by_address[request.address]
        self._release(request)

    def _readable(self, sock: socket.socket, family: int) -> None:
        for count in range(DRAIN):
            try:
                data, source = sock.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                if count == 0:  # woken, but by the error queue
                    self._drain_errors(sock, family)
                break
            except OSError:
                self._drain_errors(sock, family)
                continue
            self._answer(data, source)
        IN_FLIGHT.set(len(self._pending))

    def _answer(self, data: bytes, source: Address) -> None:
        oversized = len(data) >= MAX_DATAGRAM
        try:
            header = _truncated_header(data) if oversized else ber.read_header(data)
        except BerError:
            self._malformed(source)
            return
        request = self._pending.get(header.request_id)
        if request is None or request.done:
            DROPPED.labels("unknown_id").inc()
        elif header.pdu != Pdu.RESPONSE:
            DROPPED.labels("not_a_response").inc()
        elif header.community != request.community:
            DROPPED.labels("community").inc()
        else:
            if source[:2] != request.address:
                ODD_SOURCE.inc()
                request.source = source[0]
            request.reason = "oversized"
            self._end(request, None if oversized else (data, header))

    def _malformed(self, source: Address) -> None:
        """Counted; the reason of the request to this address, should nothing better come."""
        DROPPED.labels("malformed").inc()
        request = self._pending.get(self._by_address.get(source[:2], 0))
        if request is not None:
            request.reason = "malformed"

    def _drain_errors(self, sock: socket.socket, family: int) -> None:
        """Read ICMP errors: a closed port ends its request at once.

        An error counts for the request that it quotes; one that quotes too little only
        names the reason of the time-out, because anybody can forge it.
        """
        for _ in range(DRAIN):
            try:
                quoted, controls, _flags, address = sock.recvmsg(
                    2048, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT
                )
            except OSError:
                return
            code = _error_number(controls, family)
            request = self._pending.get(self._by_address.get(address[:2], 0))
            if request is None or code is None:
                continue
            request.reason = "refused" if code == errno.ECONNREFUSED else "unreachable"
            if code == errno.ECONNREFUSED and self._quotes(quoted, address):
                self._end(request, None)

    def _quotes(self, quoted: bytes, address: Address) -> bool:
        request_id = self._by_address[address[:2]]
        return b"\x02\x04" + request_id.to_bytes(4, "big") in quoted


Address = tuple[str, int] | tuple[str, int, int, int]


def _open_socket(family: socket.AddressFamily) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):  # the first needs CAP_NET_ADMIN
            try:
                sock.setsockopt(socket.SOL_SOCKET, option, WANTED_BUFFER)
                break
            except PermissionError:
                continue
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    except OSError:
        sock.close()
        raise
    return sock


def _receive_buffer(sock: socket.socket) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def _error_number(controls: Sequence[tuple[int, int, bytes]], family: int) -> int | None:
    """The errno of a sock_extended_err among control messages."""
    wanted = (
        (socket.IPPROTO_IP, IP_RECVERR)
        if family == socket.AF_INET
        else (socket.IPPROTO_IPV6, IPV6_RECVERR)
    )
    for level, kind, body in controls:
        if (level, kind) == wanted and len(body) >= _ERR.size:
            return int(_ERR.unpack_from(body)[0])
    return None


def _truncated_header(data: bytes) -> Header:
    """Community and request id of a datagram that was cut at ``MAX_DATAGRAM``.

    Raises:
        BerError: not even these.
    """
    if data[0] != 0x30 or not data[1] & 0x80:
        raise BerError("not one SNMP message")
    pos = 2 + (data[1] & 0x7F)
    tag, start, stop = ber.read_tl(data, pos + 3, len(data))
    if stop + 8 > len(data):
        raise BerError("not one SNMP message")
    at = stop + 2 + (data[stop + 1] & 0x7F if data[stop + 1] & 0x80 else 0)
    if tag != ber.Tag.OCTET_STRING or data[at : at + 2] != b"\x02\x04":
        raise BerError("not one SNMP message")
    request_id = int.from_bytes(data[at + 2 : at + 6], "big")
    return Header(data[start:stop], data[stop], request_id, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a device's requests go and what its answers must carry."""

    family: int
    address: Address
    community: bytes = field(repr=False)


@lru_cache(maxsize=16_384)
def resolve(address: str, port: int) -> tuple[int, Address]:
    """Family and socket address of an IP literal.

    Raises:
        SnmpError: "bad_address": not an IP literal.
    """
    try:
        ip_address(address)
        found = socket.getaddrinfo(
            address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )
    except (OSError, ValueError) as error:
        raise SnmpError("bad_address", f"{address!r} is not an IP address") from error
    family, _, _, _, name = found[0]
    if family == socket.AF_INET:
        return family, (str(name[0]), int(name[1]))
    host, number, flow, scope = name  # type: ignore[misc]  # AF_INET6 has four
    return family, (str(host), int(number), int(flow), int(scope))
