"""Raw packet headers of many sFlow samples to columns at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from govnet.engine.flow.columns import NO_TIME, Flows, mapped
from govnet.engine.flow.sflow import ETHERNET, IPV4, IPV6, MAX_HEADER, Sample

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_VLAN_TYPES: Final = (0x8100, 0x88A8, 0x9100)
_MAX_TAGS: Final = 2
_EXTENSIONS: Final = (0, 43, 44, 51, 60)
_MAX_EXTENSIONS: Final = 4
_WITH_PORTS: Final = (6, 17, 33, 132, 136)
_ICMP: Final = (1, 58)


class Headers:
    """A matrix of headers, one a row, zero beyond its captured octets."""

    def __init__(self, headers: Sequence[bytes]) -> None:
        padded = b"".join(h[:MAX_HEADER].ljust(MAX_HEADER, b"\0") for h in headers)
        self._octets = np.frombuffer(padded, np.uint8).reshape(len(headers), MAX_HEADER)
        self._row = np.arange(len(headers))
        self.captured: Ints = np.array([min(len(h), MAX_HEADER) for h in headers], np.int64)

    def octet(self, at: Ints) -> Ints:
        """One octet of each row; 0 where the row does not reach."""
        inside = (at >= 0) & (at < MAX_HEADER)
        return np.where(inside, self._octets[self._row, np.where(inside, at, 0)], 0).astype(
            np.int64
        )

    def word(self, at: Ints) -> Ints:
        """Two octets, big-endian."""
        return self.octet(at) << 8 | self.octet(at + 1)

    def span(self, at: Ints, length: int) -> npt.NDArray[np.uint8]:
        """``length`` octets of each row."""
        places = np.minimum(at[:, None] + np.arange(length), MAX_HEADER - 1)
        found: npt.NDArray[np.uint8] = self._octets[self._row[:, None], places]
        return found


def _network_layer(headers: Headers, protocol: Ints) -> tuple[Ints, Ints, Ints]:
    """Where each IP header starts, its ether type, and the outermost VLAN."""
    at = np.where(protocol == ETHERNET, 14, 0)
    kind = np.where(protocol == ETHERNET, headers.word(np.full_like(at, 12)), 0)
    vlan = np.zeros_like(at)
    for _ in range(_MAX_TAGS):
        tagged = np.isin(kind, _VLAN_TYPES)
        vlan = np.where(tagged & (vlan == 0), headers.word(at) & 0xFFF, vlan)
        kind = np.where(tagged, headers.word(at + 2), kind)
        at = np.where(tagged, at + 4, at)
    kind = np.where(protocol == IPV4, 0x0800, np.where(protocol == IPV6, 0x86DD, kind))
    return at, kind, vlan


def _skip_extensions(headers: Headers, at: Ints, protocol: Ints) -> tuple[Ints, Ints, Bools]:
    """Behind IPv6's extension headers: where, which protocol, and whether it is a fragment."""
    fragment = np.zeros(len(at), np.bool_)
    for _ in range(_MAX_EXTENSIONS):
        more = np.isin(protocol, _EXTENSIONS) & (at < headers.captured)
        is_fragment = more & (protocol == 44)
        fragment |= is_fragment & (headers.word(at + 2) & 0xFFF8 != 0)
        units = np.where(protocol == 51, 4, 8)  # the authentication header counts differently
        length = (headers.octet(at + 1) + np.where(protocol == 51, 2, 1)) * units
        protocol = np.where(more, headers.octet(at), protocol)
        at = np.where(more, at + np.where(is_fragment, 8, length), at)
    return at, protocol, fragment


def read_samples(samples: Sequence[tuple[Sample, int, int]]) -> tuple[Flows, int]:
    """Flows of samples, and how many samples were not IP.

    Args:
        samples: sample, the decoder's number of its exporter, received in milliseconds.
    """
    headers = Headers([sample.header for sample, _, _ in samples])
    number = np.array([sample[:5] for sample, _, _ in samples], np.int64).reshape(-1, 5)
    at, kind, vlan = _network_layer(headers, number[:, 3])
    version = headers.octet(at) >> 4
    four = (kind == 0x0800) & (version == 4) & (headers.captured >= at + 20)
    six = (kind == 0x86DD) & (version == 6) & (headers.captured >= at + 40)
    flows = _transport(headers, at, four)
    size = np.where(four, headers.word(at + 2), headers.word(at + 4) + 40)
    empty = np.where(four, size == 0, size == 40)  # segmentation left to the card: take the frame
    size = np.where(empty, np.maximum(number[:, 4] - at, 0), size)
    flows |= {
        "received_ms": np.array([ms for _, _, ms in samples], np.int64),
        "end_ms": np.full(len(samples), NO_TIME, np.int64),
        "duration_ms": np.zeros(len(samples), np.uint32),
        "exporter": np.array([exporter for _, exporter, _ in samples], np.uint32),
        "in_if": number[:, 1].astype(np.uint32),
        "out_if": number[:, 2].astype(np.uint32),
        "src": _addresses(headers, at + 12, at + 8, four),
        "dst": _addresses(headers, at + 16, at + 24, four),
        "vlan": vlan.astype(np.uint16),
        "src_as": np.zeros(len(samples), np.uint32),
        "dst_as": np.zeros(len(samples), np.uint32),
        "bytes": size.astype(np.uint64),
        "packets": np.ones(len(samples), np.uint64),
        "sampling": number[:, 0].astype(np.uint32),
    }
    is_ip = four | six
    return {name: column[is_ip] for name, column in flows.items()}, int((~is_ip).sum())


def _addresses(
    headers: Headers, at_four: Ints, at_six: Ints, four: Bools
) -> npt.NDArray[np.generic]:
    six = np.ascontiguousarray(headers.span(at_six, 16)).view("V16").ravel()
    short = np.ascontiguousarray(headers.span(at_four, 4)).view("<u4").ravel()
    return np.where(four, mapped(short), six)


def _transport(headers: Headers, at: Ints, four: Bools) -> Flows:
    first = headers.octet(at)
    tos = np.where(four, headers.octet(at + 1), (first << 4 | headers.octet(at + 1) >> 4) & 0xFF)
    behind, protocol, fragment = _skip_extensions(
        headers, at + np.where(four, (first & 15) * 4, 40), _first_protocol(headers, at, four)
    )
    fragment |= four & (headers.word(at + 6) & 0x1FFF != 0)
    there = ~fragment & (headers.captured >= behind + 4)
    ports = there & np.isin(protocol, _WITH_PORTS)
    source = np.where(ports, headers.word(behind), 0)
    destination = np.where(
        ports | (there & np.isin(protocol, _ICMP)),
        np.where(ports, headers.word(behind + 2), headers.word(behind)),
        0,
    )
    is_tcp = there & (protocol == 6) & (headers.captured >= behind + 14)
    return {
        "src_port": source.astype(np.uint16),
        "dst_port": destination.astype(np.uint16),
        "protocol": protocol.astype(np.uint8),
        "tos": tos.astype(np.uint8),
        "tcp_flags": np.where(is_tcp, headers.octet(behind + 13), 0).astype(np.uint8),
    }


def _first_protocol(headers: Headers, at: Ints, four: Bools) -> Ints:
    return np.where(four, headers.octet(at + 9), headers.octet(at + 6))
