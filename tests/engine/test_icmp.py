"""The ICMP client against the real kernel: loopback, and namespaces with drops and errors."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from typing import Self

import numpy as np
import pytest
from prometheus_client import REGISTRY

from govnet.engine.probes import icmp_channel
from govnet.engine.probes.icmp import IcmpClient, IcmpParams, IcmpSocketError, probe
from govnet.engine.probes.icmp_metrics import COUNTS
from govnet.engine.probes.icmp_packet import ECHO_REPLY, ECHO_REQUEST
from govnet.engine.probes.icmp_socket import clock_offset_ns, open_icmp_socket
from govnet.engine.result import Outcome, ProbeKind, Target
from tests.engine.netns import allow_ping_sockets, private_network

NFT = "nft add table inet t; nft 'add chain inet t in { type filter hook input priority 0; }'"
DROP_NINE = f"{NFT}; nft add rule inet t in ip daddr 127.9.9.9 icmp type echo-request drop"


def counts(family: socket.AddressFamily = socket.AF_INET) -> dict[str, int]:
    return asdict(COUNTS[family])


def grown(before: dict[str, int], name: str) -> int:
    return counts()[name] - before[name]


@pytest.fixture
async def client() -> AsyncIterator[IcmpClient]:
    """A client on the host's loopback, or a plain reason why there is none."""
    try:
        open_icmp_socket(socket.AF_INET).sock.close()
    except IcmpSocketError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    async with IcmpClient() as made:
        yield made


@pytest.fixture(params=["dgram", "raw"])
def network(request: pytest.FixtureRequest) -> Iterator[str]:
    """A private network where the client gets the named kind of socket."""
    with private_network():
        allow_ping_sockets(allow=request.param == "dgram")
        yield request.param


def shell(*commands: str) -> None:
    for command in commands:
        assert os.system(command) == 0, command


def target(address: str, **params: object) -> Target:
    return Target(id=7, kind=ProbeKind.ICMP, address=address, timeout_s=0.2, params=params)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.77.88.99", "::1", "::ffff:127.0.0.1"])
async def test_loopback_answers(client: IcmpClient, address: str) -> None:
    report = await client.ping(address, count=3, interval_s=0.01)
    assert (report.sent, report.received, report.reason) == (3, 3, "")
    assert len(report.rtts_ms) == 3
    assert all(0 < rtt < 200 for rtt in report.rtts_ms)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "::",
        "example.org",
        "127.1",
        "",
        "1%lo",
    ],
)
async def test_what_is_not_a_unicast_address_is_refused(client: IcmpClient, address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        await client.ping(address)
    result = await probe(client, target(address))
    assert (result.outcome, result.reason, result.sent) == (Outcome.UNKNOWN, "bad_address", 0)


async def test_two_hundred_targets_at_once(client: IcmpClient) -> None:
    addresses = [f"127.20.{i // 100}.{i % 100 + 1}" for i in range(200)]
    reports = await asyncio.gather(*(client.ping(address, count=2) for address in addresses))
    assert [report.address for report in reports] == addresses
    assert {(report.sent, report.received) for report in reports} == {(2, 2)}


async def test_a_burst_of_ten_thousand_loses_nothing(client: IcmpClient) -> None:
    addresses = [f"127.{30 + i // 62500}.{i // 250 % 250}.{i % 250 + 1}" for i in range(10_000)]
    before = counts()
    result = await client.sweep([*addresses, "nonsense", "::1"], timeout_s=2.0)
    assert result.received[:10_000].sum() == 10_000
    assert result.reasons == {10_000: "bad_address"}
    assert (result.sent[10_000], result.received[10_001]) == (0, 1)
    assert np.isnan(result.rtt_ms[10_000, 0])
    assert grown(before, "overflowed") == 0


async def test_an_empty_sweep_ends_at_once(client: IcmpClient) -> None:
    result = await client.sweep([], count=3)
    assert result.rtt_ms.shape == (0, 3)


async def test_the_whole_sequence_space_is_used_and_wraps(client: IcmpClient) -> None:
    addresses = [f"127.40.{i // 250}.{i % 250 + 1}" for i in range(23_000)]
    result = await client.sweep(addresses, count=3, interval_s=0.01, timeout_s=5.0)
    assert result.received.sum() == 69_000


async def test_a_stalled_loop_does_not_show_up_as_latency(client: IcmpClient) -> None:
    stop = asyncio.Event()

    async def stall() -> None:
        while not stop.is_set():
            time.sleep(0.02)  # noqa: ASYNC251 - the stall is the point
            await asyncio.sleep(0.08)

    stalling = asyncio.create_task(stall())
    # Echoes spread over the stalls: the answers lie in the socket while the loop sleeps.
    reports = await asyncio.gather(
        *(client.ping(f"127.50.0.{i + 1}", count=40, interval_s=0.023) for i in range(20))
    )
    stop.set()
    await stalling
    rtts = [rtt for report in reports for rtt in report.rtts_ms]
    assert len(rtts) == 800
    assert np.percentile(rtts, 95) < 5.0


async def test_answers_that_came_in_time_count_though_the_loop_slept_past_the_time_out(
    client: IcmpClient,
) -> None:
    pending = asyncio.create_task(client.ping("127.0.0.1", timeout_s=0.05))
    await asyncio.sleep(0)
    time.sleep(0.3)  # noqa: ASYNC251 - the stall is the point
    report = await pending
    assert (report.received, report.reason) == (1, "")
    assert report.rtts_ms[0] < 50


@pytest.mark.root
async def test_loss_is_measured_exactly(network: str) -> None:
    rule = "nft add rule inet t in icmp type echo-request numgen inc mod 10 0 drop"
    shell(NFT, rule)
    async with IcmpClient() as client:
        assert client.socket_kind(socket.AF_INET) == network
        addresses = [f"127.60.0.{i + 1}" for i in range(100)]
        result = await client.sweep(addresses, count=10, interval_s=0.01, timeout_s=0.3)
    assert result.sent.sum() == 1000
    assert result.received.sum() == 900
    assert np.isnan(result.rtt_ms).sum() == 100


@pytest.mark.root
async def test_silence_is_a_time_out_and_ends_on_time(network: str) -> None:
    shell(DROP_NINE)
    async with IcmpClient() as client:
        started = time.monotonic()
        report, other = await asyncio.gather(
            client.ping("127.9.9.9", count=2, interval_s=0.05, timeout_s=0.2),
            client.ping("127.9.9.8", timeout_s=0.1),
        )
        took = time.monotonic() - started
    assert (report.sent, report.received, report.reason) == (2, 0, "timeout")
    assert other.received == 1
    assert 0.25 <= took < 0.6


@pytest.mark.root
async def test_an_icmp_error_ends_the_wait_and_harms_no_other_target(network: str) -> None:
    shell(
        NFT,
        "ip -6 addr add fd00::8/128 dev lo nodad",
        "nft add rule inet t in ip daddr 127.9.9.8 icmp type echo-request"
        " reject with icmp type host-unreachable",
        "nft add rule inet t in ip6 daddr fd00::8 icmpv6 type echo-request"
        " reject with icmpv6 type addr-unreachable",
    )
    async with IcmpClient() as client:
        started = time.monotonic()
        dead, dead6 = await asyncio.gather(
            client.ping("127.9.9.8", count=2, interval_s=0.01, timeout_s=5.0),
            client.ping("fd00::8", timeout_s=5.0),
        )
        assert time.monotonic() - started < 1.0
        mixed = await client.sweep(["127.9.9.8", "127.0.0.1"] * 50, count=2, timeout_s=1.0)
    assert (dead.sent, dead.received, dead.reason) == (2, 0, "unreachable")
    assert dead.icmp_error == "host unreachable"
    assert (dead6.reason, dead6.icmp_error) == ("unreachable", "address unreachable")
    assert list(mixed.received) == [0, 2] * 50


@pytest.mark.root
@pytest.mark.parametrize(
    ("route", "reason"),
    [("blackhole", "no_route"), ("unreachable", "no_route"), ("prohibit", "send_denied")],
)
async def test_what_this_host_cannot_send_is_unknown(network: str, route: str, reason: str) -> None:
    shell(f"ip route add {route} 10.1.0.0/16")
    async with IcmpClient() as client:
        result = await probe(client, target("10.1.1.1", count=1))
        assert (result.outcome, result.reason, result.sent) == (Outcome.UNKNOWN, reason, 0)
        result = await probe(client, target("10.2.1.1"))
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "no_route")
        assert (await probe(client, target("127.0.0.1"))).outcome is Outcome.OK


@pytest.mark.root
async def test_a_raw_socket_is_not_woken_by_the_echoes_of_others() -> None:
    with private_network():
        allow_ping_sockets(allow=False)
        before = counts()
        async with IcmpClient() as one, IcmpClient() as other:
            assert one.socket_kind(socket.AF_INET) == "raw"
            assert one.socket_kind(socket.AF_INET6) == "raw"
            for address in ("127.0.0.1", "::1"):
                reports = await asyncio.gather(
                    one.ping(address, count=20, interval_s=0.01),
                    other.ping(address, count=20, interval_s=0.01),
                )
                assert [report.received for report in reports] == [20, 20]
        assert grown(before, "malformed") == grown(before, "forged") == 0


@pytest.mark.root
async def test_without_privilege_the_outcome_is_unknown_and_says_what_to_do() -> None:
    with private_network():
        allow_ping_sockets(allow=False)
        os.setegid(65534)
        os.seteuid(65534)
        try:
            async with IcmpClient() as client:
                with pytest.raises(IcmpSocketError, match=r"ping_group_range.*CAP_NET_RAW"):
                    await client.ping("127.0.0.1")
                result = await probe(client, target("::1"))
                swept = await client.sweep(["127.0.0.1", "::1"], count=2)
        finally:
            os.seteuid(0)
            os.setegid(0)
    assert (result.outcome, result.reason, result.sent) == (Outcome.UNKNOWN, "no_socket", 0)
    assert "ping_group_range" in result.detail["error"]
    assert swept.reasons == {0: "no_socket", 1: "no_socket"}
    assert swept.sent.sum() == 0


@pytest.mark.root
async def test_a_socket_that_was_forbidden_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("govnet.engine.probes.icmp.REOPEN_S", 0.0)
    with private_network():
        allow_ping_sockets(allow=False)
        os.seteuid(65534)
        try:
            async with IcmpClient() as client:
                with pytest.raises(IcmpSocketError):
                    await client.ping("127.0.0.1")
                os.seteuid(0)
                assert (await client.ping("127.0.0.1")).received == 1
        finally:
            os.seteuid(0)


class Responder:
    """Answers the echoes of a namespace instead of its kernel, with whatever a test wants."""

    def __init__(self) -> None:
        shell("echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all")
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.sock.setsockopt(socket.SOL_IP, 1, b"")
        self.sock.settimeout(2.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    async def request(self) -> bytes:
        """The next echo request, with its IP header."""
        while True:
            packet: bytes = await asyncio.to_thread(self.sock.recv, 65535)
            if packet[20] == ECHO_REQUEST[socket.AF_INET]:
                return packet

    def answer(self, message: bytes, source: str = "127.0.0.1") -> None:
        """Sends an ICMP message to the client from an address."""
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as out:
            out.bind((source, 0))
            out.sendto(with_checksum(message), ("127.0.0.1", 0))


def with_checksum(message: bytes) -> bytes:
    blank = message[:2] + b"\0\0" + message[4:]
    total = sum(struct.unpack(f"!{len(blank) // 2}H", blank[: len(blank) // 2 * 2]))
    if len(blank) % 2:
        total += blank[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return message[:2] + struct.pack("!H", ~total & 0xFFFF) + message[4:]


def as_reply(request: bytes) -> bytes:
    return bytes([ECHO_REPLY[socket.AF_INET]]) + request[21:]


@pytest.fixture
def responder(network: str) -> Iterator[Responder]:
    with Responder() as made:
        yield made


@pytest.mark.root
async def test_duplicates_count_once(responder: Responder) -> None:
    async with IcmpClient() as client:
        pending = asyncio.create_task(client.ping("127.0.0.1", count=2, interval_s=0.2))
        first = as_reply(await responder.request())
        for _ in range(3):
            responder.answer(first)
        responder.answer(as_reply(await responder.request()))
        report = await pending
    assert (report.sent, report.received, report.duplicates) == (2, 2, 2)


@pytest.mark.root
async def test_a_late_answer_is_ignored_and_counted(responder: Responder) -> None:
    before = counts()
    async with IcmpClient() as client:
        pending = asyncio.create_task(client.ping("127.0.0.1", timeout_s=0.05))
        request = await responder.request()
        assert (await pending).reason == "timeout"
        responder.answer(as_reply(request))
        await asyncio.sleep(0.05)
    assert (grown(before, "late"), grown(before, "received")) == (1, 0)


@pytest.mark.root
async def test_forged_and_malformed_answers_are_dropped_and_counted(responder: Responder) -> None:
    before = counts()
    async with IcmpClient() as client:
        pending = asyncio.create_task(client.ping("127.0.0.1", timeout_s=0.4))
        reply = as_reply(await responder.request())
        responder.answer(reply[:8] + bytes(8) + reply[16:])  # guessed cookie
        responder.answer(reply[:6] + b"\xff\xff" + reply[8:])  # another sequence
        responder.answer(reply[:12])  # truncated
        responder.answer(reply, source="127.0.0.2")  # from elsewhere
        report = await pending
    assert (report.received, report.reason) == (0, "timeout")
    assert grown(before, "forged") == 2
    assert grown(before, "malformed") == 1
    assert grown(before, "wrong_source") == 1


@pytest.mark.root
async def test_a_forged_error_does_not_end_the_wait(responder: Responder) -> None:
    async with IcmpClient() as client:
        pending = asyncio.create_task(client.ping("127.0.0.1", timeout_s=1.0))
        packet = await responder.request()
        error = struct.pack("!BBHI", 3, 1, 0, 0)
        responder.answer(error + packet[:28])  # RFC 792: header and 8 bytes, no cookie
        await asyncio.sleep(0.05)
        assert not pending.done()
        responder.answer(as_reply(packet))
        report = await pending
    assert report.received == 1


@pytest.mark.root
async def test_size_and_traffic_class_are_sent(responder: Responder) -> None:
    async with IcmpClient() as client:
        pending = asyncio.create_task(client.ping("127.0.0.1", size=101, tos=0xB8))
        packet = await responder.request()
        responder.answer(as_reply(packet))
        report = await pending
    assert report.received == 1
    assert packet[1] == 0xB8
    assert len(packet) == 20 + 8 + 101
    assert with_checksum(packet[20:]) == packet[20:]


@pytest.mark.root
async def test_a_stepped_wall_clock_discards_the_rtt_and_keeps_the_answer(
    responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counts()
    async with IcmpClient() as client:
        pending = asyncio.create_task(client.ping("127.0.0.1"))
        packet = await responder.request()
        monkeypatch.setattr(
            icmp_channel, "clock_offset_ns", lambda: clock_offset_ns() + 3_600 * 10**9
        )
        responder.answer(as_reply(packet))
        report = await pending
    assert (report.received, report.rtts_ms, report.reason) == (1, (), "")
    assert grown(before, "clock_jumps") == 1


@pytest.mark.root
async def test_losses_by_our_own_full_buffer_are_not_the_targets(network: str) -> None:
    # A tiny buffer, and a burst whose answers it cannot hold.
    async with IcmpClient() as client:
        channel = client._channel(socket.AF_INET)
        channel._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        result = await probe(client, target("127.0.0.1", count=1))
        assert result.outcome is Outcome.OK
        pings = [client.ping(f"127.0.1.{i + 1}", timeout_s=0.1) for i in range(50)]
        reports = await asyncio.gather(*pings)
    lost = [report for report in reports if not report.received]
    assert lost, "the buffer did not overflow: the test is void"
    assert {report.reason for report in lost} == {"receive_overflow"}


async def test_a_full_send_buffer_is_waited_for_not_a_loss(
    client: IcmpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = client._channel(socket.AF_INET)

    send = channel._sender.send
    calls = 0

    def full_now_and_then(first: int, end: int) -> tuple[int, int]:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        if calls % 7 == 0:
            raise OSError(105, "No buffer space available")
        return send(first, min(end, first + 1))

    before = counts()
    monkeypatch.setattr(channel._sender, "send", full_now_and_then)
    result = await client.sweep([f"127.70.0.{i + 1}" for i in range(100)], timeout_s=1.0)
    monkeypatch.undo()
    assert (result.sent.sum(), result.received.sum()) == (100, 100)
    assert grown(before, "retried") > 30


async def test_a_buffer_that_stays_full_is_unknown(
    client: IcmpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = client._channel(socket.AF_INET)

    def always_full(_first: int, _end: int) -> tuple[int, int]:
        raise OSError(105, "No buffer space available")

    monkeypatch.setattr(channel._sender, "send", always_full)
    result = await probe(client, target("127.0.0.1"))
    assert (result.outcome, result.reason, result.sent) == (Outcome.UNKNOWN, "send_failed", 0)


async def test_closing_ends_runs_under_way(client: IcmpClient) -> None:
    blocked = client._channel(socket.AF_INET)
    blocked._blocked = True  # as if the send buffer were full
    pending = asyncio.create_task(probe(client, target("127.0.0.1", count=1)))
    await asyncio.sleep(0.01)
    await client.close()
    result = await asyncio.wait_for(pending, 1.0)
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "closed")


async def test_a_cancelled_ping_sends_nothing_more_and_leaves_the_rest_alone(
    client: IcmpClient,
) -> None:
    pending = asyncio.create_task(client.ping("127.0.0.1", count=100, interval_s=0.01))
    await asyncio.sleep(0.05)
    pending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pending
    before = counts()
    assert (await client.ping("127.0.0.1", count=3, interval_s=0.02)).received == 3
    assert grown(before, "sent") == 3


async def test_a_healthy_target_is_ok_with_rtt_and_jitter(client: IcmpClient) -> None:
    started = time.time()
    result = await probe(client, target("127.0.0.1", interval_s=0.01))
    assert (result.target_id, result.outcome, result.reason) == (7, Outcome.OK, "")
    assert (result.sent, result.received) == (3, 3)
    assert result.rtt_ms is not None
    assert 0 < result.rtt_ms < 200
    assert result.jitter_ms is not None
    assert started <= result.ts <= time.time()


async def test_latency_over_the_limit_is_degraded(client: IcmpClient) -> None:
    result = await probe(client, target("127.0.0.1", count=1, max_rtt_ms=0.0001))
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, "latency")


@pytest.mark.root
async def test_loss_over_the_limit_is_degraded_and_under_it_is_not(network: str) -> None:
    shell(NFT, "nft add rule inet t in icmp type echo-request numgen inc mod 4 0 drop")
    async with IcmpClient() as client:
        strict = await probe(client, target("127.0.0.1", count=4, interval_s=0.01))
        lenient = await probe(
            client, target("127.0.0.1", count=4, interval_s=0.01, max_loss_ratio=0.25)
        )
    assert (strict.outcome, strict.reason, strict.received) == (Outcome.DEGRADED, "loss", 3)
    assert (lenient.outcome, lenient.received) == (Outcome.OK, 3)


@pytest.mark.root
async def test_failed_needs_as_many_silent_echoes_as_tries(network: str) -> None:
    shell(DROP_NINE)
    async with IcmpClient() as client:
        dead = Target(1, ProbeKind.ICMP, "127.9.9.9", 10.0, 0.1, tries=4, params={"count": 1})
        result = await probe(client, dead)
    assert (result.outcome, result.reason) == (Outcome.FAILED, "timeout")
    assert (result.sent, result.received, result.rtt_ms) == (4, 0, None)


@pytest.mark.root
async def test_an_answer_to_the_retry_saves_a_target_from_failed(responder: Responder) -> None:
    async with IcmpClient() as client:
        flaky = Target(1, ProbeKind.ICMP, "127.0.0.1", 10.0, 0.2, tries=2, params={"count": 1})
        pending = asyncio.create_task(probe(client, flaky))
        await responder.request()
        responder.answer(as_reply(await responder.request()))
        result = await pending
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, "loss")
    assert (result.sent, result.received) == (2, 1)


def test_parameters_are_checked() -> None:
    assert IcmpParams().count == 3
    for wrong in ({"count": 0}, {"interval_s": 0}, {"tos": 256}, {"size": 4}, {"cuont": 3}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            IcmpParams.model_validate(wrong)


async def test_counters_are_served_to_prometheus(client: IcmpClient) -> None:
    def value() -> float:
        name = "govnet_icmp_received_packets_total"
        return REGISTRY.get_sample_value(name, {"family": "ipv4"}) or 0.0

    before = value()
    await client.ping("127.0.0.1", count=2, interval_s=0.01)
    assert value() == before + 2
