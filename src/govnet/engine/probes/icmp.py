"""ICMP echo (ping) over IPv4 and IPv6: reachability, loss, round-trip time, jitter.

One unconnected socket per family serves all targets; arrivals are stamped by the kernel, so a
busy event loop does not show up as latency (docs/explanation/icmp.md).
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import structlog
from pydantic import BaseModel, ConfigDict, Field

from govnet.engine.probes.icmp_channel import (
    ANSWERED,
    UNSENT,
    EchoRun,
    IcmpChannel,
    next_grain,
)
from govnet.engine.probes.icmp_metrics import FAMILY_NAME
from govnet.engine.probes.icmp_packet import (
    COOKIE_BYTES,
    DEFAULT_PAYLOAD,
    MAX_PAYLOAD,
    MIN_PAYLOAD,
    Endpoint,
    parse_endpoint,
)
from govnet.engine.probes.icmp_socket import IcmpSocketError, open_icmp_socket
from govnet.engine.result import Outcome, Result, Target

__all__ = [
    "EchoReport",
    "IcmpClient",
    "IcmpParams",
    "IcmpSocketError",
    "SweepResult",
    "probe",
]

log = structlog.get_logger()

DEFAULT_MAX_RATE: Final = 20_000.0
"""Echoes per second and family: 13 Mbit/s, so a burst does not flood an access device."""
REOPEN_S: Final = 30.0
_STAMP_WARM_UP_S: Final = 0.005
_IPV6_TCLASS: Final = 67
_TRAFFIC_CLASS: Final = struct.Struct("@Niii")
"""A control message with one number: its length, level, type and value."""
_NOT_THE_TARGETS_FAULT: Final = frozenset(
    {"no_route", "send_denied", "send_failed", "too_big", "receive_overflow", "closed"}
)


class IcmpParams(BaseModel):
    """Parameters of an ICMP target.

    Attributes:
        count: echoes per run.
        interval_s: seconds between two echoes of a run.
        size: payload bytes (56 makes an 84-byte IPv4 packet, as ping and fping do).
        tos: IPv4 type of service or IPv6 traffic class; the DSCP is its upper six bits.
        max_loss_ratio: above this share of lost echoes the target is degraded.
        max_rtt_ms: above this mean round-trip time the target is degraded; None for no limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(default=3, ge=1, le=100)
    interval_s: float = Field(default=0.2, ge=0.01, le=10.0)
    size: int = Field(default=DEFAULT_PAYLOAD, ge=MIN_PAYLOAD, le=MAX_PAYLOAD)
    tos: int = Field(default=0, ge=0, le=255)
    max_loss_ratio: float = Field(default=0.02, ge=0.0, le=1.0)
    max_rtt_ms: float | None = Field(default=None, gt=0.0)


@dataclass(frozen=True, slots=True)
class EchoReport:
    """What became of the echoes to one address.

    Attributes:
        address: as asked for.
        sent: echoes that left this host.
        received: answers that counted.
        rtts_ms: round-trip times in the order of sending; fewer than ``received`` if the wall
            clock was stepped meanwhile.
        reason: "" when all were answered, else "timeout", "loss", "unreachable", or, when this
            host is to blame, "no_route", "send_denied", "send_failed", "too_big",
            "receive_overflow", "closed".
        icmp_error: text of an ICMP error about the echoes, if any.
        duplicates: surplus answers.
    """

    address: str
    sent: int
    received: int
    rtts_ms: tuple[float, ...]
    reason: str = ""
    icmp_error: str = ""
    duplicates: int = 0

    @property
    def rtt_ms(self) -> float | None:
        """Mean round-trip time."""
        return sum(self.rtts_ms) / len(self.rtts_ms) if self.rtts_ms else None

    @property
    def jitter_ms(self) -> float | None:
        """Mean absolute difference of consecutive round-trip times."""
        if len(self.rtts_ms) < 2:
            return None
        pairs = zip(self.rtts_ms, self.rtts_ms[1:], strict=False)
        return sum(abs(later - earlier) for earlier, later in pairs) / (len(self.rtts_ms) - 1)

    def followed_by(self, other: EchoReport) -> EchoReport:
        """Both runs as one."""
        received = self.received + other.received
        return replace(
            other,
            sent=self.sent + other.sent,
            received=received,
            rtts_ms=self.rtts_ms + other.rtts_ms,
            reason=other.reason or ("loss" if received < self.sent + other.sent else ""),
            icmp_error=other.icmp_error or self.icmp_error,
            duplicates=self.duplicates + other.duplicates,
        )


@dataclass(frozen=True, slots=True)
class SweepResult:
    """A sweep as columns, one row per address in the order asked.

    Attributes:
        addresses: as asked for.
        sent: echoes that left this host, shape (n,).
        received: answers that counted, shape (n,).
        rtt_ms: shape (n, count); NaN where no round-trip time is known.
        reasons: row -> reason, only of rows where one is known beyond plain loss.
    """

    addresses: Sequence[str]
    sent: npt.NDArray[np.uint16]
    received: npt.NDArray[np.uint16]
    rtt_ms: npt.NDArray[np.float64]
    reasons: dict[int, str]


class IcmpClient:
    """Sends echoes to any number of addresses over one socket per family.

    Use as an async context manager, or ``start`` and ``close``. A family whose socket cannot be
    opened raises :class:`IcmpSocketError` when it is used, and is tried again every 30 s.

    Args:
        max_rate: echoes per second and family at most.
    """

    def __init__(self, *, max_rate: float = DEFAULT_MAX_RATE) -> None:
        self._max_rate = max_rate
        self._channels: dict[int, IcmpChannel] = {}
        self._failures: dict[int, tuple[float, IcmpSocketError]] = {}

    async def start(self) -> None:
        """Opens the sockets; a family that cannot be had is logged, not raised."""
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                self._channel(family)
            except IcmpSocketError as error:
                log.warning("icmp_no_socket", family=FAMILY_NAME[family], error=str(error))
        # The kernel turns its stamping on in the background; before that, it would stamp a
        # datagram when we read it.
        await asyncio.sleep(_STAMP_WARM_UP_S)

    async def close(self) -> None:
        """Closes the sockets; runs under way end with reason "closed"."""
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def socket_kind(self, family: socket.AddressFamily) -> str:
        """What the family's echoes go through: "dgram", "raw", or "none" without a socket."""
        channel = self._channels.get(family)
        if channel is None:
            return "none"
        return "raw" if channel.icmp.raw else "dgram"

    async def ping(
        self,
        address: str,
        *,
        count: int = 1,
        interval_s: float = 0.2,
        timeout_s: float = 1.0,
        size: int = DEFAULT_PAYLOAD,
        tos: int = 0,
    ) -> EchoReport:
        """Sends ``count`` echoes to one address and waits for what becomes of them.

        Args:
            address: an IPv4 or IPv6 literal.
            count: echoes to send.
            interval_s: seconds between two echoes.
            timeout_s: seconds each answer may take.
            size: payload bytes, at least 8.
            tos: IPv4 type of service or IPv6 traffic class.

        Raises:
            ValueError: not a unicast address.
            IcmpSocketError: this process may not send echoes of that family.
        """
        endpoint = parse_endpoint(address)
        channel = self._channel(endpoint.family)
        run = _new_run([endpoint], count, timeout_s, size, _traffic_class(endpoint.family, tos))
        await _fly(run, [(channel, range(1))], interval_s)
        return _report(address, run)

    async def sweep(
        self,
        addresses: Sequence[str],
        *,
        count: int = 1,
        interval_s: float = 0.2,
        timeout_s: float = 1.0,
        size: int = DEFAULT_PAYLOAD,
    ) -> SweepResult:
        """Sends ``count`` rounds of echoes to all addresses and returns columns.

        Cheaper than one :meth:`ping` each. An address that is malformed, or whose family has no
        socket, has ``sent`` 0 and a reason; it does not stop the others.
        """
        endpoints = [_endpoint_or_none(address) for address in addresses]
        run = _new_run(endpoints, count, timeout_s, size, b"")
        plan = self._plan(run, endpoints)
        await _fly(run, plan, interval_s)
        return _columns(addresses, run)

    def _plan(
        self, run: EchoRun, endpoints: Sequence[Endpoint | None]
    ) -> list[tuple[IcmpChannel, Sequence[int]]]:
        """Which targets go over which channel; the others are settled at once."""
        rows: dict[int, list[int]] = {}
        for row, endpoint in enumerate(endpoints):
            rows.setdefault(endpoint.family if endpoint else 0, []).append(row)
        _refuse_rows(run, rows.pop(0, []), "bad_address")
        plan: list[tuple[IcmpChannel, Sequence[int]]] = []
        for family, members in rows.items():
            try:
                plan.append((self._channel(socket.AddressFamily(family)), members))
            except IcmpSocketError:
                _refuse_rows(run, members, "no_socket")
        return plan

    def _channel(self, family: socket.AddressFamily) -> IcmpChannel:
        channel = self._channels.get(family)
        if channel is not None:
            return channel
        failed_at, error = self._failures.get(family, (-REOPEN_S, None))
        if error is not None and time.monotonic() < failed_at + REOPEN_S:
            raise error
        try:
            icmp = open_icmp_socket(family)
        except IcmpSocketError as new_error:
            self._failures[family] = (time.monotonic(), new_error)
            raise
        channel = IcmpChannel(icmp, asyncio.get_running_loop(), self._max_rate)
        self._channels[family] = channel
        log.info("icmp_socket_open", family=FAMILY_NAME[family], kind=self.socket_kind(family))
        return channel


def _endpoint_or_none(address: str) -> Endpoint | None:
    try:
        return parse_endpoint(address)
    except ValueError:
        return None


def _new_run(
    endpoints: Sequence[Endpoint | None],
    count: int,
    timeout_s: float,
    size: int,
    control: bytes,
) -> EchoRun:
    if count < 1 or timeout_s <= 0 or not MIN_PAYLOAD <= size <= MAX_PAYLOAD:
        raise ValueError(
            f"count {count} must be at least 1, timeout_s {timeout_s} positive, "
            f"size {size} from {MIN_PAYLOAD} to {MAX_PAYLOAD}"
        )
    done = asyncio.get_running_loop().create_future()
    if not endpoints:
        done.set_result(None)
    return EchoRun(endpoints, count, timeout_s, size - COOKIE_BYTES, control, done)


def _traffic_class(family: int, tos: int) -> bytes:
    """The control message that sets it for one send (cmsg(3))."""
    if not tos:
        return b""
    if family == socket.AF_INET:
        return _TRAFFIC_CLASS.pack(_TRAFFIC_CLASS.size, socket.IPPROTO_IP, socket.IP_TOS, tos)
    return _TRAFFIC_CLASS.pack(_TRAFFIC_CLASS.size, socket.IPPROTO_IPV6, _IPV6_TCLASS, tos)


def _refuse_rows(run: EchoRun, rows: Sequence[int], reason: str) -> None:
    for row in rows:
        for index in range(row * run.count, (row + 1) * run.count):
            run.refuse(index, reason)


async def _fly(
    run: EchoRun, plan: Sequence[tuple[IcmpChannel, Sequence[int]]], interval_s: float
) -> None:
    """Submits the rounds at their interval and waits until every echo is settled."""
    try:
        for number in range(run.count):
            if number:
                await _sleep_to_grain(interval_s)
            for channel, rows in plan:
                channel.submit(run, [row * run.count + number for row in rows])
        await run.done
    finally:
        # When the caller is cancelled, queued echoes are not sent any more.
        run.done.cancel()


async def _sleep_to_grain(seconds: float) -> None:
    """Sleeps so long or a little longer, to a common grain: runs then wake, and send, together."""
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(next_grain(now + seconds) - now)


def _report(address: str, run: EchoRun) -> EchoReport:
    received = run.status.count(ANSWERED)
    sent = run.count - run.status.count(UNSENT)
    return EchoReport(
        address=address,
        sent=sent,
        received=received,
        rtts_ms=tuple([rtt for rtt in run.rtt_ms if not math.isnan(rtt)]),
        reason=_reason(run, sent, received),
        icmp_error=run.icmp_errors.get(0, ""),
        duplicates=run.duplicates,
    )


def _reason(run: EchoRun, sent: int, received: int) -> str:
    if received == run.count:
        return ""
    known = run.reasons.get(0, "")
    if known in _NOT_THE_TARGETS_FAULT or not received:
        return known or "timeout"
    return "loss" if received < sent else ""


def _columns(addresses: Sequence[str], run: EchoRun) -> SweepResult:
    shape = (len(addresses), run.count)
    status = np.frombuffer(run.status, dtype=np.uint8).reshape(shape)
    return SweepResult(
        addresses=addresses,
        sent=(status != UNSENT).sum(axis=1, dtype=np.uint16),
        received=(status == ANSWERED).sum(axis=1, dtype=np.uint16),
        rtt_ms=np.frombuffer(run.rtt_ms, dtype=np.float64).reshape(shape),
        reasons=run.reasons,
    )


async def probe(client: IcmpClient, target: Target) -> Result:
    """Measures one ICMP target.

    ``target.tries`` is how many echoes must stay unanswered before the outcome is FAILED: after
    a silent run of fewer, the rest are sent within the same probe. What this host could not
    send or receive is UNKNOWN, never FAILED.

    Raises:
        pydantic.ValidationError: ``target.params`` are not :class:`IcmpParams`.
    """
    params = IcmpParams.model_validate(target.params)
    started = time.time()
    try:
        report = await _ping_until_sure(client, target, params)
    except IcmpSocketError as error:
        return _unknown(target, started, "no_socket", str(error))
    except ValueError as error:
        return _unknown(target, started, "bad_address", str(error))
    outcome, reason = _judge(report, params, target.tries)
    return Result(
        target_id=target.id,
        ts=started,
        outcome=outcome,
        sent=report.sent,
        received=report.received,
        rtt_ms=report.rtt_ms,
        jitter_ms=report.jitter_ms,
        reason=reason,
        detail=_detail(report, params),
    )


async def _ping_until_sure(client: IcmpClient, target: Target, params: IcmpParams) -> EchoReport:
    async def ping(count: int) -> EchoReport:
        return await client.ping(
            target.address,
            count=count,
            interval_s=params.interval_s,
            timeout_s=target.timeout_s,
            size=params.size,
            tos=params.tos,
        )

    report = await ping(params.count)
    missing = target.tries - report.sent
    if report.received or missing <= 0 or report.reason in _NOT_THE_TARGETS_FAULT:
        return report
    return report.followed_by(await ping(missing))


def _judge(report: EchoReport, params: IcmpParams, tries: int) -> tuple[Outcome, str]:
    if report.reason in _NOT_THE_TARGETS_FAULT and report.received < max(report.sent, 1):
        return Outcome.UNKNOWN, report.reason
    if not report.received:
        if report.sent < tries:
            return Outcome.UNKNOWN, "send_failed"
        return Outcome.FAILED, report.reason
    if 1.0 - report.received / report.sent > params.max_loss_ratio:
        return Outcome.DEGRADED, "loss"
    if params.max_rtt_ms is not None and (report.rtt_ms or 0.0) > params.max_rtt_ms:
        return Outcome.DEGRADED, "latency"
    return Outcome.OK, ""


def _detail(report: EchoReport, params: IcmpParams) -> dict[str, object]:
    detail: dict[str, object] = {
        "address": report.address,
        "rtts_ms": [round(rtt, 3) for rtt in report.rtts_ms],
        "size": params.size,
    }
    if report.duplicates:
        detail["duplicates"] = report.duplicates
    if report.icmp_error:
        detail["icmp_error"] = report.icmp_error
    if len(report.rtts_ms) < report.received:
        detail["clock_stepped"] = True
    return detail


def _unknown(target: Target, started: float, reason: str, error: str) -> Result:
    return Result(
        target_id=target.id,
        ts=started,
        outcome=Outcome.UNKNOWN,
        sent=0,
        reason=reason,
        detail={"address": target.address, "error": error},
    )
