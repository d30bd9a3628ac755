"""sFlow v5 (sflow.org, "sFlow Version 5"): flow samples with raw headers, and counter samples.

A sample is one packet that stands for ``rate`` packets. Its octets are those of the IP packet, as
in NetFlow; samples of anything but IP are counted and left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from struct import error as StructError  # noqa: N812  # it is an exception
from typing import Final, NamedTuple

MAX_SAMPLES: Final = 4_096
MAX_HEADER: Final = 256
"""Octets of a raw header that are looked at; agents send 128."""

ETHERNET, IPV4, IPV6 = 1, 11, 12
_FLOW, _COUNTERS, _FLOW_EXPANDED, _COUNTERS_EXPANDED = 1, 2, 3, 4
_RAW_HEADER, _INTERFACE_COUNTERS = 1, 1
_PAIR: Final = Struct(">II")
_FLOW_HEAD: Final = Struct(">IIIIIIII")
_FLOW_EXPANDED_HEAD: Final = Struct(">IIIIIIIIIII")
_COUNTERS_HEAD: Final = Struct(">III")
_COUNTERS_EXPANDED_HEAD: Final = Struct(">IIII")
_RAW: Final = Struct(">IIII")
_INTERFACE: Final = Struct(">IIQIIQIIIIIIQIIIIII")


class MalformedSflowError(ValueError):
    """The datagram is no sFlow v5; the message says where it ends to be."""


class Sample(NamedTuple):
    """One sampled packet: its header starts with layer ``protocol`` (ETHERNET, IPV4, IPV6)."""

    rate: int
    in_if: int
    out_if: int
    protocol: int
    frame: int
    header: bytes


class InterfaceCounters(NamedTuple):
    """What a counter sample says of one interface."""

    if_index: int
    speed_bps: int
    in_octets: int
    out_octets: int


@dataclass
class Message:
    """One datagram.

    Attributes:
        skipped: samples and records of kinds that are not read.
        cut: it ended, or did not make sense, before its last sample.
    """

    sub_agent: int
    sequence: int
    uptime_ms: int
    samples: list[Sample] = field(default_factory=list)
    counters: list[InterfaceCounters] = field(default_factory=list)
    skipped: int = 0
    cut: bool = False


def parse(datagram: bytes) -> Message:
    """Read one datagram.

    Raises:
        MalformedSflowError: its header is wrong; samples before a fault are kept.
    """
    try:
        kind = _PAIR.unpack_from(datagram)[1]
        if kind not in {1, 2}:
            raise MalformedSflowError(f"agent address of type {kind}")
        at = 8 + (4 if kind == 1 else 16)
        sub_agent, sequence, uptime, count = Struct(">IIII").unpack_from(datagram, at)
    except StructError as error:
        raise MalformedSflowError("short header") from error
    message = Message(sub_agent, sequence, uptime)
    try:
        _samples(message, datagram, at + 16, min(count, MAX_SAMPLES))
    except (StructError, MalformedSflowError):
        message.cut = True
    return message


def _samples(message: Message, data: bytes, at: int, count: int) -> None:
    for _ in range(count):
        kind, length = _PAIR.unpack_from(data, at)
        at += 8
        if length > len(data) - at:
            raise MalformedSflowError("sample length does not fit")
        if kind in {_FLOW, _FLOW_EXPANDED}:
            _flow_sample(message, data, at, at + length, expanded=kind == _FLOW_EXPANDED)
        elif kind in {_COUNTERS, _COUNTERS_EXPANDED}:
            head = _COUNTERS_HEAD if kind == _COUNTERS else _COUNTERS_EXPANDED_HEAD
            _counter_sample(message, data, at, at + length, head)
        else:
            message.skipped += 1
        at += length


def _flow_sample(message: Message, data: bytes, at: int, end: int, *, expanded: bool) -> None:
    if expanded:
        head = _FLOW_EXPANDED_HEAD.unpack_from(data, at)
        rate, in_kind, in_if, out_kind, out_if, count = head[3], *head[6:11]
        at += _FLOW_EXPANDED_HEAD.size
    else:
        _, _, rate, _, _, in_value, out_value, count = _FLOW_HEAD.unpack_from(data, at)
        in_kind, in_if = in_value >> 30, in_value & 0x3FFFFFFF
        out_kind, out_if = out_value >> 30, out_value & 0x3FFFFFFF
        at += _FLOW_HEAD.size
    # Kinds 1 and 2 are "discarded" and "several interfaces": no interface of its own.
    ends = (0 if in_kind else in_if, 0 if out_kind else out_if)
    for record, length, start in _records(data, at, end, count):
        if record != _RAW_HEADER or length < _RAW.size:
            continue
        protocol, frame, _, size = _RAW.unpack_from(data, start)
        first = start + _RAW.size
        header = data[first : min(first + min(size, MAX_HEADER), start + length)]
        message.samples.append(Sample(max(rate, 1), *ends, protocol, frame, header))
        return
    message.skipped += 1


def _counter_sample(message: Message, data: bytes, at: int, end: int, head: Struct) -> None:
    count = head.unpack_from(data, at)[-1]
    for record, length, start in _records(data, at + head.size, end, count):
        if record == _INTERFACE_COUNTERS and length >= _INTERFACE.size:
            values = _INTERFACE.unpack_from(data, start)
            message.counters.append(InterfaceCounters(values[0], values[2], values[5], values[12]))


def _records(data: bytes, at: int, end: int, count: int) -> list[tuple[int, int, int]]:
    """Kind, length and place of each record of a sample."""
    found = []
    for _ in range(min(count, MAX_SAMPLES)):
        if end - at < _PAIR.size:
            raise MalformedSflowError("record cut short")
        kind, length = _PAIR.unpack_from(data, at)
        at += _PAIR.size
        if length > end - at:
            raise MalformedSflowError("record length does not fit")
        found.append((kind, length, at))
        at += (length + 3) & ~3
    return found
