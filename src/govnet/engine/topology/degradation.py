"""Which faults explain what is degraded: loss or latency on something that several share.

A degraded link that says so itself is a root. Otherwise a degraded node whose way from the
probe is clean is the root of the degraded ones behind it; when all of them are degraded, what
they share is the node's uplink, and that is named.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from govnet.engine.topology.graph import NOWHERE
from govnet.engine.topology.model import Fact, Reason, Root, RootKind
from govnet.engine.topology.outages import ONE_FAULT_FROM
from govnet.engine.topology.states import States


@dataclass(slots=True)
class _Group:
    """Degraded vertices with one cause."""

    members: set[int]
    facts: list[Fact]
    alternatives: list[int] = field(default_factory=list)
    inferred: bool = False


def find_degradation(states: States) -> list[Root]:
    """Roots of everything that is degraded, in the order of their vertices."""
    return _Degradation(states).roots() if states.degraded else []


class _Degradation:
    def __init__(self, states: States) -> None:
        self._states = states
        self._graph = states.graph
        clean = states.nodes_alive()
        clean[list(states.degraded)] = 0
        self._clean_marks = clean
        self._clean = states.behind(clean)
        self._groups: dict[int, _Group] = {}

    def roots(self) -> list[Root]:
        size = self._graph.size
        left = {v for v in self._states.degraded if v < size}
        for link in sorted(v for v in self._states.degraded if v >= size):
            members = self._below(link)
            fact = Fact(Reason.SHARED_LOSS, count=len(members))
            self._groups[link] = _Group(members | {link}, [fact] if members else [])
            left -= members
        self._join_under_tops(left)
        self._join_under_hidden()
        self._join_under_clean()
        return [self._root(*item) for item in sorted(self._blamed().items())]

    def _below(self, link: int) -> set[int]:
        """Degraded nodes that a way through a link leads to, up to the first clean one."""
        graph = self._graph
        a, b = graph.ends[link - graph.size]
        lower = max(a, b, key=lambda node: graph.distance[node])
        found, queue = {lower}, [lower]
        while queue:
            for _link, other in graph.downlinks(queue.pop()):
                if other not in found and not self._clean_marks[other]:
                    found.add(other)
                    queue.append(other)
        return found & self._states.degraded

    def _join_under_tops(self, nodes: set[int]) -> None:
        """Group each degraded node with the degraded ones above it, up to a clean one."""
        tops: dict[int, int] = {}
        first, _end = self._graph.spans
        for node in sorted(nodes, key=lambda v: first[v]):
            guard = self._measured_guard(node)
            top = tops[node] = tops.get(guard, node)
            if top == node:
                self._groups[node] = _Group({node}, self._clean_upstream(guard))
            else:
                self._groups[top].members.add(node)
        for top in set(tops.values()):
            if others := len(self._groups[top].members) - 1:
                self._groups[top].facts.append(Fact(Reason.SHARED_LOSS, count=others))

    def _measured_guard(self, vertex: int) -> int:
        """The nearest node above a vertex of which something is known."""
        for guard in self._graph.guards_above(vertex):
            if guard < self._graph.size and not self._states.hidden(guard):
                return guard
        return NOWHERE

    def _clean_upstream(self, guard: int) -> list[Fact]:
        known = guard != NOWHERE
        return [Fact(Reason.UPSTREAM_CLEAN, (self._graph.ids[guard],))] if known else []

    def _join_under_hidden(self) -> None:
        """Join groups that share something of which nothing is known, and nothing clean."""
        tops = [v for v in self._groups if v < self._graph.size]
        behind = self._states.behind(self._states.marks(tops))
        for top in tops:
            chain = [v for v in self._unclean_above(top) if behind(v) > 1]
            if top not in self._groups or not chain:
                continue
            most = behind(chain[-1])
            nearest = next(v for v in chain if behind(v) == most)
            self._merge(nearest, [v for v in self._graph.guarded(nearest) if v in self._groups])

    def _unclean_above(self, vertex: int) -> list[int]:
        chain = []
        for guard in self._graph.guards_above(vertex):
            measured = guard < self._graph.size and not self._states.hidden(guard)
            if measured or self._clean(guard):
                break
            if self._graph.is_real(guard) and guard not in self._states.down:
                chain.append(guard)
        return chain

    def _merge(self, into: int, tops: list[int]) -> None:
        names = tuple(sorted(self._graph.ids[v] for v in tops))
        joined = set[int]().union(*(self._groups.pop(v).members for v in tops))
        self._groups[into] = _Group(
            joined,
            [Fact(Reason.ONLY_COMMON_CAUSE, names), Fact(Reason.SHARED_LOSS, count=len(joined))],
            inferred=True,
        )

    def _join_under_clean(self) -> None:
        """A device that answers cleanly while all behind it, at least three, are degraded."""
        by_guard: dict[int, list[int]] = defaultdict(list)
        for top in self._groups:
            if top < self._graph.size and not self._graph.is_service(top):
                by_guard[self._measured_guard(top)].append(top)
        for guard, tops in by_guard.items():
            alone = guard != NOWHERE and self._clean_marks[guard] and self._clean(guard) == 1
            if alone and len(tops) >= ONE_FAULT_FROM:
                self._merge(guard, tops)

    def _blamed(self) -> dict[int, _Group]:
        """Name the uplink in place of a node when all that is behind the node is degraded."""
        blamed = {}
        for top, group in self._groups.items():
            uplink = self._lossy_uplink(top)
            others = group.members - {top}
            if uplink == NOWHERE:
                blamed[top] = group
            elif others:
                group.alternatives = [top]
                group.inferred = uplink not in self._states.degraded
                blamed[uplink] = group
            else:
                group.alternatives = [uplink]
                blamed[top] = group
        return blamed

    def _lossy_uplink(self, top: int) -> int:
        """The only link to a node behind which nothing is clean; ``NOWHERE`` without one."""
        guard = self._graph.guards[top]
        is_uplink = guard >= self._graph.size and self._graph.is_real(guard)
        if top >= self._graph.size or not is_uplink or self._clean(top):
            return NOWHERE
        return guard

    def _root(self, vertex: int, group: _Group) -> Root:
        graph = self._graph
        return Root(
            graph.ids[vertex],
            RootKind.PARTIAL,
            group.inferred,
            tuple(graph.ids[other] for other in group.alternatives),
            tuple(group.facts),
            (graph.names(group.members),),
            (graph.names(v for v in group.members if v < graph.size),),
        )
