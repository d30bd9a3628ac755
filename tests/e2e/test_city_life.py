"""A twin is built, every protocol of it answers, GovNet measures it, and nothing of it is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

from govnet.lab import kernel
from govnet.lab.description import Role
from govnet.lab.twin import Twin
from tests.e2e.conftest import UNITS
from tests.e2e.twins import City, a_twin, left_of
from tests.running import installation, until


def test_every_unit_is_measured_on_both_versions_of_ip(city: City) -> None:
    city.wait_for(lambda states: set(states.values()) == {"up"}, 90)
    names = set(city.states())
    for node in city.twin.city.of_role(Role.UNIT):
        assert {f"{node.title}机房 ICMP", f"{node.title}机房 ICMPv6"} <= names
    addresses = {address for (address,) in city.govnet.rows("SELECT address FROM monitor_target")}
    for node in city.twin.city.of_role(Role.UNIT):
        assert {str(address) for address in city.twin.city.address_of(node.name)} <= addresses
    assert len(city.twin.city.of_role(Role.UNIT)) == UNITS


def test_the_ledger_knows_the_ports_and_rates_of_the_twin(city: City) -> None:
    speeds = dict(
        city.govnet.rows(
            "SELECT c.number, b.mbps FROM inventory_circuit c"
            " JOIN inventory_bandwidthchange b ON b.circuit_id = c.id ORDER BY b.effective_on"
        )
    )
    for cable in city.twin.city.cables:
        if city.twin.city.by_name[cable.a.node].role is Role.UNIT:
            assert speeds[cable.name] == cable.mbps
    measured = "SELECT count(*) FROM monitor_portstate WHERE speed_mbps IN (10, 100, 1000)"
    until(lambda: city.govnet.rows(measured)[0][0] > 60, 120, "speeds of ports", city.explain)


def test_every_protocol_of_every_node_answers(city: City) -> None:
    done = city.govnet.run("lab", "check", "--name", city.twin.city.name, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✖" not in done.stdout


def test_flows_logs_and_traps_of_the_twins_devices_arrive(city: City) -> None:
    """The check before made devices send them."""
    chinese = "SELECT count() FROM log_message WHERE text LIKE '%设备日志%'"
    channels = "SELECT DISTINCT channel FROM log_message"
    flows = "SELECT count() FROM flow"
    of_carriers = "SELECT count() FROM flow WHERE circuit_id > 0 AND carrier_id > 0"

    def arrived() -> bool:
        ways = {way for (way,) in city.govnet.sql(channels)}
        counts = [city.govnet.sql(query)[0][0] for query in (flows, of_carriers, chinese)]
        return ways >= {"udp", "trap"} and all(counts)

    until(arrived, 30, "flows, messages in GB18030, traps", city.explain)


def test_a_dead_daemon_is_found_and_named(city: City) -> None:
    (pid,) = city.twin.processes()["resolver"]["dnsmasq"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: city.twin.dead_daemons() == [("resolver", "dnsmasq")], 5, "its end")
    city.twin.start("resolver", city.twin.daemons("resolver"))
    assert city.twin.dead_daemons() == []


def test_it_is_built_once(city: City) -> None:
    name = city.twin.city.name
    done = city.govnet.run("lab", "up", "--name", name, "--units", "1", check=False)
    assert (done.returncode, "runs already" in done.stderr) == (1, True)
    assert city.twin.unreachable(5) == set()


def test_nothing_of_it_touches_the_machine(city: City) -> None:
    interfaces = {end.interface for cable in city.twin.city.cables for end in cable.ends}
    assert interfaces.isdisjoint(name for _, name in socket.if_nameindex())
    for node in city.twin.city.nodes:
        with kernel.inside(city.twin.namespace(node.name)):
            own = {end.interface for end, _, _ in city.twin.city.plugs(node.name)}
            there = subprocess.check_output(["ip", "-o", "link"], text=True)
            names = {line.split(": ")[1].split("@")[0] for line in there.splitlines()}
            assert own <= names
            assert not {name for name in names - own if name.startswith(("eth", "en", "veth"))}


def test_two_coexist_and_what_was_killed_leaves_nothing(city: City, tmp_path: Path) -> None:
    site, name = installation(tmp_path), f"o{os.getpid()}"
    with a_twin(site, name, 2) as other:
        assert other.unreachable(5) == set()
        assert city.twin.unreachable(5) == set()
        _kill_half_of(other)
        site.run("lab", "up", "--name", name, "--units", "2")  # removes what is left first
        assert other.unreachable(5) == set()
        _kill_half_of(other)
    assert left_of(name) == []
    assert city.twin.dead_daemons() == []
    assert city.twin.unreachable(5) == set()


def _kill_half_of(twin: Twin) -> None:
    """What moves the frames, and daemons of every node."""
    for processes in twin.processes().values():
        for command in ("python", "python3", "zebra", "snmpd"):
            for pid in processes.get(command, ()):
                os.kill(pid, signal.SIGKILL)
