"""A Sankey diagram as numbers for an SVG: a pure function of groups and their amounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 1200.0
HEIGHT: Final = 440.0
BAR: Final = 12.0
SPACE: Final = 6.0
NODES: Final = 14
"""Values of a column; smaller ones are one."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value of one column: a bar, with its label beside it."""

    label: str
    column: int
    amount: float
    x: float
    y: float
    height: float
    label_x: float
    anchor: str
    colour: int

    @property
    def middle(self) -> float:
        """Where its label stands."""
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Link:
    """What passes from one value to one of the next column; ``path`` is an SVG path."""

    title: str
    amount: float
    path: str
    colour: int


@dataclass(frozen=True, slots=True)
class Sankey:
    """Bars and the ribbons between them."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    width: float = WIDTH
    height: float = HEIGHT


Flow = tuple[Sequence[str], float]
"""The labels of a group, one a column, and its amount."""


def sankey(flows: Sequence[Flow], rest: str) -> Sankey:
    """Lay out groups of two or more columns.

    Args:
        flows: groups, all of as many labels.
        rest: what the smaller values of a column are called together.
    """
    flows = [(labels, amount) for labels, amount in flows if amount > 0]
    if not flows:
        return Sankey((), ())
    flows = _merged(flows, rest)
    columns = range(len(flows[0][0]))
    nodes: dict[tuple[int, str], Node] = {}
    scale = min(_scale(flows, column) for column in columns)
    for column in columns:
        for node in _bars(flows, column, len(columns), scale):
            nodes[column, node.label] = node
    return Sankey(tuple(nodes.values()), tuple(_ribbons(flows, nodes, scale)))


def _amounts(flows: Sequence[Flow], column: int) -> dict[str, float]:
    """Of each value of a column, the largest first."""
    total: dict[str, float] = defaultdict(float)
    for labels, amount in flows:
        total[labels[column]] += amount
    return dict(sorted(total.items(), key=lambda one: (-one[1], one[0])))


def _merged(flows: Sequence[Flow], rest: str) -> list[Flow]:
    kept = [set(list(_amounts(flows, column))[:NODES]) for column in range(len(flows[0][0]))]
    total: dict[tuple[str, ...], float] = defaultdict(float)
    for labels, amount in flows:
        shown = tuple(
            label if label in keep else rest for label, keep in zip(labels, kept, strict=True)
        )
        total[shown] += amount
    return list(total.items())


def _scale(flows: Sequence[Flow], column: int) -> float:
    amounts = _amounts(flows, column)
    return (HEIGHT - SPACE * (len(amounts) - 1)) / sum(amounts.values())


def _bars(flows: Sequence[Flow], column: int, columns: int, scale: float) -> list[Node]:
    x = (WIDTH - BAR) * column / max(columns - 1, 1)
    is_last = column == columns - 1
    y, found = 0.0, []
    for place, (label, amount) in enumerate(_amounts(flows, column).items()):
        height = amount * scale
        label_x, anchor = (x - 6, "end") if is_last else (x + BAR + 6, "start")
        found.append(Node(label, column, amount, x, y, height, label_x, anchor, place % 12))
        y += height + SPACE
    return found


def _ribbons(
    flows: Sequence[Flow], nodes: Mapping[tuple[int, str], Node], scale: float
) -> list[Link]:
    used: dict[tuple[int, str, str], float] = defaultdict(float)
    links = []
    for column in range(len(flows[0][0]) - 1):
        pairs: dict[tuple[str, str], float] = defaultdict(float)
        for labels, amount in flows:
            pairs[labels[column], labels[column + 1]] += amount
        order = sorted(pairs, key=lambda p, c=column: (nodes[c, p[0]].y, nodes[c + 1, p[1]].y))  # type: ignore[misc]
        for pair in order:
            source, target = nodes[column, pair[0]], nodes[column + 1, pair[1]]
            width = pairs[pair] * scale
            out, into = (column, pair[0], "out"), (column + 1, pair[1], "in")
            path = _ribbon(source, target, used[out], used[into], width)
            used[out] += width
            used[into] += width
            links.append(Link(f"{pair[0]} → {pair[1]}", pairs[pair], path, source.colour))
    return links


def _ribbon(source: Node, target: Node, out: float, into: float, width: float) -> str:
    x0, x1 = source.x + BAR, target.x
    y0, y1 = source.y + out, target.y + into
    middle = (x0 + x1) / 2
    there = f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    back = (
        f"V{y1 + width:.1f}C{middle:.1f} {y1 + width:.1f} {middle:.1f} {y0 + width:.1f}"
        f" {x0:.1f} {y0 + width:.1f}Z"
    )
    return there + back
