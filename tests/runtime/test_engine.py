"""The real engine process against real targets: what it sees ends in both databases."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.peers_snmpd import COMMUNITY, Snmpd, running_snmpd
from tests.running import until
from tests.runtime.machine import IMPORTS, Machine, machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Store and engine over one access point and one reference target."""
    with machine(tmp_path_factory.mktemp("engine")) as made:
        made.django(
            f"{IMPORTS}ledger.access_point('AP1', ipv4='127.44.0.1')\n"
            "ledger.target(name='reference', address='127.0.0.1', reference=True)"
        )
        made.launch("store")
        made.launch("engine")
        until(made.measuring, 60, "the engine measures", made.log_tail)
        yield made


def test_an_access_point_is_measured_without_anybody_asking(site: Machine) -> None:
    until(lambda: site.is_state("接入点AP1 ICMP", "up"), 20, "up", site.log_tail)
    until(lambda: site.state("接入点AP1 ICMP")["rtt"] is not None, 20, "a last value")
    assert site.state("接入点AP1 ICMP")["rtt"] < 100
    until(
        lambda: site.sql("SELECT count() FROM probe_result WHERE outcome = 0")[0][0],
        30,
        "samples in the store",
        site.log_tail,
    )


def test_the_engine_follows_the_inventory_without_a_restart(site: Machine) -> None:
    pid = site.children["engine"].pid
    site.django(f"{IMPORTS}ledger.access_point('AP2', ipv4='127.44.0.2')")
    started = time.monotonic()
    until(
        lambda: site.status()["processes"]["engine"]["counters"]["targets"] == 3,
        15,
        "a third target",
        site.log_tail,
    )
    print("followed after", time.monotonic() - started)
    site.django(
        f"{IMPORTS}p = AccessPoint.objects.get(code='AP2'); p.status = 'withdrawn'; p.save()"
    )
    until(
        lambda: site.status()["processes"]["engine"]["counters"]["targets"] == 2,
        15,
        "two targets again",
        site.log_tail,
    )
    assert site.state("接入点AP2 ICMP")["state"] == "unknown"
    assert site.children["engine"].pid == pid
    assert site.children["engine"].poll() is None


def test_an_outage_is_a_flip_since_its_first_failed_sample_and_ends_as_one(
    site: Machine,
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    site.django(
        f"{IMPORTS}ledger.target(name='service', kind='tcp', address='127.0.0.1',"
        f" interval_s=2, tries=1, params={{'port': {port}}})"
    )
    until(lambda: site.is_state("service", "up"), 20, "up", site.log_tail)
    closed_at = time.time()
    listener.close()
    until(lambda: site.is_state("service", "down"), 15, "down", site.log_tail)
    assert site.state("service")["reason"] == "refused"
    with socket.create_server(("127.0.0.1", port)):
        until(lambda: site.is_state("service", "up"), 15, "up again", site.log_tail)
    first, down, up = site.flips("service")[:3]
    assert [first.new, down.new, up.new] == ["up", "down", "up"]
    print("since", down.since - closed_at, "confirmed", down.confirmed - closed_at)
    assert -0.1 <= down.since - closed_at <= 2.5, "since is the first failed sample"
    assert down.confirmed - closed_at <= 5, "confirmed within five seconds"


def _number_anew(snmpd: Snmpd, site: Machine) -> None:
    """The agent starts anew with the name at another index: the port follows at the next poll,
    long before names are read again anyhow (every 30th poll) or all is read (once a minute)."""
    old, new = 1, max(index for index, _name in socket.if_nameindex())
    names = "".join(
        f'override 1.3.6.1.2.1.31.1.1.1.1.{index} octet_str "{name}"\n'
        for index, name in ((old, "other"), (new, "lo"))
    )
    with (snmpd.folder / "conf" / "snmpd.conf").open("a") as configuration:
        configuration.write(names)
    (index,) = site.rows("SELECT if_index FROM inventory_port")[0]
    assert index == old
    snmpd.restart()
    until(
        lambda: site.rows("SELECT if_index FROM inventory_port")[0][0] == new,
        30,
        "the port at its new index",
        site.log_tail,
    )


IF_ADMIN_STATUS, IF_OPER_STATUS = "1.3.6.1.2.1.2.2.1.7", "1.3.6.1.2.1.2.2.1.8"


def _line_follows_its_port(snmpd: Snmpd, site: Machine) -> None:
    """Link lost, link back, shut by hand, opened: each is a change of the line's state."""
    configuration = snmpd.folder / "conf" / "snmpd.conf"
    usual = configuration.read_text()
    (index,) = site.rows("SELECT if_index FROM inventory_port")[0]
    lost = f"override {IF_OPER_STATUS}.{index} integer 2\n"
    shut = f"override {IF_ADMIN_STATUS}.{index} integer 2\n"
    for extra, state, reason in (
        ("", "up", ""),
        (lost, "down", "link_down"),
        ("", "up", ""),
        (lost + shut, "unknown", "admin_down"),
        ("", "up", ""),
    ):
        configuration.write_text(usual + extra)
        snmpd.restart()
        until(partial(site.is_state, "骨干1 LINE", state), 30, state, site.log_tail)
        assert site.state("骨干1 LINE")["reason"] == reason


@pytest.mark.peer
def test_a_polled_device_fills_its_device_port_and_interface_rows(
    site: Machine, tmp_path: Path
) -> None:
    with running_snmpd(tmp_path / "snmpd") as snmpd:
        site.django(
            f"{IMPORTS}c = Credential.objects.create(name='c', version='2c',"
            f" community={COMMUNITY!r})\n"
            f"d = ledger.device('SW1', '127.0.0.1', credential=c, snmp_port={snmpd.port})\n"
            "p = Port.objects.create(device=d, name='lo')\n"
            "ledger.circuit('骨干1', z_port=p)\n"
            "from govnet.monitor.generate import sync_targets; sync_targets()\n"
            "t = Target.objects.get(name='SW1 SNMP'); t.interval_s = 5; t.save(); sync_targets()"
        )
        until(lambda: site.is_state("SW1 SNMP", "up"), 30, "polled", site.log_tail)
        query = "SELECT descr, uptime_s, oper_up FROM monitor_devicestate, monitor_portstate"
        until(lambda: site.rows(query)[0][0], 20, "device row", site.log_tail)
        # The ledger knows only its name; the engine finds its index.
        until(lambda: site.rows(query)[0][2] is not None, 100, "port row", site.log_tail)
        (told,) = site.rows("SELECT interfaces FROM monitor_deviceinterfaces")[0]
        assert "lo" in {row["name"] for row in json.loads(told)}
        descr, uptime_s, oper_up = site.rows(query)[0]
        assert "Linux" in descr
        assert uptime_s is not None
        assert oper_up == 1
        until(
            lambda: site.sql("SELECT max(seconds), max(in_octets) FROM interface_sample")[0][0],
            90,
            "a second poll, and with it rates",
            site.log_tail,
        )
        assert site.rows("SELECT in_bps FROM monitor_portstate")[0][0] is not None
        until(lambda: site.sql("SELECT count() FROM device_sample")[0][0], 20, "device samples")
        _number_anew(snmpd, site)
        _line_follows_its_port(snmpd, site)
    # Nobody answers for the port any more: that is neither up nor down.
    until(lambda: site.is_state("骨干1 LINE", "unknown"), 40, "unknown", site.log_tail)
    assert site.state("骨干1 LINE")["reason"] == "stale"
    assert [flip.new for flip in site.flips("骨干1 LINE")[:3]] == ["up", "down", "up"]
    assert COMMUNITY not in site.log_path.read_text()


def test_time_that_nobody_measured_is_unknown_not_good(tmp_path: Path) -> None:
    with machine(tmp_path) as made:
        made.django(
            f"{IMPORTS}from datetime import *\n"
            "t = ledger.target('up', name='t', address='127.46.0.1')\n"
            "TargetState.objects.update(checked_at=datetime.now(UTC) - timedelta(hours=1),"
            " since=datetime.now(UTC) - timedelta(days=1))"
        )
        made.launch("engine")  # and no store at all: measuring needs none
        until(lambda: len(made.flips("t")) == 2, 60, "two flips", made.log_tail)
        stopped, again = made.flips("t")
        assert (stopped.old, stopped.new) == ("up", "unknown")
        assert (again.old, again.new) == ("unknown", "up")
        assert 3500 < time.time() - stopped.since < 3700, (
            "unknown since the last sample, not since now"
        )
        assert made.end("engine") == 0
