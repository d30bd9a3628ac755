"""Datagrams that look like an earlier one: same exporter, same single data set, same length.

That is nearly every datagram of a busy exporter. Such datagrams are collected as they are; their
headers joined are one structured array, and so are their records: none is read one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from govnet.engine.flow.exporters import Domain
from govnet.engine.flow.templates import Template

MAX_LANES: Final = 8_192
SHORTEST: Final = 24
"""Octets of the longest header."""


# A v9 or IPFIX data set starts with its id and length, which count as part of the header here.
_HEADERS: Final = {
    5: (24, {"uptime": 4, "seconds": 8, "nanos": 12, "sequence": 16}),
    9: (24, {"uptime": 4, "seconds": 8, "sequence": 12}),
    10: (20, {"seconds": 4, "sequence": 8}),
}
"""Octets, and where its numbers are, of each protocol's."""


def _look(version: int, size: int, payload: int) -> np.dtype[np.void]:
    """A whole datagram: its header's numbers and its records as one block."""
    octets, offsets = _HEADERS[version]
    layout = {
        "names": [*offsets, "records"],
        "formats": [">u4"] * len(offsets) + [f"V{payload}"],
        "offsets": [*offsets.values(), octets],
        "itemsize": size,
    }
    return np.dtype(layout)  # type: ignore[call-overload,no-any-return]  # numpy's stub of a dict


def lane_key(datagram: bytes, address: bytes) -> bytes:
    """Everything that makes datagrams of one lane look alike, but their length."""
    version = datagram[1]
    if version == 9:  # source id, set id, set length
        return address + datagram[16:24]
    if version == 10:  # the same, and the version: it could be mistaken for the above
        return address + datagram[12:20] + b"\n"
    return address + datagram[2:4] + datagram[20:24]  # count, engine and sampling


@dataclass(slots=True)
class Lane:
    """Datagrams of one look since the last flush.

    Attributes:
        size: octets of each.
        records: records of each.
    """

    domain: Domain
    template: Template
    size: int
    records: int
    datagrams: list[bytes] = field(default_factory=list)
    received: list[float] = field(default_factory=list)

    def take(self) -> tuple[bytes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """What came since the last time.

        Returns:
            The records of all datagrams; received, sent and started in milliseconds, one row a
            datagram; the sequence number of each.
        """
        look = _look(self.domain.version, self.size, self.records * self.template.length)
        headers = np.frombuffer(b"".join(self.datagrams), look)
        moments = np.empty((len(headers), 3), np.int64)
        moments[:, 0] = np.array(self.received) * 1000
        moments[:, 1] = headers["seconds"].astype(np.int64) * 1000
        if "nanos" in (look.names or ()):
            moments[:, 1] += headers["nanos"].astype(np.int64) // 1_000_000
        moments[:, 2] = moments[:, 1]
        if "uptime" in (look.names or ()):
            moments[:, 2] -= headers["uptime"]
        self.datagrams, self.received = [], []
        return headers["records"].tobytes(), moments, headers["sequence"].astype(np.int64)


class Lanes:
    """Every lane, by its key; those with datagrams in them are remembered for the flush."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, Lane] = {}
        self._busy: list[Lane] = []

    def others(
        self, datagrams: Sequence[bytes], addresses: Sequence[bytes], received: float
    ) -> Iterator[tuple[bytes, bytes]]:
        """Take the datagrams that have a lane; yields the others with their senders, in order."""
        get, busy = self._by_key.get, self._busy
        for datagram, address in zip(datagrams, addresses, strict=True):
            size = len(datagram)
            if size >= SHORTEST:
                is_v9 = datagram[1] == 9  # most are: without a call
                lane = get(address + datagram[16:24] if is_v9 else lane_key(datagram, address))
                if lane is not None and lane.size == size:
                    if not lane.datagrams:
                        busy.append(lane)
                    lane.datagrams.append(datagram)
                    lane.received.append(received)
                    continue
            yield datagram, address

    def open(self, datagram: bytes, domain: Domain, template: Template, records: int) -> None:
        """Take datagrams that look like this one from now on."""
        if len(self._by_key) >= MAX_LANES:
            self.close_all()
        lane = Lane(domain, template, len(datagram), records)
        self._by_key[lane_key(datagram, domain.exporter.address)] = lane

    def close_all(self) -> None:
        """Look at every datagram again: a template has changed."""
        self._by_key.clear()

    def take(self) -> list[Lane]:
        """The lanes with datagrams in them."""
        busy = self._busy.copy()
        self._busy.clear()
        return busy
