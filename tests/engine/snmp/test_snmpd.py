"""Against a real net-snmp agent, compared with net-snmp's own tools."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from pathlib import Path

import pytest

from govnet.engine.probes import snmp
from govnet.engine.result import Outcome, ProbeKind, Target
from govnet.engine.snmp import (
    AuthProtocol,
    CounterHistory,
    PrivProtocol,
    SnmpDevice,
    SnmpError,
    SnmpPoller,
    V2cCredential,
    V3Credential,
)
from govnet.engine.snmp.rates import Clock
from tests.peers import free_port, require
from tests.peers_snmpd import AUTH_KEY, COMMUNITY, PRIV_KEY, USERS, Snmpd, has_ipv6, running_snmpd

pytestmark = pytest.mark.peer

V2C = V2cCredential(COMMUNITY)
V3 = {
    user: V3Credential(
        user,
        AuthProtocol(auth),
        AUTH_KEY,
        PrivProtocol(priv) if priv else None,
        PRIV_KEY if priv else None,
    )
    for user, auth, priv in USERS
}
CREDENTIALS = {"v2c": V2C, **V3}
HOSTS = ["127.0.0.1", *(["::1"] if has_ipv6() else [])]
every_credential = pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS)
every_host = pytest.mark.parametrize("host", HOSTS)


def tool(snmpd: Snmpd, name: str, *arguments: str) -> dict[str, str]:
    """OID and value as net-snmp's tool prints them."""
    command = [require(name), "-v2c", "-c", COMMUNITY, "-m", "", "-OnqUe"]
    command += [f"127.0.0.1:{snmpd.port}", *arguments]
    done = subprocess.run(command, check=True, capture_output=True)
    lines = done.stdout.decode().splitlines()
    return dict(line.removeprefix(".").split(" ", 1) for line in lines if line.startswith("."))


@every_credential
@every_host
async def test_a_poll_reads_what_net_snmps_tools_read(
    poller: SnmpPoller,
    snmpd: Snmpd,
    credential: V2cCredential | V3Credential,
    host: str,
) -> None:
    poll = await poller.poll(SnmpDevice(1, host, credential, port=snmpd.port))
    assert (poll.outcome, poll.reason) == (Outcome.OK, "")
    assert poll.system is not None
    assert poll.system.name == "测试设备"
    assert poll.system.object_id.startswith("1.3.6.1.4.1.8072.")
    assert poll.system.engine_boots == 1
    names = tool(snmpd, "snmpbulkwalk", "1.3.6.1.2.1.31.1.1.1.1")
    speeds = tool(snmpd, "snmpbulkwalk", "1.3.6.1.2.1.31.1.1.1.15")
    states = tool(snmpd, "snmpbulkwalk", "1.3.6.1.2.1.2.2.1.8")
    table = poll.interfaces
    assert table is not None
    assert [f"1.3.6.1.2.1.31.1.1.1.1.{i}" for i in table.if_index] == list(names)
    assert [f'"{name}"' for name in table.name] == list(names.values())
    assert [str(speed) for speed in table.speed_mbps] == list(speeds.values())
    assert [str(state) for state in table.oper_status] == list(states.values())
    assert poll.vendor == "net-snmp"
    assert poll.memory_percent is not None
    assert 0 < poll.memory_percent < 100


@every_credential
async def test_counters_lie_between_two_readings_of_snmpget(
    poller: SnmpPoller, snmpd: Snmpd, credential: V2cCredential | V3Credential
) -> None:
    device = SnmpDevice(1, "127.0.0.1", credential, port=snmpd.port)
    await poller.poll(device)
    oids = ["1.3.6.1.2.1.31.1.1.1.6.1", "1.3.6.1.2.1.31.1.1.1.10.1"]
    before = [int(v) for v in tool(snmpd, "snmpget", *oids).values()]
    poll = await poller.poll(device)
    assert poll.interfaces is not None
    found = [int(poll.interfaces.column(c)[0]) for c in ("in_octets", "out_octets")]
    after = [int(v) for v in tool(snmpd, "snmpget", *oids).values()]
    # The agent caches its counters for some seconds, so equality is common.
    assert all(low <= value <= high for low, value, high in zip(before, found, after, strict=True))


@every_credential
async def test_a_walk_reads_what_snmpbulkwalk_reads(
    poller: SnmpPoller, snmpd: Snmpd, credential: V2cCredential | V3Credential
) -> None:
    device = SnmpDevice(1, "127.0.0.1", credential, port=snmpd.port)
    ours = await poller.walk(device, "1.3.6.1.2.1.2.2.1.2")
    theirs = tool(snmpd, "snmpbulkwalk", "1.3.6.1.2.1.2.2.1.2")
    assert [v.oid for v in ours] == list(theirs)
    texts = [f'"{v.value.decode()}"' for v in ours if isinstance(v.value, bytes)]
    assert texts == list(theirs.values())


@every_credential
async def test_a_missing_object_is_left_out(
    poller: SnmpPoller, snmpd: Snmpd, credential: V2cCredential | V3Credential
) -> None:
    device = SnmpDevice(1, "127.0.0.1", credential, port=snmpd.port)
    wanted, missing = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.55.0"
    exchange = await poller.get(device, [missing, wanted])
    assert list(exchange.values) == [wanted]


@pytest.mark.parametrize(
    ("credential", "reasons"),
    [
        (V2cCredential("wrong"), {"timeout"}),
        (V3Credential("nobody", AuthProtocol.SHA256, AUTH_KEY), {"auth"}),
        (V3Credential("sha256auth", AuthProtocol.SHA256, "wrong-password"), {"auth"}),
        (V3Credential("sha256auth", AuthProtocol.SHA1, AUTH_KEY), {"auth", "timeout"}),
        (
            V3Credential(
                "sha256aes", AuthProtocol.SHA256, AUTH_KEY, PrivProtocol.AES128, "wrong-password"
            ),
            {"timeout", "auth", "malformed"},
        ),
        (V3Credential("sha256auth", AuthProtocol.SHA256, "short"), {"auth"}),
    ],
    ids=["community", "user", "password", "protocol", "privacy", "short"],
)
async def test_wrong_credentials_fail_in_time(
    poller: SnmpPoller,
    snmpd: Snmpd,
    credential: V2cCredential | V3Credential,
    reasons: set[str],
) -> None:
    device = SnmpDevice(1, "127.0.0.1", credential, port=snmpd.port, timeout_s=0.3)
    poll = await poller.poll(device)
    assert poll.outcome is Outcome.FAILED
    assert poll.reason in reasons


@pytest.mark.parametrize("credential", [V2C, V3["sha256aes"]], ids=["v2c", "v3"])
async def test_a_restarted_agent_is_met_again_and_makes_no_spike(
    poller: SnmpPoller, tmp_path: Path, credential: V2cCredential | V3Credential
) -> None:
    history = CounterHistory()
    with running_snmpd(tmp_path / "restart") as agent:
        device = SnmpDevice(1, "127.0.0.1", credential, port=agent.port, timeout_s=1.0)
        await asyncio.sleep(1.5)  # the first life must be longer than the start of the second
        history.deltas(await poller.poll(device))
        agent.restart()
        poll = await poller.poll(device)
        assert (poll.outcome, poll.reason) == (Outcome.OK, "")
        found = history.deltas(poll)
        assert found.clocks == {1: Clock.REBOOTED}
        assert found.interface["seconds"].max() == 0
        agent.stop()
        assert (await poller.poll(device)).reason in ("refused", "timeout")


async def test_v3_sessions_are_kept_and_bounded(poller: SnmpPoller, snmpd: Snmpd) -> None:
    poller._sessions._limit = 3
    for device_id in range(1, 7):
        device = SnmpDevice(device_id, "127.0.0.1", V3["sha256aes"], port=snmpd.port)
        await poller.poll(device)
    assert len(poller._sessions) == 3
    kept = poller._sessions._kept[6].session
    await poller.poll(device)
    assert poller._sessions._kept[6].session is kept


async def test_a_closed_port_is_refused_over_v3(poller: SnmpPoller) -> None:
    device = SnmpDevice(
        1, "127.0.0.1", V3["sha256aes"], port=free_port(socket.SOCK_DGRAM), timeout_s=3.0
    )
    assert (await poller.poll(device)).reason == "refused"


async def test_a_walk_over_v3_is_capped(poller: SnmpPoller, snmpd: Snmpd) -> None:
    device = SnmpDevice(1, "127.0.0.1", V3["sha256aes"], port=snmpd.port)
    assert len(await poller.walk(device, "1.3.6.1.2.1", 100)) == 100


async def test_secrets_are_in_no_repr_and_no_trace(poller: SnmpPoller, snmpd: Snmpd) -> None:
    device = SnmpDevice(1, "127.0.0.1", V3["sha256aes"], port=snmpd.port)
    exchange = await poller.get(device, ["1.3.6.1.2.1.1.5.0"])
    text = repr((device, exchange, poller._memories, poller._sessions))
    assert AUTH_KEY not in text
    assert PRIV_KEY not in text


# --- the probe ------------------------------------------------------------------------------


def target(params: dict[str, object], **changes: object) -> Target:
    settings: dict[str, object] = {"id": 9, "kind": ProbeKind.SNMP, "address": "127.0.0.1"}
    return Target(**(settings | {"params": params} | changes))  # type: ignore[arg-type]  # test


@every_host
async def test_the_probe_shows_its_exchange_without_the_community(
    poller: SnmpPoller, snmpd: Snmpd, host: str
) -> None:
    params = {"port": snmpd.port, "credential": {"version": "2c", "community": COMMUNITY}}
    result = await snmp.probe(poller, target(params, address=host))
    assert (result.outcome, result.reason, result.received) == (Outcome.OK, "", 1)
    assert result.rtt_ms is not None
    answers = {one["name"]: one["value"] for one in result.detail["answer"]}
    assert answers["sysName.0"] == "测试设备"
    assert answers["sysUpTime.0"].endswith(" s")
    assert result.detail["exchange"][0]["request"] == "GET"
    assert COMMUNITY not in repr(result)


async def test_the_probe_speaks_v3(poller: SnmpPoller, snmpd: Snmpd) -> None:
    credential = {
        "version": "3",
        "user": "sha512aes256",
        "auth_protocol": "SHA-512",
        "auth_key": AUTH_KEY,
        "priv_protocol": "AES-256",
        "priv_key": PRIV_KEY,
    }
    result = await snmp.probe(poller, target({"port": snmpd.port, "credential": credential}))
    assert result.outcome is Outcome.OK
    assert result.detail["security"] == "SHA-512 / AES-256"
    assert PRIV_KEY not in repr(result)


async def test_the_probe_tells_why_it_failed(poller: SnmpPoller, snmpd: Snmpd) -> None:
    params = {"port": snmpd.port, "credential": {"version": "2c", "community": "wrong"}}
    result = await snmp.probe(poller, target(params, timeout_s=0.1, tries=3))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "timeout")
    assert (result.sent, result.received, result.rtt_ms) == (3, 0, None)
    assert [step["failed"] for step in result.detail["exchange"]] == ["timeout"] * 3


async def test_a_slow_answer_is_degraded(poller: SnmpPoller, snmpd: Snmpd) -> None:
    credential = {"version": "2c", "community": COMMUNITY}
    params = {"port": snmpd.port, "credential": credential, "max_rtt_ms": 1e-6}
    result = await snmp.probe(poller, target(params))
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, "slow")


@pytest.mark.parametrize(
    "credential",
    [
        {"version": "1", "community": "x"},
        {"version": "2c"},
        {"version": "3", "user": "u", "auth_key": "12345678", "priv_key": None},
        {"version": "3", "user": "", "auth_key": "12345678"},
    ],
)
def test_wrong_parameters_are_refused(credential: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="credential"):
        snmp.SnmpParams.model_validate({"credential": credential})


async def test_an_error_of_the_walk_is_raised(poller: SnmpPoller, snmpd: Snmpd) -> None:
    device = SnmpDevice(1, "127.0.0.1", V2cCredential("wrong"), port=snmpd.port, timeout_s=0.1)
    with pytest.raises(SnmpError) as caught:
        await poller.walk(device, "1.3.6.1.2.1.1")
    assert caught.value.reason == "timeout"
