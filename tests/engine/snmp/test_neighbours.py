"""LLDP-MIB: against lldpd and snmpd over AgentX in namespaces, and against hostile tables."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.snmp import SnmpDevice, SnmpPoller, V2cCredential, VarBind
from govnet.engine.snmp.ber import Tag
from govnet.engine.snmp.neighbours import (
    ADDRESSES,
    ARP,
    BASE_PORTS,
    FDB,
    LOCAL_PORTS,
    REMOTES,
    VLAN_FDB,
    AddressSeen,
    LldpNeighbour,
    management_addresses,
    neighbours,
    read_bridge,
    read_neighbours,
    read_surroundings,
    table,
)
from tests.engine.netns import private_network
from tests.engine.snmp.agent import FakeAgent
from tests.peers import require
from tests.peers_snmpd import COMMUNITY, running_snmpd

PEER = f"govnet-lldp-{os.getpid()}"


@contextmanager
def running_lldpd(folder: Path, name: str, *prefix: str, agentx: str = "") -> Iterator[None]:
    """An lldpd that speaks every second, in the namespace that the prefix enters."""
    configuration = folder / f"{name}.conf"
    configuration.write_text(
        f"configure system hostname {name}\nconfigure lldp tx-interval 1\n"
        "configure lldp portidsubtype ifname\n"
    )
    command = [*prefix, require("lldpd"), "-d", "-u", str(folder / f"{name}.socket")]
    command += ["-O", str(configuration)]
    if agentx:
        command += ["-x", "-X", agentx]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


async def _wait_for_neighbour(device: SnmpDevice) -> list[LldpNeighbour]:
    poller = SnmpPoller()
    await poller.start()
    try:
        for _ in range(60):
            if found := await read_neighbours(poller, device):
                return found
            await asyncio.sleep(0.5)
        return []
    finally:
        await poller.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """lldpd gives up root: it could not reach its socket in a folder of pytest's."""
    with tempfile.TemporaryDirectory(prefix="govnet-lldp-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


@pytest.mark.peer
@pytest.mark.root
def test_a_real_neighbour_is_read_through_agentx(open_folder: Path) -> None:
    require("lldpd")
    cable = (
        f"ip netns add {PEER}",
        "ip link add near type veth peer name far",
        f"ip link set far netns {PEER}",
        "ip link set near up",
        f"ip -n {PEER} link set far up",
    )
    agentx = f"master agentx\nagentXSocket {open_folder}/agentx\n"
    try:
        with (
            private_network(*cable),
            running_snmpd(open_folder / "snmpd", agentx) as agent,
            running_lldpd(open_folder, "agg-1", agentx=f"{open_folder}/agentx"),
            running_lldpd(open_folder, "core-1", "ip", "netns", "exec", PEER),
        ):
            device = SnmpDevice(1, "127.0.0.1", V2cCredential(COMMUNITY), port=agent.port)
            found = asyncio.run(_wait_for_neighbour(device))
    finally:
        subprocess.run(["ip", "netns", "del", PEER], check=False, capture_output=True)
    assert [(n.local_port, n.name, n.port) for n in found] == [("near", "core-1", "far")]
    assert len(found[0].chassis.split(":")) == 6


def _row(oid: str, value: int | bytes) -> VarBind:
    return VarBind(oid, "", value)


def test_chinese_names_and_ids_that_are_not_text_become_readable() -> None:
    remote = table(
        [
            _row(f"{REMOTES}.4.0.7.1", 4),
            _row(f"{REMOTES}.5.0.7.1", b"\x00\x1e\x10\xab\xcd\xef"),
            _row(f"{REMOTES}.6.0.7.1", 3),
            _row(f"{REMOTES}.7.0.7.1", b"\x00\x1e\x10\xab\xcd\xee"),
            _row(f"{REMOTES}.9.0.7.1", "城区汇聚".encode("gb18030")),
        ],
        REMOTES,
        3,
    )
    local = table(
        [_row(f"{LOCAL_PORTS}.2.7", 5), _row(f"{LOCAL_PORTS}.3.7", b"GE0/0/7")], LOCAL_PORTS, 1
    )
    assert neighbours(local, remote, {}) == [
        LldpNeighbour("GE0/0/7", "00:1e:10:ab:cd:ef", "城区汇聚", "00:1e:10:ab:cd:ee")
    ]
    assert neighbours({}, remote, {})[0].local_port == "7"


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 10), min_size=1, max_size=6),
            st.one_of(st.none(), st.integers(), st.binary(max_size=300), st.text(max_size=300)),
        )
    )
)
def test_no_table_breaks_the_reader(rows: list[tuple[list[int], int | bytes | str | None]]) -> None:
    walked = [VarBind(".".join([REMOTES, *map(str, ids)]), "", value) for ids, value in rows]
    for found in neighbours({}, table(walked, REMOTES, 3), {}):
        assert max(map(len, (found.chassis, found.name, found.port))) <= 480


def _cell(tag: int, value: bytes) -> tuple[int, bytes]:
    return int(tag), value


@pytest.mark.parametrize("entry", [f"{FDB}.2", f"{VLAN_FDB}.2.7"])
async def test_a_bridge_tells_behind_which_socket_a_known_mac_is(
    poller: SnmpPoller, agent: FakeAgent, entry: str
) -> None:
    agent.mib |= {
        f"{BASE_PORTS}.2.4": _cell(Tag.INTEGER, b"\x02"),
        f"{entry}.2.0.0.0.0.7": _cell(Tag.INTEGER, b"\x04"),
        f"{entry}.2.0.0.0.0.8": _cell(Tag.INTEGER, b"\x04"),
        f"{entry}.2.0.0.0.0.9": _cell(Tag.INTEGER, b"\x05"),
    }
    wanted = {"02:00:00:00:00:07", "02:00:00:00:00:09"}
    found = await read_bridge(poller, agent.device(), wanted)
    assert found == [AddressSeen(2, "02:00:00:00:00:07")]


async def test_only_addresses_that_are_asked_for_are_kept_of_arp(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib |= {
        f"{ARP}.2.1.192.0.2.{n}": _cell(Tag.OCTET_STRING, bytes([2, 0, 0, 0, 0, n])) for n in (7, 8)
    }
    agent.mib[f"{ARP}.2.1.192.0.2.9"] = _cell(Tag.OCTET_STRING, b"")
    found = await read_surroundings(poller, agent.device(), {"192.0.2.7", "192.0.2.9"})
    assert found.arp == [AddressSeen(1, "02:00:00:00:00:07", "192.0.2.7")]
    assert (found.chassis, found.lldp) == ("", [])
    assert found.names[1] == "GE0/0/1"
    assert 1 in found.physical


def test_management_addresses_stand_in_the_index() -> None:
    rows = [
        _row(f"{ADDRESSES}.3.0.7.1.1.4.192.0.2.7", 2),
        _row(f"{ADDRESSES}.3.0.7.1.1.4.192.0.2.9", 2),
        _row(f"{ADDRESSES}.3.0.8.1.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1", 2),
        _row(f"{ADDRESSES}.3.0.9.1.1.4.999.0.2.7", 2),
        _row(f"{ADDRESSES}.3.0.9", 2),
    ]
    assert management_addresses(rows) == {(0, 7, 1): "192.0.2.7", (0, 8, 1): "2001:db8::1"}
