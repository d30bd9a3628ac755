"""Receiving datagrams in batches, so that neither a burst nor a busy reader loses any.

One thread per socket does nothing but ``recvmmsg`` (Linux) and put what it got into a bounded
queue; whoever reads the queue may lag behind by as much as it holds. What is lost is counted:
datagrams that the kernel dropped because its buffer was full, and those of batches that found
the queue full.
"""

from __future__ import annotations

import ctypes
import ipaddress
import mmap
import os
import socket
import struct
import sys
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from govnet.engine.mmsghdr import IoVec, MultiMessageHeader

VECTOR: Final = 256
"""Datagrams of one system call."""

MAX_DATAGRAM: Final = 65_536
SLOT: Final = 2_048
"""Octets of a datagram that lie beside the next one's, all in the processor's cache; the rest of a
longer one goes elsewhere."""

GATHER_S: Final = 0.02
"""After a batch that was not full, wait at most so long for more: a call for each datagram would
cost more than the decoding. The receive buffer holds what comes meanwhile."""

_BURST: Final = 50_000
_HELD: Final = 2_304
"""Datagrams a second that the buffer must hold while we wait, and octets that each takes there."""

PATIENCE_S: Final = 0.5
"""How long a thread waits for a datagram before it looks whether it should end."""

MAX_LOSERS: Final = 4_096
"""Addresses whose lost datagrams are counted one by one."""

_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO_DROPS: Final = 8
_MSG_WAITFORONE: Final = 0x10000
_NAME_OCTETS: Final = 28
_MAPPED: Final = bytes(10) + b"\xff\xff"


@dataclass(slots=True)
class Batch:
    """Datagrams received together.

    Attributes:
        datagrams: the payloads.
        addresses: the senders, 16 octets each, IPv4 mapped.
        received: when, seconds since the epoch.
        size: octets of all payloads.
        channel: what the socket is for, when a queue takes several kinds.
        socket: what they came by, where they may be answered.
        names: the senders as the kernel tells them, for the answer.
    """

    datagrams: list[bytes]
    addresses: list[bytes]
    received: float
    size: int
    channel: str = ""
    socket: socket.socket | None = None
    names: bytes = b""

    def answer(self, place: int, data: bytes) -> bool:
        """Send something back to the sender of one datagram; False when that cannot be done."""
        name = self.names[place * _NAME_OCTETS : (place + 1) * _NAME_OCTETS]
        if self.socket is None or not name:
            return False
        port, six = int.from_bytes(name[2:4], "big"), self.socket.family == socket.AF_INET6
        host = socket.inet_ntop(self.socket.family, name[8:24] if six else name[4:8])
        scope = int.from_bytes(name[24:28], sys.byteorder)
        try:
            self.socket.sendto(data, (host, port, 0, scope) if six else (host, port))
        except OSError:
            return False
        return True


class BatchQueue:
    """Batches between the threads that receive and the one that decodes; bounded in octets."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._batches: deque[Batch] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self.received = 0
        self.dropped = 0
        self.losers: Counter[bytes] = Counter()

    def put(self, batch: Batch) -> None:
        """Add a batch; when there is no room it is dropped and counted."""
        cost = batch.size + 100 * len(batch.datagrams)
        with self._changed:
            self.received += len(batch.datagrams)
            if self._bytes + cost > self._max_bytes:
                self._lose(batch)
                return
            self._batches.append(batch)
            self._bytes += cost
            self._changed.notify()

    def has_room(self, batch: Batch) -> bool:
        """Whether a batch would be taken now."""
        return self._bytes + batch.size + 100 * len(batch.datagrams) <= self._max_bytes

    def _lose(self, batch: Batch) -> None:
        self.dropped += len(batch.datagrams)
        for address in batch.addresses:
            if address in self.losers or len(self.losers) < MAX_LOSERS:
                self.losers[address] += 1

    def get(self, timeout: float) -> Batch | None:
        """The oldest batch; None when none came in time."""
        with self._changed:
            if not self._batches and not self._closed:
                self._changed.wait(timeout)
            if not self._batches:
                return None
            batch = self._batches.popleft()
            self._bytes -= batch.size + 100 * len(batch.datagrams)
            return batch

    def close(self) -> None:
        """Wake whoever waits; no batch will come any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether it was closed and everything was taken."""
        with self._changed:
            return self._closed and not self._batches

    @property
    def waiting(self) -> int:
        """Octets that wait."""
        return self._bytes


def address_text(address: bytes) -> str:
    """A sender's 16 octets as people write the address."""
    found = ipaddress.IPv6Address(address)
    return str(found.ipv4_mapped or found)


def open_socket(host: str, port: int, buffer_bytes: int) -> socket.socket:
    """A UDP socket for many datagrams; several processes may open it and share the senders.

    Raises:
        OSError: the address is not of this machine, or another program has the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    try:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:  # beyond net.core.rmem_max, with CAP_NET_ADMIN
            receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes)
        except PermissionError:
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        timeout = struct.pack("ll", 0, int(PATIENCE_S * 1e6))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        receiver.bind((host, port))
    except OSError:
        receiver.close()
        raise
    return receiver


def kernel_drops(receiver: socket.socket) -> int:
    """Datagrams that the kernel dropped on this socket since it was opened."""
    told = receiver.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
    (drops,) = struct.unpack_from("=I", told, 4 * _MEMINFO_DROPS)
    return int(drops)


class SocketReader:
    """The thread that empties one socket into a queue.

    Args:
        receiver: the socket; closed by :meth:`close`.
        queue: where batches go.
        channel: said of the batches.
        answered: datagrams may be answered.
    """

    def __init__(
        self,
        receiver: socket.socket,
        queue: BatchQueue,
        channel: str = "",
        *,
        answered: bool = False,
    ) -> None:
        self._channel = channel
        self._answered = answered
        self._socket = receiver
        self._queue = queue
        self._stop = threading.Event()
        self._is_six = receiver.family == socket.AF_INET6
        self._lost_before = 0
        self.error = ""
        buffered = receiver.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._gather_s = min(GATHER_S, buffered / (_BURST * _HELD))
        # The slots, then what did not fit them: touched, and resident, only as far as it is filled.
        # (An array of ctypes would be: it is filled with zeros.)
        self._space = mmap.mmap(-1, VECTOR * MAX_DATAGRAM)
        self._view = memoryview(self._space)
        self._names = (ctypes.c_char * (VECTOR * _NAME_OCTETS))()
        self._vectors = (IoVec * (2 * VECTOR))()
        self._headers = (MultiMessageHeader * VECTOR)()
        self._lengths = memoryview(self._headers).cast("B").cast("I")
        self._prepare()
        self._call = ctypes.CDLL(None, use_errno=True).recvmmsg
        name = f"receive-{receiver.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _prepare(self) -> None:
        space = ctypes.addressof(ctypes.c_char.from_buffer(self._space))
        names = ctypes.addressof(self._names)
        for slot in range(VECTOR):
            self._vectors[2 * slot] = IoVec(space + slot * SLOT, SLOT)
            self._vectors[2 * slot + 1] = IoVec(space + _rest_of(slot), MAX_DATAGRAM - SLOT)
            header = self._headers[slot].header
            header.name = names + slot * _NAME_OCTETS
            header.name_length = _NAME_OCTETS
            header.vectors = ctypes.addressof(self._vectors[2 * slot])
            header.vector_count = 2

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and close the socket."""
        self._stop.set()
        self._thread.join(4 * PATIENCE_S)
        self._socket.close()

    def dropped(self) -> int:
        """Datagrams that the kernel dropped since the last call."""
        total = kernel_drops(self._socket)
        lost, self._lost_before = (total - self._lost_before) & 0xFFFFFFFF, total
        return lost

    def _run(self) -> None:
        descriptor = self._socket.fileno()
        while not self._stop.is_set():
            number = self._call(descriptor, self._headers, VECTOR, _MSG_WAITFORONE, None)
            if number > 0:
                self._queue.put(self._batch(number, time.time()))
                if number < VECTOR:
                    time.sleep(self._gather_s)
                continue
            code = ctypes.get_errno()
            if code not in {11, 4}:  # EAGAIN after the patience, EINTR
                self.error = os.strerror(code)
                time.sleep(PATIENCE_S)

    def _batch(self, number: int, now: float) -> Batch:
        words = ctypes.sizeof(MultiMessageHeader) // 4
        first = MultiMessageHeader.length.offset // 4
        lengths = self._lengths[first : number * words : words].tolist()
        filled = bytes(self._view[: number * SLOT])
        starts = range(0, number * SLOT, SLOT)
        datagrams = [
            filled[at : at + length] if length <= SLOT else self._long(at // SLOT, length)
            for at, length in zip(starts, lengths, strict=True)
        ]
        batch = Batch(datagrams, self._addresses(number), now, sum(lengths), self._channel)
        if self._answered:
            batch.socket = self._socket
            batch.names = self._names.raw[: number * _NAME_OCTETS]
        return batch

    def _long(self, slot: int, length: int) -> bytes:
        begin, rest = self._view[slot * SLOT : (slot + 1) * SLOT], _rest_of(slot)
        return bytes(begin) + self._view[rest : rest + length - SLOT]

    def _addresses(self, number: int) -> list[bytes]:
        names = self._names.raw[: number * _NAME_OCTETS]
        starts = range(0, number * _NAME_OCTETS, _NAME_OCTETS)
        if self._is_six:
            return [names[at + 8 : at + 24] for at in starts]
        return [_MAPPED + names[at + 4 : at + 8] for at in starts]


def _rest_of(slot: int) -> int:
    """Where what does not fit a slot lies."""
    return VECTOR * SLOT + slot * (MAX_DATAGRAM - SLOT)
