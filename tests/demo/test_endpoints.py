from __future__ import annotations

import socket
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from govnet.demo import endpoints
from govnet.demo.dns_server import NameServer
from govnet.demo.files import write_files
from govnet.demo.layout import Layout, demo_secrets
from govnet.demo.plan import AGENT_PORT, City
from govnet.runtime.supervisor import StartError


def test_secrets_are_generated_once_and_private(tmp_path: Path) -> None:
    first = demo_secrets(tmp_path)
    assert demo_secrets(tmp_path) == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
    assert demo_secrets(tmp_path / "other").password != first.password


def test_configuration_is_written_over_what_an_earlier_run_left(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_files(layout, with_v6=True)
    stale = tmp_path / "agents" / "127.59.0.99"
    stale.mkdir()
    (stale / "snmpd.pid").write_text("1")
    write_files(layout, with_v6=False)
    assert not stale.exists()
    assert "[::1]" not in (tmp_path / "nginx" / "nginx.conf").read_text()
    for device in layout.city.devices:
        configuration = layout.agent_dir(device.address) / "snmpd.conf"
        assert configuration.stat().st_mode & 0o077 == 0
        assert ("createUser" in configuration.read_text()) is device.v3


def test_a_second_demo_on_the_same_addresses_is_refused_with_a_way_out(tmp_path: Path) -> None:
    layout = replace(Layout(tmp_path, IPv4Network("127.63.0.0/16")), portal_port=18543)
    endpoints.check_addresses(layout)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((str(layout.city.devices[0].address), AGENT_PORT))
        with pytest.raises(StartError, match="--network"):
            endpoints.check_addresses(layout)


def test_the_name_server_knows_the_portal_and_nothing_else() -> None:
    city = City()
    server = NameServer(city, 0)
    found = server.answer(dns.message.make_query("PORTAL.demo.example", "A"))
    assert str(found.answer[0][0]) == str(city.applications[0].address)
    assert not server.answer(dns.message.make_query("portal.demo.example", "AAAA")).answer
    other = server.answer(dns.message.make_query("example.com", "A"))
    assert other.rcode() is dns.rcode.NXDOMAIN


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"\xff" * 40, bytes(12)])
def test_the_name_server_ignores_what_is_no_question(garbage: bytes) -> None:
    NameServer(City(), 0).datagram_received(garbage, ("127.0.0.1", 1))
