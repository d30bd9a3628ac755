"""TAP interfaces in namespaces: made, given a speed and a carrier, read and written.

Sources: linux/if_tun.h, linux/virtio_net.h (the 10-byte header before each frame),
linux/ethtool.h, linux/if_link.h. With the header a frame may be a TCP super-frame of up to
64 KiB that the kernel never cut into packets: one read and one write move forty of them.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
from contextlib import suppress

from govnet.lab.cables.plug import End
from govnet.lab.kernel import inside

TUNSETIFF, TUNSETOFFLOAD, TUNSETCARRIER = 0x400454CA, 0x400454D0, 0x400454E2
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
CHECKSUMS, SEGMENTS = 0x01, 0x02 | 0x04 | 0x08  # TUN_F_CSUM; TUN_F_TSO4, TSO6, TSO_ECN
SIOCGIFFLAGS, SIOCETHTOOL = 0x8913, 0x8946
IFF_UP = 1
ETHTOOL_GSET, ETHTOOL_SSET, DUPLEX_FULL = 1, 2, 1
RTMGRP_LINK, RTM_NEWLINK, NLM_F_REQUEST, IFLA_GSO_MAX_SIZE = 1, 16, 1, 41
LARGEST_SEGMENT = 65_536

HEADER = struct.Struct("=BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
HEADER_SIZE = HEADER.size
TCP_DATA_OFFSET = 12
READ_SIZE = HEADER_SIZE + LARGEST_SEGMENT + 256
# Preamble and start (8), checksum (4) and gap (12) surround each frame on a real wire.
WIRE_OVERHEAD, SMALLEST_FRAME = 24, 60


def wire_size(frame: bytes) -> tuple[int, int]:
    """Bytes and packets that a frame, super-frame or not, is on the wire."""
    _, gso_type, _, segment, transport, _ = HEADER.unpack_from(frame)
    size = len(frame) - HEADER_SIZE
    if not gso_type or not segment:
        return max(size, SMALLEST_FRAME) + WIRE_OVERHEAD, 1
    # hdr_len says how much lies in one piece of memory, not how long the headers are.
    header_length = transport + (frame[HEADER_SIZE + transport + TCP_DATA_OFFSET] >> 4) * 4
    packets = -(-(size - header_length) // segment)
    return size + (packets - 1) * header_length + packets * WIRE_OVERHEAD, packets


class Links:
    """The interfaces of one namespace: their flags, and news when one changes.

    The socket stays in the namespace in which it was opened and serves the ioctls too.
    """

    def __init__(self, namespace: str) -> None:
        with inside(namespace):
            self.socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
            )
            self.socket.bind((0, RTMGRP_LINK))

    def fileno(self) -> int:
        """For the poller."""
        return self.socket.fileno()

    def drain(self) -> None:
        """Forget the messages: which they are does not matter, the flags are asked for."""
        # An overflow (ENOBUFS) ends here too: it is news like any other.
        with suppress(OSError):
            while self.socket.recv(65_536):
                pass

    def is_up(self, interface: str) -> bool:
        """Whether an interface is administratively up; False when it is gone."""
        request = struct.pack("16sh14x", interface.encode(), 0)
        try:
            answer = fcntl.ioctl(self.socket, SIOCGIFFLAGS, request)
        except OSError:
            return False
        return bool(struct.unpack_from("16xh", answer)[0] & IFF_UP)

    def set_speed(self, interface: str, mbps: int) -> None:
        """Let the interface say ``mbps`` Mbit/s, full duplex (ifHighSpeed of net-snmp)."""
        command = array.array("B", struct.pack("I40x", ETHTOOL_GSET))
        request = struct.pack("16sP", interface.encode(), command.buffer_info()[0])
        fcntl.ioctl(self.socket, SIOCETHTOOL, request)
        struct.pack_into("I", command, 0, ETHTOOL_SSET)
        struct.pack_into("HB", command, 12, mbps & 0xFFFF, DUPLEX_FULL)
        struct.pack_into("H", command, 28, mbps >> 16)
        fcntl.ioctl(self.socket, SIOCETHTOOL, request)

    def limit_segments(self, interface: str, size: int) -> None:
        """Let the kernel build super-frames of at most ``size`` bytes."""
        with_index = struct.pack("BxHiII", 0, 0, self._index(interface), 0, 0)
        attribute = struct.pack("HHI", 8, IFLA_GSO_MAX_SIZE, size)
        body = with_index + attribute
        head = struct.pack("IHHII", 16 + len(body), RTM_NEWLINK, NLM_F_REQUEST, 1, 0)
        self.socket.sendto(head + body, (0, 0))

    def _index(self, interface: str) -> int:
        request = struct.pack("16si12x", interface.encode(), 0)
        answer = fcntl.ioctl(self.socket, 0x8933, request)  # SIOCGIFINDEX
        return int(struct.unpack_from("16xi", answer)[0])

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()


class Tap:
    """One end of a cable; lives as long as this process holds it open."""

    def __init__(self, end: End) -> None:
        self.end = end
        with inside(end.namespace):
            self.descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
            try:
                request = struct.pack("16sH22x", end.interface.encode(), flags)
                fcntl.ioctl(self.descriptor, TUNSETIFF, request)
            except OSError:
                os.close(self.descriptor)
                raise
        self.carrier: bool | None = None

    def set_carrier(self, on: bool) -> None:
        """Light or no light at this end."""
        if on != self.carrier:
            fcntl.ioctl(self.descriptor, TUNSETCARRIER, struct.pack("i", on))
            self.carrier = on

    def set_super_frames(self, on: bool) -> None:
        """Whether the kernel may hand over TCP segments that it has not cut into packets."""
        # The argument is the value itself; mypy and ioctl agree on an int.
        fcntl.ioctl(self.descriptor, TUNSETOFFLOAD, CHECKSUMS | SEGMENTS if on else CHECKSUMS)

    def close(self) -> None:
        """Unplug: the interface disappears."""
        os.close(self.descriptor)
