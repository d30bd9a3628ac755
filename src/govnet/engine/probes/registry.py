"""Every kind of probe behind one call: the engine and the "probe now" page use the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import structlog
from prometheus_client import Counter
from pydantic import BaseModel, ValidationError

from govnet.engine.probes import dns, http, icmp, snmp, tcp
from govnet.engine.result import Outcome, ProbeKind, Result, Target
from govnet.engine.safety import printable
from govnet.engine.snmp.poll import SnmpPoller

log = structlog.get_logger()

ERRORS = Counter(
    "govnet_engine_probe_errors_total", "Probe runs with an unexpected error", ["kind"]
)
OVERRUNS = Counter("govnet_engine_probe_overruns_total", "Probe runs beyond all bounds", ["kind"])

OVERRUN_S = 5.0


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """What probes share: one socket per family for all ICMP, one for all SNMP targets.

    Attributes:
        icmp: started; None when this process does not ping.
        snmp: started; None when this process does not poll.
    """

    icmp: icmp.IcmpClient | None = None
    snmp: SnmpPoller | None = None


@dataclass(frozen=True, slots=True)
class ProbeType:
    """One kind of probe.

    Attributes:
        params: model of ``Target.params``.
        check_address: raises ValueError, saying why, for a ``Target.address`` that is none.
        run: measures one target.
    """

    params: type[BaseModel]
    check_address: Callable[[str], object]
    run: Callable[[ProbeContext, Target], Awaitable[Result]]


class _NotAvailableError(Exception):
    """This process has no client for the kind."""


async def _icmp(context: ProbeContext, target: Target) -> Result:
    if context.icmp is None:
        raise _NotAvailableError
    return await icmp.probe(context.icmp, target)


async def _snmp(context: ProbeContext, target: Target) -> Result:
    if context.snmp is None:
        raise _NotAvailableError
    return await snmp.probe(context.snmp, target)


async def _http(_: ProbeContext, target: Target) -> Result:
    return await http.probe(target)


async def _tcp(_: ProbeContext, target: Target) -> Result:
    return await tcp.probe(target)


async def _dns(_: ProbeContext, target: Target) -> Result:
    return await dns.probe(target)


def _check_host(text: str) -> None:
    """An address or a name that can be looked up."""
    try:
        ip_address(text)
    except ValueError:
        dns.parse_name(text)


PROBES: Mapping[ProbeKind, ProbeType] = {
    ProbeKind.ICMP: ProbeType(icmp.IcmpParams, ip_address, _icmp),
    ProbeKind.SNMP: ProbeType(snmp.SnmpParams, ip_address, _snmp),
    ProbeKind.HTTP: ProbeType(http.HttpParams, http.parse_url, _http),
    ProbeKind.TCP: ProbeType(tcp.TcpParams, _check_host, _tcp),
    ProbeKind.DNS: ProbeType(dns.DnsParams, dns.parse_name, _dns),
}


def check_target(kind: ProbeKind, address: str, params: Mapping[str, Any]) -> None:
    """Check what a person entered, before it becomes a target.

    Raises:
        ValueError: the address or a parameter is wrong; the message names it and says why.
    """
    probe = PROBES[kind]
    probe.check_address(address)
    try:
        probe.params.model_validate(params)
    except ValidationError as error:
        raise ValueError(_sentences(error)) from error


def _sentences(error: ValidationError) -> str:
    """Which parameter is wrong and why, without the value: it may be a secret."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'parameters'}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    )


async def run_probe(context: ProbeContext, target: Target) -> Result:
    """Measure one target of any kind; never raises but for cancellation.

    What goes wrong in the probe itself is counted, logged and UNKNOWN: it says nothing about
    the target.
    """
    ts = time.time()
    try:
        async with asyncio.timeout(_bound_s(target)):
            return await PROBES[target.kind].run(context, target)
    except ValidationError as error:
        return _unknown(target, ts, "bad_params", _sentences(error))
    except _NotAvailableError:
        return _unknown(target, ts, "not_available", "this process has no client for it")
    except TimeoutError:
        OVERRUNS.labels(target.kind.value).inc()
        log.warning("probe overran its bounds", target_id=target.id, kind=target.kind.value)
        return _unknown(target, ts, "probe_overrun", f"over {_bound_s(target):g} s")
    except Exception as error:
        ERRORS.labels(target.kind.value).inc()
        log.exception("probe broke", target_id=target.id, kind=target.kind.value)
        return _unknown(target, ts, "probe_error", f"{type(error).__name__}: {error}")


def _bound_s(target: Target) -> float:
    """A bound that only a broken probe reaches: each keeps its own time.

    Reckoned from the parameters as they are: validating them twice per run costs more.
    """
    bound_s = 3 * target.tries * target.timeout_s + OVERRUN_S
    if target.kind is ProbeKind.ICMP:
        count, interval_s = target.params.get("count", 3), target.params.get("interval_s", 0.2)
        if isinstance(count, int | float) and isinstance(interval_s, int | float):
            bound_s += 2 * count * interval_s
    return bound_s


def _unknown(target: Target, ts: float, reason: str, error: str) -> Result:
    detail = {"error": printable(error)}
    return Result(target.id, ts, Outcome.UNKNOWN, sent=0, reason=reason, detail=detail)


class ProbeRegistry:
    """Owns the shared clients of one process and measures any target with them.

    Args:
        snmp: a poller that is started and closed elsewhere; None for one of its own.
    """

    def __init__(self, snmp: SnmpPoller | None = None) -> None:
        self._icmp = icmp.IcmpClient()
        self._own_snmp = SnmpPoller() if snmp is None else None
        self.context = ProbeContext(self._icmp, snmp or self._own_snmp)

    async def start(self) -> None:
        """Open the shared sockets; one that cannot be had makes its targets unknown."""
        await self._icmp.start()
        if self._own_snmp is not None:
            await self._own_snmp.start()

    async def close(self) -> None:
        """Close the shared sockets."""
        await self._icmp.close()
        if self._own_snmp is not None:
            await self._own_snmp.close()

    async def probe(self, target: Target) -> Result:
        """See ``run_probe``."""
        return await run_probe(self.context, target)
