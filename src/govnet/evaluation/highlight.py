"""A report's text with its quotes marked, for the page that shows findings beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Quoted:
    """A stretch of the text that a finding quotes."""

    start: int
    end: int
    finding: int
    severity: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text under the same findings; the first one names it."""

    text: str
    findings: tuple[int, ...]
    severity: str
    starts: tuple[int, ...]


_ORDER = {"major": 0, "query": 1, "minor": 2}


def pieces(text: str, quotes: Iterable[Quoted]) -> list[Piece]:
    """Cut a text at every beginning and end of a quote; joined they are the text again.

    Places outside the text are cut to it: what is stored may be older than the code.
    """
    known = [
        Quoted(max(q.start, 0), min(q.end, len(text)), q.finding, q.severity)
        for q in quotes
        if q.start < q.end and q.start < len(text)
    ]
    borders = sorted({0, len(text), *(q.start for q in known), *(q.end for q in known)})
    found = []
    for start, end in pairwise(borders):
        over = [q for q in known if q.start <= start and end <= q.end]
        severity = min((q.severity for q in over), key=lambda s: _ORDER.get(s, 9), default="")
        found.append(
            Piece(
                text[start:end],
                tuple(dict.fromkeys(q.finding for q in over)),
                severity,
                tuple(dict.fromkeys(q.finding for q in over if q.start == start)),
            )
        )
    return found
