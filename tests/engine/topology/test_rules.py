"""The rules of root-cause analysis one by one, on graphs small enough to see."""

from __future__ import annotations

from govnet.engine.result import State
from govnet.engine.topology import (
    Correlator,
    Fact,
    Graph,
    Link,
    Node,
    NodeKind,
    Reason,
    Root,
    RootKind,
    diagnose,
)

UP, DEGRADED, DOWN, UNKNOWN = State.UP, State.DEGRADED, State.DOWN, State.UNKNOWN


def _graph(*pairs: str, services: str = "") -> Graph:
    """From pairs such as "noc core"; services as "portal:u1"."""
    ends = [tuple(pair.split()) for pair in pairs]
    names = dict.fromkeys(name for pair in ends for name in pair)
    nodes = [Node(n, NodeKind.PROBE if n == "noc" else NodeKind.PLACE) for n in names]
    links = [Link(f"{a}-{b}", a, b) for a, b in ends]
    hosted = [service.split(":") for service in services.split()]
    nodes += [Node(name, NodeKind.SERVICE) for name in dict.fromkeys(n for n, _ in hosted)]
    links += [Link(f"{name}@{host}", host, name, one_way=True, real=False) for name, host in hosted]
    return Graph(nodes, links)


def _states(text: str) -> dict[str, State]:
    """From "up: core agg; down: u1 u2"."""
    states = {}
    for part in text.split(";"):
        state, names = part.split(":")
        states.update(dict.fromkeys(names.split(), State(state.strip())))
    return states


def _roots(graph: Graph, text: str) -> dict[str, Root]:
    return {root.element: root for root in diagnose(graph, _states(text)).roots}


def _reasons(root: Root) -> set[Reason]:
    return {fact.reason for fact in root.facts}


TREE = _graph(
    "noc core", *(f"core agg{n}" for n in (1, 2, 3)),
    *(f"agg{n} u{n}{k}" for n in (1, 2, 3) for k in (1, 2, 3, 4)),
)  # fmt: skip
RING = _graph("noc core", "core agg1", "core agg2", "agg1 acc", "agg2 acc", "acc u1", "acc u2")


def _city(down: str) -> str:
    everything = {name for name in TREE.ids if "-" not in name} - {"noc"}
    return f"up: {' '.join(everything - set(down.split()))}; down: {down}"


def test_a_parent_stands_for_its_children() -> None:
    roots = _roots(TREE, _city("agg1 u11 u12 u13 u14"))
    assert set(roots) == {"agg1"}
    assert roots["agg1"].kind is RootKind.NODE_DOWN
    assert roots["agg1"].shadowed == {"u11", "u12", "u13", "u14"}
    assert Fact(Reason.UPSTREAM_ANSWERS, ("core",)) in roots["agg1"].facts
    assert roots["agg1"].alternatives == ("core-agg1",)


def test_independent_faults_are_told_apart() -> None:
    assert set(_roots(TREE, _city("u11 u32"))) == {"u11", "u32"}


def test_a_parent_found_later_adopts_what_was_blamed_before() -> None:
    correlator = Correlator(TREE, _states(_city("u11 u12")))
    assert set(correlator.diagnose().by_element) == {"u11", "u12"}
    found = correlator.update({"agg1": DOWN, "u13": DOWN, "u14": DOWN})
    assert set(found.by_element) == {"agg1"}
    assert found.causes()["u11"] == ("agg1",)
    found = correlator.update({"agg1": UP, "u11": UP, "u12": UP, "u14": UP})
    assert set(found.by_element) == {"u13"}


def test_a_dual_homed_device_survives_one_uplink() -> None:
    roots = _roots(RING, "up: core agg2 acc u1 u2; down: agg1")
    assert set(roots) == {"agg1"}
    assert roots["agg1"].impact == {"agg1"}
    roots = _roots(RING, "up: core agg1 agg2 acc u1 u2; down: core-agg1")
    assert roots["core-agg1"].kind is RootKind.LINK_DOWN
    assert Reason.OTHER_PATH_HOLDS in _reasons(roots["core-agg1"])
    assert roots["core-agg1"].impact == frozenset()


def test_two_faults_that_only_together_cut_something_off_share_it() -> None:
    found = diagnose(RING, _states("up: core; down: agg1 agg2 acc u1 u2"))
    assert set(found.by_element) == {"agg1", "agg2"}
    assert found.causes()["u1"] == ("agg1", "agg2")
    assert {root.element for root in found.roots_of("acc")} == {"agg1", "agg2"}


def test_links_seen_down_into_one_device_mean_the_device() -> None:
    roots = _roots(RING, "up: core agg1 agg2; down: acc u1 u2 agg1-acc agg2-acc")
    assert set(roots) == {"acc"}
    assert roots["acc"].certain
    assert roots["acc"].shadowed == {"u1", "u2", "agg1-acc", "agg2-acc"}


def test_one_link_seen_down_is_the_root_and_the_device_behind_it_the_alternative() -> None:
    roots = _roots(TREE, _city("u11") + "; down: u11 agg1-u11")
    assert set(roots) == {"agg1-u11"}
    assert roots["agg1-u11"].alternatives == ("u11",)
    assert roots["agg1-u11"].shadowed == {"u11"}


def test_a_link_seen_up_clears_the_line() -> None:
    roots = _roots(TREE, _city("u11") + "; up: agg1-u11")
    assert set(roots) == {"u11"}
    assert roots["u11"].certain
    assert Reason.LINK_UP_SEEN in _reasons(roots["u11"])


def test_unknown_is_never_blamed_for_itself() -> None:
    assert _roots(TREE, "up: core agg1 agg2 agg3; unknown: u11 u12 u13") == {}
    assert _roots(TREE, "unknown: core agg1 u11 u12") == {}


def test_what_all_silent_children_share_is_the_probable_root() -> None:
    roots = _roots(TREE, "up: core agg2 agg3; down: u11 u12 u13 u14")
    assert set(roots) == {"agg1"}
    assert roots["agg1"].inferred
    assert not roots["agg1"].certain
    assert roots["agg1"].alternatives == ("core-agg1",)
    assert Reason.ONLY_COMMON_CAUSE in _reasons(roots["agg1"])
    assert roots["agg1"].impact == {"agg1", "u11", "u12", "u13", "u14"}


def test_one_answering_child_clears_what_it_shares_with_the_others() -> None:
    roots = _roots(TREE, "up: core agg2 agg3 u14; down: u11 u12 u13")
    assert set(roots) == {"u11", "u12", "u13"}


def test_a_device_that_answers_while_all_behind_it_does_not_has_failed_in_part() -> None:
    roots = _roots(TREE, _city("u11 u12 u13 u14"))
    assert set(roots) == {"agg1"}
    assert roots["agg1"].kind is RootKind.PARTIAL
    assert roots["agg1"].shadowed == {"u11", "u12", "u13", "u14"}


def test_a_device_that_forwards_without_answering_is_a_service_fault() -> None:
    roots = _roots(TREE, _city("agg1"))
    assert roots["agg1"].kind is RootKind.SERVICE_DOWN
    assert Fact(Reason.BEHIND_ANSWERS, count=4) in roots["agg1"].facts
    assert roots["agg1"].impact == {"agg1"}


PORTAL = _graph("noc core", "core u1", "core u2", services="portal:u1 shared:u1 shared:u2")


def test_a_service_down_on_a_host_that_answers_is_the_service() -> None:
    roots = _roots(PORTAL, "up: core u1 u2 shared; down: portal")
    assert roots["portal"].kind is RootKind.SERVICE_DOWN
    assert roots["portal"].certain
    assert Fact(Reason.HOST_ANSWERS, ("u1",)) in roots["portal"].facts


def test_a_service_behind_a_cut_path_is_shadowed() -> None:
    roots = _roots(PORTAL, "up: core u2 shared; down: u1 portal")
    assert set(roots) == {"u1"}
    assert roots["u1"].shadowed == {"portal"}
    assert roots["u1"].impact == {"u1", "portal"}


def test_a_unit_on_two_uplinks_does_not_join_them() -> None:
    """It is reached by both, but nothing reaches one aggregation through it from the other."""
    pairs = [("noc", "core"), ("core", "agg1"), ("core", "agg2"), ("agg2", "u2")]
    links = [Link(f"{a}-{b}", a, b) for a, b in pairs]
    links += [Link(f"{agg}-dual", agg, "dual", one_way=True) for agg in ("agg1", "agg2")]
    names = ("core", "agg1", "agg2", "u2", "dual")
    graph = Graph([Node("noc", NodeKind.PROBE), *map(Node, names)], links)
    assert graph.cut_off({"core-agg2"}) == {"agg2", "u2"}
    roots = _roots(graph, "up: core agg1 dual; down: agg2 u2")
    assert set(roots) == {"agg2"}
    assert roots["agg2"].alternatives == ("core-agg2",)


def test_a_service_carries_no_path() -> None:
    """Shared by two places it answers from one; that says nothing of the other."""
    graph = _graph("noc core", "core agg", "agg u1", "core u2", services="shared:u1 shared:u2")
    roots = _roots(graph, "up: core u2 shared; down: agg u1")
    assert set(roots) == {"agg"}
    assert roots["agg"].impact == {"agg", "u1"}


def test_when_nothing_answers_the_probe_point_is_blind_and_nobody_is_blamed() -> None:
    everything = " ".join(name for name in TREE.ids if "-" not in name and name != "noc")
    roots = _roots(TREE, f"down: {everything}")
    assert set(roots) == {"noc-core"}
    assert roots["noc-core"].kind is RootKind.BLIND
    assert roots["noc-core"].alternatives == ("core",)
    assert len(roots["noc-core"].shadowed) == len(everything.split())


def test_a_probe_whose_cable_is_up_is_not_blind() -> None:
    everything = " ".join(name for name in TREE.ids if "-" not in name and name != "noc")
    roots = _roots(TREE, f"down: {everything}; up: noc-core")
    assert {name: root.kind for name, root in roots.items()} == {"core": RootKind.NODE_DOWN}


def test_a_node_without_a_path_in_the_ledger_stands_for_itself() -> None:
    graph = _graph("noc core", "core u1", "lost1 lost2")
    roots = _roots(graph, "up: core u1; down: lost1 lost2")
    assert set(roots) == {"lost1", "lost2"}
    assert all(Reason.NO_UPLINK_RECORDED in _reasons(root) for root in roots.values())


def test_links_to_nowhere_and_to_themselves_are_left_out_and_listed() -> None:
    nodes = [Node("noc", NodeKind.PROBE), Node("a")]
    graph = Graph(nodes, [Link("x", "noc", "gone"), Link("y", "a", "a"), Link("z", "noc", "a")])
    assert [link.id for link in graph.rejected] == ["x", "y"]
    assert graph.cut_off({"z"}) == {"a"}


def test_loss_on_a_shared_uplink_is_the_uplinks() -> None:
    up = _city("agg1 u11 u12 u13 u14").split(";")[0]
    roots = _roots(TREE, f"{up}; degraded: agg1 u11 u12 u13 u14")
    assert set(roots) == {"core-agg1"}
    root = roots["core-agg1"]
    assert (root.kind, root.alternatives) == (RootKind.PARTIAL, ("agg1",))
    assert root.shadowed == {"agg1", "u11", "u12", "u13", "u14"}
    assert Fact(Reason.UPSTREAM_CLEAN, ("core",)) in root.facts


def test_a_degraded_device_with_clean_children_is_its_own_fault() -> None:
    up = _city("agg1").split(";")[0]
    roots = _roots(TREE, f"{up}; degraded: agg1")
    assert set(roots) == {"agg1"}
    assert roots["agg1"].certain


def test_a_degraded_line_that_says_so_explains_what_it_leads_to() -> None:
    roots = _roots(RING, "up: core agg1 agg2 acc u2; degraded: agg1-acc u1")
    assert set(roots) == {"agg1-acc"}, "acc takes its other uplink, u1 does not"
    roots = _roots(RING, "up: core agg1 agg2 u2; degraded: agg1-acc acc u1")
    assert set(roots) == {"agg1-acc"}
    assert roots["agg1-acc"].certain
    assert roots["agg1-acc"].shadowed == {"acc", "u1"}


def test_down_and_degraded_are_explained_side_by_side() -> None:
    up = _city("u11 agg2 u21 u22 u23 u24").split(";")[0]
    roots = _roots(TREE, f"{up}; down: u11; degraded: agg2 u21 u22 u23 u24")
    assert {name: root.kind for name, root in roots.items()} == {
        "u11": RootKind.NODE_DOWN,
        "core-agg2": RootKind.PARTIAL,
    }
