"""One ICMP socket in an event loop: paced sending, matching of answers, time-outs."""

from __future__ import annotations

import asyncio
import errno
import math
import secrets
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from govnet.engine.probes.icmp_metrics import COUNTS, FAMILY_NAME
from govnet.engine.probes.icmp_packet import (
    COOKIE_BYTES,
    ECHO_REPLY,
    ECHO_REQUEST,
    Endpoint,
    parse_endpoint,
    parse_quoted_request,
)
from govnet.engine.probes.icmp_receive import BATCH, STAMPED, Datagram, DatagramReader
from govnet.engine.probes.icmp_send import SLOTS, EchoSender
from govnet.engine.probes.icmp_socket import (
    LOCAL_ERRORS,
    IcmpError,
    IcmpSocket,
    clock_offset_ns,
    read_icmp_errors,
    take_pending_error,
)

log = structlog.get_logger()

WAITING: Final = 0
ANSWERED: Final = 1
LOST: Final = 2
UNREACHABLE: Final = 3
UNSENT: Final = 4

BURST: Final = SLOTS
"""Echoes sent before the answers are drained: far below any receive buffer's room."""
DRAIN_LIMIT: Final = 512
"""Datagrams taken per wake, about 2 ms of work, so that other tasks get their turn."""
EXPIRE_LIMIT: Final = 2048
_SEQUENCES: Final = 0x10000
_SEQUENCE_SEARCH: Final = 4096
"""Numbers tried before sending pauses because too many echoes wait for an answer."""
_GRACE_S: Final = 0.010
"""Added to every time-out; whether an answer came too late is judged by its stamp."""
GRAIN_S: Final = 0.010
"""What may wait is done at common moments this far apart: waking costs more than the work.

Answers may wait to be read, because the kernel has stamped them; so may the rounds of runs.
"""
_PAUSE_S: Final = 0.005
_SMALLEST_TRUESIZE: Final = 512
_CLOCK_TOLERANCE_NS: Final = 500_000
_SEND_RETRIES: Final = 2
_BUFFER_FULL: Final = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM})


def next_grain(when: float) -> float:
    """The first common moment (loop time) after ``when``."""
    return (when // GRAIN_S + 1) * GRAIN_S


def _is_of(error: IcmpError, source: bytes) -> bool:
    """Whether an ICMP error names this target; what it quotes may be anything."""
    try:
        return parse_endpoint(error.target).source == source
    except ValueError:
        return False


class EchoRun:
    """Echoes that are awaited together: ``count`` to each of some targets.

    Echo ``index`` is the ``index % count``-th to target ``index // count``.

    Attributes:
        sources: socket address of each target as bytes, which its answers bear; empty where it is
            not valid.
        count: echoes per target.
        timeout_s: seconds an answer may take.
        padding: octets of payload after the cookie.
        control: control messages of each send (traffic class).
        status: one of WAITING, ANSWERED, LOST, UNREACHABLE, UNSENT per echo.
        rtt_ms: per echo; NaN when not known.
        reasons: target -> short code of what is known about its failure.
        icmp_errors: target -> text of an ICMP error about it.
        duplicates: surplus answers.
        done: resolved when no echo is waiting.
    """

    __slots__ = (
        "control", "count", "done", "duplicates", "give_up", "icmp_errors", "left", "padding",
        "reasons", "rtt_ms", "sources", "status", "timeout_ns", "timeout_s",
    )  # fmt: skip

    def __init__(
        self,
        endpoints: Sequence[Endpoint | None],
        count: int,
        timeout_s: float,
        padding: int,
        control: bytes,
        done: asyncio.Future[None],
    ) -> None:
        self.sources = [endpoint.source if endpoint else b"" for endpoint in endpoints]
        self.count = count
        self.padding = padding
        self.timeout_s = timeout_s
        self.timeout_ns = int(timeout_s * 1e9)
        self.control = control
        self.left = len(endpoints) * count
        self.status = bytearray(self.left)
        self.rtt_ms = array("d", [math.nan]) * self.left
        self.reasons: dict[int, str] = {}
        self.icmp_errors: dict[int, str] = {}
        self.duplicates = 0
        self.give_up: dict[int, float] = {}
        self.done = done

    def settle(self, index: int, status: int) -> None:
        """Records what became of an echo; the last one resolves ``done``."""
        self.status[index] = status
        self.left -= 1
        if not self.left:
            self.finish()

    def finish(self) -> None:
        """Resolves ``done``: no echo waits any more."""
        if not self.done.done():
            self.done.set_result(None)

    def refuse(self, index: int, reason: str) -> None:
        """Settles an echo that was not sent."""
        self.reasons[index // self.count] = reason
        self.settle(index, UNSENT)


class _Round:
    """Echoes of a run that wait to be sent, from ``at`` on."""

    __slots__ = ("at", "indices", "run")

    def __init__(self, run: EchoRun, indices: Sequence[int]) -> None:
        self.run = run
        self.indices = indices
        self.at = 0

    def take(self, most: int) -> Sequence[int]:
        taken = self.indices[self.at : self.at + most]
        self.at += len(taken)
        return taken

    @property
    def finished(self) -> bool:
        return self.at >= len(self.indices) or self.run.done.done()


class _Batch:
    """Echoes sent together: they share a deadline (loop time).

    A span is a run, the first of consecutive sequence numbers, and the cookie of each.

    An echo is known by its cookie: its sequence number may be used again before the deadline
    if it has been answered.
    """

    __slots__ = ("deadline", "spans")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.spans: list[tuple[EchoRun, int, array[int]]] = []


class IcmpChannel:
    """The echoes of one address family on one socket.

    What is known of an echo in flight lies in arrays by sequence number: an object per echo would
    cost as much as the rest of the interpreter's work, most of it in the garbage collector.

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
        self._sender = EchoSender(icmp)
        self._queue: deque[_Round] = deque()
        self._sequence = secrets.randbelow(_SEQUENCES)
        self._run_of: list[EchoRun | None] = [None] * _SEQUENCES
        self._index_of = array("L", bytes(_SEQUENCES * array("L").itemsize))
        # Random from the start: an unused number must not accept a cookie of zero.
        self._cookie_of = array("Q", secrets.token_bytes(_SEQUENCES * COOKIE_BYTES))
        self._sent_ns_of = array("Q", bytes(_SEQUENCES * array("Q").itemsize))
        self._batches: defaultdict[float, deque[_Batch]] = defaultdict(deque)
        self._reader = DatagramReader(icmp)
        self._clock_offset_ns = clock_offset_ns()
        self._next_send_at = 0.0
        self._pump_handle: asyncio.Handle | None = None
        self._poll_handle: asyncio.TimerHandle | None = None
        self._blocked = False
        self._timer: asyncio.TimerHandle | None = None
        self._overflow_seen = icmp.kernel_drops()
        # All that the kernel can hold at once is read before an echo is declared lost.
        self._drain_all = max(DRAIN_LIMIT, icmp.receive_buffer // _SMALLEST_TRUESIZE)
        loop.add_reader(self._sock, self._on_readable)

    def submit(self, run: EchoRun, indices: Sequence[int]) -> None:
        """Queues echoes of a run; they go out in this turn of the loop if the pace allows."""
        self._queue.append(_Round(run, indices))
        if not self._held:
            self._pump_or_wait()

    def close(self) -> None:
        """Closes the socket; echoes still waiting are settled as unsent, reason "closed"."""
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        for handle in (self._pump_handle, self._poll_handle, self._timer):
            if handle is not None:
                handle.cancel()
        self._sock.close()
        for run, index in zip(self._run_of, self._index_of, strict=True):
            if run is not None and run.status[index] == WAITING:
                run.refuse(index, "closed")
        for queued in self._queue:
            for index in queued.take(len(queued.indices)):
                queued.run.refuse(index, "closed")
        self._queue.clear()
        self._batches.clear()
        self._run_of = [None] * _SEQUENCES

    # --- sending

    @property
    def _held(self) -> bool:
        """True while sending waits for its pace, or for room in the kernel."""
        return self._blocked or self._pump_handle is not None

    def _pump_or_wait(self) -> None:
        if self._loop.time() >= self._next_send_at:
            # Not at once, so that all that is submitted in this turn makes one burst.
            self._pump_handle = self._loop.call_soon(self._pump)
        else:
            self._pump_handle = self._loop.call_at(self._next_send_at, self._pump)

    def _pump(self) -> None:
        """Sends one burst, then comes back at the pace while anything is queued."""
        self._pump_handle = None
        start = self._loop.time()
        self._check_clock()
        sent = self._send_burst(start)
        self._counts.sent += sent
        self._arm()
        self._next_send_at = start + sent * self._spacing_s
        if self._queue and not self._held:
            self._drain(DRAIN_LIMIT)
            self._pump_handle = self._loop.call_at(self._next_send_at, self._pump)

    def _send_burst(self, now: float) -> int:
        queue = self._queue
        sent = 0
        while queue and sent < BURST and not self._held:
            head = queue[0]
            run = head.run
            # Of a cancelled run nothing more is taken.
            indices = () if head.finished else head.take(BURST - sent)
            if head.finished:
                queue.popleft()
            sent += self._send_chunk(run, indices, self._batch(run.timeout_s, now))
        return sent

    def _batch(self, timeout_s: float, now: float) -> _Batch:
        batches = self._batches[timeout_s]
        deadline = now + timeout_s + _GRACE_S
        if not batches or batches[-1].deadline != deadline:
            batches.append(_Batch(deadline))
        return batches[-1]

    def _send_chunk(self, run: EchoRun, indices: Sequence[int], batch: _Batch) -> int:
        """Sends echoes of one run under consecutive numbers; how many the kernel took."""
        first, room = self._claim_sequences(len(indices))
        cookies = array("Q", secrets.token_bytes(COOKIE_BYTES * room))
        self._sender.shape(run.padding, run.control)
        each = run.count
        addresses = [run.sources[index // each] for index in indices[:room]]
        self._sender.load(first, cookies, addresses)
        stamps = array("Q")
        while len(stamps) < room:
            sent_ns, taken = self._transmit(run, indices[:room], len(stamps))
            stamps.extend([sent_ns] * taken)
            if not sent_ns and self._held:
                break
        tried = len(stamps)
        if tried < len(indices):
            # Behind the echo that was put back in front, if it was.
            self._queue.insert(self._blocked, _Round(run, indices[tried:]))
        if not room:
            self._pump_in(_PAUSE_S)
        self._register(run, indices[:tried], cookies[:tried], stamps, first, batch)
        return tried - stamps.count(0)

    def _claim_sequences(self, most: int) -> tuple[int, int]:
        """The next free numbers, as the first and how many; none if too many are in flight."""
        first = (self._sequence + 1) & 0xFFFF
        room = min(most, _SEQUENCES - first)
        if self._run_of[first : first + room].count(None) == room:
            return first, room
        # Around again before the time-out: pick out the answered ones one by one.
        first = self._search_sequence()
        return (0, 0) if first < 0 else (first, 1)

    def _register(
        self,
        run: EchoRun,
        indices: Sequence[int],
        cookies: array[int],
        stamps: array[int],
        first: int,
        batch: _Batch,
    ) -> None:
        """Notes what is in flight now: for the answers by number, for the time-out in the batch."""
        if not stamps:
            return
        end = first + len(stamps)
        self._run_of[first:end] = [run if stamp else None for stamp in stamps]
        self._index_of[first:end] = array("L", indices)
        self._cookie_of[first:end] = cookies
        self._sent_ns_of[first:end] = stamps
        self._sequence = end - 1
        batch.spans.append((run, first, cookies))

    def _transmit(self, run: EchoRun, indices: Sequence[int], at: int) -> tuple[int, int]:
        """Hands echoes to the kernel from slot ``at`` on.

        Returns:
            the wall clock (ns) just before, and how many it took; 0 and 1 if not even the first.
        """
        try:
            return self._sender.send(at, len(indices))
        except OSError as error:
            return self._retransmit(error, run, indices[at], at), 1

    def _retransmit(self, error: OSError, run: EchoRun, index: int, at: int) -> int:
        """Tries again what failed, unless a buffer is full; when it was sent, 0 if it was not.

        An ICMP error about one target makes the next call fail, whatever target that one is
        about; so a failure counts only if it stays when the pending error is cleared.
        """
        failure = error
        for _ in range(_SEND_RETRIES):
            if failure.errno in _BUFFER_FULL:
                break
            take_pending_error(self._sock)
            try:
                return self._sender.send(at, at + 1)[0]
            except OSError as again:
                failure = again
        self._not_sent(failure, run, index)
        return 0

    def _not_sent(self, error: OSError, run: EchoRun, index: int) -> None:
        """A full buffer is waited for; anything else is this host's word on this target."""
        if error.errno not in _BUFFER_FULL:
            self._counts.unsent += 1
            run.refuse(index, LOCAL_ERRORS.get(error.errno or 0, "send_failed"))
            return
        self._counts.retried += 1
        if error.errno == errno.EAGAIN:
            self._queue.appendleft(_Round(run, (index,)))
            self._blocked = True
            self._loop.add_writer(self._sock, self._on_writable)
            return
        now = self._loop.time()
        if now < run.give_up.setdefault(index, now + run.timeout_s):
            # To the end: one neighbour that does not resolve must not stop the others.
            self._queue.append(_Round(run, (index,)))
            self._pump_in(_PAUSE_S)
        else:
            self._counts.unsent += 1
            run.refuse(index, "send_failed")

    def _on_writable(self) -> None:
        self._loop.remove_writer(self._sock)
        self._blocked = False
        self._pump_or_wait()

    def _pump_in(self, seconds: float) -> None:
        self._pump_handle = self._loop.call_later(seconds, self._pump)

    def _search_sequence(self) -> int:
        """The next number that no waiting echo has; -1 when too many are in flight."""
        sequence = self._sequence
        for _ in range(_SEQUENCE_SEARCH):
            sequence = (sequence + 1) & 0xFFFF
            run = self._run_of[sequence]
            if run is None or run.status[self._index_of[sequence]] != WAITING:
                return sequence
        return -1

    # --- receiving

    def _on_readable(self) -> None:
        if self._drain(DRAIN_LIMIT):
            # To be woken for each answer would cost several times what reading it does.
            self._loop.remove_reader(self._sock)
            self._poll_handle = self._at_grain(self._loop.time(), self._poll)
        else:
            # With only an error queued, epoll reports the socket readable without a datagram.
            self._read_errors()

    def _poll(self) -> None:
        """Reads what has come since; without an answer, goes back to being woken for one."""
        if self._drain(DRAIN_LIMIT):
            self._poll_handle = self._at_grain(self._loop.time(), self._poll)
        else:
            self._poll_handle = None
            self._loop.add_reader(self._sock, self._on_readable)

    def _drain(self, limit: int) -> int:
        """Takes the datagrams that wait in the kernel, about ``limit``; how many there were."""
        self._check_clock()
        taken = 0
        for _ in range(0, limit, BATCH):
            try:
                number, datagrams = self._reader.read()
            except OSError:
                # An ICMP error is pending; it hides the datagrams behind it.
                self._read_errors()
                continue
            if not number:
                break
            taken += number
            self._take(datagrams)
        return taken

    def _take(self, datagrams: Iterable[Datagram]) -> None:
        """Accepts answers, each only with the right ident, sequence, cookie and source."""
        counts, least = self._counts, self._reader.least
        run_of, index_of, cookie_of = self._run_of, self._index_of, self._cookie_of
        sent_ns_of, reply, ident = self._sent_ns_of, self._reply_type, self.icmp.ident
        for (length,), (kind, to, sequence, cookie), (stamp, seconds, ns), (source,) in datagrams:
            if length < least or kind != reply or to != ident:
                counts.malformed += 1
                continue
            run = run_of[sequence]
            if run is None or cookie_of[sequence] != cookie:
                self._take_stray(sequence, cookie)
                continue
            index = index_of[sequence]
            if run.sources[index // run.count] != source:
                counts.wrong_source += 1
            elif run.status[index] != WAITING:
                self._take_surplus(run, index)
            else:
                arrived_ns = seconds * 1_000_000_000 + ns if stamp == STAMPED else 0
                self._take_answer(run, index, sequence, arrived_ns - sent_ns_of[sequence])

    def _take_answer(self, run: EchoRun, index: int, sequence: int, rtt_ns: int) -> None:
        if 0 <= rtt_ns <= run.timeout_ns:
            run.rtt_ms[index] = rtt_ns / 1e6
        elif self._is_late(sequence, rtt_ns):
            return
        self._counts.received += 1
        # As in settle(), without the call: this runs for every echo.
        run.status[index] = ANSWERED
        run.left -= 1
        if not run.left:
            run.finish()

    def _is_late(self, sequence: int, rtt_ns: int) -> bool:
        """Whether an impossible round-trip time means a late answer, or a stepped clock."""
        if rtt_ns >= 0 and self._sent_ns_of[sequence]:
            self._counts.late += 1
            return True
        # Alive for certain; how fast is not known.
        self._counts.clock_jumps += 1
        return False

    def _take_stray(self, sequence: int, cookie: int) -> None:
        if self._cookie_of[sequence] == cookie:
            self._counts.late += 1
        else:
            self._counts.forged += 1

    def _take_surplus(self, run: EchoRun, index: int) -> None:
        if run.status[index] == ANSWERED:
            self._counts.duplicate += 1
            run.duplicates += 1
        else:
            self._counts.late += 1

    def _check_clock(self) -> None:
        """Forgets when the echoes in flight were sent if the wall clock has been stepped.

        The kernel stamps arrivals by the wall clock, so their round-trip times would be wrong
        by the step.
        """
        offset_ns = clock_offset_ns()
        if abs(offset_ns - self._clock_offset_ns) < _CLOCK_TOLERANCE_NS:
            return
        step_ms = round((offset_ns - self._clock_offset_ns) / 1e6, 3)
        log.warning("icmp_clock_stepped", family=FAMILY_NAME[self.icmp.family], step_ms=step_ms)
        self._clock_offset_ns = offset_ns
        self._sent_ns_of = array("Q", bytes(_SEQUENCES * array("Q").itemsize))

    def _read_errors(self) -> None:
        for error in read_icmp_errors(self.icmp, DRAIN_LIMIT):
            self._take_error(error)

    def _take_error(self, error: IcmpError) -> None:
        """An error that quotes the cookie ends the echo; one without it is only a hint.

        Whoever can guess 16 bits of sequence could otherwise make a target look dead.
        """
        request_type = ECHO_REQUEST[self.icmp.family]
        quoted = parse_quoted_request(error.quoted, request_type, self.icmp.ident)
        if quoted is None:
            return
        sequence, quoted_cookie = quoted
        run, index = self._run_of[sequence], self._index_of[sequence]
        if run is None or run.status[index] != WAITING:
            return
        target = index // run.count
        cookie = self._cookie_of[sequence].to_bytes(COOKIE_BYTES, "big")
        if not _is_of(error, run.sources[target]) or not cookie.startswith(quoted_cookie):
            self._counts.forged += 1
            return
        run.icmp_errors[target] = error.text
        run.reasons[target] = "unreachable"
        if quoted_cookie == cookie:
            self._counts.unreachable += 1
            run.settle(index, UNREACHABLE)

    # --- time-outs

    def _arm(self) -> None:
        """Sets the one timer to the earliest deadline of all echoes."""
        if not self._batches:
            return
        earliest = min(batches[0].deadline for batches in self._batches.values())
        if self._timer is not None:
            if self._timer.when() <= earliest + GRAIN_S:
                return
            self._timer.cancel()
        self._timer = self._at_grain(earliest, self._expire)

    def _at_grain(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_at(next_grain(when), callback)

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

    def _pop_expired(self, now: float) -> list[tuple[EchoRun, int]]:
        lost: list[tuple[EchoRun, int]] = []
        for timeout_s, batches in list(self._batches.items()):
            while batches and batches[0].deadline <= now and len(lost) < EXPIRE_LIMIT:
                for run, first, cookies in batches.popleft().spans:
                    lost += self._release(run, first, cookies)
            if not batches:
                del self._batches[timeout_s]
        return lost

    def _release(self, run: EchoRun, first: int, cookies: array[int]) -> list[tuple[EchoRun, int]]:
        """Frees the numbers of echoes whose time is over; those that were not answered."""
        run_of, index_of, cookie_of = self._run_of, self._index_of, self._cookie_of
        end = first + len(cookies)
        if not run.left and cookie_of[first:end] == cookies:
            run_of[first:end] = [None] * len(cookies)
            return []
        lost: list[tuple[EchoRun, int]] = []
        for sequence, cookie in enumerate(cookies, first):
            if run_of[sequence] is not run or cookie_of[sequence] != cookie:
                continue
            # The cookie stays: by it a late answer is told from a forged one.
            run_of[sequence] = None
            if run.status[index_of[sequence]] == WAITING:
                lost.append((run, index_of[sequence]))
        return lost

    def _settle_lost(self, lost: list[tuple[EchoRun, int]]) -> None:
        overflowed = self._new_overflow()
        self._counts.lost += len(lost)
        for run, index in lost:
            if overflowed:
                run.reasons[index // run.count] = "receive_overflow"
            run.settle(index, LOST)

    def _new_overflow(self) -> bool:
        """True if the kernel has dropped answers since the last look: losses may be ours."""
        drops = self.icmp.kernel_drops()
        new = drops - self._overflow_seen
        self._overflow_seen = drops
        if new > 0:
            self._counts.overflowed += new
            log.warning("icmp_receive_overflow", family=FAMILY_NAME[self.icmp.family], dropped=new)
        return new > 0
