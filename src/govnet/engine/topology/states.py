"""The present states on a graph, and how many of something lie behind a vertex."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from govnet.engine.result import State
from govnet.engine.topology.graph import Graph

Marks = NDArray[np.uint8]


class States:
    """What is known now of each vertex; what is not told is hidden, as is ``UNKNOWN``.

    Attributes:
        alive: 1 for what answers (up or degraded), by vertex.
        down: vertices that are down.
        degraded: vertices that are degraded.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.alive: Marks = np.zeros(len(graph.ids), np.uint8)
        self.down: set[int] = set()
        self.degraded: set[int] = set()
        first, end = graph.spans
        self._first = np.array(first, np.intp)
        self._end = np.array(end, np.intp)

    def change(self, states: Mapping[str, State]) -> None:
        """Take over states; ids that the graph does not have are ignored."""
        index = self.graph.index
        for name, state in states.items():
            vertex = index.get(name)
            if vertex is None or vertex == self.graph.probe or not self.graph.is_real(vertex):
                continue
            self.alive[vertex] = state in (State.UP, State.DEGRADED)
            _keep(self.down, vertex, state is State.DOWN)
            _keep(self.degraded, vertex, state is State.DEGRADED)

    def hidden(self, vertex: int) -> bool:
        """Whether nothing is known of a vertex that could fail."""
        known = self.alive[vertex] or vertex in self.down or vertex == self.graph.probe
        return not known and self.graph.is_real(vertex)

    def nodes_alive(self) -> Marks:
        """``alive`` of nodes only: a link that is up does not prove that anything answers."""
        marks = self.alive.copy()
        marks[self.graph.size :] = 0
        return marks

    def marks(self, vertices: Iterable[int]) -> Marks:
        """1 at each of the vertices."""
        marks = np.zeros(len(self.graph.ids), np.uint8)
        marks[list(vertices)] = 1
        return marks

    def behind(self, marks: Marks) -> Behind:
        """Counts of marked vertices behind each vertex, itself included."""
        return Behind(marks, self._first, self._end)


class Behind:
    """How many marked vertices each vertex guards, itself included; constant time each."""

    def __init__(self, marks: Marks, first: NDArray[np.intp], end: NDArray[np.intp]) -> None:
        by_place = np.zeros(len(marks) + 1, np.int64)
        by_place[first + 1] = marks
        self._sums = np.cumsum(by_place)
        self._first = first
        self._end = end

    def __call__(self, vertex: int) -> int:
        """Marked vertices behind one."""
        return int(self._sums[self._end[vertex]] - self._sums[self._first[vertex]])


def _keep(members: set[int], vertex: int, wanted: bool) -> None:
    if wanted:
        members.add(vertex)
    else:
        members.discard(vertex)
