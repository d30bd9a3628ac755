"""The truth of faults, on a description alone: no namespace is made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.result import State
from govnet.lab.description import Description, Role
from govnet.lab.faults import KINDS, Fault, FaultError
from govnet.lab.plan import demo_lines, describe
from govnet.lab.scenario import truth_with
from govnet.lab.truth import Damage, Sense, Truth, senses, work_out

CITY = describe(demo_lines(12))
BACKBONE = [cable.name for cable in CITY.cables if cable.name.startswith(("YS-GG", "YS-JR"))]


def truth(*faults: tuple[str, str, dict[str, Any]]) -> Truth:
    return truth_with(CITY, [Fault(kind, target, options, 0) for kind, target, options in faults])


def down(found: Truth) -> set[str]:
    return {node for (node, _), state in found.affected.items() if state is State.DOWN}


def homed(number_of_uplinks: int) -> list[str]:
    """Access routers with so many cables to aggregation routers."""
    return [
        node.name
        for node in CITY.of_role(Role.ACCESS)
        if sum(cable.name.startswith("YS-JR") for _, _, cable in CITY.plugs(node.name))
        == number_of_uplinks
    ]


def units_of(router: str) -> set[str]:
    return {far.node for _, far, _ in CITY.plugs(router) if far.node.startswith("u")}


def test_a_whole_twin_has_nothing_affected() -> None:
    found = truth()
    assert (found.affected, found.without_path, found.blind) == ({}, frozenset(), False)
    assert ("portal", Sense.HTTP) in found.states
    assert ("noc", Sense.ICMP4) not in found.states


def test_a_cut_unit_line_takes_the_unit_and_nobody_else() -> None:
    found = truth(("cut", CITY.plugs("u003")[0][2].name, {}))
    assert down(found) == found.without_path == {"u003"}


def test_a_single_homed_router_goes_with_its_cable_a_dual_homed_one_does_not() -> None:
    single, dual = homed(1)[0], homed(2)[0]
    (uplink,) = (c.name for _, _, c in CITY.plugs(single) if c.name.startswith("YS-JR"))
    assert down(truth(("cut", uplink, {}))) == {single, *units_of(single)}
    first = next(c.name for _, _, c in CITY.plugs(dual) if c.name.startswith("YS-JR"))
    assert down(truth(("cut", first, {}))) == set()


def test_a_port_down_is_as_bad_as_its_cable_cut() -> None:
    end, far, cable = CITY.plugs("u001")[0]
    port = f"{far.node}:{far.interface}"
    assert truth(("port-down", port, {})) == truth(("cut", cable.name, {}))
    assert truth(("port-down", f"u001:{end.interface}", {})) == truth(("cut", cable.name, {}))


def test_a_filter_on_a_router_hides_it_and_cuts_off_nobody() -> None:
    router = homed(1)[0]
    found = truth(("acl", router, {}))
    assert down(found) == {router}
    assert found.without_path == frozenset()
    assert found.states[router, Sense.SNMP] is State.DOWN


def test_a_dead_ospfd_breaks_one_ip_version_only() -> None:
    router = homed(1)[0]
    found = truth(("kill", f"{router}:ospf6d", {}))
    assert {sense for _, sense in found.affected} == {Sense.ICMP6}
    assert {node for node, _ in found.affected} == {router, *units_of(router)}
    assert found.without_path == frozenset()  # IPv4 still leads there


def test_without_bgp_a_carrier_is_gone_and_the_city_whole() -> None:
    assert down(truth(("kill", "core1:bgpd", {}))) == {"isp1"}
    assert down(truth(("isp-down", "isp2", {}))) == {"isp2"}


def test_a_blind_operations_room_knows_nothing_rather_than_bad_things() -> None:
    found = truth(("blind", "noc", {}))
    assert found.blind
    assert set(found.states.values()) == {State.UNKNOWN}


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("portal-500", State.DOWN),
        ("certificate", State.DOWN),
        ("defaced", State.DEGRADED),
        ("portal-slow", State.DEGRADED),
    ],
)
def test_a_fault_of_the_portal_is_its_page_s_alone(kind: str, state: State) -> None:
    assert truth((kind, "portal", {})).affected == {("portal", Sense.HTTP): state}


def test_a_lossy_line_degrades_who_hangs_on_it_alone_unless_it_loses_little() -> None:
    found = truth(("line", "u002", {"loss": 0.2}))
    assert {node for node, _ in found.affected} == {"u002"}
    assert set(found.affected.values()) == {State.DEGRADED}
    assert truth(("line", "u002", {"loss": 0.01})).affected == {}
    assert down(truth(("line", "u002", {"loss": 1.0}))) == {"u002"}


def test_of_a_flapping_line_nothing_is_claimed() -> None:
    found = truth(("flap", "u004", {}))
    assert found.affected == {}
    assert {node for node, _ in found.unsettled} == {"u004"}


def test_an_attack_breaks_nothing() -> None:
    assert truth(*((kind, "portal", {}) for kind in ("syn-flood", "amplification", "scan"))) == (
        truth()
    )


@given(st.sets(st.sampled_from(BACKBONE)), st.sets(st.sampled_from(BACKBONE)))
def test_more_damage_never_reaches_more(one: set[str], more: set[str]) -> None:
    less, worse = work_out(CITY, Damage(cut=one)), work_out(CITY, Damage(cut=one | more))
    assert less.without_path <= worse.without_path
    assert less.affected.keys() <= worse.affected.keys()


@pytest.mark.parametrize(
    ("kind", "target", "sentence"),
    [
        ("cut", "YS-NONE", "no cable YS-NONE"),
        ("cut", "core1", "several cables"),
        ("off", "u999", "no node u999"),
        ("off", "noc", "noc is no"),
        ("mute", "u002", "no SNMP agent"),
        ("port-down", "u001:eth9", "no port 'eth9'"),
        ("isp-down", "core1", "core1 is no"),
        ("blind", "core1", "core1 is no"),
        ("defaced", "u001", "u001 is no"),
        ("scan", "nobody", "no node nobody"),
    ],
)
def test_a_fault_without_a_target_is_refused_in_a_sentence(
    kind: str, target: str, sentence: str
) -> None:
    model = KINDS[kind].model
    with pytest.raises(FaultError, match=sentence):
        KINDS[kind](CITY, target, model())


def test_every_kind_says_what_it_does() -> None:
    for name, kind in KINDS.items():
        assert name == kind.name
        assert kind.summary
        assert kind.targets


def test_what_is_measured_has_one_sense_for_each_agent_and_service() -> None:
    city: Description = CITY
    kinds = [sense for _, sense in senses(city)]
    assert kinds.count(Sense.SNMP) == sum(node.agent for node in city.nodes)
    assert [kinds.count(s) for s in (Sense.HTTP, Sense.DNS, Sense.SIP)] == [1, 1, 1]
