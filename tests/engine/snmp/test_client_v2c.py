"""The v2c client against agents that lose, cut, delay, forge and lie."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from itertools import pairwise

import pytest

from govnet.engine.result import Outcome
from govnet.engine.snmp import SnmpError, SnmpPoller, V2cCredential, ber
from govnet.engine.snmp.client_v2c import DROPPED, MAX_DATAGRAM, ODD_SOURCE, V2cClient
from tests.engine.snmp.agent import FakeAgent, interface_mib, octets, response, varbind
from tests.peers import free_port
from tests.peers_snmpd import has_ipv6

UPTIME = "1.3.6.1.2.1.1.3.0"


def uptime_answer(request_id: int, community: bytes = b"public") -> bytes:
    cell = varbind(ber.encode_oid(UPTIME), ber.Tag.TIME_TICKS, b"\x05")
    return response(request_id, [cell], community=community)


async def reason_of(poller: SnmpPoller, agent: FakeAgent, **changes: object) -> str:
    return (await poller.get(agent.device(**changes), [UPTIME])).reason  # type: ignore[arg-type]


async def test_a_lost_answer_is_asked_for_again(poller: SnmpPoller, agent: FakeAgent) -> None:
    agent.lose = 1
    exchange = await poller.get(agent.device(), [UPTIME])
    assert (exchange.reason, exchange.stats.sent, exchange.stats.received) == ("", 2, 1)


async def test_a_silent_agent_times_out_after_its_tries(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.lose = 1000
    started = time.monotonic()
    assert await reason_of(poller, agent, tries=3) == "timeout"
    assert 0.44 <= time.monotonic() - started < 1.0
    assert len(agent.requests) == 3


async def test_a_closed_port_is_refused_at_once(poller: SnmpPoller, agent: FakeAgent) -> None:
    started = time.monotonic()
    port = free_port(socket.SOCK_DGRAM)
    assert await reason_of(poller, agent, port=port, timeout_s=5.0) == "refused"
    assert time.monotonic() - started < 1.0


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
async def test_a_closed_port_on_ipv6_is_refused_at_once(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    port = free_port(socket.SOCK_DGRAM, "::1")
    started = time.monotonic()
    assert await reason_of(poller, agent, address="::1", port=port, timeout_s=5.0) == "refused"
    assert time.monotonic() - started < 1.0


async def test_a_closed_port_does_not_disturb_the_others(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    closed = free_port(socket.SOCK_DGRAM)
    devices = [
        agent.device(n, port=closed if n % 2 else agent.port, timeout_s=2.0) for n in range(1, 41)
    ]
    outcomes = {p.device_id: (p.outcome, p.reason) async for p in poller.poll_many(devices)}
    assert all(outcomes[n] == (Outcome.OK, "") for n in range(2, 41, 2))
    assert all(outcomes[n] == (Outcome.FAILED, "refused") for n in range(1, 41, 2))


@pytest.mark.parametrize("address", ["", "127.0.0", "switch.example", "1.2.3.4.5", "::1::"])
async def test_what_is_no_address_is_refused_without_a_packet(
    poller: SnmpPoller, agent: FakeAgent, address: str
) -> None:
    assert await reason_of(poller, agent, address=address) == "bad_address"


async def test_an_answer_from_another_address_counts_and_is_counted(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("127.0.0.2", 0))

    def from_elsewhere(data: bytes, _id: int) -> None:
        client = poller._client._sockets[socket.AF_INET].getsockname()[1]
        other.sendto(data, ("127.0.0.1", client))

    agent.mangle = from_elsewhere
    before = ODD_SOURCE._value.get()
    exchange = await poller.get(agent.device(), [UPTIME])
    other.close()
    assert (exchange.reason, exchange.stats.odd_sources) == ("", 1)
    assert ODD_SOURCE._value.get() == before + 1


async def test_a_wrong_request_id_or_community_never_counts(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mangle = lambda _data, request_id: [
        uptime_answer(request_id ^ 1),
        uptime_answer(request_id, b"Public"),
    ]
    unknown, community = (DROPPED.labels(r)._value.get() for r in ("unknown_id", "community"))
    assert await reason_of(poller, agent) == "timeout"
    assert DROPPED.labels("unknown_id")._value.get() >= unknown + 2
    assert DROPPED.labels("community")._value.get() >= community + 2


async def test_an_answer_given_twice_counts_once(poller: SnmpPoller, agent: FakeAgent) -> None:
    agent.mangle = lambda data, _id: [data, data]
    exchange = await poller.get(agent.device(), [UPTIME])
    assert (exchange.stats.sent, exchange.stats.received) == (1, 1)


@pytest.mark.parametrize("keep", [1, 2, 10, 20, 30, -1])
async def test_a_truncated_answer_is_malformed(
    poller: SnmpPoller, agent: FakeAgent, keep: int
) -> None:
    agent.mangle = lambda data, _id: data[:keep]
    assert await reason_of(poller, agent) == "malformed"


async def test_an_oversized_answer_is_told_at_once(poller: SnmpPoller, agent: FakeAgent) -> None:
    junk = varbind(ber.encode_oid(UPTIME), 4, bytes(MAX_DATAGRAM))
    agent.mangle = lambda _data, request_id: response(request_id, [junk])
    assert await reason_of(poller, agent, timeout_s=5.0) == "oversized"


async def test_a_get_bulk_or_request_sent_back_is_no_answer(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mangle = lambda data, _id: data.replace(b"\xa2", b"\xa0", 1)
    assert await reason_of(poller, agent) == "timeout"


async def test_random_octets_never_raise(poller: SnmpPoller, agent: FakeAgent) -> None:
    dice = random.Random(5)

    def noise(data: bytes, request_id: int) -> bytes:
        at = dice.randrange(len(data))
        return data[:at] + dice.randbytes(dice.randrange(40)) + data[at + dice.randrange(9) :]

    agent.mangle = noise
    polls = [await poller.poll(agent.device(n, timeout_s=0.02, tries=1)) for n in range(1, 80)]
    assert all(p.reason != "internal_error" for p in polls)
    assert any(p.reason for p in polls)


async def test_a_get_too_big_for_the_agent_is_halved(poller: SnmpPoller, agent: FakeAgent) -> None:
    agent.max_octets = 300
    oids = [oid for oid in agent.mib if ".31.1.1.1." in oid]
    exchange = await poller.get(agent.device(), oids)
    assert set(exchange.values) == set(oids)


@pytest.mark.parametrize("knob", ["max_varbinds", "max_octets", "drop_big"])
async def test_request_sizes_are_learned_and_kept(
    poller: SnmpPoller, agent: FakeAgent, knob: str
) -> None:
    agent.mib = interface_mib(list(range(1, 13)))
    if knob == "max_varbinds":
        agent.max_varbinds = 14
    else:
        agent.max_octets, agent.drop_big = 420, knob == "drop_big"
    device = agent.device(timeout_s=0.05, tries=3)
    for _ in range(4):
        poll = await poller.poll(device)
    assert (poll.outcome, poll.reason) == (Outcome.OK, "")
    assert poll.interfaces is not None
    assert poll.interfaces.if_index.tolist() == list(range(1, 13))
    assert poll.interfaces.valid.all()
    assert poll.sent == poll.received, "what was learned makes every request of a poll work"


async def test_an_answer_lost_once_does_not_make_requests_smaller(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib = interface_mib(list(range(1, 25)))
    await poller.poll(agent.device())
    agent.lose = 1
    assert (await poller.poll(agent.device())).outcome is Outcome.OK
    assert (await poller.poll(agent.device())).sent == 4


async def test_larger_requests_are_tried_again_in_every_nth_poll(agent: FakeAgent) -> None:
    poller = SnmpPoller(refresh_every=4)
    await poller.start()
    agent.mib = interface_mib(list(range(1, 25)))
    agent.max_octets = 420
    for _ in range(3):
        small = await poller.poll(agent.device())
    agent.max_octets = 60_000
    for _ in range(8):
        large = await poller.poll(agent.device())
    await poller.close()
    assert (small.sent, large.sent) == (24, 4)


async def test_an_agent_that_cannot_take_ten_columns_is_read_in_parts(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.max_octets = 150
    poll = await poller.poll(agent.device())
    assert poll.interfaces is not None
    assert poll.interfaces.valid.all()
    assert poll.interfaces.name == ["GE0/0/1", "GE0/0/2", "GE0/0/3"]


async def test_one_request_at_a_time_per_device(poller: SnmpPoller, agent: FakeAgent) -> None:
    agent.delay_s = 0.01
    device = agent.device(timeout_s=2.0)
    await asyncio.gather(*(poller.poll(device) for _ in range(5)))
    assert agent.most_in_flight == 1


async def test_the_window_bounds_what_is_in_flight(agent: FakeAgent) -> None:
    poller = SnmpPoller(window=4)
    await poller.start()
    agent.delay_s = 0.02
    devices = [agent.device(n, timeout_s=2.0, poll_interfaces=False) for n in range(1, 31)]
    polls = [p async for p in poller.poll_many(devices)]
    await poller.close()
    assert all(p.outcome is Outcome.OK for p in polls)
    assert 2 <= agent.most_in_flight <= 4


async def test_silent_devices_do_not_hold_up_the_others(agent: FakeAgent) -> None:
    """Even with a window far smaller than the number of silent devices."""
    poller = SnmpPoller(window=8)
    await poller.start()
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    devices = [
        agent.device(n, port=port if n % 2 else agent.port, timeout_s=3.0, tries=1)
        for n in range(1, 61)
    ]
    started, alive = time.monotonic(), 0.0
    async for poll in poller.poll_many(devices):
        if poll.device_id % 2 == 0:
            assert poll.outcome is Outcome.OK
            alive = time.monotonic() - started
        else:
            assert poll.reason == "timeout"
    ended = time.monotonic() - started
    await poller.close()
    silent.close()
    assert alive < 2.5
    assert ended < 3.0 + 2.0


async def test_request_ids_are_unlike_each_other_and_four_octets() -> None:
    client = V2cClient()
    ids = [client._new_id() for _ in range(5000)]
    assert len(set(ids)) == len(ids)
    assert all(2**30 <= one < 2**31 for one in ids)
    assert max(abs(a - b) for a, b in pairwise(ids)) > 2**28


async def test_a_walk_that_does_not_increase_is_ended(poller: SnmpPoller, agent: FakeAgent) -> None:
    def again(_data: bytes, request_id: int) -> bytes:
        cell = varbind(ber.encode_oid("1.3.6.1.2.1.2.2.1.2.1"), 4, b"x")
        return response(request_id, [cell, cell])

    agent.mangle = again
    with pytest.raises(SnmpError) as caught:
        await poller.walk(agent.device(), "1.3.6.1.2.1.2.2.1.2", 100)
    assert caught.value.reason == "not_increasing"


async def test_a_walk_is_capped(poller: SnmpPoller, agent: FakeAgent) -> None:
    agent.mib = interface_mib(list(range(1, 100)))
    assert len(await poller.walk(agent.device(), "1.3.6.1.2.1.2.2.1.2", 30)) == 30


async def test_a_table_without_end_is_capped_and_told(agent: FakeAgent) -> None:
    poller = SnmpPoller(max_rows=50)
    await poller.start()
    agent.mib = interface_mib(list(range(1, 200)))
    poll = await poller.poll(agent.device(timeout_s=2.0))
    await poller.close()
    assert (poll.outcome, poll.reason) == (Outcome.DEGRADED, "too_many_rows")


async def test_an_agent_slow_in_every_answer_cannot_hold_a_poll_for_ever(agent: FakeAgent) -> None:
    poller = SnmpPoller(poll_limit_s=1.5)
    await poller.start()
    agent.mib, agent.delay_s = interface_mib(list(range(1, 200))), 0.1
    started = time.monotonic()
    poll = await poller.poll(agent.device(timeout_s=2.0))
    await poller.close()
    assert (poll.outcome, poll.reason) == (Outcome.DEGRADED, "too_slow")
    assert time.monotonic() - started < 3.0


async def test_an_error_status_is_told(poller: SnmpPoller, agent: FakeAgent) -> None:
    agent.mangle = lambda _data, request_id: response(request_id, [], status=16)
    assert await reason_of(poller, agent) == "denied"
    agent.mangle = lambda _data, request_id: response(request_id, [], status=5)
    assert await reason_of(poller, agent) == "agent_error"


async def test_an_answer_without_variables_ends_the_table(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    def empty_tables(data: bytes, request_id: int) -> bytes:
        return data if len(agent.requests) == 1 else response(request_id, [])

    agent.mangle = empty_tables
    poll = await poller.poll(agent.device())
    assert poll.outcome is Outcome.DEGRADED
    assert poll.reason in ("malformed", "agent_error")
    assert len(agent.requests) < 20


async def test_secrets_are_in_no_repr(poller: SnmpPoller, agent: FakeAgent) -> None:
    device = agent.device(credential=V2cCredential("s3cret-community"))
    assert "s3cret" not in repr(device)
    await poller.get(device, [UPTIME])
    assert "s3cret" not in repr(poller._memories)


async def test_a_cancelled_poll_leaves_nothing_behind(poller: SnmpPoller, agent: FakeAgent) -> None:
    agent.lose = 100
    task = asyncio.create_task(poller.poll(agent.device(timeout_s=5.0)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    client = poller._client
    assert not client._pending
    assert client._fresh == 0
    agent.lose = 0
    assert (await poller.poll(agent.device(timeout_s=1.0))).outcome is Outcome.OK


def test_octets_of_the_fake_agent_are_shortest() -> None:
    assert octets(127) == b"\x7f"
    assert octets(128) == b"\x00\x80"
