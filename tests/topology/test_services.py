"""The ledger as a graph, its states, its roots, and what a fault reaches."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from govnet.engine.result import State
from govnet.engine.topology import RootKind
from govnet.inventory.models import (
    AccessPoint,
    Carrier,
    Circuit,
    CircuitKind,
    Device,
    DeviceLayer,
    LifeCycle,
    Unit,
)
from govnet.monitor.models import PortState, Target
from govnet.topology import services
from govnet.topology.elements import element_of
from govnet.topology.readings import node_state
from tests.city import set_state
from tests.people import person
from tests.topology.net import Net, build_net

pytestmark = pytest.mark.django_db


@pytest.fixture
def net() -> Net:
    return build_net()


def _names(rows: object) -> set[str]:
    return {str(row) for row in rows}  # type: ignore[attr-defined]


def test_what_hangs_on_one_uplink_is_lost_with_it_and_what_hangs_on_two_is_not(net: Net) -> None:
    lost = services.impact(net.devices["agg-e"])
    assert _names(lost.units()) == {"e1", "e2"}
    assert _names(lost.circuits()) == {"e1-agg-e", "e2-agg-e"}
    assert _names(services.impact(net.devices["core1"]).units()) == {"e1", "e2", "w1", "dual"}
    assert _names(services.impact(net.circuits["dual-agg-e"]).units()) == set()
    assert _names(services.impact(net.units["e1"]).units()) == {"e1"}
    port = net.circuits["agg-w-core1"].z_port
    assert port is not None
    assert _names(services.impact(port).units()) == {"w1"}


def test_a_second_fault_is_worse_while_the_first_lasts(net: Net) -> None:
    first = element_of(net.devices["agg-e"])
    lost = services.impact_of([element_of(net.devices["agg-w"])], failed=[first])
    assert _names(lost.units()) == {"w1", "dual"}


def test_one_dead_aggregation_is_one_root(net: Net) -> None:
    net.set("down", "agg-e", "e1", "e2")
    (root,) = services.present().roots
    assert root.element == element_of(net.devices["agg-e"])
    assert root.kind is RootKind.NODE_DOWN
    assert root.shadowed == {element_of(net.points["e1"]), element_of(net.points["e2"])}
    assert _names(services.impact_of_root(root).units()) == {"e1", "e2"}


def test_a_port_that_is_down_names_the_line(net: Net) -> None:
    net.set("down", "e1")
    PortState.objects.filter(port=net.circuits["e1-agg-e"].z_port).update(oper_up=False)
    (root,) = services.present().roots
    assert root.element == element_of(net.circuits["e1-agg-e"])
    assert root.alternatives == (element_of(net.points["e1"]),)


def test_an_old_reading_of_a_port_says_nothing(net: Net) -> None:
    old = timezone.now() - timedelta(minutes=6)
    PortState.objects.update(oper_up=False, sampled_at=old)
    assert services.present().roots == ()


def test_one_port_that_is_up_does_not_prove_the_line_two_do(net: Net) -> None:
    told = services.states()
    assert told[element_of(net.circuits["agg-e-core1"])] is State.UP
    assert element_of(net.circuits["e1-agg-e"]) not in told


def test_a_place_that_answers_to_one_of_its_targets_is_reached(net: Net) -> None:
    second = Target.objects.create(
        name="v6", kind="icmp", address="::1", access_point=net.points["e1"]
    )
    set_state(second, "down")
    services.forget_graph()
    assert services.states()[element_of(net.points["e1"])] is State.DEGRADED


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (("up", "up"), "up"),
        (("up", "degraded"), "degraded"),
        (("up", "unknown"), "up"),
        (("down", "unknown"), "down"),
        (("degraded", "down"), "degraded"),
        (("unknown",), "unknown"),
        ((), "unknown"),
    ],
)
def test_the_state_of_a_place(seen: tuple[str, ...], state: str) -> None:
    assert node_state(map(State, seen)) is State(state)


def test_an_application_is_told_apart_from_its_path(net: Net) -> None:
    site = Target.objects.create(
        name="portal", kind="http", address="http://127.0.0.1/", unit=net.units["e1"]
    )
    set_state(site, "down")
    services.forget_graph()
    (root,) = services.present().roots
    assert (root.element, root.kind) == (element_of(site), RootKind.SERVICE_DOWN)
    net.set("down", "e1")
    (root,) = services.present().roots
    assert root.element == element_of(net.points["e1"])
    assert _names(services.impact(net.points["e1"]).targets()) == {"portal"}
    assert services.element_of_target(site.pk) == element_of(site)
    assert services.element_of_target(net.targets["e1"].pk) == element_of(net.points["e1"])


def test_only_what_is_in_service_counts(net: Net) -> None:
    Circuit.objects.filter(number="dual-agg-e").update(status=LifeCycle.SUSPENDED)
    services.forget_graph()
    assert _names(services.impact(net.devices["agg-w"]).units()) == {"w1", "dual"}


def test_an_egress_circuit_leads_outside(net: Net) -> None:
    carrier = Carrier.objects.get()
    egress = Circuit.objects.create(
        number="OUT-1", kind=CircuitKind.EGRESS, carrier=carrier, a_port=net.port("core1", "wan")
    )
    services.forget_graph()
    graph = services.graph()
    assert f"outside:{egress.pk}" in graph.index
    PortState.objects.filter(port__name="wan").update(oper_up=False)
    (root,) = services.present().roots
    assert root.element == element_of(egress)


def test_without_an_attachment_the_probe_hangs_on_every_core(net: Net) -> None:
    second = Device.objects.create(name="core2", layer=DeviceLayer.CORE, region=net.east)
    services.forget_graph()
    assert {f"probe:{net.devices['core1'].pk}", f"probe:{second.pk}"} <= set(services.graph().index)


@pytest.mark.django_db(transaction=True)
def test_the_graph_follows_the_ledger_and_the_attachment() -> None:
    net = build_net()
    assert services.graph() is services.graph()
    before = services.graph()
    services.attach_probe([net.devices["agg-w"]])
    assert services.graph() is not before
    assert _names(services.impact(net.devices["core1"]).units()) == {"e1", "e2"}
    Circuit.objects.get(number="dual-agg-w").delete()
    assert _names(services.impact(net.devices["core1"]).units()) == {"e1", "e2", "dual"}


def test_another_app_adds_what_it_loses(net: Net) -> None:
    services.register_impact("test", "窗口", lambda lost: lost.access_points())
    try:
        ((label, rows),) = services.extra_impact(services.impact(net.devices["agg-e"]))
        assert (label, rows.count()) == ("窗口", 2)
    finally:
        services._extras.pop("test")


def test_the_panel_shows_each_person_only_their_own(client: Client, net: Net) -> None:
    url = net.devices["core1"].get_absolute_url()
    owner = person("owner", "network_engineer", whole_site=True)
    client.force_login(owner)
    page = client.get(url).content.decode()
    assert all(name in page for name in ("e1", "w1", "dual"))
    colleague = person("colleague", "network_engineer", regions=[net.east])
    client.force_login(colleague)
    page = client.get(net.devices["agg-e"].get_absolute_url()).content.decode()
    assert ">e1<" in page
    assert ">w1<" not in page
    client.force_login(person("stranger", "network_engineer"))
    assert client.get(url).status_code == 404


def test_ids_of_the_graph_are_the_objects(net: Net) -> None:
    assert AccessPoint.objects.count() == len(net.points)
    assert Unit.objects.count() == 4
    with pytest.raises(KeyError):
        services.impact(net.east)
