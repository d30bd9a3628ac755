"""Where things stand on the map. Pure arithmetic; lengths are SVG units, one to the pixel.

Backbone devices stand in rows by layer. What hangs on one of them (units, terminals) stands
below it in a block of chips: as many columns as it takes for the whole map to fit its width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

WIDTH: Final = 1640
CHIP_WIDTH: Final = 104
CHIP_HEIGHT: Final = 30
BLOCK_GAP: Final = 10
NODE_WIDTH: Final = 126
ROW_HEIGHT: Final = 112
TOP: Final = 34
DEEPEST: Final = 40
"""Chips above each other; a map that would need more grows wider instead, and is scrolled."""


@dataclass(frozen=True, slots=True)
class Block:
    """What hangs on one device, or lies in one region.

    Attributes:
        key: id of the device or region.
        members: ids of the chips, in order.
    """

    key: str
    members: tuple[str, ...]


@dataclass(slots=True)
class Layout:
    """Centre of every node and block, and the size of the whole."""

    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    width: float = WIDTH
    height: float = 0.0


def arrange(rows: Sequence[Sequence[str]], blocks: Sequence[Block]) -> Layout:
    """Place rows of backbone nodes from the top and blocks of chips below the last row.

    Args:
        rows: ids, outermost row first; an id that is also the key of a block stands above it.
        blocks: from left to right.
    """
    layout = Layout()
    depth = _fitting_depth(blocks)
    below = TOP + ROW_HEIGHT * len(rows)
    left = BLOCK_GAP / 2
    centres: dict[str, float] = {}
    lowest = below
    for block in blocks:
        columns = _columns(block, depth)
        width = max(columns * CHIP_WIDTH, NODE_WIDTH)
        centres[block.key] = left + width / 2
        start = left + (width - columns * CHIP_WIDTH) / 2 + CHIP_WIDTH / 2
        for number, member in enumerate(block.members):
            place = (start + number // depth * CHIP_WIDTH, below + number % depth * CHIP_HEIGHT)
            layout.places[member] = place
            lowest = max(lowest, place[1])
        left += width + BLOCK_GAP
    layout.width = max(WIDTH, left)
    for number, row in enumerate(rows):
        y = TOP + ROW_HEIGHT * number
        for name, x in _spread(row, centres, layout.width).items():
            layout.places[name] = (x, y)
    layout.height = lowest + CHIP_HEIGHT + TOP / 2
    return layout


def _columns(block: Block, depth: int) -> int:
    return max(1, -(-len(block.members) // depth))


def _fitting_depth(blocks: Sequence[Block]) -> int:
    """The fewest chips above each other with which everything fits the width."""
    for depth in range(4, DEEPEST):
        widths = (max(_columns(b, depth) * CHIP_WIDTH, NODE_WIDTH) + BLOCK_GAP for b in blocks)
        if sum(widths) <= WIDTH:
            return depth
    return DEEPEST


def _spread(row: Sequence[str], wanted: Mapping[str, float], width: float) -> dict[str, float]:
    """Each node above its block, the others evenly; never two nearer than a node is wide."""
    even = {name: width * (n + 0.5) / len(row) for n, name in enumerate(row)}
    placed: dict[str, float] = {}
    last = -NODE_WIDTH / 2
    for name in sorted(row, key=lambda item: wanted.get(item, even[item])):
        last = max(wanted.get(name, even[name]), last + NODE_WIDTH)
        placed[name] = last
    return placed
