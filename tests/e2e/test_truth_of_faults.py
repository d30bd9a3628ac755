"""Each kind of fault: what GovNet shows becomes the truth, and everything is normal after it.

The truth is worked out from the description; GovNet measures the twin from its operations room.
Faults that do not disturb each other are injected together.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from govnet.engine.result import State
from govnet.lab import faults, kernel
from govnet.lab.description import Role
from govnet.lab.faults.base import cables_of
from govnet.lab.scenario import truth_now
from govnet.lab.truth import Seen, Sense
from tests.e2e.twins import City
from tests.running import until

WITHIN_S = 15.0
BELIEVED = """
SELECT t.kind, t.address, coalesce(s.state, 'unmeasured') FROM monitor_target t
LEFT JOIN monitor_targetstate s ON s.target_id = t.id
WHERE NOT t.withdrawn AND NOT t.reference AND t.kind <> 'line'
"""
FLIPS = """
SELECT count(*) FROM monitor_flip f JOIN monitor_target t ON t.id = f.target_id
WHERE t.address = ?
"""
# Told within 15 s: the intervals of a real site, with three failures in a row, need a minute;
# a silent agent is asked twice each time, and that alone took 12 s at two seconds a try.
BRISK = """
from govnet.monitor.models import Target
from govnet.monitor.services import bump_revision
Target.objects.filter(reference=False).update(interval_s=3)
Target.objects.filter(reference=True).update(interval_s=2)
Target.objects.filter(kind="snmp").update(timeout_s=1)
for page in Target.objects.filter(kind="http"):
    page.params["max_total_ms"], page.timeout_s, page.interval_s = 1000, 3, 2
    page.save()
bump_revision()
"""
Fault = tuple[str, str, dict[str, Any]]
ATTACK = {"source": "isp2", "rate": 200, "seconds": 120}

ROUNDS: dict[str, list[Fault]] = {
    "lines, ports, a silent agent": [
        ("cut", "YS-JR-01A", {}),
        ("port-down", "agg3:to-acc09", {}),
        ("line", "u003", {"loss": 1, "way": "up"}),
        ("flap", "u004", {"down_s": 6, "up_s": 4, "seconds": 60}),
        ("off", "u006", {}),
        ("mute", "core2", {}),
        ("portal-500", "portal", {}),
    ],
    "filter, routing of one version, a carrier, names": [
        ("acl", "acc02", {}),
        ("kill", "acc05:ospf6d", {}),
        ("kill", "acc09:ospfd", {}),
        ("defaced", "portal", {}),
        ("isp-down", "isp1", {}),
        ("kill", "resolver:dnsmasq", {}),
    ],
    "a router with all behind it, BGP, phones": [
        ("off", "agg2", {}),
        ("certificate", "portal", {}),
        ("kill", "phones:kamailio", {}),
        ("kill", "core1:bgpd", {}),
    ],
    "a slow portal, attacks that harm nobody": [
        ("portal-slow", "portal", {"seconds": 2}),
        ("syn-flood", "u001", ATTACK),
        ("amplification", "u003", ATTACK),
        ("scan", "u005", ATTACK),
    ],
    "the operations room cut off": [("blind", "noc", {})],
}


def test_every_kind_of_fault_has_its_round() -> None:
    assert {kind for fault in ROUNDS.values() for kind, _, _ in fault} == set(faults.KINDS)


def believed(city: City) -> dict[Seen, str]:
    """What GovNet says of each node by each probe."""
    twin = city.twin.city
    node_of = {
        str(address): (node.name, sense)
        for node in twin.nodes
        for address, sense in zip(
            twin.address_of(node.name), (Sense.ICMP4, Sense.ICMP6), strict=True
        )
    }
    services = {"snmp": Sense.SNMP, "http": Sense.HTTP, "tcp": Sense.SIP}
    found: dict[Seen, str] = {}
    for kind, address, state in city.govnet.rows(BELIEVED):
        if kind == "dns":
            found["resolver", Sense.DNS] = state
            continue
        host = urlsplit(address).hostname if kind == "http" else address
        node, sense = node_of[host or ""]
        found[node, services.get(kind, sense)] = state
    return found


def differences(city: City) -> dict[Seen, tuple[str, str]]:
    """Where GovNet and the truth differ: what it says, what is true."""
    truth = truth_now(city.twin)
    return {
        seen: (state, truth.states[seen].value)
        for seen, state in believed(city).items()
        if seen not in truth.unsettled and state != truth.states[seen]
    }


def wait_for_truth(city: City, seconds: float) -> float:
    """Wait until GovNet shows the truth; returns how long that took."""
    began = time.monotonic()
    until(lambda: not differences(city), seconds, "the truth", lambda: str(differences(city)))
    return time.monotonic() - began


@pytest.fixture(scope="module")
def brisk(city: City) -> City:
    """Short intervals, and everything up."""
    city.govnet.django(BRISK)
    return city


@pytest.fixture
def whole(brisk: City) -> Iterator[City]:
    """Everything is up; what the test breaks is healed."""
    wait_for_truth(brisk, 60)
    yield brisk
    faults.heal(brisk.twin)


@pytest.mark.parametrize("name", ROUNDS)
def test_what_govnet_shows_becomes_the_truth_and_normal_again(whole: City, name: str) -> None:
    for kind, target, options in ROUNDS[name]:
        faults.inject(whole.twin, kind, target, options)
    assert truth_now(whole.twin).affected
    told = wait_for_truth(whole, WITHIN_S)
    assert len(faults.active(whole.twin)) == len(ROUNDS[name])
    faults.heal(whole.twin)
    assert truth_now(whole.twin).affected == {}
    recovered = wait_for_truth(whole, WITHIN_S)
    print(f"{name}: told after {told:.1f} s, normal after {recovered:.1f} s")


def test_a_line_gets_worse_and_is_cut_while_another_proves_its_rate(whole: City) -> None:
    """Loss is averaged over fifty requests, one a second: there is time for the other."""
    faults.inject(whole.twin, "line", "u003", {"loss": 0.4, "way": "up"})
    assert set(truth_now(whole.twin).affected.values()) == {State.DEGRADED}
    tell_a_10m_line_from_a_100m_line_by_measurement(whole)
    wait_for_truth(whole, 45)
    faults.inject(whole.twin, "cut", "u003")
    wait_for_truth(whole, WITHIN_S)
    faults.heal(whole.twin)
    wait_for_truth(whole, WITHIN_S)


def test_a_line_that_came_and_went_left_its_changes(whole: City) -> None:
    """In the first round."""
    address = str(whole.twin.city.address_of("u004")[0])
    assert whole.govnet.rows(FLIPS, address)[0][0] >= 2


def tell_a_10m_line_from_a_100m_line_by_measurement(whole: City) -> None:
    twin = whole.twin
    lines = (twin.city.plugs(unit.name)[0][2] for unit in twin.city.of_role(Role.UNIT))
    cable = next(line for line in lines if line.mbps == 100)
    # A busy machine may hold a measurement back, never speed one up.
    assert any(proof(whole, cable.name) == (0, "proven") for _ in range(3))
    cables_of(twin).set_rate(cable.name, 10)
    try:
        assert proof(whole, cable.name) == (1, "not_proven")
    finally:
        cables_of(twin).set_rate(cable.name, cable.mbps)


def proof(city: City, number: str) -> tuple[int, str]:
    """Exit status of ``govnet tier-proof`` in the operations room, and what it recorded."""
    with kernel.inside(city.twin.namespace("noc")):
        done = city.govnet.run("tier-proof", number, "--seconds", "2", check=False)
    print(done.stdout, done.stderr)
    last = "SELECT outcome FROM monitor_tierproof ORDER BY id DESC LIMIT 1"
    return done.returncode, str(city.govnet.rows(last)[0][0])
