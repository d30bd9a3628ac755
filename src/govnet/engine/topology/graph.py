"""The network as a graph around the probe point: not a tree, for there are redundant paths.

Which way is "up" is not recorded anywhere; it follows from where the probe point hangs. What a
single fault cuts off follows from the dominators of the graph in which every link is a vertex of
its own (Cooper, Harvey & Kennedy, "A simple, fast dominance algorithm", 2001): the *guard* of a
vertex is the nearest one through which every path from the probe must pass.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from typing import Final

from govnet.engine.topology.model import Link, Node, NodeKind

NOWHERE: Final = -1


class Graph:
    """Nodes and links around one probe point.

    Vertices are numbered: nodes first, then links. A link to a node that does not exist, or
    from a node to itself, is left out and listed in ``rejected``.

    Args:
        nodes: with exactly one of kind ``PROBE``.
        links: any number between the same two nodes.

    Raises:
        ValueError: no or several probes, or an id that occurs twice.
    """

    def __init__(self, nodes: Iterable[Node], links: Iterable[Link]) -> None:
        self.nodes: tuple[Node, ...] = tuple(nodes)
        place = {node.id: i for i, node in enumerate(self.nodes)}
        given = tuple(links)
        sound = [link for link in given if _is_sound(link, place)]
        self.links: tuple[Link, ...] = tuple(sound)
        self.rejected: tuple[Link, ...] = tuple(k for k in given if not _is_sound(k, place))
        self.ids: list[str] = [node.id for node in self.nodes] + [link.id for link in sound]
        self.index: dict[str, int] = {name: i for i, name in enumerate(self.ids)}
        if len(self.index) != len(self.ids):
            raise ValueError("an id occurs twice")
        probes = [i for i, node in enumerate(self.nodes) if node.kind is NodeKind.PROBE]
        if len(probes) != 1:
            raise ValueError(f"one probe point is needed, there are {len(probes)}")
        self.probe: int = probes[0]
        self.size: int = len(self.nodes)
        self.ends: list[tuple[int, int]] = [(place[link.a], place[link.b]) for link in sound]
        self.ways_out: list[list[tuple[int, int]]] = [[] for _ in self.nodes]
        self.ways_in: list[list[tuple[int, int]]] = [[] for _ in self.nodes]
        for link, vertex in zip(sound, range(self.size, len(self.ids)), strict=True):
            self._join(vertex, place[link.a], place[link.b])
            if not link.one_way:
                self._join(vertex, place[link.b], place[link.a])

    def _join(self, link: int, start: int, end: int) -> None:
        self.ways_out[start].append((link, end))
        self.ways_in[end].append((link, start))

    def is_link(self, vertex: int) -> bool:
        """Whether a vertex is a link."""
        return vertex >= self.size

    def is_service(self, vertex: int) -> bool:
        """Whether a vertex is a node that carries nothing."""
        return vertex < self.size and self.nodes[vertex].kind is NodeKind.SERVICE

    def is_real(self, vertex: int) -> bool:
        """Whether a vertex can fail by itself and be named."""
        return vertex < self.size or self.links[vertex - self.size].real

    def names(self, vertices: Iterable[int]) -> frozenset[str]:
        """Ids of vertices."""
        return frozenset(self.ids[vertex] for vertex in vertices)

    # Direction

    @cached_property
    def distance(self) -> list[int]:
        """Links between the probe and each node; ``NOWHERE`` without a path."""
        distance = [NOWHERE] * self.size
        distance[self.probe] = 0
        queue = deque([self.probe])
        while queue:
            node = queue.popleft()
            for _link, other in self.ways_out[node]:
                if distance[other] == NOWHERE:
                    distance[other] = distance[node] + 1
                    queue.append(other)
        return distance

    def uplinks(self, node: int) -> Iterator[tuple[int, int]]:
        """Links that lead a node nearer to the probe, each with the node at its other end."""
        here = self.distance[node]
        return ((k, o) for k, o in self.ways_in[node] if 0 <= self.distance[o] < here)

    def downlinks(self, node: int) -> Iterator[tuple[int, int]]:
        """Links that lead away from the probe, each with the node at its other end."""
        here = self.distance[node]
        return ((k, o) for k, o in self.ways_out[node] if self.distance[o] > here >= 0)

    # What a fault cuts off

    def cut_off(self, failed: Collection[str]) -> frozenset[str]:
        """Ids of nodes that the probe cannot reach once these nodes and links have failed.

        Nodes without any path to the probe in the ledger are left out: they were never in.
        """
        gone = {self.index[name] for name in failed if name in self.index}
        seen = {self.probe} - gone
        queue = list(seen)
        while queue:
            for link, other in self.ways_out[queue.pop()]:
                if other not in seen and other not in gone and link not in gone:
                    seen.add(other)
                    queue.append(other)
        known = (node for node in range(self.size) if self.distance[node] != NOWHERE)
        return self.names(node for node in known if node not in seen)

    @cached_property
    def guards(self) -> list[int]:
        """For each vertex its guard; ``NOWHERE`` for the probe and what no path leads to."""
        return _Dominators(self).guards

    @cached_property
    def places(self) -> list[int]:
        """Every vertex, each followed at once by all that it guards."""
        below: list[list[int]] = [[] for _ in self.ids]
        for vertex, guard in enumerate(self.guards):
            if guard != NOWHERE:
                below[guard].append(vertex)
        places, stack = [], [v for v, guard in enumerate(self.guards) if guard == NOWHERE]
        while stack:
            vertex = stack.pop()
            places.append(vertex)
            stack.extend(below[vertex])
        return places

    @cached_property
    def spans(self) -> tuple[list[int], list[int]]:
        """Where each vertex and what it guards stand in ``places``: from, and up to."""
        first, count = [0] * len(self.ids), [1] * len(self.ids)
        for place, vertex in enumerate(self.places):
            first[vertex] = place
        for vertex in reversed(self.places):
            if self.guards[vertex] != NOWHERE:
                count[self.guards[vertex]] += count[vertex]
        return first, [start + n for start, n in zip(first, count, strict=True)]

    def guarded(self, vertex: int) -> list[int]:
        """Vertices that cannot be reached from the probe without this one."""
        first, end = self.spans
        return self.places[first[vertex] + 1 : end[vertex]]

    def guards_above(self, vertex: int) -> Iterator[int]:
        """The guard of a vertex, the guard of that one, and so on up to the probe."""
        guards = self.guards
        while (vertex := guards[vertex]) != NOWHERE:
            yield vertex


def _is_sound(link: Link, known: Collection[str]) -> bool:
    return link.a != link.b and link.a in known and link.b in known


class _Dominators:
    """Immediate dominators of nodes and links, seen from the probe."""

    def __init__(self, graph: Graph) -> None:
        self._ways_in = _vertex_ways(graph, graph.ways_in)
        self._order = self._postorder(_vertex_ways(graph, graph.ways_out), graph.probe)
        self._number = [NOWHERE] * len(graph.ids)
        for number, vertex in enumerate(self._order):
            self._number[vertex] = number
        self.guards = [NOWHERE] * len(graph.ids)
        self._settle(graph.probe)
        self.guards[graph.probe] = NOWHERE

    @staticmethod
    def _postorder(ways_out: list[list[int]], probe: int) -> list[int]:
        order, seen = [], {probe}
        path = [(probe, iter(ways_out[probe]))]
        while path:
            vertex, rest = path[-1]
            for other in rest:
                if other not in seen:
                    seen.add(other)
                    path.append((other, iter(ways_out[other])))
                    break
            else:
                order.append(vertex)
                path.pop()
        return order

    def _settle(self, probe: int) -> None:
        guards = self.guards
        guards[probe] = probe
        changed = True
        while changed:
            changed = False
            for vertex in reversed(self._order[:-1]):
                new = NOWHERE
                for before in self._ways_in[vertex]:
                    if guards[before] != NOWHERE:
                        new = before if new == NOWHERE else self._common(before, new)
                if guards[vertex] != new:
                    guards[vertex] = new
                    changed = True

    def _common(self, one: int, other: int) -> int:
        number, guards = self._number, self.guards
        while one != other:
            while number[one] < number[other]:
                one = guards[one]
            while number[other] < number[one]:
                other = guards[other]
        return one


def _vertex_ways(graph: Graph, ways: list[list[tuple[int, int]]]) -> list[list[int]]:
    """The same ways with every link a vertex between its ends.

    A two-way link has both of its ends before and after it; that lets a path turn back at a
    link to where it came from, which adds no new vertex to any path and so no dominator.
    """
    found = [[link for link, _other in beside] for beside in ways]
    found += [[] for _ in graph.links]
    for beside in ways:
        for link, other in beside:
            found[link].append(other)
    return found
