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
from govnet.engine.snmp.neighbours import (
    LOCAL_PORTS,
    REMOTES,
    LldpNeighbour,
    neighbours,
    read_neighbours,
    table,
)
from tests.engine.netns import private_network
from tests.peers import require
from tests.peers_snmpd import COMMUNITY, running_snmpd

PEER = f"govnet-lldp-{os.getpid()}"


@contextmanager
def _lldpd(folder: Path, name: str, *prefix: str, agentx: str = "") -> Iterator[None]:
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
            _lldpd(open_folder, "agg-1", agentx=f"{open_folder}/agentx"),
            _lldpd(open_folder, "core-1", "ip", "netns", "exec", PEER),
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
    assert neighbours(local, remote) == [
        LldpNeighbour("GE0/0/7", "00:1e:10:ab:cd:ef", "城区汇聚", "00:1e:10:ab:cd:ee")
    ]
    assert neighbours({}, remote)[0].local_port == "7"


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
    for found in neighbours({}, table(walked, REMOTES, 3)):
        assert max(map(len, (found.chassis, found.name, found.port))) <= 480
