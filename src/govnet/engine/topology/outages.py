"""Which faults explain what is down.

A down node is *exposed* when a link that is not down joins it to something that is reached:
then it is a root. A down link is a root when one side of it is reached and its other side does
not explain it better. What is neither is shadowed. Then fewer faults are sought: things of which
nothing is known, but which everything below them that is known to be down has in common.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from govnet.engine.topology.graph import NOWHERE
from govnet.engine.topology.model import Fact, Reason, Root, RootKind
from govnet.engine.topology.states import States

ONE_FAULT_FROM: Final = 3
"""So many independent faults behind one device that answers, and nothing behind it alive: one
fault of the device is likelier. Two are still taken for two."""


@dataclass(slots=True)
class Suspect:
    """A vertex that is blamed, until something above it explains it and others."""

    kind: RootKind
    facts: list[Fact]
    inferred: bool = False
    alternatives: list[int] = field(default_factory=list)


def find_outages(states: States) -> list[Root]:
    """Roots of everything that is down, in the order of their vertices."""
    if not states.down:
        return []
    blind = _blind(states)
    return [blind] if blind else _Outages(states).roots()


class _Outages:
    def __init__(self, states: States) -> None:
        self.graph = states.graph
        self.states = states
        self.alive_behind = states.behind(states.nodes_alive())
        self.down_nodes = [v for v in states.down if v < self.graph.size]
        self.down_links = [v for v in states.down if v >= self.graph.size]
        # Down, yet what can only be reached through it answers: it forwards.
        self.forwards = {v for v in self.down_nodes if self.alive_behind(v)}
        self.reached = self._reach(blocked=())
        self.suspects: dict[int, Suspect] = {}
        self.above: dict[int, int] = {}
        """Suspects that a common cause has taken over, and by which."""

    # Reaching

    def _reach(self, blocked: Collection[int]) -> list[bool]:
        """What answers, what forwards, and hidden nodes next to these over a link not down.

        Args:
            blocked: links and hidden nodes that are taken to be down as well.
        """
        graph, states = self.graph, self.states
        reached = [bool(mark) for mark in states.alive[: graph.size]]
        reached[graph.probe] = True
        for node in self.forwards:
            reached[node] = True
        stopped = states.down.union(blocked)
        hidden = [v for v in range(graph.size) if not reached[v] and v not in stopped]
        queue = [v for v in hidden if self._touches(v, reached, blocked)]
        while queue:
            node = queue.pop()
            if reached[node]:
                continue
            reached[node] = True
            queue.extend(
                other
                for link, other in graph.ways_out[node]
                if not (reached[other] or link in stopped or other in stopped)
            )
        return reached

    def _touches(self, node: int, reached: Sequence[bool], blocked: Collection[int]) -> bool:
        return any(link not in blocked for link, _other in self._doors(node, reached))

    def _doors(self, node: int, reached: Sequence[bool]) -> Iterator[tuple[int, int]]:
        """Links that are not down by which reached nodes lead to a node, each with its node."""
        down = self.states.down
        return ((k, o) for k, o in self.graph.ways_in[node] if reached[o] and k not in down)

    # Suspects

    def roots(self) -> list[Root]:
        """The whole analysis."""
        for node in self.down_nodes:
            self._suspect_node(node)
        self._suspect_links()
        self._common_causes()
        self._drop_explained()
        self._failed_forwarding()
        self._alternatives()
        return _Attribution(self).roots()

    def _suspect_node(self, node: int) -> None:
        graph = self.graph
        if graph.distance[node] == NOWHERE:
            self._blame(node, RootKind.NODE_DOWN, Fact(Reason.NO_UPLINK_RECORDED))
            return
        doors = list(self._doors(node, self.reached))
        if not doors:
            return
        upstream = self._names(other for _link, other in doors)
        if graph.is_service(node):
            self._blame(node, RootKind.SERVICE_DOWN, Fact(Reason.HOST_ANSWERS, upstream))
            return
        facts = [Fact(Reason.UPSTREAM_ANSWERS, upstream)]
        if seen_up := self._names(link for link, _other in doors if self.states.alive[link]):
            facts.append(Fact(Reason.LINK_UP_SEEN, seen_up))
        if node in self.forwards:
            facts.append(Fact(Reason.BEHIND_ANSWERS, count=self.alive_behind(node)))
            self._blame(node, RootKind.SERVICE_DOWN, *facts)
        else:
            self._blame(node, RootKind.NODE_DOWN, *facts)

    def _suspect_links(self) -> None:
        """Links seen down: all of one node mean the node, a single one means the link."""
        into: dict[int, list[int]] = defaultdict(list)
        for link in self.down_links:
            a, b = self.graph.ends[link - self.graph.size]
            if self.reached[a] and self.reached[b]:
                ends = self._names((a, b))
                seen = Fact(Reason.LINK_DOWN_SEEN, self._names([link]))
                self._blame(link, RootKind.LINK_DOWN, seen, Fact(Reason.OTHER_PATH_HOLDS, ends))
            elif self.reached[a] or self.reached[b]:
                into[b if self.reached[a] else a].append(link)
        for node, links in into.items():
            if node not in self.suspects:
                self._suspect_cut(node, links)

    def _suspect_cut(self, node: int, links: list[int]) -> None:
        """A dark node all of whose links to reached ones are down; with one up it has power."""
        powered = self._has_link_up(node)
        if len(links) > 1 and not powered:
            self._blame(node, RootKind.NODE_DOWN, Fact(Reason.LINK_DOWN_SEEN, self._names(links)))
            self.suspects[node].inferred = node not in self.states.down
            return
        for link in links:
            upstream = [end for end in self.graph.ends[link - self.graph.size] if end != node]
            self._blame(
                link,
                RootKind.LINK_DOWN,
                Fact(Reason.LINK_DOWN_SEEN, self._names([link])),
                Fact(Reason.UPSTREAM_ANSWERS, self._names(upstream)),
            )
            self.suspects[link].alternatives += [] if powered else [node]

    def _has_link_up(self, node: int) -> bool:
        ways = (*self.graph.ways_in[node], *self.graph.ways_out[node])
        return any(self.states.alive[link] for link, _other in ways)

    def _blame(self, vertex: int, kind: RootKind, *facts: Fact) -> None:
        self.suspects[vertex] = Suspect(kind, list(facts))

    def _names(self, vertices: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted(self.graph.ids[vertex] for vertex in vertices))

    # Fewer faults that explain the same

    def _standing(self) -> list[int]:
        return [vertex for vertex in self.suspects if vertex not in self.above]

    def _common_causes(self) -> None:
        """Blame a hidden vertex instead of several suspects behind it, when all is dark there."""
        suspects = self._standing()
        behind = self.states.behind(self.states.marks(suspects))
        taken: set[int] = set()
        for suspect in sorted(suspects):
            if suspect in taken:
                continue
            chain = [v for v in self._dark_above(suspect) if behind(v) > 1]
            if not chain:
                continue
            most = behind(chain[-1])
            equal = [v for v in chain if behind(v) == most]
            members = sorted(v for v in self.graph.guarded(equal[0]) if v in self.suspects)
            taken.update(members)
            self._take_over(equal, members)

    def _dark_above(self, vertex: int) -> Iterator[int]:
        """Hidden guards of a vertex behind which nothing is alive, nearest first."""
        for guard in self.graph.guards_above(vertex):
            if self.states.hidden(guard):
                if self.alive_behind(guard):
                    return
                yield guard
            elif self.graph.is_real(guard):
                return

    def _take_over(self, equal: list[int], members: list[int]) -> None:
        nearest, *others = equal
        kind = RootKind.LINK_DOWN if self.graph.is_link(nearest) else RootKind.NODE_DOWN
        self._blame(
            nearest,
            kind,
            Fact(Reason.ONLY_COMMON_CAUSE, self._names(members)),
            Fact(Reason.ALL_BEHIND_DOWN, count=len(members)),
        )
        self.suspects[nearest].inferred = True
        self.suspects[nearest].alternatives = others
        self.above.update(dict.fromkeys(members, nearest))

    def _drop_explained(self) -> None:
        """With the common causes taken for down, some other suspects are in their shadow."""
        causes = set(self.above.values())
        if not causes:
            return
        exposed = [v for v in self._standing() if self._is_exposed(v, ())]
        self.reached = self._reach(blocked=causes)
        for suspect in exposed:
            if not self._is_exposed(suspect, causes):
                self._drop(suspect)

    def _is_exposed(self, vertex: int, blocked: Collection[int]) -> bool:
        return vertex < self.graph.size and self._touches(vertex, self.reached, blocked)

    def _drop(self, suspect: int) -> None:
        del self.suspects[suspect]
        for member in [v for v, cause in self.above.items() if cause == suspect]:
            del self.suspects[member], self.above[member]

    def _failed_forwarding(self) -> None:
        """Blame a node that answers while everything behind it, at least three, does not."""
        groups: dict[int, list[int]] = defaultdict(list)
        for suspect in self._standing():
            if self.suspects[suspect].kind is RootKind.SERVICE_DOWN:
                continue
            guard = self._nearest_alive(suspect)
            if guard != NOWHERE:
                groups[guard].append(suspect)
        for guard, members in groups.items():
            if len(members) >= ONE_FAULT_FROM and self.alive_behind(guard) == 1:
                self._take_over([guard], members)
                self.suspects[guard].kind = RootKind.PARTIAL

    def _nearest_alive(self, vertex: int) -> int:
        for guard in self.graph.guards_above(vertex):
            if guard < self.graph.size and self.states.alive[guard]:
                return guard
            if guard in self.states.down:
                break
        return NOWHERE

    def _alternatives(self) -> None:
        """Hidden things above a down node that would explain it alone just as well."""
        standing = self._standing()
        behind = self.states.behind(self.states.marks(standing))
        for vertex in standing:
            suspect = self.suspects[vertex]
            if suspect.kind is RootKind.NODE_DOWN and not suspect.inferred:
                suspect.alternatives.extend(
                    guard for guard in self._dark_above(vertex) if behind(guard) == 1
                )


class _Attribution:
    """Says which roots explain each dark node and down link."""

    def __init__(self, outages: _Outages) -> None:
        self._outages = outages
        self._graph = outages.graph
        self._reached = outages.reached
        self._suspects = outages.suspects
        self._owners: dict[int, frozenset[int]] = {}
        self._dark: dict[int, frozenset[int]] = {}

    def roots(self) -> list[Root]:
        for vertex in self._suspects:
            self._owners[vertex] = frozenset({self._final(vertex)})
        self._own_dark_nodes()
        self._own_links()
        self._own_spans()
        return self._build()

    def _final(self, vertex: int) -> int:
        above = self._outages.above
        while vertex in above:
            vertex = above[vertex]
        return vertex

    def _own_dark_nodes(self) -> None:
        """Each dark node belongs to the roots from which dark ways lead to it."""
        queue: list[int] = []
        for vertex in self._suspects:
            if self._graph.is_link(vertex):
                ends = self._graph.ends[vertex - self._graph.size]
                queue += [v for v in ends if self._give(v, self._owners[vertex])]
            else:
                queue += self._pass_on(vertex, self._owners[vertex])
        while queue:
            node = queue.pop()
            queue += self._pass_on(node, self._dark[node])
        self._owners.update(self._dark)

    def _pass_on(self, node: int, owners: frozenset[int]) -> list[int]:
        return [other for _link, other in self._graph.ways_out[node] if self._give(other, owners)]

    def _give(self, node: int, owners: frozenset[int]) -> bool:
        """Add owners to a dark node; True when some are new to it."""
        if self._reached[node] or node in self._suspects:
            return False
        known = self._dark.get(node, frozenset())
        if owners <= known:
            return False
        self._dark[node] = known | owners
        return True

    def _own_links(self) -> None:
        for link in self._outages.down_links:
            if link not in self._owners:
                a, b = self._graph.ends[link - self._graph.size]
                nothing = frozenset[int]()
                self._owners[link] = self._owners.get(a, nothing) | self._owners.get(b, nothing)

    def _own_spans(self) -> None:
        """What nobody measures behind an inferred root is cut off with the rest."""
        for vertex, suspect in self._suspects.items():
            if suspect.inferred and vertex not in self._outages.above:
                owner = frozenset({vertex})
                for other in self._graph.guarded(vertex):
                    if not self._graph.is_link(other):
                        self._owners.setdefault(other, owner)

    def _build(self) -> list[Root]:
        by_roots: dict[frozenset[int], list[int]] = defaultdict(list)
        for vertex, owners in self._owners.items():
            by_roots[owners].append(vertex)
        explained: dict[int, list[frozenset[str]]] = defaultdict(list)
        affected: dict[int, list[frozenset[str]]] = defaultdict(list)
        for owners, vertices in by_roots.items():
            down = self._graph.names(v for v in vertices if v in self._outages.states.down)
            nodes = self._graph.names(v for v in vertices if v < self._graph.size)
            for root in owners:
                explained[root].append(down)
                affected[root].append(nodes)
        standing = sorted(v for v in self._suspects if v not in self._outages.above)
        return [self._root(v, explained[v], affected[v]) for v in standing]

    def _root(
        self, vertex: int, explained: list[frozenset[str]], affected: list[frozenset[str]]
    ) -> Root:
        suspect = self._suspects[vertex]
        return Root(
            self._graph.ids[vertex],
            suspect.kind,
            suspect.inferred,
            tuple(self._graph.ids[other] for other in suspect.alternatives),
            tuple(suspect.facts),
            tuple(explained),
            tuple(affected),
        )


def _blind(states: States) -> Root | None:
    """The probe point's own fault, when nothing answers; not when its own port is up."""
    graph = states.graph
    down = [v for v in states.down if v < graph.size]
    cables = [link for link, _other in graph.ways_out[graph.probe]]
    if len(down) < 2 or states.nodes_alive().any() or any(states.alive[k] for k in cables):
        return None
    placed = [v for v in down if graph.distance[v] != NOWHERE]
    if not placed:
        return None
    behind = states.behind(states.marks(placed))
    chain = [placed[0], *graph.guards_above(placed[0])]
    common = [v for v in chain if behind(v) == len(placed) and graph.is_real(v)]
    others = [v for v in reversed(common) if v != graph.probe]
    named = others.pop(0) if others and others[0] in cables else graph.probe
    everything = frozenset(node.id for node in graph.nodes) - {graph.ids[graph.probe]}
    return Root(
        graph.ids[named],
        RootKind.BLIND,
        named not in states.down,
        tuple(graph.ids[v] for v in others if not states.alive[v]),
        (Fact(Reason.NOTHING_ANSWERS, count=len(down)),),
        (graph.names(states.down),),
        (everything,),
    )
