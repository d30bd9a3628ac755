"""The states of a target over a span of time, from its flips: the bar on its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from govnet.core.windows import Window
from govnet.engine.result import State
from govnet.monitor.models import Flip, Target


@dataclass(frozen=True, slots=True)
class Segment:
    """One unbroken state inside the window.

    Attributes:
        state: a value of ``State``.
        start: when it began, or the window's start.
        end: when it ended, or the window's end.
        x: start in percent of the window.
        width: length in percent of the window.
    """

    state: str
    start: datetime
    end: datetime
    x: float
    width: float


def segments(
    flips: Sequence[tuple[datetime, str, str]], current: str, window: Window
) -> list[Segment]:
    """Cut the window at the flips.

    Args:
        flips: (moment, old state, new state) inside the window, oldest first.
        current: the state that holds when there was no flip in the window.
        window: the span shown.

    Returns:
        segments that cover the window without hole or overlap.
    """
    state = flips[0][1] if flips else current
    edges: list[tuple[datetime, str]] = [(window.start, state)]
    edges += [(max(at, window.start), new) for at, _old, new in flips]
    found = []
    for (start, held), (end, _next) in zip(edges, [*edges[1:], (window.end, "")], strict=True):
        if end > start:
            x = 100 * (start - window.start).total_seconds() / window.seconds
            width = 100 * (end - start).total_seconds() / window.seconds
            found.append(Segment(held, start, end, round(x, 4), round(width, 4)))
    return found


def timeline(target: Target, window: Window) -> list[Segment]:
    """The states of a target inside the window.

    Before the first flip that was ever recorded the target was unknown: a target is born so.
    """
    flips = list(
        Flip.objects.filter(target=target, at__gt=window.start, at__lte=window.end)
        .order_by("at", "pk")
        .values_list("at", "old_state", "new_state")
    )
    if flips:
        return segments(flips, State.UNKNOWN, window)
    before = (
        Flip.objects.filter(target=target, at__lte=window.start)
        .order_by("-at", "-pk")
        .values_list("new_state", flat=True)
        .first()
    )
    return segments([], before or State.UNKNOWN, window)
