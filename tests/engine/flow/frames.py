"""Ethernet frames and pcap files, made and read without a library."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

MAGIC, ETHERNET = 0xA1B2C3D4, 1


def address(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp(source: int, destination: int, payload: bytes) -> bytes:
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(source: int, destination: int, flags: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HHIIBBHHH", source, destination, 1, 0, 5 << 4, flags, 1024, 0, 0) + payload


def icmp(kind: int, code: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BBHI", kind, code, 0, 0) + payload


def ip(source: str, destination: str, protocol: int, payload: bytes, tos: int = 0) -> bytes:
    if ":" in source:
        head = struct.pack(">IHBB", 6 << 28 | tos << 20, len(payload), protocol, 64)
        return head + address(source) + address(destination) + payload
    head = struct.pack(">BBHHHBBH", 0x45, tos, 20 + len(payload), 1, 0, 64, protocol, 0)
    head += address(source) + address(destination)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ethernet(packet: bytes, *vlans: int) -> bytes:
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    tags = b"".join(struct.pack(">HH", 0x8100, vlan) for vlan in vlans)
    return bytes.fromhex("020000000001020000000002") + tags + struct.pack(">H", kind) + packet


def write_pcap(path: Path, frames: Iterable[tuple[float, bytes]]) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, 65535, ETHERNET))
        for at, frame in frames:
            seconds = int(at)
            micros = round((at - seconds) * 1e6)
            file.write(struct.pack("<IIII", seconds, micros, len(frame), len(frame)) + frame)


def read_udp(path: Path) -> Iterator[tuple[float, bytes]]:
    """Time and payload of each IPv4 UDP datagram of a pcap file of ours."""
    data = path.read_bytes()
    at = 24
    while at < len(data):
        seconds, micros, size, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16 : at + 16 + size]
        yield seconds + micros / 1e6, frame[14 + 20 + 8 :]
        at += 16 + size
