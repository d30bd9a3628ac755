from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from govnet.cli import app
from govnet.demo.layout import DemoSecrets
from govnet.lab import commands as lab_commands
from govnet.lab import kernel
from govnet.lab.check import kind_of, values_of
from govnet.lab.daemons import Room, daemons_of
from govnet.lab.description import Description, Role
from govnet.lab.plan import demo_lines, describe

CITY = describe(demo_lines(12))
SECRETS = DemoSecrets()
assert lab_commands.lab


def room(tmp_path: Path, name: str, city: Description = CITY) -> Room:
    return Room(city, city.by_name[name], tmp_path / "nodes" / name, SECRETS)


def names(tmp_path: Path, node: str) -> list[str]:
    return [daemon.name for daemon in daemons_of(room(tmp_path, node))]


@pytest.fixture(autouse=True)
def _no_ownership(monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounts of FRR and lldpd are there only with their packages."""
    monkeypatch.setattr(Room, "give", lambda self, name, user: None)


def test_each_kind_of_node_runs_what_it_is_for(tmp_path: Path) -> None:
    router = ["rsyslogd", "snmpd", "zebra", "ospfd", "ospf6d"]
    assert names(tmp_path, "acc01") == [*router, "lldpd"]
    assert names(tmp_path, "core1") == [*router, "bgpd", "lldpd", "softflowd"]
    assert names(tmp_path, "isp1") == ["rsyslogd", "snmpd", "zebra", "bgpd", "lldpd"]
    assert names(tmp_path, "noc") == ["iperf3", "zebra", "ospfd", "ospf6d", "lldpd"]
    assert names(tmp_path, "portal") == ["nginx"]
    device = ["rsyslogd", "snmpd", "sipp", "iperf3"]
    assert names(tmp_path, "u001") == [*device, "lldpd", "sip-register"]
    assert names(tmp_path, "u003") == ["iperf3"]


def test_no_daemon_writes_where_its_configuration_is(tmp_path: Path) -> None:
    """net-snmp would overwrite it at its end and come back mute."""
    found = room(tmp_path, "core1")
    daemons_of(found)
    configuration = found.directory / "run" / "etc" / "snmp"
    assert found.views["/var/lib/snmp"] not in configuration.parents
    assert not found.views["/var/lib/snmp"].is_relative_to(configuration)


def test_secrets_are_nobodys_to_read(tmp_path: Path) -> None:
    for name in ("core1", "noc", "portal"):
        found = room(tmp_path, name)
        daemons_of(found)
    for path in tmp_path.rglob("*"):
        if path.is_file() and SECRETS.community in path.read_text(encoding="utf-8"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    key = tmp_path / "nodes" / "portal" / "run" / "etc" / "portal.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_city_gives_no_transit_and_its_operations_room_neither(tmp_path: Path) -> None:
    core, noc = room(tmp_path, "core1"), room(tmp_path, "noc")
    for found in (core, noc):
        daemons_of(found)
    bgp = (core.directory / "run/etc/frr/bgpd.conf").read_text()
    outside = [far.ipv4.ip for _, far, _ in CITY.plugs("core1") if far.node in {"isp1", "province"}]
    assert len(outside) == 2
    for address in outside:
        assert f"neighbor {address} filter-list own out" in bgp
    assert "cost 1000" in (noc.directory / "run/etc/frr/ospfd.conf").read_text()
    assert "cost 1000" not in (core.directory / "run/etc/frr/ospfd.conf").read_text()


def test_every_inner_link_runs_ospf_and_every_other_is_passive(tmp_path: Path) -> None:
    found = room(tmp_path, "acc01")
    daemons_of(found)
    text = (found.directory / "run/etc/frr/ospfd.conf").read_text()
    blocks = {block.split("\n")[0]: block for block in text.split("interface ")[1:]}
    for end, far, _ in CITY.plugs("acc01"):
        unit = CITY.by_name[far.node].role is Role.UNIT
        assert ("passive" in blocks[end.interface]) is unit
        assert ("hello-interval 1" in blocks[end.interface]) is not unit


@pytest.mark.parametrize(("user", "says"), [(1000, "root"), (0, "CAP_SYS_ADMIN")])
def test_it_refuses_without_privileges_and_says_which(
    monkeypatch: pytest.MonkeyPatch, user: int, says: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(kernel, "_may_make_namespaces", lambda: False)
    for command in (["lab", "up", "--name", "refused"], ["lab", "down", "--name", "refused"]):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 1
        assert says in done.output


def test_texts_of_net_snmp_come_back_whole() -> None:
    name = "岳阳市社会科学界联合会"
    quoted = name.encode().hex(" ").upper()
    wrapped = "\n".join(quoted[i : i + 48] for i in range(0, len(quoted), 48))
    assert values_of(f'"{wrapped}"\n8\n"61 62"\n') == [name, "8", "ab"]


def packet(port: int, payload: bytes) -> bytes:
    header = bytes([0x45, *bytes(8), 17, *bytes(10)])
    return header + struct.pack("!HHHH", 1, port, 8 + len(payload), 0) + payload


@pytest.mark.parametrize(
    ("port", "payload", "kind"),
    [
        (2055, b"\x00\x05rest", "NetFlow v5"),
        (2055, b"\x00\x09rest", "NetFlow v9"),
        (4739, b"\x00\x0arest", "IPFIX"),
        (514, b"<13>1 2026-11-26T00:00:00Z core1 x - - - m", "syslog RFC 5424"),
        (514, b"<13>Nov 26 00:00:00 agg1 x: m", "syslog RFC 3164"),
        (514, "<13>Nov 26 00:00:00 acc02 x: 设备日志: m".encode("gb18030"), "syslog GB18030"),
        (514, "<13>Nov 26 00:00:00 agg1 x: 设备日志: m".encode(), "syslog RFC 3164"),
        (162, b"\x30\x82\x00\x00", "trap"),
        (53, b"\x00\x09", ""),
    ],
)
def test_it_tells_what_arrives(port: int, payload: bytes, kind: str) -> None:
    assert kind_of(packet(port, payload)) == kind


@given(st.binary(max_size=80))
def test_no_packet_is_too_strange(data: bytes) -> None:
    kind_of(data)
