"""Receiving many datagrams with one system call (``recvmmsg``), without an object for each.

Python's ``recvmsg`` builds seven objects per datagram, the text of an address among them: as
much work as all the rest that is done for an answer.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Final

from govnet.engine.mmsghdr import IoVec, MultiMessageHeader
from govnet.engine.probes.icmp_packet import SOURCE_BYTES
from govnet.engine.probes.icmp_socket import SO_TIMESTAMPNS, IcmpSocket

BATCH: Final = 64
"""Datagrams of one system call."""
REPLY: Final = struct.Struct("!BxxxHHQ")
"""Type, identifier, sequence and cookie of an echo reply; what follows is not looked at."""
_IP_HEADER_BYTES: Final = 20
_NAME_BYTES: Final = 28  # sockaddr_in6, the longer of the two
# A control message: its length, level and type (the two as one number), and the time stamp in it.
_CONTROL: Final = struct.Struct("@8xQll")
STAMPED: Final = int.from_bytes(
    struct.pack("@ii", socket.SOL_SOCKET, SO_TIMESTAMPNS), sys.byteorder
)

Control = tuple[int, int, int]
Datagram = tuple[tuple[int], tuple[int, int, int, int], Control, tuple[bytes]]
"""Length, :data:`REPLY` fields, control message (what it is, :data:`STAMPED` for the kernel's
arrival time; seconds and nanoseconds of CLOCK_REALTIME), and the source as its socket address."""

_HEADER_BYTES: Final = ctypes.sizeof(MultiMessageHeader)
_LENGTH_AT: Final = MultiMessageHeader.length.offset
_LENGTH: Final = struct.Struct(f"@{_LENGTH_AT}xI{_HEADER_BYTES - _LENGTH_AT - 4}x")
_recvmmsg: Final = ctypes.CDLL(None, use_errno=True).recvmmsg
_recvmmsg.argtypes = (
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_uint,
    ctypes.c_int,
    ctypes.c_void_p,
)


class DatagramReader:
    """Buffers for the datagrams of one socket, reused by every call.

    A datagram longer than an echo reply's first fields is cut: the rest is only padding.

    Args:
        icmp: the socket to read. A raw IPv4 socket's datagrams start with the IP header; one
            with IP options does not parse, as we send none.
    """

    def __init__(self, icmp: IcmpSocket) -> None:
        envelope = _IP_HEADER_BYTES if icmp.has_ip_header else 0
        stride = envelope + REPLY.size
        self.least = stride
        self._fd = icmp.sock.fileno()
        self._data = ctypes.create_string_buffer(BATCH * stride)
        self._names = ctypes.create_string_buffer(BATCH * _NAME_BYTES)
        self._controls = ctypes.create_string_buffer(BATCH * _CONTROL.size)
        self._vectors = (IoVec * BATCH)()
        self._headers = (MultiMessageHeader * BATCH)()
        for number in range(BATCH):
            self._point(number, stride)
        # The kernel overwrites lengths in the headers: they are restored before each call.
        self._pristine = bytes(self._headers)
        self._headers_at = ctypes.addressof(self._headers)
        name_bytes = SOURCE_BYTES[icmp.family]
        self._columns = (
            (_LENGTH, memoryview(self._headers).cast("B")),
            (struct.Struct(f"!{envelope}xBxxxHHQ"), memoryview(self._data).cast("B")),
            (_CONTROL, memoryview(self._controls).cast("B")),
            (
                struct.Struct(f"{name_bytes}s{_NAME_BYTES - name_bytes}x"),
                memoryview(self._names).cast("B"),
            ),
        )

    def _point(self, number: int, stride: int) -> None:
        vector = self._vectors[number]
        vector.base = ctypes.addressof(self._data) + number * stride
        vector.length = stride
        header = self._headers[number].header
        header.name = ctypes.addressof(self._names) + number * _NAME_BYTES
        header.name_length = _NAME_BYTES
        header.vectors = ctypes.addressof(vector)
        header.vector_count = 1
        header.control = ctypes.addressof(self._controls) + number * _CONTROL.size
        header.control_length = _CONTROL.size

    def read(self) -> tuple[int, Iterable[Datagram]]:
        """What waits in the socket, at most ``BATCH``; valid until the next call.

        Raises:
            OSError: an ICMP error is pending on the socket.
        """
        ctypes.memmove(self._headers_at, self._pristine, len(self._pristine))
        number: int = _recvmmsg(self._fd, self._headers_at, BATCH, socket.MSG_DONTWAIT, None)
        if number < 0:
            code = ctypes.get_errno()
            if code == errno.EAGAIN:
                return 0, ()
            raise OSError(code, os.strerror(code))
        lengths, replies, controls, names = (
            column.iter_unpack(view[: number * column.size]) for column, view in self._columns
        )
        return number, zip(lengths, replies, controls, names, strict=True)
