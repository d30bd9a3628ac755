"""One probe, now, for a person: what may be asked, and the exchange that came of it.

The web server may reach more of the network than the person in front of it. So only addresses
of the ledger that the person may see are probed; an administrator may probe others. Link-local
and metadata addresses are never probed, and of this machine only what a target that the person
sees measures already, to the port. A name is resolved once, judged, and the probe goes to the
judged address: the answer cannot change in between. A redirect is shown and not followed: where
it leads is another wish, to be judged by itself.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.db.models import Q
from django.utils.translation import gettext as _

from govnet.engine.probes.connect import ProbeFailure, resolve
from govnet.engine.probes.http import parse_url
from govnet.engine.probes.registry import ProbeRegistry
from govnet.engine.result import Outcome, ProbeKind, Result
from govnet.engine.result import Target as EngineTarget
from govnet.engine.safety import Address, Scope, printable, scope_of
from govnet.engine.snmp.model import SnmpDevice, VarBind
from govnet.engine.snmp.poll import SnmpPoller
from govnet.inventory.models import AccessPoint, Device
from govnet.monitor.models import Target
from govnet.monitor.watched import snmp_credential

if TYPE_CHECKING:
    from govnet.accounts.models import User

AT_ONCE = 4
"""Probes by hand that run at the same time; each keeps a thread of the web server."""

LIMIT_S = 25.0
"""The web server gives up on a probe after this long, whatever its tries say."""
SYSTEM = {
    "sysDescr": "1.3.6.1.2.1.1.1.0",
    "sysObjectID": "1.3.6.1.2.1.1.2.0",
    "sysUpTime": "1.3.6.1.2.1.1.3.0",
    "sysName": "1.3.6.1.2.1.1.5.0",
}

SHOW_REDIRECTS = {"max_redirects": 0, "expected_status": "200-399"}

_slots = threading.BoundedSemaphore(AT_ONCE)


class BusyError(Exception):
    """Too many probes by hand run already."""


class NotPermittedError(Exception):
    """The person may not probe this address; the message says why, for the page."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a probe goes.

    Attributes:
        address: what the engine gets: an address, a URL whose host is an address, or a name to
            ask a name server for.
        params: the kind's parameters.
        device: the ledger's device at that address, whose credential SNMP uses.
    """

    address: str
    params: dict[str, Any]
    device: Device | None = None


def is_administrator(user: User) -> bool:
    """True for those who may probe addresses that the ledger does not know."""
    return bool(user.has_perm("accounts.change_user"))


def in_ledger(user: User, host: str) -> bool:
    """True when the person sees an object of the ledger, or a target, at this host."""
    address = _literal(host)
    if address is not None:
        text = str(address)
        here = Q(ipv4=text) if address.version == 4 else Q(ipv6=text)
        managed = Q(management_ipv4=text) if address.version == 4 else Q(management_ipv6=text)
        if AccessPoint.objects.restrict(user).filter(here).exists():
            return True
        if Device.objects.restrict(user).filter(managed).exists():
            return True
    return _is_target(user, host)


def _is_target(user: User, host: str) -> bool:
    """True when a visible target is at this host, or asks this name server."""
    targets = Target.objects.restrict(user)
    if targets.filter(Q(address=host) | Q(params__server=host)).exists():
        return True
    urls = targets.filter(kind=ProbeKind.HTTP, address__icontains=host)
    return any(urlsplit(url).hostname == host for url in urls.values_list("address", flat=True))


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_measured(user: User, kind: ProbeKind, address: str, params: dict[str, Any]) -> bool:
    """True when a target that the person sees measures exactly this."""
    same = Target.objects.restrict(user).measured().filter(kind=kind, address=address)
    names = ("port",) if kind is ProbeKind.TCP else ("server",) if kind is ProbeKind.DNS else ()
    return any(
        all(stored.get(name) == params.get(name) for name in names)
        for stored in same.values_list("params", flat=True)
    )


def judge(user: User, host: str, *, measured: bool = False) -> Address:
    """The address that a probe of ``host`` goes to.

    Args:
        user: the person.
        host: an address or a name.
        measured: whether a target that the person sees measures exactly the same; only then
            may the probe stay on this machine.

    Raises:
        NotPermittedError: outside the ledger, or an address that nobody may probe by hand.
    """
    known = in_ledger(user, host)
    if not known and not is_administrator(user):
        raise NotPermittedError(
            _(
                "The ledger has no object at %s that you may see. Only administrators may probe"
                " other addresses."
            )
            % host
        )
    address = _address_of(host)
    scope = scope_of(address)
    if scope is Scope.FORBIDDEN or (scope is Scope.LOOPBACK and not measured):
        raise NotPermittedError(
            _("%s is an address of this machine or of its platform; it is not probed by hand.")
            % address
        )
    return address


def judge_target(user: User, host: str) -> Address:
    """The address that a lasting target at ``host`` has now.

    A target is measured again and again by the engine, so more is asked than for one probe:
    outside the ledger, and on this machine, only people who see the whole site may put one;
    nobody may watch link-local or metadata addresses.

    Raises:
        NotPermittedError: the person may not, or the name cannot be resolved.
    """
    if not user.sees_everything and not in_ledger(user, host):
        raise NotPermittedError(
            _(
                "The ledger has no object at %s that you may see. Only people who see the whole"
                " site may watch other addresses."
            )
            % host
        )
    address = _address_of(host)
    scope = scope_of(address)
    inward = scope is Scope.LOOPBACK and not user.sees_everything
    if scope is Scope.FORBIDDEN or inward:
        raise NotPermittedError(
            _("%s is an address of this machine or of its platform; it cannot be a target.")
            % address
        )
    return address


def _address_of(host: str) -> Address:
    address = _literal(host)
    if address is not None:
        return address
    try:
        return asyncio.run(resolve(host))[0]
    except (ProbeFailure, socket.gaierror) as failure:
        raise NotPermittedError(
            _("The name %(host)s cannot be resolved: %(why)s") % {"host": host, "why": failure}
        ) from failure


def goal_of(user: User, kind: ProbeKind, address: str, params: dict[str, Any]) -> Goal:
    """Check one wish and turn it into what the engine runs.

    Raises:
        NotPermittedError: the person may not, or the address is none.
    """
    measured = is_measured(user, kind, address, params)
    if kind is ProbeKind.DNS:
        server = judge(user, str(params.get("server", "")), measured=measured)
        return Goal(address, {**params, "server": str(server)})
    if kind is ProbeKind.HTTP:
        return _http_goal(user, address, {**SHOW_REDIRECTS, **params}, measured=measured)
    judged = str(judge(user, address, measured=measured))
    device = None
    if kind is ProbeKind.SNMP:
        device = _device_at(user, judged)
    return Goal(judged, params, device)


def _http_goal(user: User, url: str, params: dict[str, Any], *, measured: bool) -> Goal:
    try:
        parsed = parse_url(url)
    except ValueError as error:
        raise NotPermittedError(str(error)) from error
    address = judge(user, parsed.host, measured=measured)
    if _literal(parsed.host) is not None:
        return Goal(url, params)
    pinned = parsed.copy_with(host=str(address))
    return Goal(str(pinned), {"server_name": parsed.host, **params})


def _device_at(user: User, address: str) -> Device:
    devices = Device.objects.restrict(user).select_related("credential")
    device = devices.filter(Q(management_ipv4=address) | Q(management_ipv6=address)).first()
    if device is None or device.credential is None:
        raise NotPermittedError(
            _("SNMP needs a device of the ledger at %s with a stored credential.") % address
        )
    return device


def run(kind: ProbeKind, goal: Goal, timeout_s: float, tries: int) -> Result:
    """Run one probe; at most four at once, none longer than 25 seconds.

    Raises:
        BusyError: four run already.
        pydantic.ValidationError: the parameters are not the kind's.
    """
    target = EngineTarget(
        0, kind, goal.address, timeout_s=timeout_s, tries=tries, params=goal.params
    )
    if not _slots.acquire(blocking=False):
        raise BusyError
    try:
        probing: Coroutine[Any, Any, Result] = (
            _ask_device(target, goal.device) if goal.device else _measure(target)
        )
        return asyncio.run(_bounded(target, probing))
    finally:
        _slots.release()


async def _bounded(target: EngineTarget, probing: Coroutine[Any, Any, Result]) -> Result:
    started = time.time()
    try:
        async with asyncio.timeout(LIMIT_S):
            return await probing
    except TimeoutError:
        return Result(target.id, started, Outcome.FAILED, reason="too_slow")


async def _measure(target: EngineTarget) -> Result:
    registry = ProbeRegistry()
    await registry.start()
    try:
        return await registry.probe(target)
    finally:
        await registry.close()


async def _ask_device(target: EngineTarget, device: Device) -> Result:
    """The system group of a device, with the steps of the exchange; no secret is in them."""
    assert device.credential is not None
    credential = snmp_credential(device.credential)
    if credential is None:
        return Result(target.id, time.time(), Outcome.UNKNOWN, reason="credential_incomplete")
    asked = SnmpDevice(
        device.pk, target.address, credential, device.snmp_port, target.timeout_s, target.tries
    )
    poller = SnmpPoller()
    await poller.start()
    started = time.time()
    try:
        exchange = await poller.get(asked, list(SYSTEM.values()))
    finally:
        await poller.close()
    stats = exchange.stats
    return Result(
        target.id,
        started,
        Outcome.FAILED if exchange.reason else Outcome.OK,
        sent=stats.sent,
        received=stats.received,
        rtt_ms=stats.rtt_ms,
        reason=exchange.reason,
        detail={
            "values": _named(exchange.values),
            "message": exchange.message,
            "steps": stats.trace or [],
        },
    )


def _named(values: dict[str, VarBind]) -> dict[str, str]:
    """Values of the system group under their MIB names, as printable text."""
    found = {}
    for name, oid in SYSTEM.items():
        if oid in values and values[oid].value is not None:
            value = values[oid].value
            found[name] = printable(value if isinstance(value, bytes) else str(value))
    return found
