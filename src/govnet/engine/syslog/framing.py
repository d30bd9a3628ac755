"""Messages out of a stream: octet counting and line feeds (RFC 6587), also inside TLS (RFC 5425).

The two are told apart message by message: a digit begins a counted one, since a priority begins
with ``<``. What has neither end nor count within the limit is cut there, so a stream that never
ends a line fills no memory.
"""

from __future__ import annotations

import re
from typing import Final

from govnet.engine.syslog.message import MAX_OCTETS

_COUNT: Final = re.compile(rb"([1-9]\d{0,6}) (?=.)", re.DOTALL)
_MAYBE_COUNT: Final = re.compile(rb"[1-9]\d{0,6} ?\Z")


class Framer:
    """Takes a stream's octets as they come and gives whole messages.

    Attributes:
        oversized: messages whose end was cut off.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0
        self.oversized = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now."""
        if self._skip:  # the rest of a counted message that was too long
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        data, at = self._rest + data, 0
        found: list[bytes] = []
        while at < len(data):
            end = self._next(data, at, found)
            if end < 0:
                break
            at = end
        self._rest = data[at:]
        return found

    def _next(self, data: bytes, at: int, found: list[bytes]) -> int:
        """Take one message; where the next begins, -1 when it is not complete."""
        count = _COUNT.match(data, at)
        if count is not None:
            return self._counted(data, count.end(), int(count[1]), found)
        if _MAYBE_COUNT.match(data, at):
            return -1
        end = data.find(b"\n", at, at + MAX_OCTETS + 1)
        if end >= 0:
            if line := data[at:end].rstrip(b"\r\0"):
                found.append(line)
            return end + 1
        if len(data) - at <= MAX_OCTETS:
            return -1
        self.oversized += 1
        found.append(data[at : at + MAX_OCTETS])
        return at + MAX_OCTETS

    def _counted(self, data: bytes, start: int, size: int, found: list[bytes]) -> int:
        if size > MAX_OCTETS:
            if len(data) - start < MAX_OCTETS:
                return -1
            self.oversized += 1
            found.append(data[start : start + MAX_OCTETS])
            self._skip = max(size - (len(data) - start), 0)
            return min(start + size, len(data))
        if len(data) - start < size:
            return -1
        found.append(data[start : start + size])
        return start + size

    def end(self) -> list[bytes]:
        """What the stream ended with, if it was a line without an end."""
        rest, self._rest = self._rest, b""
        return [rest] if rest and not _COUNT.match(rest) else []
