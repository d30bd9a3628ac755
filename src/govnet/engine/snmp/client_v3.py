"""SNMPv3 through gufo-snmp behind the interface of ``V2cAgent``.

gufo-snmp (pinned) does the user-based security model in Rust. What it leaves to its user is
done here: tries, a bound on the whole time of a call (a late answer restarts its wait), OIDs
that must increase, a cap of rows, sessions that are kept and refreshed. It connects its
sockets, so an answer from another address of a device is lost; v2c does not have this limit.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final, TypeVar

from gufo.snmp import SnmpAuthError, SnmpDecodeError, SnmpEncodeError
from gufo.snmp import SnmpError as GufoError
from gufo.snmp.aio import SnmpSession
from gufo.snmp.user import (
    Aes128Key,
    Aes256Key,
    BaseAuthKey,
    BasePrivKey,
    KeyType,
    Sha1Key,
    Sha256Key,
    Sha512Key,
    User,
)

from govnet.engine.snmp.client_v2c import ExchangeStats, resolve
from govnet.engine.snmp.model import (
    AuthProtocol,
    PrivProtocol,
    SnmpDevice,
    SnmpError,
    V3Credential,
    VarBind,
)
from govnet.engine.snmp.tables import IF_INDEX_OID, MAX_ROWS, Cell, ColumnSet, TableRead

T = TypeVar("T")

REFRESH_S: Final = 120.0  # before the 150 s time window of RFC 3414 ends
MAX_SESSIONS: Final = 800  # each holds one descriptor; 1,024 is a common limit
GET_CHUNK: Final = 44  # OIDs per request: fits 1,400 octets with the USM header
REFUSED_BELOW: Final = (
    0.5  # share of the time-out: gufo reports a closed port as a time-out at once
)
_AUTH: Final[dict[AuthProtocol, type[BaseAuthKey]]] = {
    AuthProtocol.SHA1: Sha1Key,
    AuthProtocol.SHA256: Sha256Key,
    AuthProtocol.SHA512: Sha512Key,
}
_PRIV: Final[dict[PrivProtocol, type[BasePrivKey]]] = {
    PrivProtocol.AES128: Aes128Key,
    PrivProtocol.AES256: Aes256Key,
}


@lru_cache(maxsize=512)
def _master_key(protocol: AuthProtocol, password: bytes) -> bytes:
    """The expansion of a password: a megabyte of hashing, so once per password only."""
    return bytes(_AUTH[protocol].get_master_key(password))


def usm_user(credential: V3Credential) -> User:
    """The user with master keys, which the library localizes in microseconds.

    Raises:
        SnmpError: "auth": a password under 8 characters, or a protocol without a password.
    """
    if min(len(credential.auth_key), len(credential.priv_key or "8 or more")) < 8:
        raise SnmpError("auth", "SNMPv3 passwords have at least 8 characters (RFC 3414)")
    protocol = credential.auth_protocol
    auth = _AUTH[protocol](_master_key(protocol, credential.auth_key.encode()), KeyType.Master)
    if credential.priv_protocol is None:
        return User(credential.user, auth_key=auth)
    if credential.priv_key is None:
        raise SnmpError("auth", "a privacy protocol needs a privacy password")
    # The privacy password is expanded with the authentication hash (RFC 3826, 1.2).
    master = _master_key(protocol, credential.priv_key.encode())
    priv = _PRIV[credential.priv_protocol](master, KeyType.Master)
    return User(credential.user, auth_key=auth, priv_key=priv)


@dataclass(slots=True)
class _Kept:
    session: SnmpSession
    device: SnmpDevice
    used_at: float


class V3Sessions:
    """Sessions kept between polls, the least recently used given up first."""

    def __init__(self, limit: int = MAX_SESSIONS) -> None:
        self._limit = limit
        self._kept: OrderedDict[int, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, device: SnmpDevice) -> SnmpSession:
        """A session whose engine id, boots and time are known and fresh."""
        kept = self._kept.get(device.id)
        now = time.monotonic()
        if kept is None or kept.device != device:
            kept = self._kept[device.id] = _Kept(_session(device), device, 0.0)
        self._kept.move_to_end(device.id)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        if now - kept.used_at > REFRESH_S:
            await kept.session.refresh()
        kept.used_at = now
        return kept.session

    def drop(self, device_id: int) -> None:
        """Forget a session: the device failed, changed or is gone."""
        self._kept.pop(device_id, None)

    def clear(self) -> None:
        """Forget all sessions."""
        self._kept.clear()


def _session(device: SnmpDevice) -> SnmpSession:
    credential = device.credential
    if not isinstance(credential, V3Credential):
        raise TypeError("V3Agent needs a V3Credential")
    _, address = resolve(device.address, device.port)
    host = device.address.removeprefix("[").removesuffix("]")
    return SnmpSession(
        addr=host, port=address[1], user=usm_user(credential), timeout=device.timeout_s
    )


class V3Agent:
    """One device's conversation over SNMPv3; the same methods as ``V2cAgent``."""

    def __init__(self, sessions: V3Sessions, device: SnmpDevice, stats: ExchangeStats) -> None:
        self._sessions = sessions
        self._device = device
        self.stats = stats

    async def get(self, oids: Sequence[str]) -> dict[str, VarBind]:
        """Values of instances; those that the agent lacks are left out.

        Raises:
            SnmpError: no usable answer.
        """
        found: dict[str, VarBind] = {}
        for at in range(0, len(oids), GET_CHUNK):
            chunk = list(oids[at : at + GET_CHUNK])
            values = await self._call("GET", partial(_get_many, oids=chunk))
            for oid in chunk:
                if values.get(oid) is not None:
                    found[oid] = VarBind(oid, "", _checked(values[oid]))
        return found

    async def table(
        self,
        columns: ColumnSet,
        scalars: tuple[str, ...] = (),
        known: Sequence[int] = (),
        max_rows: int = MAX_ROWS,
    ) -> TableRead:
        """Read columns whole, by instance; see ``V2cAgent.table``.

        Raises:
            SnmpError: not one usable answer.
        """
        read = TableRead(columns)
        if scalars:
            found = await self.get([f"{oid}.0" for oid in scalars])
            for oid in scalars:
                value = found.get(f"{oid}.0")
                if value is not None and not isinstance(value.value, str):
                    read.scalars[oid] = value.value
        try:
            indexes = known or await self._indexes(max_rows)
            await self._cells(read, indexes)
        except SnmpError as error:
            if not self.stats.received:
                raise
            read.problem = error.reason
        return read

    async def _indexes(self, max_rows: int) -> list[int]:
        found = await self.walk(IF_INDEX_OID, max_rows + 1)
        indexes = [v.value for v in found if isinstance(v.value, int) and 0 <= v.value < 2**32]
        if len(indexes) > max_rows:
            raise SnmpError("too_many_rows", f"over {max_rows} interfaces")
        return indexes

    async def _cells(self, read: TableRead, indexes: Sequence[int]) -> None:
        columns = read.columns.columns
        per_request = max(1, GET_CHUNK // len(columns))
        for at in range(0, len(indexes), per_request):
            rows = indexes[at : at + per_request]
            oids = [f"{column.oid}.{index}" for index in rows for column in columns]
            found = await self.get(oids)
            for index in rows:
                cells: list[Cell] = []
                for column in columns:
                    varbind = found.get(f"{column.oid}.{index}")
                    cells.append(None if varbind is None else _cell(varbind.value, read))
                if any(cell is not None for cell in cells):
                    read.loose[index] = cells

    async def walk(self, oid: str, max_rows: int) -> list[VarBind]:
        """All variables under an OID, at most ``max_rows``.

        Raises:
            SnmpError: no usable answer, or the agent's OIDs do not increase.
        """

        async def collect(session: SnmpSession) -> list[VarBind]:
            found: list[VarBind] = []
            before = _ids(oid)
            async for name, value in session.getbulk(oid, max_repetitions=16):
                if (ids := _ids(name)) <= before:
                    raise SnmpError("not_increasing", "the agent's OIDs do not increase")
                before = ids
                if value is not None:
                    found.append(VarBind(name, "", _checked(value)))
                if len(found) >= max_rows:
                    break
            return found

        # One step may take a time-out; a whole walk gets one for each full answer expected.
        steps = 2 + max_rows // 16
        return await self._call("GETBULK", collect, steps=steps)

    async def _call(
        self, name: str, action: Callable[[SnmpSession], Awaitable[T]], steps: int = 1
    ) -> T:
        """Run an exchange with tries; every failure opens a new session.

        The new session learns boots and time again, so a rebooted device is met by the next
        try (RFC 3414, 2.3).
        """
        device, stats = self._device, self.stats
        error = SnmpError("timeout", "no try was allowed")
        for _ in range(device.tries):
            started = time.monotonic()
            stats.sent += 1
            try:
                async with asyncio.timeout(min(device.timeout_s * steps, 60.0)):
                    session = await self._sessions.get(device)
                    asked = time.monotonic()
                    result = await action(session)
            except _FAILURES as failure:
                self._sessions.drop(device.id)
                error = _translated(failure, time.monotonic() - started, device.timeout_s)
                stats.note(request=name, failed=error.reason)
                if error.reason in _FINAL:
                    break
                continue
            stats.received += 1
            elapsed_ms = (time.monotonic() - asked) * 1000
            stats.round_trips_ms.append(elapsed_ms)
            stats.note(request=name, rtt_ms=round(elapsed_ms, 3))
            return result
        raise error


_FINAL: Final = frozenset(("refused", "not_increasing", "too_many_rows", "bad_address"))
_FAILURES: Final = (TimeoutError, OSError, GufoError, SnmpError, ValueError, RuntimeError)


async def _get_many(session: SnmpSession, oids: list[str]) -> dict[str, object]:
    return dict(await session.get_many(oids))


def _translated(failure: Exception, elapsed_s: float, timeout_s: float) -> SnmpError:
    """Our reason for what the library raised."""
    if isinstance(failure, SnmpError):
        return failure
    if isinstance(failure, TimeoutError) and elapsed_s < timeout_s * REFUSED_BELOW:
        return SnmpError("refused", "the port is closed")
    for kind, reason, message in _REASONS:
        if isinstance(failure, kind):
            return SnmpError(reason, message or str(failure))
    return SnmpError("agent_error", str(failure) or type(failure).__name__)


_REASONS: Final = (
    (ConnectionRefusedError, "refused", "the port is closed"),
    (TimeoutError, "timeout", "no answer in time"),
    (SnmpAuthError, "auth", "wrong user, password or protocol"),
    ((SnmpDecodeError, SnmpEncodeError, ValueError), "malformed", ""),
    (OSError, "unreachable", ""),
)


def _checked(value: object) -> int | bytes | str | None:
    """A value of a type that we know; floats (an Opaque of net-snmp) become text."""
    if value is None or isinstance(value, int | bytes | str):
        return value
    return str(value)


def _cell(value: int | bytes | str | None, read: TableRead) -> Cell:
    if isinstance(value, bytes) or (isinstance(value, int) and 0 <= value < 2**64):
        return value
    read.problem = read.problem or "wrong_type"
    return None


def _ids(oid: str) -> list[int]:
    return [int(part) for part in oid.removeprefix(".").split(".")]
