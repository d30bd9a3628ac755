"""One direction of a cable: when a frame arrives at the other end, or that it never does.

The wire is a virtual clock: ``free_at`` is when the last bit of everything admitted so far has
left. A frame leaves when the wire is free, takes its bits' time, then the delay. What waits is
bounded in bytes; a frame that finds the queue full is dropped, as at a router's port.
"""

from __future__ import annotations

import random
from collections import deque
from typing import NamedTuple

from govnet.lab.cables.plug import Condition

QUEUE_SECONDS = 0.05
# A queue below this holds too few full frames for TCP to fill the line.
QUEUE_FLOOR = 64 * 1024
# A wire does not wait while this process waits for a processor: so much lost time is made up.
CREDIT_SECONDS = 0.005
# Frames queued and under way together, so that a long delay cannot take the memory.
HELD_LIMIT = 16 * 1024 * 1024


class Held(NamedTuple):
    """A frame under way: when it arrives (monotonic seconds), its bytes, its packets."""

    at: float
    frame: bytes
    packets: int


class Counters:
    """Of one direction since its cable was laid; packets and bytes as on the wire."""

    __slots__ = ("bytes", "dropped", "lost", "packets", "undelivered")

    def __init__(self) -> None:
        self.packets = self.bytes = self.lost = self.dropped = self.undelivered = 0

    def as_dict(self) -> dict[str, int]:
        """By name, for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


class Way:
    """The state of one direction. Times are monotonic seconds, sizes bytes."""

    def __init__(self, mbps: int, condition: Condition) -> None:
        self.counters = Counters()
        self.held: deque[Held] = deque()
        self.held_bytes = 0
        self.free_at = self._last_arrival = 0.0
        self._losing = False
        # Which entry of the loop's heap stands for this way; any other is stale.
        self.entry = 0
        self.set(mbps, condition)

    def set(self, mbps: int, condition: Condition) -> None:
        """Change rate and condition; frames under way keep their times."""
        self.byte_seconds = 8e-6 / mbps
        self.queue_seconds = max(QUEUE_SECONDS, QUEUE_FLOOR * self.byte_seconds)
        self.condition = condition
        self._delay = condition.delay_ms / 1000
        self._jitter = condition.jitter_ms / 1000
        self._lossy = condition.loss > 0

    def arrival(self, now: float, size: int, packets: int) -> float | None:
        """When a frame of ``size`` bytes on the wire arrives; None if it is dropped or lost."""
        start = max(self.free_at, now - CREDIT_SECONDS)
        if start - now > self.queue_seconds or self.held_bytes > HELD_LIMIT:
            self.counters.dropped += packets
            return None
        self.free_at = start + size * self.byte_seconds
        if self._lossy and self._loses():
            self.counters.lost += packets
            return None
        at = max(self.free_at, now) + self._delay
        if self._jitter:
            at = max(at + random.uniform(-self._jitter, self._jitter), self._last_arrival)  # noqa: S311  # not a secret
        self._last_arrival = at
        return at

    def _loses(self) -> bool:
        """Gilbert: lost in the bad state, which is left so that ``burst`` frames go in a row."""
        loss, burst = self.condition.loss, self.condition.burst
        if burst == 0 or loss == 1:
            return random.random() < loss  # noqa: S311  # not a secret
        leave = 1 / burst
        change = leave if self._losing else min(1.0, leave * loss / (1 - loss))
        if random.random() < change:  # noqa: S311  # not a secret
            self._losing = not self._losing
        return self._losing

    def hold(self, held: Held) -> None:
        """Keep a frame until it arrives."""
        self.held.append(held)
        self.held_bytes += len(held.frame)

    def release(self) -> Held:
        """The frame that arrives first."""
        held = self.held.popleft()
        self.held_bytes -= len(held.frame)
        return held

    def flush(self) -> None:
        """Lose what is under way: the cable was cut or an end went down."""
        self.counters.lost += sum(held.packets for held in self.held)
        self.held.clear()
        self.held_bytes = self.entry = 0
        self.free_at = 0.0
