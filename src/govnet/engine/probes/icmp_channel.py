"""One ICMP socket in an event loop: paced sending, matching of answers, time-outs."""

from __future__ import annotations

import asyncio
import errno
import math
import secrets
import socket
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import structlog

from govnet.engine.probes.icmp_metrics import COUNTS, FAMILY_NAME
from govnet.engine.probes.icmp_packet import (
    COOKIE_BYTES,
    ECHO_REPLY,
    ECHO_REQUEST,
    ICMP_HEADER_BYTES,
    build_request,
    parse_quoted_request,
    parse_reply,
)
from govnet.engine.probes.icmp_socket import (
    ANCILLARY_BYTES,
    LOCAL_ERRORS,
    IcmpError,
    IcmpSocket,
    clock_offset_ns,
    read_icmp_errors,
    receive_stamp_ns,
    take_pending_error,
)

log = structlog.get_logger()

Peer = tuple[str, int] | tuple[str, int, int, int]

WAITING: Final = 0
ANSWERED: Final = 1
LOST: Final = 2
UNREACHABLE: Final = 3
UNSENT: Final = 4

BURST: Final = 64
"""Echoes sent before the answers are drained: far below any receive buffer's room."""
DRAIN_LIMIT: Final = 512
"""Datagrams taken per wake, about 2 ms of work, so that other tasks get their turn."""
EXPIRE_LIMIT: Final = 2048
MAX_IN_FLIGHT: Final = 49_152
"""Of 65,536 sequence numbers, so that a free one is found quickly."""
_GRACE_S: Final = 0.010
"""Time-outs are rounded up to this grain; whether an answer is late is judged by its stamp."""
_PAUSE_S: Final = 0.005
_MAX_IP_HEADER: Final = 60
_SMALLEST_TRUESIZE: Final = 512
_CLOCK_TOLERANCE_NS: Final = 500_000
_SEND_ATTEMPTS: Final = 3
_BUFFER_FULL: Final = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM})
_COOKIE_BLOCK: Final = 1024 * COOKIE_BYTES


class EchoRun:
    """Echoes that are awaited together: ``count`` to each of some targets.

    Echo ``index`` is the ``index % count``-th to target ``index // count``.

    Attributes:
        peers: socket address per target.
        count: echoes per target.
        timeout_s: seconds an answer may take.
        padding: payload after the cookie.
        ancillary: control messages of each send (traffic class).
        status: one of WAITING, ANSWERED, LOST, UNREACHABLE, UNSENT per echo.
        rtt_ms: per echo; NaN when not known.
        reasons: target -> short code of what is known about its failure.
        icmp_errors: target -> text of an ICMP error about it.
        duplicates: surplus answers.
        done: resolved when no echo is waiting.
    """

    __slots__ = (
        "ancillary", "count", "done", "duplicates", "give_up", "icmp_errors", "left", "padding",
        "peers", "reasons", "rtt_ms", "status", "timeout_ns", "timeout_s",
    )  # fmt: skip

    def __init__(
        self,
        peers: Sequence[Peer | None],
        count: int,
        timeout_s: float,
        padding: bytes,
        ancillary: list[tuple[int, int, bytes]],
        done: asyncio.Future[None],
    ) -> None:
        self.peers = peers
        self.count = count
        self.timeout_s = timeout_s
        self.timeout_ns = int(timeout_s * 1e9)
        self.padding = padding
        self.ancillary = ancillary
        self.left = len(peers) * count
        self.status = bytearray(self.left)
        self.rtt_ms = [math.nan] * self.left
        self.reasons: dict[int, str] = {}
        self.icmp_errors: dict[int, str] = {}
        self.duplicates = 0
        self.give_up: dict[int, float] = {}
        self.done = done

    def settle(self, index: int, status: int) -> None:
        """Records what became of an echo; the last one resolves ``done``."""
        self.status[index] = status
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)

    def refuse(self, target: int, index: int, reason: str) -> None:
        """Settles an echo that was not sent."""
        self.reasons[target] = reason
        self.settle(index, UNSENT)


class _Echo:
    """One echo in flight."""

    __slots__ = (
        "cookie", "deadline", "index", "offset_ns", "peer", "run", "sent_ns", "sequence",
    )  # fmt: skip

    def __init__(self, sequence: int, cookie: bytes, peer: Peer, run: EchoRun, index: int) -> None:
        self.sequence = sequence
        self.cookie = cookie
        self.peer = peer
        self.run = run
        self.index = index
        self.sent_ns = 0
        self.offset_ns = 0
        self.deadline = 0.0

    @property
    def waiting(self) -> bool:
        return self.run.status[self.index] == WAITING

    @property
    def target(self) -> int:
        return self.index // self.run.count


class IcmpChannel:
    """The echoes of one address family on one socket.

    Args:
        icmp: the open socket; the channel closes it.
        loop: the running loop.
        max_rate: echoes per second at most.
    """

    def __init__(self, icmp: IcmpSocket, loop: asyncio.AbstractEventLoop, max_rate: float) -> None:
        self.icmp = icmp
        self._sock = icmp.sock
        self._loop = loop
        self._spacing_s = 1.0 / max_rate
        self._counts = COUNTS[icmp.family]
        self._reply_type = ECHO_REPLY[icmp.family]
        self._needs_checksum = icmp.has_ip_header
        self._queue: deque[tuple[EchoRun, int]] = deque()
        self._pending: dict[int, _Echo] = {}
        self._recent: dict[int, bytes] = {}
        self._fifos: dict[float, deque[_Echo]] = {}
        self._sequence = secrets.randbelow(0x10000)
        self._cookies = b""
        self._cookie_at = 0
        self._in_flight = 0
        self._size = ICMP_HEADER_BYTES + COOKIE_BYTES + _MAX_IP_HEADER
        self._offset_ns = 0
        self._next_send_at = 0.0
        self._pump_handle: asyncio.TimerHandle | None = None
        self._blocked = False
        self._timer: asyncio.TimerHandle | None = None
        self._overflow_seen = icmp.kernel_drops()
        # All that the kernel can hold at once is read before an echo is declared lost.
        self._drain_all = max(DRAIN_LIMIT, icmp.receive_buffer // _SMALLEST_TRUESIZE)
        loop.add_reader(self._sock, self._on_readable)

    @property
    def in_flight(self) -> int:
        """Echoes sent and neither answered nor timed out."""
        return self._in_flight

    def submit(self, run: EchoRun, indices: Iterable[int]) -> None:
        """Queues echoes of a run, and sends at once if the pace allows."""
        room = ICMP_HEADER_BYTES + COOKIE_BYTES + len(run.padding) + _MAX_IP_HEADER
        self._size = max(self._size, room)
        self._queue.extend([(run, index) for index in indices])
        if self._pump_handle is None and not self._blocked:
            self._pump_or_wait()

    def close(self) -> None:
        """Closes the socket; echoes still waiting are settled as unsent, reason "closed"."""
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        for handle in (self._pump_handle, self._timer):
            if handle is not None:
                handle.cancel()
        self._sock.close()
        waiting = [(echo.run, echo.index) for echo in self._pending.values() if echo.waiting]
        for run, index in (*waiting, *self._queue):
            run.refuse(index // run.count, index, "closed")
        self._pending.clear()
        self._queue.clear()
        self._fifos.clear()
        self._in_flight = 0

    # --- sending

    def _pump_or_wait(self) -> None:
        if self._loop.time() >= self._next_send_at:
            self._pump()
        else:
            self._pump_handle = self._loop.call_at(self._next_send_at, self._pump)

    def _pump(self) -> None:
        """Sends one burst, then comes back at the pace while anything is queued."""
        self._pump_handle = None
        queue = self._queue
        start = self._loop.time()
        self._offset_ns = clock_offset_ns()
        sent = 0
        while queue and sent < BURST:
            run, index = queue.popleft()
            # A cancelled run's echoes need not go out any more.
            if run.done.done():
                continue
            if not self._send(run, index, start):
                break
            sent += 1
        self._arm()
        self._next_send_at = start + sent * self._spacing_s
        if queue and not self._blocked and self._pump_handle is None:
            self._drain(DRAIN_LIMIT)
            self._pump_handle = self._loop.call_at(self._next_send_at, self._pump)

    def _send(self, run: EchoRun, index: int, now: float) -> bool:
        """Sends one echo; False when sending has to pause."""
        peer = run.peers[index // run.count]
        assert peer is not None
        sequence = self._free_sequence()
        if sequence is None:
            self._put_off(run, index)
            return False
        icmp = self.icmp
        echo = _Echo(sequence, self._new_cookie(), peer, run, index)
        packet = build_request(
            icmp.family, icmp.ident, sequence, echo.cookie, run.padding,
            checksum=self._needs_checksum,
        )  # fmt: skip
        try:
            echo.sent_ns = self._transmit(packet, run.ancillary, peer)
        except OSError as error:
            return self._not_sent(error, run, index)
        echo.offset_ns = self._offset_ns
        echo.deadline = now + run.timeout_s + _GRACE_S
        self._pending[sequence] = echo
        fifo = self._fifos.get(run.timeout_s)
        if fifo is None:
            fifo = self._fifos[run.timeout_s] = deque()
        fifo.append(echo)
        self._in_flight += 1
        self._counts.sent += 1
        return True

    def _transmit(self, packet: bytes, ancillary: list[tuple[int, int, bytes]], peer: Peer) -> int:
        """Hands a packet to the kernel; the wall-clock time (ns) just before.

        An ICMP error about one target makes the next call fail, whatever target that one is
        about; so a failure counts only if it stays when the pending error is cleared.
        """
        for attempt in range(1, _SEND_ATTEMPTS + 1):
            sent_ns = time.time_ns()
            try:
                if ancillary:
                    self._sock.sendmsg((packet,), ancillary, 0, peer)
                else:
                    self._sock.sendto(packet, peer)
            except OSError as error:
                if error.errno in _BUFFER_FULL or attempt == _SEND_ATTEMPTS:
                    raise
                take_pending_error(self._sock)
            else:
                break
        return sent_ns

    def _not_sent(self, error: OSError, run: EchoRun, index: int) -> bool:
        """A full buffer is waited for; anything else is this host's word on this target."""
        if error.errno not in _BUFFER_FULL:
            self._counts.unsent += 1
            run.refuse(index // run.count, index, LOCAL_ERRORS.get(error.errno or 0, "send_failed"))
            return True
        self._counts.retried += 1
        if error.errno == errno.EAGAIN:
            self._queue.appendleft((run, index))
            self._blocked = True
            self._loop.add_writer(self._sock, self._on_writable)
            return False
        give_up_at = run.give_up.setdefault(index, self._loop.time() + run.timeout_s)
        if self._loop.time() < give_up_at:
            self._put_off(run, index)
            return False
        self._counts.unsent += 1
        run.refuse(index // run.count, index, "send_failed")
        return True

    def _put_off(self, run: EchoRun, index: int) -> None:
        """To the end of the queue: one neighbour that does not resolve must not stop the rest."""
        self._queue.append((run, index))
        self._pump_handle = self._loop.call_later(_PAUSE_S, self._pump)

    def _on_writable(self) -> None:
        self._loop.remove_writer(self._sock)
        self._blocked = False
        self._pump_or_wait()

    def _free_sequence(self) -> int | None:
        """The next number that no waiting echo has; None when too many are in flight."""
        if self._in_flight >= MAX_IN_FLIGHT:
            return None
        while True:
            self._sequence = sequence = (self._sequence + 1) & 0xFFFF
            echo = self._pending.get(sequence)
            if echo is None or not echo.waiting:
                return sequence

    def _new_cookie(self) -> bytes:
        start = self._cookie_at
        if start >= len(self._cookies):
            self._cookies = secrets.token_bytes(_COOKIE_BLOCK)
            start = 0
        self._cookie_at = end = start + COOKIE_BYTES
        return self._cookies[start:end]

    # --- receiving

    def _on_readable(self) -> None:
        # With only an error queued, epoll reports the socket readable and no datagram comes.
        if not self._drain(DRAIN_LIMIT):
            self._read_errors()

    def _drain(self, limit: int) -> int:
        """Takes the datagrams that wait in the kernel, at most ``limit``; how many there were."""
        recvmsg = self._sock.recvmsg
        size = self._size
        self._offset_ns = clock_offset_ns()
        taken = 0
        for _ in range(limit):
            try:
                data, ancillary, flags, peer = recvmsg(size, ANCILLARY_BYTES)
            except BlockingIOError:
                break
            except OSError:
                # An ICMP error is pending; it hides the datagrams behind it.
                self._read_errors()
                continue
            taken += 1
            if flags & socket.MSG_TRUNC:
                self._counts.malformed += 1
            else:
                self._take(data, ancillary, peer)
        return taken

    def _take(self, data: bytes, ancillary: list[tuple[int, int, bytes]], peer: Peer) -> None:
        """One datagram: accepted only with the right ident, sequence, cookie and source."""
        counts = self._counts
        icmp = self.icmp
        reply = parse_reply(data, self._reply_type, icmp.ident, ip_header=self._needs_checksum)
        if reply is None:
            counts.malformed += 1
            return
        sequence, cookie = reply
        echo = self._pending.get(sequence)
        if echo is None or echo.cookie != cookie:
            self._take_stray(sequence, cookie)
        elif echo.peer != peer:
            counts.wrong_source += 1
        elif echo.run.status[echo.index] == WAITING:
            self._take_answer(echo, receive_stamp_ns(ancillary))
        elif echo.run.status[echo.index] == ANSWERED:
            counts.duplicate += 1
            echo.run.duplicates += 1
        else:
            counts.late += 1

    def _take_stray(self, sequence: int, cookie: bytes) -> None:
        if self._recent.get(sequence) == cookie:
            self._counts.late += 1
        else:
            self._counts.forged += 1

    def _take_answer(self, echo: _Echo, stamp_ns: int | None) -> None:
        run = echo.run
        rtt_ns = -1 if stamp_ns is None else stamp_ns - echo.sent_ns
        if rtt_ns < 0 or abs(self._offset_ns - echo.offset_ns) > _CLOCK_TOLERANCE_NS:
            # Alive for certain, how fast is not known.
            self._counts.clock_jumps += 1
        elif rtt_ns > run.timeout_ns:
            self._counts.late += 1
            return
        else:
            run.rtt_ms[echo.index] = rtt_ns / 1e6
        self._counts.received += 1
        self._in_flight -= 1
        run.settle(echo.index, ANSWERED)

    def _read_errors(self) -> None:
        for error in read_icmp_errors(self.icmp, self._size, DRAIN_LIMIT):
            self._take_error(error)

    def _take_error(self, error: IcmpError) -> None:
        """An error that quotes the cookie ends the echo; one without it is only a hint.

        Whoever can guess 16 bits of sequence could otherwise make a target look dead.
        """
        request_type = ECHO_REQUEST[self.icmp.family]
        quoted = parse_quoted_request(error.quoted, request_type, self.icmp.ident)
        echo = self._pending.get(quoted[0]) if quoted else None
        if quoted is None or echo is None or not echo.waiting or echo.peer[0] != error.target:
            return
        if not echo.cookie.startswith(quoted[1]):
            self._counts.forged += 1
            return
        echo.run.icmp_errors[echo.target] = error.text
        echo.run.reasons[echo.target] = "unreachable"
        if quoted[1] == echo.cookie:
            self._counts.unreachable += 1
            self._in_flight -= 1
            echo.run.settle(echo.index, UNREACHABLE)

    # --- time-outs

    def _arm(self) -> None:
        """Sets the one timer to the earliest deadline of all echoes."""
        if not self._fifos:
            return
        earliest = min(fifo[0].deadline for fifo in self._fifos.values())
        if self._timer is not None:
            if self._timer.when() <= earliest:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(earliest + _GRACE_S, self._expire)

    def _expire(self) -> None:
        """Declares echoes lost whose time is over.

        What the kernel already holds is read first: answers that came in time while the loop
        was busy are not losses.
        """
        self._timer = None
        now = self._loop.time()
        self._drain(self._drain_all)
        lost = self._pop_expired(now)
        if lost:
            self._settle_lost(lost)
        self._arm()

    def _pop_expired(self, now: float) -> list[_Echo]:
        lost: list[_Echo] = []
        for fifo in self._fifos.values():
            while fifo and fifo[0].deadline <= now and len(lost) < EXPIRE_LIMIT:
                echo = fifo.popleft()
                if self._pending.get(echo.sequence) is echo:
                    del self._pending[echo.sequence]
                    self._recent[echo.sequence] = echo.cookie
                if echo.waiting:
                    lost.append(echo)
        self._fifos = {timeout: fifo for timeout, fifo in self._fifos.items() if fifo}
        return lost

    def _settle_lost(self, lost: list[_Echo]) -> None:
        overflowed = self._new_overflow()
        self._in_flight -= len(lost)
        self._counts.lost += len(lost)
        for echo in lost:
            if overflowed:
                echo.run.reasons[echo.target] = "receive_overflow"
            echo.run.settle(echo.index, LOST)

    def _new_overflow(self) -> bool:
        """True if the kernel has dropped answers since the last look: losses may be ours."""
        drops = self.icmp.kernel_drops()
        new = drops - self._overflow_seen
        self._overflow_seen = drops
        if new > 0:
            self._counts.overflowed += new
            log.warning("icmp_receive_overflow", family=FAMILY_NAME[self.icmp.family], dropped=new)
        return new > 0
