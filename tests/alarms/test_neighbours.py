"""A lost routing neighbour whose return no message told of: the router itself is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from govnet.alarms import inbox, neighbours
from govnet.alarms.events import holding, merge_reports
from govnet.alarms.services import report_event
from govnet.engine.snmp import SnmpDevice
from govnet.engine.snmp.routing import RoutingNeighbours
from govnet.inventory.models import Credential, SnmpVersion
from govnet.monitor.models import Target
from govnet.topology import services as topology
from govnet.topology.sweep import Answer
from tests.topology.net import Net, build_net

Ask = Callable[..., list[str]]


@pytest.fixture
def net(db: None) -> Iterator[Net]:
    made = build_net()
    credential = Credential.objects.create(
        name="c", version=SnmpVersion.V2C, community="only-in-tests"
    )
    for name in ("agg-e", "agg-w"):
        device = made.devices[name]
        device.credential = credential
        device.save()
        Target.objects.create(
            name=f"{name} SNMP", kind="snmp", address="127.0.0.1", device=device, interval_s=60
        )
    yield made
    topology.forget_graph()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, net: Net) -> Ask:
    """Ask what stands for the routers; returns the names of those that were asked."""

    def asked(found: RoutingNeighbours | None, minutes: float = 2) -> list[str]:
        names: list[str] = []

        def read(devices: Sequence[SnmpDevice], _how: object) -> list[Answer[RoutingNeighbours]]:
            names.extend(
                name for name, d in net.devices.items() if d.pk in {device.id for device in devices}
            )
            return [Answer(device, found, "" if found else "timeout") for device in devices]

        monkeypatch.setattr(neighbours, "read_devices", read)
        neighbours.end_what_routers_disprove(timezone.now() + timedelta(minutes=minutes))
        inbox.inbox.store()
        merge_reports()
        return names

    return asked


def lose(net: Net, *peers: str, kind: str = "ospf_down") -> None:
    for peer in peers:
        evidence = {"text": f"Nbr {peer}: Full -> Deleted", "about": peer}
        report_event(kind, net.devices["agg-e"], raised=True, source="syslog", evidence=evidence)
    inbox.inbox.store()
    merge_reports()


def test_it_ends_when_the_router_says_that_all_of_them_are_back(net: Net, ask: Ask) -> None:
    lose(net, "10.0.0.1", "10.0.0.2")
    assert ask(RoutingNeighbours(({"10.0.0.1": True, "10.0.0.2": False},))) == ["agg-e"]
    assert len(holding()) == 1
    ask(RoutingNeighbours(({"10.0.0.1": True, "10.0.0.2": True},)))
    assert holding() == []
    assert ask(None) == []  # nobody is asked when nothing is lost


def test_it_stays_while_nobody_knows(net: Net, ask: Ask) -> None:
    lose(net, "10.0.0.1")
    assert ask(RoutingNeighbours(({"10.0.0.1": True},)), minutes=0.5) == []  # a moment ago
    ask(None)
    ask(RoutingNeighbours(({},), {"10.0.0.1": True}))
    assert len(holding()) == 1


def test_a_bgp_peer_is_looked_for_among_the_bgp_peers(net: Net, ask: Ask) -> None:
    lose(net, "192.0.2.1", kind="bgp_down")
    ask(RoutingNeighbours(({"192.0.2.1": True},), {"192.0.2.1": False}))
    assert len(holding()) == 1
    ask(RoutingNeighbours((), {"192.0.2.1": True}))
    assert holding() == []


def test_who_does_not_name_the_neighbour_is_not_asked(net: Net, ask: Ask) -> None:
    lose(net, "")
    assert ask(RoutingNeighbours(({"": True},))) == []
    assert len(holding()) == 1


def test_more_messages_than_are_kept_leave_it_to_a_person(net: Net, ask: Ask) -> None:
    lose(net, *(f"10.0.0.{n}" for n in range(30)))
    assert ask(RoutingNeighbours(({f"10.0.0.{n}": True for n in range(10)},))) == []
    assert len(holding()) == 1


def test_the_first_neighbour_that_is_back_does_not_end_the_others_loss(net: Net, ask: Ask) -> None:
    lose(net, "10.0.0.1", "10.0.0.2")
    for peer, still in (("10.0.0.1", 1), ("10.0.0.2", 0)):
        evidence = {"text": f"Nbr {peer}: Loading -> Full", "about": peer}
        report_event("ospf_down", net.devices["agg-e"], raised=False, source="syslog",
                     evidence=evidence)  # fmt: skip
        inbox.inbox.store()
        merge_reports()
        assert len(holding()) == still
