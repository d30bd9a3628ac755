"""Ledger against reality: what differs, for whom, and what a decision does."""

from __future__ import annotations

import csv
import io

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from govnet.engine.snmp.neighbours import AddressSeen, LldpNeighbour, Surroundings
from govnet.inventory.models import Carrier, Circuit, Device, DeviceLayer, Port
from govnet.monitor.models import PortState
from govnet.topology import sweep
from govnet.topology.differences import STALE, Difference, Kind, differences
from govnet.topology.models import Dismissal, Neighbour, Sweep, SweepRun
from tests import query_counts
from tests.people import person
from tests.topology.net import Net, build_net

pytestmark = pytest.mark.django_db
LIST = "/topology/differences/"


def _heard(
    net: Net, name: str, *lines: tuple[str, str, str], arp: tuple[str, str] = ("", "")
) -> None:
    """A device answers: own port, name of the neighbour, its port; port and address by ARP."""
    told = Surroundings(
        chassis=f"chassis-{name}",
        lldp=[LldpNeighbour(own, f"chassis-{far}", far, port) for own, far, port in lines],
        names={7: arp[0]},
        physical=frozenset({7}),
        arp=[AddressSeen(7, "02:00:00:00:00:07", arp[1])] if arp[0] else [],
    )
    sweep.keep(net.devices[name].pk, told)


@pytest.fixture
def net() -> Net:
    """Every backbone line is seen from both ends as the ledger has it."""
    net = build_net()
    _heard(net, "agg-e", ("to core1", "core1", "to agg-e"))
    _heard(net, "agg-w", ("to core1", "core1", "to agg-w"))
    _heard(net, "core1", ("to agg-e", "agg-e", "to core1"), ("to agg-w", "agg-w", "to core1"))
    return net


@pytest.fixture
def engineer(client: Client, net: Net) -> Client:
    client.force_login(person("owner", "network_engineer", whole_site=True))
    return client


def _found(kind: Kind) -> list[Difference]:
    viewer = person(f"viewer{timezone.now().timestamp()}", whole_site=True, superuser=True)
    assert {item.kind for item in differences(viewer)} <= {kind}
    return differences(viewer)


def test_what_agrees_is_no_difference(net: Net) -> None:
    assert _found(Kind.MISSING) == []


def test_a_neighbour_that_was_not_asked_is_known_by_the_ledgers_port() -> None:
    _heard(
        build_net(), "core1", ("to agg-e", "agg-e", "to core1"), ("to agg-w", "agg-w", "TO CORE1")
    )
    assert _found(Kind.PEER) == []


def test_a_line_that_neither_end_sees_any_more_is_missing(net: Net) -> None:
    _heard(net, "agg-e")
    _heard(net, "core1", ("to agg-w", "agg-w", "to core1"))
    (item,) = _found(Kind.MISSING)
    assert item.circuit == net.circuits["agg-e-core1"]
    assert not item.acceptable
    seen = Neighbour.objects.get(device=net.devices["agg-e"])
    answered_at = Sweep.objects.get(device=net.devices["agg-e"]).answered_at
    assert answered_at is not None
    assert seen.last_seen_at < answered_at


def test_nothing_is_missing_where_an_end_is_silent_mute_or_long_ago(net: Net) -> None:
    _heard(net, "agg-e")
    _heard(net, "core1", ("to agg-w", "agg-w", "to core1"))
    reading = Sweep.objects.filter(device=net.devices["agg-e"])
    reading.update(answered_at=timezone.now() - STALE * 2)
    assert _found(Kind.MISSING) == []
    reading.update(answered_at=timezone.now(), chassis="")
    assert _found(Kind.MISSING) == []
    sweep.keep(net.devices["agg-e"].pk, None, "timeout")
    assert reading.get().problem == "timeout"
    assert _found(Kind.MISSING) == []


def test_another_peer_is_shown_once_and_accepted_into_the_ledger(
    engineer: Client, net: Net
) -> None:
    _heard(net, "core1", ("to agg-e", "agg-e", "uplink 2"), ("to agg-w", "agg-w", "to core1"))
    _heard(net, "agg-e", ("uplink 2", "core1", "to agg-e"))
    (item,) = _found(Kind.PEER)
    engineer.post(reverse("topology:difference", args=[item.key]), {"act": "accept"})
    circuit = Circuit.objects.get(number="agg-e-core1")
    assert str(circuit.a_port) == "agg-e uplink 2"
    assert _found(Kind.PEER) == []
    entry = LogEntry.objects.get_for_object(circuit).latest("timestamp")
    assert entry.actor is not None
    assert "a_port" in entry.changes


def test_an_unregistered_line_is_entered_with_its_ports(engineer: Client, net: Net) -> None:
    _heard(net, "agg-e", ("to core1", "core1", "to agg-e"), ("GE0/0/9", "agg-w", "GE0/0/8"))
    _heard(net, "agg-w", ("to core1", "core1", "to agg-w"), ("GE0/0/8", "agg-e", "GE0/0/9"))
    (item,) = _found(Kind.UNREGISTERED)
    url = reverse("topology:difference", args=[item.key])
    assert "circuit" in engineer.get(url).content.decode()
    values = {"act": "accept", "number": "", "kind": "backbone", "carrier": ""}
    assert engineer.post(url, values).status_code == 200
    assert not Port.objects.filter(name="GE0/0/9").exists()
    values |= {"number": "agg-e-core1", "carrier": str(Carrier.objects.get().pk)}
    assert engineer.post(url, values).status_code == 200, "the number is taken"
    engineer.post(url, values | {"number": "NEW-1"})
    circuit = Circuit.objects.get(number="NEW-1")
    assert {str(circuit.a_port), str(circuit.z_port)} == {"agg-e GE0/0/9", "agg-w GE0/0/8"}
    assert _found(Kind.UNREGISTERED) == []
    page = engineer.post(url, values, follow=True).content.decode()
    assert "alert" in page, "what is gone cannot be accepted twice"


def test_a_device_that_the_ledger_does_not_know_is_shown_but_not_entered(net: Net) -> None:
    _heard(net, "agg-e", ("to core1", "core1", "to agg-e"), ("GE0/0/9", "<b>rogue</b>", "eth0"))
    (item,) = _found(Kind.UNREGISTERED)
    assert "rogue" in item.seen
    assert not item.acceptable


def test_a_port_slower_than_the_contract_is_shown(net: Net) -> None:
    states = PortState.objects.filter(port=net.circuits["agg-e-core1"].z_port)
    states.update(speed_mbps=100, sampled_at=timezone.now())
    (item,) = _found(Kind.SPEED)
    assert (item.ledger, item.circuit) == ("1000 Mbit/s", net.circuits["agg-e-core1"])
    states.update(speed_mbps=1000)
    assert _found(Kind.SPEED) == []


def test_an_access_point_behind_another_port_is_put_there(engineer: Client, net: Net) -> None:
    point = net.points["e1"]
    point.ipv4 = "192.0.2.9"
    point.save()
    right, line = ("to e1", "192.0.2.9"), ("to core1", "core1", "to agg-e")
    _heard(net, "agg-e", line, arp=right)
    assert _found(Kind.PEER) == []
    _heard(net, "agg-e", line, arp=("GE0/0/7", "192.0.2.9"))
    (item,) = _found(Kind.PEER)
    engineer.post(reverse("topology:difference", args=[item.key]), {"act": "accept"})
    assert str(Circuit.objects.get(number="e1-agg-e").z_port) == "agg-e GE0/0/7"


def test_a_bridge_is_believed_before_arp(net: Net) -> None:
    net.points["e1"].ipv4 = "192.0.2.9"
    net.points["e1"].save()
    _heard(net, "agg-e", ("to core1", "core1", "to agg-e"), arp=("Vlanif9", "192.0.2.9"))
    assert len(_found(Kind.PEER)) == 1
    told = Surroundings(names={3: "to e1"}, physical=frozenset({3}))
    mac = "02:00:00:00:00:07"
    sweep.keep_bridge(net.devices["agg-e"].pk, told, [AddressSeen(3, mac)], {mac: "192.0.2.9"})
    assert _found(Kind.PEER) == []


def test_a_dismissed_difference_comes_back_when_it_changes(engineer: Client, net: Net) -> None:
    _heard(net, "agg-e", ("to core1", "core1", "to agg-e"), ("GE0/0/9", "rogue", "eth0"))
    (item,) = _found(Kind.UNREGISTERED)
    url = reverse("topology:difference", args=[item.key])
    assert engineer.post(url, {"act": "dismiss", "reason": ""}).status_code == 200
    engineer.post(url, {"act": "dismiss", "reason": "运营商设备"})
    assert LogEntry.objects.get_for_model(Dismissal).exists()
    assert "rogue" not in engineer.get(LIST).content.decode()
    assert "rogue" in engineer.get(LIST, {"dismissed": "1"}).content.decode()
    _heard(net, "agg-e", ("to core1", "core1", "to agg-e"), ("GE0/0/9", "rogue", "eth1"))
    assert "rogue" in engineer.get(LIST).content.decode()
    _heard(net, "agg-e", ("to core1", "core1", "to agg-e"), ("GE0/0/9", "rogue", "eth0"))
    engineer.post(url, {"act": "restore"})
    assert "rogue" in engineer.get(LIST).content.decode()


def test_each_sees_and_decides_only_what_lies_wholly_within_sight(client: Client, net: Net) -> None:
    _heard(net, "agg-e", ("to core1", "core1", "to agg-e"), ("GE0/0/9", "rogue-e", "eth0"))
    _heard(net, "agg-w", ("to core1", "core1", "to agg-w"), ("GE0/0/8", "agg-e", "GE0/0/5"))
    across = next(item for item in _found(Kind.UNREGISTERED) if "rogue" not in item.seen)
    client.force_login(person("colleague", "network_engineer", regions=[net.east]))
    page = client.get(LIST).content.decode()
    assert "rogue-e" in page
    assert "agg-w" not in page
    exported = client.get(LIST, {"format": "csv"}).getvalue().decode("utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(exported)))) == 1
    assert "rogue-e" in exported
    assert "agg-w" not in exported
    url = reverse("topology:difference", args=[across.key])
    assert client.get(url).status_code == 302
    client.post(url, {"act": "dismiss", "reason": "x"})
    assert not Dismissal.objects.exists()
    client.force_login(person("officer", "duty_officer", whole_site=True))
    assert client.post(url, {"act": "dismiss", "reason": "x"}).status_code == 403
    assert client.post(url, {"act": "accept"}).status_code == 403
    assert client.post(reverse("topology:sweep")).status_code == 403
    client.force_login(person("stranger", "network_engineer"))
    assert "rogue-e" not in client.get(LIST).content.decode()
    client.force_login(person("contact", "contractor"))
    assert client.get(LIST).status_code == 403


def test_filters_words_and_files(engineer: Client, net: Net) -> None:
    _heard(net, "agg-e", ("GE0/0/9", "rogue", "eth0"))
    _heard(net, "core1", ("to agg-w", "agg-w", "to core1"))
    assert "rogue" in engineer.get(LIST, {"kind": "unregistered"}).content.decode()
    assert "rogue" not in engineer.get(LIST, {"kind": "missing"}).content.decode()
    assert "rogue" not in engineer.get(LIST, {"q": "agg-e nothing"}).content.decode()
    assert "rogue" not in engineer.get(LIST, {"kind": "wrong"}).content.decode()
    assert engineer.get(LIST, {"format": "xlsx"}).getvalue().startswith(b"PK")
    assert engineer.get(LIST, {"format": "exe"}).status_code == 404


def test_reading_now_is_queued_once_and_shown(engineer: Client, net: Net) -> None:
    engineer.post(reverse("topology:sweep"))
    engineer.post(reverse("topology:sweep"))
    assert SweepRun.objects.count() == 1
    assert 'role="status"' in engineer.get(LIST).content.decode()


def test_the_page_asks_as_often_however_much_differs(engineer: Client, net: Net) -> None:
    engineer.get(LIST)
    with query_counts.compare("topology:differences"):
        engineer.get(LIST)
    for number in range(30):
        name = f"x{number}"
        net.devices[name] = Device.objects.create(
            name=name, layer=DeviceLayer.ACCESS, region=net.east
        )
        Port.objects.create(device=net.devices[name], name="eth0")
        _heard(net, name, ("eth0", f"rogue{number}", "eth0"), ("eth1", "core1", f"GE0/{number}"))
    with query_counts.compare("topology:differences"):
        assert engineer.get(LIST).content.decode().count("rogue") > 20
