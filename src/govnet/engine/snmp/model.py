"""What a poll is asked for and what it gives: devices, credentials, tables. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from govnet.engine.result import Outcome

UintArray = NDArray[np.uint64]
BoolArray = NDArray[np.bool_]


class SnmpError(Exception):
    """An exchange failed.

    Attributes:
        reason: short stable code, the same that ``Result.reason`` carries: "timeout",
            "refused", "unreachable", "auth", "denied", "agent_error", "malformed",
            "oversized", "not_increasing", "too_many_rows", "bad_address".
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


class AuthProtocol(StrEnum):
    """Authentication of SNMPv3 (RFC 3414, RFC 7860); values as the ledger stores them."""

    SHA1 = "SHA"
    SHA256 = "SHA-256"
    SHA512 = "SHA-512"


class PrivProtocol(StrEnum):
    """Privacy of SNMPv3 (RFC 3826; AES-256 with the key extension after Blumenthal)."""

    AES128 = "AES"
    AES256 = "AES-256"


@dataclass(frozen=True, slots=True)
class V2cCredential:
    """A community, never in ``repr``."""

    community: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class V3Credential:
    """A user of the user-based security model; authPriv, or authNoPriv without ``priv_key``.

    Attributes:
        user: security name.
        auth_protocol: see ``AuthProtocol``.
        auth_key: authentication password, at least 8 characters, never in ``repr``.
        priv_protocol: see ``PrivProtocol``; None means authNoPriv.
        priv_key: privacy password, never in ``repr``.
    """

    user: str
    auth_protocol: AuthProtocol
    auth_key: str = field(repr=False)
    priv_protocol: PrivProtocol | None = None
    priv_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SnmpDevice:
    """A device to poll.

    Attributes:
        id: primary key of the device in the ledger.
        address: IPv4 or IPv6 literal (``fe80::1%eth0`` works); names are not resolved.
        credential: v2c or v3.
        port: UDP port of the agent.
        timeout_s: seconds that one try may take.
        tries: requests sent before the device counts as silent.
        poll_interfaces: whether IF-MIB is read.
        vendor: name of a profile in ``govnet/vendors``; None: chosen by sysObjectID.
    """

    id: int
    address: str
    credential: V2cCredential | V3Credential
    port: int = 161
    timeout_s: float = 2.0
    tries: int = 2
    poll_interfaces: bool = True
    vendor: str | None = None


@dataclass(frozen=True, slots=True)
class VarBind:
    """One variable as a person or a profile reads it.

    Attributes:
        oid: dotted, without a leading dot.
        type: SMI type ("Counter64", "OctetString", ...); "" where the v3 library hides it.
        value: int, bytes (octet strings), str (OID, address), None (no such object).
    """

    oid: str
    type: str
    value: int | bytes | str | None


@dataclass(slots=True)
class SystemInfo:
    """The system group.

    Attributes:
        descr: sysDescr, printable.
        object_id: sysObjectID, dotted.
        name: sysName, printable.
        uptime_ticks: sysUpTime in hundredths of a second; wraps after 497 days.
        engine_boots: snmpEngineBoots where the agent tells it (RFC 3411).
    """

    descr: str
    object_id: str
    name: str
    uptime_ticks: int
    engine_boots: int | None = None

    @property
    def uptime_s(self) -> int:
        """Seconds of sysUpTime; wraps after 497 days (``CounterHistory`` unwraps it)."""
        return self.uptime_ticks // 100


@dataclass(slots=True)
class InterfaceTable:
    """Rows of IF-MIB as columns, ordered by ifIndex.

    Attributes:
        if_index: uint32[n], increasing; may be huge and sparse.
        names: the columns of ``values``.
        values: uint64[n, column], 0 where not ``valid``.
        valid: bool[n, column]: the agent gave a value of the right type.
        counter_bits: 64, or 32 where the agent has no ifXTable counters.
        name: ifName, else ifDescr.
        alias: ifAlias.
        if_type: IANA ifType, uint32[n]; 0 is unknown.
        admin_status: ifAdminStatus (RFC 2863): 1 up, 2 down, 3 testing; 0 is unknown. Read
            with the names: a change shows in ifOperStatus too, which makes them be read anew.
        speed_mbps: ifHighSpeed, else ifSpeed / 10**6, uint32[n]; 0 is unknown.
    """

    if_index: NDArray[np.uint32]
    names: tuple[str, ...]
    values: UintArray
    valid: BoolArray
    counter_bits: int = 64
    name: list[str] = field(default_factory=list)
    alias: list[str] = field(default_factory=list)
    if_type: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    speed_mbps: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    admin_status: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))

    def __post_init__(self) -> None:
        rows = len(self.if_index)
        for name in ("if_type", "speed_mbps", "admin_status"):
            if len(getattr(self, name)) != rows:
                setattr(self, name, np.zeros(rows, np.uint32))

    def __len__(self) -> int:
        return len(self.if_index)

    def column(self, name: str) -> UintArray:
        """One column's values; 0 where ``mask`` is False."""
        return self.values[:, self.names.index(name)]

    def mask(self, name: str) -> BoolArray:
        """Where one column's values are real."""
        return self.valid[:, self.names.index(name)]

    @property
    def columns(self) -> Mapping[str, UintArray]:
        """All columns by name (views)."""
        return {name: self.values[:, i] for i, name in enumerate(self.names)}

    @property
    def oper_status(self) -> UintArray:
        """States by ifOperStatus (RFC 2863): 1 up, 2 down, ... 0 unknown to us."""
        return self.column("oper_status")

    @property
    def discontinuity_ticks(self) -> UintArray:
        """Values of ifCounterDiscontinuityTime in hundredths of a second."""
        return self.column("discontinuity")


@dataclass(frozen=True, slots=True)
class HealthSample:
    """CPU and memory in percent, temperature in degrees Celsius; None: no sensor."""

    cpu_percent: float | None = None
    memory_percent: float | None = None
    temperature_c: float | None = None


NO_HEALTH: Final = HealthSample()


@dataclass(slots=True)
class DevicePoll:
    """What one poll of a device gave.

    Attributes:
        device_id: the device.
        ts: when the poll started, seconds since the epoch (UTC).
        monotonic_s: ``time.monotonic()`` when sysUpTime was asked: rates do not follow a
            clock that jumps.
        outcome: OK; DEGRADED: the device answered but not everything could be read; FAILED.
        reason: why it is not OK, see ``SnmpError.reason``; empty when OK.
        rtt_ms: median of the answers that were not asked for twice; None without one.
        sent: requests sent, retries included.
        received: answers that counted.
        odd_sources: answers that came from another address than the one asked.
        system: None when the device did not answer.
        interfaces: None when not asked for or not readable.
        health: CPU, memory, temperature.
        vendor: name of the profile that was used; empty without one.
        inventory_fresh: names, aliases, types and speeds were read in this poll.
    """

    device_id: int
    ts: float
    monotonic_s: float
    outcome: Outcome = Outcome.FAILED
    reason: str = ""
    rtt_ms: float | None = None
    sent: int = 0
    received: int = 0
    odd_sources: int = 0
    system: SystemInfo | None = None
    interfaces: InterfaceTable | None = None
    health: HealthSample = NO_HEALTH
    vendor: str = ""
    inventory_fresh: bool = False

    @property
    def cpu_percent(self) -> float | None:
        """CPU load in percent, None without a sensor."""
        return self.health.cpu_percent

    @property
    def memory_percent(self) -> float | None:
        """Memory in use in percent, None without a sensor."""
        return self.health.memory_percent

    @property
    def temperature_c(self) -> float | None:
        """Temperature in degrees Celsius, None without a sensor."""
        return self.health.temperature_c


def printable(raw: bytes | str | int | None, limit: int = 255) -> str:
    """Text of a device for people: UTF-8, else GB18030, control characters out, bounded."""
    if raw is None:
        return ""
    if isinstance(raw, bytes):
        raw = raw.rstrip(b"\x00")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("gb18030", errors="backslashreplace")
    else:
        text = str(raw)
    return "".join(c if c.isprintable() else " " for c in text[:limit]).strip()
