"""TCP probe: does a port accept connections, and does the service behind it greet as it should."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from govnet.engine.probes.connect import (
    IpVersion,
    ProbeFailure,
    connect_any,
    failure_of,
    resolve,
)
from govnet.engine.result import Outcome, Result, Target
from govnet.engine.safety import printable

BANNER_BYTES = 4096


class TcpParams(BaseModel):
    """Parameters of a TCP target.

    Attributes:
        port: to connect to.
        send: text to send once connected, UTF-8.
        expect: text that the peer's first 4 KiB must contain; empty: connecting is enough.
        ip_version: 4, 6 or any.
        max_connect_ms: degraded when connecting took longer; None for no limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    port: int = Field(ge=1, le=65535)
    send: str = Field(default="", max_length=1024)
    expect: str = Field(default="", max_length=200)
    ip_version: IpVersion = "any"
    max_connect_ms: float | None = Field(default=None, gt=0)


@dataclass(slots=True)
class _Try:
    """What one try saw."""

    stage: str = "dns"
    address: str = ""
    dns_ms: float = 0.0
    connect_ms: float | None = None
    banner: bytes = b""
    failure: ProbeFailure | None = None


async def probe(target: Target) -> Result:
    """Connect to one TCP target; ``rtt_ms`` is the time to connect.

    Raises:
        pydantic.ValidationError: ``target.params`` are not ``TcpParams``.
    """
    params = TcpParams.model_validate(target.params)
    ts = time.time()
    seen = await _try(target, params)
    tries = 1
    while tries < target.tries and seen.failure is not None and seen.connect_ms is None:
        seen = await _try(target, params)
        tries += 1
    outcome, reason = _judge(seen, params)
    return Result(
        target_id=target.id,
        ts=ts,
        outcome=outcome,
        sent=int(outcome is not Outcome.UNKNOWN),
        received=int(seen.connect_ms is not None),
        rtt_ms=seen.connect_ms,
        reason=reason,
        detail=_detail(seen, params, tries),
        phases_ms={"dns": seen.dns_ms, "connect": seen.connect_ms}
        if seen.connect_ms is not None
        else {},
    )


async def _try(target: Target, params: TcpParams) -> _Try:
    seen = _Try()
    try:
        async with asyncio.timeout(target.timeout_s):
            await _converse(seen, target, params)
    except TimeoutError:
        seen.failure = ProbeFailure(f"{seen.stage}_timeout", f"within {target.timeout_s:g} s")
    except ProbeFailure as failure:
        seen.failure = failure
    return seen


async def _converse(seen: _Try, target: Target, params: TcpParams) -> None:
    started = time.perf_counter()
    addresses = await resolve(target.address, params.ip_version)
    resolved = time.perf_counter()
    seen.dns_ms = (resolved - started) * 1000
    seen.stage = "connect"
    connection = await connect_any(addresses, params.port, target.timeout_s)
    seen.connect_ms = (time.perf_counter() - resolved) * 1000
    with connection:
        seen.address = str(connection.getpeername()[0])
        if params.send or params.expect:
            seen.stage = "banner"
            await _greet(seen, connection, params)


async def _greet(seen: _Try, connection: socket.socket, params: TcpParams) -> None:
    loop = asyncio.get_running_loop()
    expected = params.expect.encode()
    try:
        if params.send:
            await loop.sock_sendall(connection, params.send.encode())
        while expected not in seen.banner:
            data = await loop.sock_recv(connection, BANNER_BYTES - len(seen.banner))
            seen.banner += data
            if not data or len(seen.banner) >= BANNER_BYTES:
                return
    except OSError as error:
        raise failure_of(error) from error


def _judge(seen: _Try, params: TcpParams) -> tuple[Outcome, str]:
    failure = seen.failure
    if failure is not None and seen.connect_ms is None:
        return failure.outcome, failure.reason
    if failure is not None:  # the port accepts, the service behind it does not speak
        return Outcome.DEGRADED, failure.reason
    if params.expect.encode() not in seen.banner:
        return Outcome.DEGRADED, "banner_mismatch"
    limit = params.max_connect_ms
    if limit is not None and seen.connect_ms is not None and seen.connect_ms > limit:
        return Outcome.DEGRADED, "slow"
    return Outcome.OK, ""


def _detail(seen: _Try, params: TcpParams, tries: int) -> dict[str, object]:
    detail: dict[str, object] = {"address": seen.address, "port": params.port, "tries": tries}
    if seen.banner:
        detail["banner"] = printable(seen.banner, 500)
    if seen.failure is not None:
        detail["error"] = printable(seen.failure.message)
    return detail
