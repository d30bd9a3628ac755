"""What must hold on any graph: rings, islands, parallel links, whatever the states say."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from govnet.engine.result import State
from govnet.engine.topology import Correlator, Graph, Link, Node, NodeKind, RootKind, diagnose
from tests.engine.topology.twin import Watching, elements, explanations, fault_sets, reach

States = dict[str, State]


@st.composite
def graphs(draw: st.DrawFn, connected: bool = False) -> Graph:
    size = draw(st.integers(2, 12))
    nodes = [Node("noc", NodeKind.PROBE), *(Node(f"n{i}") for i in range(1, size))]
    names = [node.id for node in nodes]
    ends = st.tuples(st.sampled_from(names), st.sampled_from(names)).filter(lambda e: e[0] != e[1])
    pairs = draw(st.lists(ends, max_size=16))
    if connected:
        pairs += [(names[draw(st.integers(0, i - 1))], names[i]) for i in range(1, size)]
    one_way = draw(st.sets(st.integers(0, 15))) if not connected else set()
    links = [Link(f"l{i}", a, b, one_way=i in one_way) for i, (a, b) in enumerate(pairs)]
    return Graph(nodes, links)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Graph, States]:
    graph = draw(graphs())
    states = draw(st.dictionaries(st.sampled_from(graph.ids), st.sampled_from(State)))
    states.pop("noc", None)
    return graph, states


@given(graphs())
def test_a_vertex_guards_exactly_what_its_loss_cuts_off(graph: Graph) -> None:
    for name, vertex in graph.index.items():
        if name != "noc":
            guarded = graph.names(v for v in graph.guarded(vertex) if v < graph.size)
            assert guarded == graph.cut_off({name}) - {name}


@given(graphs(), st.data())
def test_what_a_set_of_faults_cuts_off_is_what_cannot_be_reached(
    graph: Graph, data: st.DataObject
) -> None:
    faults = frozenset(data.draw(st.sets(st.sampled_from(graph.ids)))) - {"noc"}
    assert graph.cut_off(faults) == reach(graph, frozenset()) - reach(graph, faults)


@given(situations(), st.randoms())
def test_any_order_of_arrival_leads_to_the_same_roots(
    situation: tuple[Graph, States], dice: random.Random
) -> None:
    graph, states = situation
    news = list(states.items())
    dice.shuffle(news)
    correlator = Correlator(graph)
    for name, state in news:
        correlator.update({name: state})
    assert correlator.diagnose() == diagnose(graph, states)


@settings(max_examples=300)
@given(situations())
def test_everything_down_is_explained_and_only_what_is_not_fine_is_blamed(
    situation: tuple[Graph, States],
) -> None:
    graph, states = situation
    found = diagnose(graph, states)
    causes = found.causes()
    by_element = found.by_element
    for name, state in states.items():
        node = graph.index[name] < graph.size
        if node and state is State.DOWN:
            assert causes[name]
        if (
            node
            and state is State.DEGRADED
            and not any(root.kind is RootKind.BLIND for root in found.roots)
        ):
            assert causes[name]
    for name, root in by_element.items():
        state = states.get(name, State.UNKNOWN)
        assert root.inferred or state in (State.DOWN, State.DEGRADED)
        assert state is not State.UP or root.kind is RootKind.PARTIAL
        assert name not in root.shadowed
        assert not root.shadowed & set(by_element)
        assert all(states[other] in (State.DOWN, State.DEGRADED) for other in root.shadowed)
        assert "noc" not in root.impact


@settings(max_examples=60)
@given(graphs(connected=True), st.sampled_from([0, 1, 2]))
def test_any_single_fault_is_named_or_cannot_be_told_from_what_is(graph: Graph, every: int) -> None:
    watching = Watching(graph, every)
    for observation, smallest in explanations(watching, fault_sets(graph, 1)).items():
        roots = diagnose(graph, dict(observation)).roots
        names = {name for root in roots for name in (root.element, *root.alternatives)} - {"noc"}
        blind = any(root.kind is RootKind.BLIND for root in roots)
        assert blind or frozenset(root.element for root in roots) in smallest
        assert names == set().union(*smallest)


def test_a_shape_without_any_element_still_works() -> None:
    graph = Graph([Node("noc", NodeKind.PROBE)], [])
    assert elements(graph) == []
    assert diagnose(graph, {"gone": State.DOWN}).roots == ()
