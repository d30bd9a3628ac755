"""Messages of every flow protocol, written by struct and not by the code under test."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np

FieldSpec = tuple[int, int] | tuple[int, int, int]
"""Element, length, and enterprise number where it is not IANA's."""

# 18 fields, as a router exports them: 52 octets.
ROUTER_V9: tuple[FieldSpec, ...] = (
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 4),
    (14, 4),
    (2, 4),
    (1, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (6, 1),
    (4, 1),
    (5, 1),
    (16, 4),
    (17, 4),
    (61, 1),
    (58, 2),
)


def v5(
    records: Sequence[bytes],
    sequence: int = 0,
    *,
    uptime: int = 10_000,
    at: int = 1_790_000_000,
    engine: int = 0,
    interval: int = 0,
    count: int | None = None,
) -> bytes:
    number = len(records) if count is None else count
    head = struct.pack(">HHIIIIHH", 5, number, uptime, at, 0, sequence, engine, interval)
    return head + b"".join(records)


def v5_record(
    src: bytes,
    dst: bytes,
    octets: int,
    packets: int,
    *,
    first: int = 9_000,
    last: int = 9_500,
    ports: tuple[int, int] = (1, 2),
    protocol: int = 6,
) -> bytes:
    return (
        src
        + dst
        + bytes(4)
        + struct.pack(">HHIIIIHH", 3, 4, packets, octets, first, last, *ports)
        + struct.pack(">BBBBHHBBH", 0, 0x12, protocol, 0, 65001, 65002, 24, 24, 0)
    )


def a_set(number: int, body: bytes, pad: int = 0) -> bytes:
    return struct.pack(">HH", number, 4 + len(body) + pad) + body + bytes(pad)


def field_specs(fields: Iterable[FieldSpec]) -> bytes:
    out = b""
    for field in fields:
        if len(field) == 3:
            out += struct.pack(">HHI", field[0] | 0x8000, field[1], field[2])
        else:
            out += struct.pack(">HH", *field)
    return out


def template(number: int, fields: Sequence[FieldSpec]) -> bytes:
    return struct.pack(">HH", number, len(fields)) + field_specs(fields)


def ipfix_options(number: int, scopes: Sequence[FieldSpec], fields: Sequence[FieldSpec]) -> bytes:
    head = struct.pack(">HHH", number, len(scopes) + len(fields), len(scopes))
    return head + field_specs(scopes) + field_specs(fields)


def v9_options(number: int, scopes: Sequence[FieldSpec], fields: Sequence[FieldSpec]) -> bytes:
    head = struct.pack(">HHH", number, 4 * len(scopes), 4 * len(fields))
    return head + field_specs(scopes) + field_specs(fields)


def v9(
    sets: Sequence[bytes],
    sequence: int = 0,
    *,
    source: int = 0,
    uptime: int = 10_000,
    at: int = 1_790_000_000,
) -> bytes:
    head = struct.pack(">HHIIII", 9, len(sets), uptime, at, sequence, source)
    return head + b"".join(sets)


def ipfix(
    sets: Sequence[bytes],
    sequence: int = 0,
    *,
    domain: int = 0,
    at: int = 1_790_000_000,
    length: int | None = None,
) -> bytes:
    body = b"".join(sets)
    size = 16 + len(body) if length is None else length
    return struct.pack(">HHIII", 10, size, at, sequence, domain) + body


def varlen(value: bytes, *, long: bool = False) -> bytes:
    if long or len(value) >= 255:
        return b"\xff" + struct.pack(">H", len(value)) + value
    return bytes([len(value)]) + value


def sflow(
    samples: Sequence[bytes], sequence: int = 1, *, sub_agent: int = 0, count: int | None = None
) -> bytes:
    head = struct.pack(
        ">II4sIIII",
        5,
        1,
        bytes([10, 0, 0, 1]),
        sub_agent,
        sequence,
        5_000,
        len(samples) if count is None else count,
    )
    return head + b"".join(samples)


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def raw_header(frame: bytes, frame_length: int | None = None, protocol: int = 1) -> bytes:
    size = len(frame) if frame_length is None else frame_length
    body = struct.pack(">IIII", protocol, size, 0, len(frame)) + _pad(frame)
    return struct.pack(">II", 1, len(body)) + body


def flow_sample(
    records: Sequence[bytes],
    *,
    rate: int = 512,
    in_if: int = 3,
    out_if: int = 4,
    expanded: bool = False,
) -> bytes:
    body = b"".join(records)
    if expanded:
        head = struct.pack(
            ">IIIIIIIIIII", 1, 0, in_if, rate, 10, 0, 0, in_if, 0, out_if, len(records)
        )
    else:
        head = struct.pack(">IIIIIIII", 1, in_if, rate, 10, 0, in_if, out_if, len(records))
    return struct.pack(">II", 3 if expanded else 1, len(head + body)) + head + body


def counter_sample(if_index: int, octets_in: int, octets_out: int) -> bytes:
    record = struct.pack(
        ">IIQIIQIIIIIIQIIIIII",
        if_index,
        6,
        10**9,
        1,
        3,
        octets_in,
        *([0] * 6),
        octets_out,
        *([0] * 6),
    )
    body = struct.pack(">III", 1, if_index, 1) + struct.pack(">II", 1, len(record)) + record
    return struct.pack(">II", 2, len(body)) + body


def router_records(count: int, seed: int = 1) -> bytes:
    """Records of ``ROUTER_V9`` as random as traffic is: few services, many clients."""
    chance = np.random.default_rng(seed)
    names = ["src", "dst", "hop", "in", "out", "packets", "octets", "first", "last"]
    names += ["sport", "dport", "flags", "protocol", "tos", "src_as", "dst_as", "way", "vlan"]
    formats = [f">u{size}" for _, size in (f[:2] for f in ROUTER_V9)]
    rows = np.zeros(count, np.dtype(list(zip(names, formats, strict=True))))
    rows["src"] = 0x0A000000 + (chance.zipf(1.3, count) % 60_000)
    rows["dst"] = 0xCB000000 + (chance.zipf(1.2, count) % 4_000_000)
    rows["in"], rows["out"] = chance.integers(1, 9, count), chance.integers(1, 9, count)
    rows["packets"] = 1 + chance.zipf(1.6, count) % 5_000
    rows["octets"] = rows["packets"] * chance.integers(60, 1400, count)
    rows["last"] = chance.integers(4_000, 10_000, count)
    rows["first"] = rows["last"] - chance.integers(0, 4_000, count)
    rows["sport"] = chance.integers(1024, 65535, count)
    rows["dport"] = chance.choice([443, 80, 53, 22, 5060], count, p=[0.6, 0.15, 0.15, 0.05, 0.05])
    rows["flags"], rows["protocol"] = 0x1B, np.where(rows["dport"] == 53, 17, 6)
    return rows.tobytes()
