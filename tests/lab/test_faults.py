"""Faults in a running twin: what is then seen from the operations room is the truth.

Seen by ping, HTTPS and SNMP of the tests' own; that GovNet sees the same is tested in tests/e2e.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from govnet.engine.result import State
from govnet.lab import faults, kernel
from govnet.lab.cables import Cables
from govnet.lab.daemons.portal import HOST, SITE
from govnet.lab.description import Role
from govnet.lab.laying import control_socket
from govnet.lab.load import Load, Plan
from govnet.lab.plan import demo_lines, describe
from govnet.lab.reach import unreachable
from govnet.lab.scenario import Scenario, ScenarioError, play, truth_now
from govnet.lab.truth import Seen, Sense
from govnet.lab.twin import Twin, down, refuse_without_privileges
from tests.peers import require, require_root

pytestmark = [pytest.mark.root, pytest.mark.peer, pytest.mark.slow]
PINGS = (Sense.ICMP4, Sense.ICMP6)


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    require_root("network namespaces")
    refuse_without_privileges()
    built = Twin(describe(demo_lines(12), f"f{os.getpid()}"))
    try:
        built.up()
        yield built
    finally:
        down(built.city.name)


@pytest.fixture(autouse=True)
def _healed(twin: Twin) -> Iterator[None]:
    yield
    faults.heal(twin)
    wait_until_true(twin)


def silent(twin: Twin) -> set[Seen]:
    """What does not answer a ping within half a second."""
    asked = {
        str(address): (node.name, sense)
        for node in twin.city.nodes
        if node.name != "noc"
        for address, sense in zip(twin.city.address_of(node.name), PINGS, strict=True)
    }
    return {asked[a] for a in unreachable(twin.namespace("noc"), asked, 0.5)}


def wait_until_true(twin: Twin, within_s: float = 15) -> None:
    """Wait until what answers a ping is what truly should, twice in a row."""
    found = truth_now(twin)
    wanted = {
        seen
        for seen, state in found.states.items()
        if seen[1] in PINGS and state in (State.DOWN, State.UNKNOWN)
    }
    deadline, right, seen = time.monotonic() + within_s, 0, set[Seen]()
    while right < 2:
        assert time.monotonic() < deadline, (sorted(seen - wanted), sorted(wanted - seen))
        seen = silent(twin)
        right = right + 1 if seen == wanted else 0


@pytest.mark.parametrize(
    ("kind", "target", "options"),
    [
        ("cut", "YS-JR-01A", {}),
        ("port-down", "agg1:to-acc01", {}),
        ("off", "agg1", {}),
        ("off", "u002", {}),
        ("kill", "agg2:ospfd", {}),
        ("kill", "agg2:ospf6d", {}),
        ("kill", "core1:bgpd", {}),
        ("acl", "acc02", {}),
        ("isp-down", "isp1", {}),
        ("line", "u003", {"loss": 1.0}),
        ("blind", "noc", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_answers_is_what_truly_should_and_all_of_it_after_healing(
    twin: Twin, kind: str, target: str, options: dict[str, Any]
) -> None:
    faults.inject(twin, kind, target, options)
    assert truth_now(twin).affected
    wait_until_true(twin)
    assert [fault.kind for fault in faults.heal(twin)] == [kind]
    assert truth_now(twin).affected == {}
    wait_until_true(twin)
    assert twin.dead_daemons() == []


def test_several_faults_add_up_and_healing_one_leaves_the_other(twin: Twin) -> None:
    faults.inject(twin, "port-down", "acc01:to-u001")
    faults.inject(twin, "off", "acc01")
    wait_until_true(twin)
    faults.heal(twin, "off")
    wait_until_true(twin)
    assert {node for node, _ in truth_now(twin).affected} == {"u001"}


def test_the_same_fault_again_changes_nothing_other_options_replace_it(twin: Twin) -> None:
    first = faults.inject(twin, "line", "u003", {"delay_ms": 5})
    assert faults.inject(twin, "line", "u003", {"delay_ms": 5}) == first
    faults.inject(twin, "line", "u003", {"delay_ms": 9})
    assert [fault.options for fault in faults.active(twin)] == [{"delay_ms": 9}]
    with pytest.raises(faults.FaultError, match="Options of line"):
        faults.inject(twin, "line", "u003", {"speed": 1})
    with pytest.raises(faults.FaultError, match="no daemon"):
        faults.inject(twin, "kill", "u003:zebra")
    assert len(faults.active(twin)) == 1


def snmp_answers(twin: Twin, node: str) -> bool:
    address = str(twin.city.address_of(node)[0])
    community = twin.room(twin.city.by_name[node]).secrets.community
    command = [require("snmpget"), "-v2c", "-c", community, "-t1", "-r1", address]
    with kernel.inside(twin.namespace("noc")):
        done = subprocess.run(
            [*command, "1.3.6.1.2.1.1.3.0"], check=False, capture_output=True, timeout=20
        )
    return done.returncode == 0


def test_a_mute_agent_hides_from_snmp_only(twin: Twin) -> None:
    faults.inject(twin, "mute", "core2")
    assert not snmp_answers(twin, "core2")
    wait_until_true(twin)
    faults.heal(twin, "mute", "core2")
    assert snmp_answers(twin, "core2")


def test_an_agent_answers_again_after_its_node_was_without_power(twin: Twin) -> None:
    faults.inject(twin, "off", "acc03")
    faults.heal(twin)
    wait_until_true(twin)
    assert snmp_answers(twin, "acc03")


def page(twin: Twin) -> tuple[int, str]:
    """Status and text of the portal's page, with its certificate checked."""
    files = twin.room(twin.city.by_name["portal"]).directory / "run" / "etc"
    trust = ssl.create_default_context(cafile=str(files / "authority.pem"))
    with kernel.inside(twin.namespace("noc")):
        address = str(twin.city.address_of("portal")[0])
        connection = http.client.HTTPSConnection(address, timeout=10, context=trust)
        connection.request("GET", "/", headers={"Host": HOST})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def seen_page(twin: Twin, wanted: str) -> None:
    """Wait until the web server has taken over its configuration."""
    deadline, found = time.monotonic() + 5, ""
    while found != wanted:
        assert time.monotonic() < deadline, (found, wanted)
        began = time.monotonic()
        try:
            status, text = page(twin)
        except ssl.SSLCertVerificationError as error:
            found = error.verify_message
            continue
        slow = " slow" if time.monotonic() - began > 1.5 else ""
        found = f"{status} {'right' if SITE in text else 'wrong'}{slow}"


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("portal-500", "500 wrong"),
        ("defaced", "200 wrong"),
        ("certificate", "certificate has expired"),
        ("portal-slow", "200 right slow"),
    ],
)
def test_the_portal_shows_its_fault_and_is_right_again(twin: Twin, kind: str, wanted: str) -> None:
    faults.inject(twin, kind, "portal", {"seconds": 2} if kind == "portal-slow" else {})
    seen_page(twin, wanted)
    faults.heal(twin)
    seen_page(twin, "200 right")


def received(twin: Twin, node: str) -> int:
    """Packets that a node's only interface received."""
    end = twin.city.plugs(node)[0][0]
    with kernel.inside(twin.namespace(node)):
        text = Path("/proc/thread-self/net/dev").read_text()
    (line,) = (line for line in text.splitlines() if line.strip().startswith(end.interface))
    return int(line.split(":")[1].split()[1])


@pytest.mark.parametrize("kind", ["syn-flood", "amplification", "scan"])
def test_an_attack_arrives_within_its_bounds_and_ends_by_itself(twin: Twin, kind: str) -> None:
    before = received(twin, "portal")
    faults.inject(twin, kind, "portal", {"rate": 200, "seconds": 1.0})
    deadline = time.monotonic() + 20
    while faults.active(twin):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert 100 <= received(twin, "portal") - before <= 230


def test_a_flapping_line_goes_down_and_comes_up_and_ends_whole(twin: Twin) -> None:
    faults.inject(twin, "flap", "u004", {"down_s": 1, "up_s": 1.5, "seconds": 5})
    states = set()
    deadline = time.monotonic() + 20
    while faults.active(twin):
        assert time.monotonic() < deadline
        states.add(("u004", Sense.ICMP4) in silent(twin))
    assert states == {True, False}


def test_a_scenario_records_the_truth_and_heals_even_when_interrupted(twin: Twin) -> None:
    script = Scenario.model_validate(
        {
            "name": "x",
            "steps": [
                {"at": 0, "fault": "cut", "target": "u002"},
                {"at": 1, "fault": "off", "target": "no-such-node"},
            ],
        }
    )
    lines: list[dict[str, Any]] = []
    with pytest.raises(ScenarioError, match=r"step 2: .* has no node"):
        play(twin, script, lines.append, sleep=lambda _: None)
    assert [line["event"] for line in lines] == ["fault", "heal"]
    assert lines[0]["affected"] == {"u002/icmp4": "down", "u002/icmp6": "down"}
    assert (lines[0]["without_path"], lines[1]["affected"]) == (["u002"], {})


def carried(twin: Twin) -> dict[str, int]:
    """Bytes towards each unit so far, by its name."""
    cables = Cables(control_socket(twin.directory)).all()
    return {
        unit.name: cables[twin.city.plugs(unit.name)[0][2].name]["counters"]["backward"]["bytes"]
        for unit in twin.city.of_role(Role.UNIT)
    }


def test_the_load_of_each_unit_is_there_and_stays_below_its_share(twin: Twin) -> None:
    before, seconds, share = carried(twin), 8.0, 0.01
    asyncio.run(Load(twin, Plan(share)).run(seconds))
    for unit, after in carried(twin).items():
        line = twin.city.plugs(unit)[0][2].mbps * 125_000 * seconds
        # Its page, its names and the frames' headers come on top.
        assert 0.05 * share * line < after - before[unit] < 1.2 * share * line + 60_000, unit
