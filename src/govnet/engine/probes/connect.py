"""Names to addresses, addresses to sockets, and what each error of theirs is called."""

from __future__ import annotations

import asyncio
import errno
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Literal

from govnet.engine.result import Outcome
from govnet.engine.safety import Address, printable

IpVersion = Literal["any", "4", "6"]
MAX_ADDRESSES = 4

_FAMILY = {"any": socket.AF_UNSPEC, "4": socket.AF_INET, "6": socket.AF_INET6}

# getaddrinfo blocks and cannot be cancelled: threads of its own, so that a dead name server
# starves nothing else. It is used, not a DNS library, because it also reads /etc/hosts.
_LOOKUPS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="govnet-lookup")

_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "host_unreachable",
    errno.EHOSTDOWN: "host_unreachable",
    errno.ENETUNREACH: "network_unreachable",
    errno.ENETDOWN: "network_unreachable",
    errno.EACCES: "prohibited",  # what ICMPv6 "administratively prohibited" becomes
}
_LOCAL_REASONS = {
    errno.EMFILE: "local_resources",
    errno.ENFILE: "local_resources",
    errno.ENOBUFS: "local_resources",
    errno.ENOMEM: "local_resources",
    errno.EADDRNOTAVAIL: "local_resources",
    errno.EAFNOSUPPORT: "local_resources",
    errno.EPERM: "local_denied",  # this machine's own packet filter
}


@dataclass(slots=True)
class ProbeFailure(Exception):  # noqa: N818 - what is found, not a mistake of the program
    """A probe found that there is no usable answer.

    Attributes:
        reason: stable code, as in ``Result.reason``.
        message: what happened, printable.
        outcome: FAILED, or UNKNOWN when the cause is this machine's own.
        detail: what else to show.
    """

    reason: str
    message: str = ""
    outcome: Outcome = Outcome.FAILED
    detail: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def failure_of(error: OSError) -> ProbeFailure:
    """What an error of a socket says of the target, or of this machine."""
    message = printable(str(error))
    number = error.errno or 0
    if number in _LOCAL_REASONS:
        return ProbeFailure(_LOCAL_REASONS[number], message, Outcome.UNKNOWN)
    if isinstance(error, TimeoutError):
        return ProbeFailure("timeout", message)
    if isinstance(error, ConnectionError) and number not in _REASONS:
        return ProbeFailure("reset", message or "connection closed by the peer")
    return ProbeFailure(_REASONS.get(number, "socket_error"), message)


def literal(host: str) -> Address | None:
    """The address that ``host`` is, None when it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


async def resolve(host: str, version: IpVersion = "any") -> list[Address]:
    """Addresses of a host, at most ``MAX_ADDRESSES``, in the system's order of preference.

    Raises:
        ProbeFailure: there is none, or the name server does not answer.
    """
    address = literal(host)
    if address is not None:
        if version != "any" and str(address.version) != version:
            raise ProbeFailure("wrong_ip_version", f"{address} is not IPv{version}")
        return [address]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(_LOOKUPS, _lookup, host, version)
    except socket.gaierror as error:
        missing = error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
        reason = "name_not_found" if missing else "name_server_failed"
        raise ProbeFailure(reason, printable(f"{host}: {error.strerror}")) from error
    except UnicodeError as error:
        raise ProbeFailure("bad_name", printable(f"{host}: {error}")) from error
    return found


def _lookup(host: str, version: IpVersion) -> list[Address]:
    rows = socket.getaddrinfo(host, None, _FAMILY[version], socket.SOCK_STREAM)
    unique = dict.fromkeys(str(row[4][0]) for row in rows)
    return [ip_address(text) for text in list(unique)[:MAX_ADDRESSES]]


async def connect(address: Address, port: int) -> socket.socket:
    """Open a TCP connection; the caller bounds the time and closes the socket.

    Raises:
        ProbeFailure: refused, unreachable, or this machine has no socket left.
    """
    loop = asyncio.get_running_loop()
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        connection = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise failure_of(error) from error
    try:
        connection.setblocking(False)
        await loop.sock_connect(connection, (str(address), port))
    except OSError as error:
        connection.close()
        raise failure_of(error) from error
    except BaseException:
        connection.close()
        raise
    return connection


async def connect_any(addresses: list[Address], port: int, seconds: float) -> socket.socket:
    """Connect to the first address that accepts, sharing the time between them.

    Raises:
        ProbeFailure: none accepts; the failure of the last one, or reason ``connect_timeout``.
    """
    failure = ProbeFailure("connect_timeout", "no address")
    for address in addresses:
        try:
            async with asyncio.timeout(seconds / len(addresses)):
                return await connect(address, port)
        except TimeoutError:
            failure = ProbeFailure("connect_timeout", f"{address} port {port} does not answer")
        except ProbeFailure as refusal:
            failure = refusal
    raise failure
