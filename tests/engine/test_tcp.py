"""The TCP probe against real sockets."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from pydantic import ValidationError

from govnet.engine.probes.tcp import TcpParams, probe
from govnet.engine.result import Outcome, ProbeKind, Target
from tests.peers import free_port


def target(port: int, address: str = "127.0.0.1", *, tries: int = 1, **params: object) -> Target:
    return Target(
        3, ProbeKind.TCP, address, timeout_s=0.4, tries=tries, params={"port": port, **params}
    )


@asynccontextmanager
async def greeting(
    banner: bytes, host: str = "127.0.0.1", echo: bool = False
) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        if echo:
            writer.write(await reader.read(1024))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(handle, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of pending connections is full: connecting hangs, as to a dead host."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        time.sleep(0.05)
        try:
            yield port
        finally:
            for filler in fillers:
                filler.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_open_port_is_ok(host: str) -> None:
    async with greeting(b"", host) as port:
        result = await probe(target(port, host))
    assert (result.outcome, result.reason, result.received) == (Outcome.OK, "", 1)
    assert result.rtt_ms is not None
    assert 0 < result.rtt_ms < 400
    assert result.detail["address"] == host


async def test_a_closed_port_is_refused() -> None:
    result = await probe(target(free_port(), tries=3))
    assert (result.outcome, result.reason, result.received) == (Outcome.FAILED, "refused", 0)
    assert (result.rtt_ms, result.detail["tries"]) == (None, 3)


async def test_silence_is_a_timeout_within_its_time() -> None:
    with full_backlog() as port:
        before = time.monotonic()
        result = await probe(target(port, tries=2))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "connect_timeout")
    assert 0.75 < time.monotonic() - before < 1.3


@pytest.mark.parametrize(
    ("number", "outcome", "reason"),
    [
        (errno.EHOSTUNREACH, Outcome.FAILED, "host_unreachable"),
        (errno.ENETUNREACH, Outcome.FAILED, "network_unreachable"),
        (errno.EACCES, Outcome.FAILED, "prohibited"),
        (errno.ETIMEDOUT, Outcome.FAILED, "timeout"),
        (errno.EMFILE, Outcome.UNKNOWN, "local_resources"),
        (errno.EADDRNOTAVAIL, Outcome.UNKNOWN, "local_resources"),
        (errno.EPERM, Outcome.UNKNOWN, "local_denied"),
    ],
)
async def test_errors_of_the_way_and_of_this_machine_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, number: int, outcome: Outcome, reason: str
) -> None:
    async def fail(*_: object) -> None:
        raise OSError(number, "as the kernel says")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", fail)
    result = await probe(target(9))
    assert (result.outcome, result.reason) == (outcome, reason)


async def test_no_descriptor_left_is_not_the_targets_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_socket(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("govnet.engine.probes.connect.socket.socket", no_socket)
    result = await probe(target(9))
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "local_resources")


async def test_the_banner_is_checked_and_shown_printable() -> None:
    async with greeting(b"220 \x1b[31mmail\x00 ESMTP \xe5\x87\xba\r\n") as port:
        good = await probe(target(port, expect="ESMTP"))
        wrong = await probe(target(port, expect="IMAP"))
    assert good.outcome is Outcome.OK
    assert good.detail["banner"] == r"220 \x1b[31mmail\x00 ESMTP 出\r\n"
    assert (wrong.outcome, wrong.reason) == (Outcome.DEGRADED, "banner_timeout")


async def test_what_is_sent_may_be_answered() -> None:
    async with greeting(b"", echo=True) as port:
        result = await probe(target(port, send="PING 政务\r\n", expect="政务"))
    assert result.outcome is Outcome.OK


async def test_an_endless_banner_is_read_only_so_far() -> None:
    async with greeting(b"a" * 1_000_000) as port:
        result = await probe(target(port, expect="b"))
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, "banner_mismatch")
    assert len(json.dumps(result.detail)) < 1000


async def test_a_slow_connection_degrades() -> None:
    async with greeting(b"") as port:
        result = await probe(target(port, max_connect_ms=0.0001))
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, "slow")


@pytest.mark.parametrize(
    "params",
    [{}, {"port": 0}, {"port": 70000}, {"port": 1, "x": 1}, {"port": 1, "send": "a" * 2000}],
)
def test_wrong_parameters_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TcpParams.model_validate(params)
