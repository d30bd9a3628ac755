"""Reading neighbours: a real lldpd and snmpd end to end, silent devices, bounds of a round."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from govnet.inventory.models import Credential, Device, DeviceLayer
from govnet.monitor.models import Target
from govnet.topology import sweep
from govnet.topology.differences import Kind, differences
from govnet.topology.models import Neighbour, Source, Sweep, SweepRun
from tests.engine.netns import private_network
from tests.engine.snmp.test_neighbours import running_lldpd
from tests.peers import require
from tests.peers_snmpd import AUTH_KEY, COMMUNITY, PRIV_KEY, running_snmpd
from tests.people import person
from tests.topology.net import Net, build_net

pytestmark = pytest.mark.django_db
PEER = f"govnet-sweep-{os.getpid()}"


@pytest.fixture
def net() -> Net:
    return build_net()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """lldpd gives up root: it could not reach its socket in a folder of pytest's."""
    with tempfile.TemporaryDirectory(prefix="govnet-sweep-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def _polled(device: Device, port: int, **credential: str) -> None:
    device.snmp_port = port
    device.credential = Credential.objects.create(name=f"for {device}", **credential)
    device.save()
    Target.objects.create(
        name=f"{device} SNMP", kind="snmp", address="127.0.0.1", device=device, timeout_s=1, tries=1
    )


def _sweep_until_heard(devices: int) -> SweepRun:
    for _ in range(40):
        run = SweepRun.objects.create()
        sweep.sweep(run)
        if Neighbour.objects.filter(source=Source.LLDP).count() == devices:
            break
        time.sleep(0.5)
    return run


@pytest.mark.peer
@pytest.mark.root
def test_a_round_over_v2c_and_v3_finds_the_cable_and_the_address(
    net: Net, open_folder: Path
) -> None:
    require("lldpd")
    cable = (
        f"ip netns add {PEER}",
        "ip link add near type veth peer name far",
        f"ip link set far netns {PEER}",
        "ip address add 192.0.2.1/30 dev near",
        "ip link set near up",
        f"ip -n {PEER} address add 192.0.2.2/30 dev far",
        f"ip -n {PEER} link set far up",
    )
    net.points["e1"].ipv4 = "192.0.2.2"
    net.points["e1"].save()
    twin = Device.objects.create(name="agg-e-v3", layer=DeviceLayer.ACCESS, region=net.east)
    agentx = f"master agentx\nagentXSocket {open_folder}/agentx\n"
    try:
        with (
            private_network(*cable),
            running_snmpd(open_folder / "snmpd", agentx) as agent,
            running_lldpd(open_folder, "agg-e", agentx=f"{open_folder}/agentx"),
            running_lldpd(open_folder, "core1", "ip", "netns", "exec", PEER),
        ):
            _polled(net.devices["agg-e"], agent.port, version="2c", community=COMMUNITY)
            _polled(
                twin, agent.port, version="3", user="sha256aes", auth_protocol="SHA-256",
                auth_key=AUTH_KEY, priv_protocol="AES", priv_key=PRIV_KEY,
            )  # fmt: skip
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
                caller.sendto(b"who has it?", ("192.0.2.2", 9))
            run = _sweep_until_heard(2)
    finally:
        subprocess.run(["ip", "netns", "del", PEER], check=False, capture_output=True)
    run.refresh_from_db()
    assert (run.devices, run.done, run.failed) == (2, 2, 0)
    assert run.finished_at is not None
    for device in (net.devices["agg-e"], twin):
        heard = Neighbour.objects.get(device=device, source=Source.LLDP)
        assert (heard.port_name, heard.remote_name, heard.remote_port) == ("near", "core1", "far")
        assert heard.if_index is not None
        assert heard.remote_address == "192.0.2.2"
        address = Neighbour.objects.get(device=device, source=Source.ARP)
        assert (address.port_name, address.remote_address) == ("near", "192.0.2.2")
    viewer = person("viewer", whole_site=True, superuser=True)
    found = {(item.kind, item.seen) for item in differences(viewer)}
    assert (Kind.PEER, "192.0.2.2 — agg-e near") in found
    assert (Kind.UNREGISTERED, "agg-e near — core1 far") in found


def test_a_silent_device_is_named_and_costs_the_others_nothing(net: Net) -> None:
    _polled(net.devices["agg-e"], 9, version="2c", community=COMMUNITY)
    run = SweepRun.objects.create()
    sweep.sweep(run)
    assert (run.devices, run.done, run.failed) == (1, 1, 1)
    reading = Sweep.objects.get()
    assert reading.problem
    assert reading.answered_at is None


def test_a_round_without_time_leaves_the_rest_to_the_next_which_begins_there(net: Net) -> None:
    for name in ("agg-e", "agg-w"):
        _polled(net.devices[name], 9, version="2c", community=COMMUNITY)
    sweep.keep(net.devices["agg-e"].pk, None, "timeout")
    run = SweepRun.objects.create()
    sweep.sweep(run, timedelta(0))
    assert (run.devices, run.done) == (2, 0)
    order = [device.id for device in sweep._polled_devices()]
    assert order == [net.devices["agg-w"].pk, net.devices["agg-e"].pk]


def test_the_clock_waits_for_its_time_and_for_a_round_under_way(net: Net) -> None:
    sweep.sweep_if_due()
    sweep.sweep_if_due()
    assert SweepRun.objects.count() == 1
    long_ago = timezone.now() - timedelta(hours=1)
    SweepRun.objects.update(asked_at=long_ago, finished_at=None)
    assert sweep.running() is None, "a round of a worker that died holds nothing up"
    sweep.sweep_if_due()
    assert SweepRun.objects.count() == 2


def test_what_was_long_not_seen_is_forgotten(net: Net) -> None:
    now = timezone.now()
    for days in (1, 31):
        at = now - timedelta(days=days)
        Neighbour.objects.create(
            device=net.devices["agg-e"], port_name=f"p{days}", remote_chassis="x",
            first_seen_at=at, last_seen_at=at,
        )  # fmt: skip
    sweep.sweep(SweepRun.objects.create())
    assert [row.port_name for row in Neighbour.objects.all()] == ["p1"]
