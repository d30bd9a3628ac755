"""Which entry of a table the longest prefix of an address names, for whole columns at once.

IPv4 is looked up in a table of the upper 16 bits, and for those of them that longer prefixes
divide in one of the lower 16 bits: few gathers, whatever the table's size (``take`` costs a third
of an index). When more than
``MAX_DIVIDED`` are divided, and for IPv6, the ranges of the prefixes are sorted and searched.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from govnet.engine.flow.columns import MAPPED_WORD

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Entries: TypeAlias = npt.NDArray[np.int32]
Words: TypeAlias = npt.NDArray[np.uint32]

NONE: Final = 0
"""Entry of an address in no prefix."""

MAX_DIVIDED: Final = 128


class PrefixTable:
    """Longest-prefix lookup.

    Args:
        entries: a number above zero for each prefix.
    """

    def __init__(self, entries: Mapping[Network, int]) -> None:
        four: dict[Network, int] = {
            net: entry for net, entry in entries.items() if net.version == 4
        }
        six: dict[Network, int] = {net: entry for net, entry in entries.items() if net.version == 6}
        self._direct = _Direct.of(four)
        self._four = None if self._direct else _Ranges(four, 4)
        self._six = _Ranges(six, 16)

    def find(self, addresses: npt.NDArray[np.generic]) -> Entries:
        """The entry of each address, ``NONE`` where no prefix holds it.

        Args:
            addresses: 16 octets each, IPv4 mapped.
        """
        words = np.ascontiguousarray(addresses).view("<u4").reshape(-1, 4)
        is_four = (words[:, 2] == MAPPED_WORD) & (words.view("<u8")[:, 0] == 0)
        if is_four.all():
            return self._find_four(words[:, 3].byteswap())
        found = np.zeros(len(words), np.int32)
        found[is_four] = self._find_four(words[is_four, 3].byteswap())
        found[~is_four] = self._six.find(addresses[~is_four].view("S16").ravel())
        return found

    def _find_four(self, addresses: Words) -> Entries:
        if self._direct:
            return self._direct.find(addresses)
        assert self._four
        return self._four.find(addresses)


class _Direct:
    """Two levels of 16 bits; each upper half has its own start and mask in one flat table."""

    def __init__(self, start: Words, mask: Words, flat: Entries) -> None:
        self._start, self._mask, self._flat = start, mask, flat

    @classmethod
    def of(cls, entries: Mapping[Network, int]) -> _Direct | None:
        """The table; None when too many halves are divided."""
        divided = sorted({int(n.network_address) >> 16 for n in entries if n.prefixlen > 16})
        if len(divided) > MAX_DIVIDED:
            return None
        whole = np.zeros(1 << 16, np.int32)
        parts = {half: np.zeros(1 << 16, np.int32) for half in divided}
        for net in sorted(entries, key=lambda net: net.prefixlen):
            first, last = int(net.network_address), int(net.broadcast_address)
            if net.prefixlen <= 16:
                whole[first >> 16 : (last >> 16) + 1] = entries[net]
                for half in divided:
                    if first >> 16 <= half <= last >> 16:
                        parts[half][:] = entries[net]
            else:
                part = parts[first >> 16]
                part[first & 0xFFFF : (last & 0xFFFF) + 1] = entries[net]
        start, mask = np.arange(1 << 16, dtype=np.uint32), np.zeros(1 << 16, np.uint32)
        for place, half in enumerate(divided, 1):
            start[half], mask[half] = place << 16, 0xFFFF
        return cls(start, mask, np.concatenate([whole, *parts.values()]))

    def find(self, addresses: Words) -> Entries:
        upper = (addresses >> np.uint32(16)).astype(np.intp)
        start, mask = self._start.take(upper), self._mask.take(upper)
        found: Entries = self._flat.take(start + (addresses & mask))
        return found


class _Ranges:
    """Nested prefixes flattened to sorted ranges, each with the entry of its longest prefix."""

    def __init__(self, entries: Mapping[Network, int], octets: int) -> None:
        starts, found = _flatten(entries)
        if octets == 4:
            self._starts: npt.NDArray[np.generic] = np.array(starts, np.uint32)
        else:
            self._starts = np.array([s.to_bytes(16) for s in starts], "S16")
        self._entries = np.array([NONE, *found], np.int32)

    def find(self, addresses: npt.NDArray[np.generic]) -> Entries:
        place = np.searchsorted(self._starts, addresses, side="right")
        found: Entries = self._entries[place]
        return found


def _flatten(entries: Mapping[Network, int]) -> tuple[list[int], list[int]]:
    """Starts of ranges, and the entry from each start on."""
    changes: dict[int, int] = {}
    open_: list[tuple[int, int]] = []  # end and entry of the prefixes around
    highest = 0

    def close(until: int) -> None:
        while open_ and open_[-1][0] < until:
            end, _ = open_.pop()
            if end < highest:
                changes[end + 1] = open_[-1][1] if open_ else NONE

    for net in sorted(entries, key=lambda net: (int(net.network_address), net.prefixlen)):
        first, last = int(net.network_address), int(net.broadcast_address)
        highest = (1 << net.max_prefixlen) - 1
        close(first)
        changes[first] = entries[net]
        open_.append((last, entries[net]))
    close(highest + 1)
    starts = sorted(changes)
    return starts, [changes[start] for start in starts]
