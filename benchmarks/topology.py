"""Root-cause analysis: time of one update on a graph of 10,000 nodes, quiet and in a mass outage.

Run: ``uv run python -m benchmarks.topology``. Each situation is brought in, then single changes
of state follow; the slowest of them counts.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

from govnet.engine.result import State
from govnet.engine.topology import Correlator, Graph, Link, Node, NodeKind

OUT = Path(__file__).parent / "out"
NODES = 10_000
CHANGES = 30
LIMIT_MS = 100.0
AGGREGATIONS, ACCESS = 60, 1200


def city(nodes: int) -> Graph:
    """Two cores, 60 aggregations on both, 1,200 access devices (a third on two), units below."""
    pairs = [("noc", "core1"), ("noc", "core2"), ("core1", "core2")]
    for n in range(AGGREGATIONS):
        pairs += [(f"agg{n}", "core1"), (f"agg{n}", "core2")]
    for n in range(ACCESS):
        pairs.append((f"acc{n}", f"agg{n % AGGREGATIONS}"))
        if n % 3 == 0:
            pairs.append((f"acc{n}", f"agg{(n + 1) % AGGREGATIONS}"))
    names = {name for pair in pairs for name in pair}
    pairs += [(f"u{n}", f"acc{n % ACCESS}") for n in range(nodes - len(names))]
    names = {name for pair in pairs for name in pair}
    kinds = {"noc": NodeKind.PROBE}
    return Graph(
        [Node(name, kinds.get(name, NodeKind.PLACE)) for name in sorted(names)],
        [Link(f"{a}--{b}", a, b) for a, b in pairs],
    )


def situations(graph: Graph) -> Iterator[tuple[str, dict[str, State]]]:
    """What is to be explained, from quiet to everything at once."""
    names = [node.id for node in graph.nodes if node.id != "noc"]
    up = dict.fromkeys(names, State.UP)
    dice = random.Random(7)

    def off(*faults: str) -> dict[str, State]:
        return up | dict.fromkeys(graph.cut_off(faults), State.DOWN)

    yield "one unit down", off("u1")
    yield "one aggregation off", off("agg0")
    yield "a third of the aggregations off", off(*(f"agg{n}" for n in range(0, 60, 3)))
    yield "both cores off", off("core1", "core2") | {"core1": State.UP}
    yield "1,000 independent faults", off(*dice.sample(names[200:], 1000))
    yield (
        "access unmeasured, every tenth off",
        {
            name: state
            for name, state in off(*(f"acc{n}" for n in range(0, ACCESS, 10))).items()
            if not name.startswith("acc")
        },
    )
    yield "half of the nodes degraded", up | dict.fromkeys(names[::2], State.DEGRADED)
    anything = {name: dice.choice(list(State)) for name in dice.sample(names + graph.ids, 2000)}
    yield "2,000 states without any order", up | anything


def slowest_ms(graph: Graph, states: dict[str, State]) -> tuple[float, int]:
    """The slowest of 30 single changes, and the number of roots then."""
    correlator = Correlator(graph, states)
    names = random.Random(8).sample(sorted(states), CHANGES)
    worst, roots = 0.0, 0
    for name in names:
        before = time.process_time()
        roots = len(correlator.update({name: State.DOWN}).roots)
        worst = max(worst, (time.process_time() - before) * 1e3)
    return worst, roots


def main() -> int:
    before = time.process_time()
    graph = city(NODES)
    Correlator(graph)
    built_ms = (time.process_time() - before) * 1e3
    print(f"{len(graph.nodes):,} nodes, {len(graph.links):,} links; built in {built_ms:.0f} ms CPU")
    figures = []
    for name, states in situations(graph):
        value, roots = slowest_ms(graph, states)
        verdict = "PASS" if value <= LIMIT_MS else "FAIL"
        print(f"{verdict}  {name:38} {value:7.1f} ms  {roots:6,} roots")
        figures.append(
            {
                "text": f"topology, slowest update (ms), {name}",
                "value": value,
                "limit": LIMIT_MS,
                "verdict": verdict,
            }
        )
    OUT.mkdir(exist_ok=True)
    stored = {"built_ms": built_ms, "figures": figures}
    (OUT / "topology.json").write_text(json.dumps(stored, indent=2), encoding="utf-8")
    return int(any(figure["verdict"] != "PASS" for figure in figures))


if __name__ == "__main__":
    raise SystemExit(main())
