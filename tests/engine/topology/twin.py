"""A graph in the shape of the default city twin, and ground truth found without the engine.

What is observed of a set of faults follows from reachability alone. The smallest sets of faults
that would be observed in just the same way are the true answers: no observer can tell them
apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from govnet.engine.result import State
from govnet.engine.topology import Graph, Link, Node, NodeKind

Observation = frozenset[tuple[str, State]]
Faults = frozenset[str]


def twin(units: int = 40, access: int = 12) -> Graph:
    """The probe on core1; two cores, province, two ISPs, three aggregations in a chain of pairs.

    Access devices 1, 4, 7, 10 hang on two aggregations, unit 1 on two access devices; portal
    and pbx on core2; each with the service that runs there.
    """
    nodes = [Node("noc", NodeKind.PROBE), *map(Node, ("core1", "core2", "prov", "isp1", "isp2"))]
    pairs = [
        ("noc", "core1"),
        ("core1", "core2"),
        *((upper, core) for upper in ("prov", "isp1", "isp2") for core in ("core1", "core2")),
    ]
    pairs.remove(("isp1", "core2"))
    pairs.remove(("isp2", "core1"))
    for n in range(1, 4):
        nodes.append(Node(f"agg{n}"))
        pairs += [(f"agg{n}", "core1"), (f"agg{n}", "core2")]
    for n in range(1, access + 1):
        nodes.append(Node(f"acc{n}"))
        pairs.append((f"acc{n}", f"agg{(n - 1) % 3 + 1}"))
        if n % 3 == 1:
            pairs.append((f"acc{n}", f"agg{n % 3 + 1}"))
    for n in range(1, units + 1):
        nodes.append(Node(f"u{n}"))
        pairs.append((f"u{n}", f"acc{(n - 1) % access + 1}"))
    pairs.append(("u1", "acc2"))
    for host in ("portal", "pbx"):
        nodes += [Node(host), Node(f"{host}-service", NodeKind.SERVICE)]
        pairs.append((host, "core2"))
    links = [
        Link(f"{a}--{b}", b, a, one_way=True) if a.startswith("u") else Link(f"{a}--{b}", a, b)
        for a, b in pairs
    ]
    links += [
        Link(f"{host} runs", host, f"{host}-service", one_way=True, real=False)
        for host in ("portal", "pbx")
    ]
    return Graph(nodes, links)


@dataclass(frozen=True)
class Watching:
    """What can be seen: the state of every n-th link (0: of none), and of all nodes but some."""

    graph: Graph
    every: int = 0
    unmeasured: frozenset[str] = frozenset()

    def told(self) -> list[Link]:
        """Links with a port that is polled."""
        real = [link for link in self.graph.links if link.real]
        return real[:: self.every] if self.every else []

    def observe(self, faults: Faults) -> dict[str, State]:
        """What the probe sees: nodes by reachability, links by the carrier at a reached end.

        A unit's own port is not polled: its line is told of by the network's side only.
        """
        cut = reach(self.graph, faults)
        states = {
            node.id: State.UP if node.id in cut else State.DOWN
            for node in self.graph.nodes
            if node.kind is not NodeKind.PROBE and node.id not in self.unmeasured
        }
        for link in self.told():
            told = link.a in cut or (link.b in cut and not link.one_way)
            if told:
                carrier = not faults & {link.id, link.a, link.b}
                states[link.id] = State.UP if carrier else State.DOWN
        return states


def reach(graph: Graph, faults: Faults) -> set[str]:
    """Ids of nodes that the probe reaches; a breadth-first search of its own over names."""
    beside: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for link in graph.links:
        beside[link.a].append((link.id, link.b))
        if not link.one_way:
            beside[link.b].append((link.id, link.a))
    seen, queue = {"noc"}, ["noc"]
    while queue:
        for link_id, other in beside[queue.pop()]:
            if other not in seen and not faults & {link_id, other}:
                seen.add(other)
                queue.append(other)
    return seen


def elements(graph: Graph) -> list[str]:
    """Everything that can fail."""
    nodes = [node.id for node in graph.nodes if node.kind is not NodeKind.PROBE]
    return nodes + [link.id for link in graph.links if link.real]


def fault_sets(graph: Graph, most: int = 2) -> Iterator[Faults]:
    """No fault, every single fault, every pair."""
    for size in range(most + 1):
        yield from map(frozenset, combinations(elements(graph), size))


def explanations(watching: Watching, sets: Iterable[Faults]) -> dict[Observation, list[Faults]]:
    """For each observation the smallest sets of faults that lead to it."""
    found: dict[Observation, list[Faults]] = defaultdict(list)
    for faults in sets:  # smaller ones come first
        known = found[frozenset(watching.observe(faults).items())]
        if not known or len(known[0]) == len(faults):
            known.append(faults)
    return found
