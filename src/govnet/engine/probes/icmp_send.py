"""Sending several echoes with one system call (``sendmmsg``), without an object for each.

Python's ``sendto`` reads the text of an address and makes a system call of its own for every
echo: together as much work as what the kernel does for it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import time
from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np

from govnet.engine.mmsghdr import IoVec, MultiMessageHeader
from govnet.engine.probes.icmp_packet import (
    COOKIE_BYTES,
    ICMP_HEADER_BYTES,
    MAX_PAYLOAD,
    fill_checksum,
    request_head,
)
from govnet.engine.probes.icmp_socket import IcmpSocket

SLOTS: Final = 64
"""Echoes that are laid out at once."""

TOGETHER: Final = 16
"""Echoes of one system call: they bear one time of sending, which for the last of them is some
50 µs early."""

_NAME_BYTES: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}
"""What the kernel wants of a sockaddr_in and a sockaddr_in6."""

_SEQUENCE_AT: Final = 6
_ECHO_BYTES: Final = ICMP_HEADER_BYTES + COOKIE_BYTES
_FIELDS: Final = np.dtype(
    {
        "names": ["sequence", "cookie"],
        "formats": [">u2", ">u8"],
        "offsets": [_SEQUENCE_AT, ICMP_HEADER_BYTES],
        "itemsize": _ECHO_BYTES,
    }
)
_HEADER_BYTES: Final = ctypes.sizeof(MultiMessageHeader)
_sendmmsg: Final = ctypes.CDLL(None, use_errno=True).sendmmsg
_sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)


class EchoSender:
    """Buffers for the echoes of one socket, reused by every call.

    Each message is an echo's own 16 octets and a piece of padding that all share.

    Args:
        icmp: the socket to send by. On a raw IPv4 socket the checksum is filled in here.
    """

    def __init__(self, icmp: IcmpSocket) -> None:
        self._fd = icmp.sock.fileno()
        self._fills_checksum = icmp.has_ip_header
        self._name_bytes = _NAME_BYTES[icmp.family]
        self._names = np.zeros((SLOTS, self._name_bytes), np.uint8)
        head = request_head(icmp.family, icmp.ident) + bytes(_ECHO_BYTES - _SEQUENCE_AT)
        self._echoes = bytearray(head * SLOTS)
        self._fields = np.frombuffer(self._echoes, _FIELDS)
        self._padding = ctypes.create_string_buffer(MAX_PAYLOAD)
        self._vectors = (IoVec * (2 * SLOTS))()
        self._headers = (MultiMessageHeader * SLOTS)()
        self._headers_at = ctypes.addressof(self._headers)
        self._shape = (-1, b"")
        self._control = ctypes.create_string_buffer(0)
        self._point()

    def _point(self) -> None:
        echoes = ctypes.addressof(ctypes.c_char.from_buffer(self._echoes))
        names = self._names.ctypes.data
        for slot in range(SLOTS):
            own, padding = self._vectors[2 * slot], self._vectors[2 * slot + 1]
            own.base, own.length = echoes + slot * _ECHO_BYTES, _ECHO_BYTES
            padding.base = ctypes.addressof(self._padding)
            header = self._headers[slot].header
            header.name, header.name_length = names + slot * self._name_bytes, self._name_bytes
            header.vectors, header.vector_count = ctypes.addressof(own), 2

    def shape(self, padding: int, control: bytes) -> None:
        """What the messages from now on have in common.

        Args:
            padding: octets after the cookie.
            control: control messages (cmsg(3)), such as the traffic class.
        """
        if self._shape == (padding, control):
            return
        self._shape = (padding, control)
        self._control = ctypes.create_string_buffer(control, len(control))
        for slot in range(SLOTS):
            self._vectors[2 * slot + 1].length = padding
            header = self._headers[slot].header
            header.control = ctypes.addressof(self._control) if control else None
            header.control_length = len(control)

    def load(self, first: int, cookies: array[int], addresses: Sequence[bytes]) -> None:
        """Lay out at most ``SLOTS`` echoes.

        Args:
            first: the first of consecutive sequence numbers.
            cookies: one for each echo.
            addresses: the socket address of each.
        """
        number = len(cookies)
        self._fields["sequence"][:number] = np.arange(first, first + number)
        self._fields["cookie"][:number] = cookies
        octets = np.frombuffer(b"".join(addresses), np.uint8).reshape(number, -1)
        self._names[:number, : octets.shape[1]] = octets
        if self._fills_checksum:
            for slot in range(number):
                self._fill_checksum(slot)

    def _fill_checksum(self, slot: int) -> None:
        """Padding of zeros adds nothing to the sum."""
        at = slot * _ECHO_BYTES
        echo = self._echoes[at : at + _ECHO_BYTES]
        fill_checksum(echo)
        self._echoes[at : at + _ECHO_BYTES] = echo

    def send(self, first: int, end: int) -> tuple[int, int]:
        """Hand over echoes from slot ``first`` on, at most ``TOGETHER`` and none from ``end`` on.

        Returns:
            the wall clock just before (ns), and how many the kernel took, at least one.

        Raises:
            OSError: it did not take the first.
        """
        number = min(end - first, TOGETHER)
        at = self._headers_at + first * _HEADER_BYTES
        sent_ns = time.time_ns()
        taken: int = _sendmmsg(self._fd, at, number, socket.MSG_DONTWAIT)
        if taken < 1:
            code = ctypes.get_errno() or errno.EAGAIN
            raise OSError(code, os.strerror(code))
        return sent_ns, taken
