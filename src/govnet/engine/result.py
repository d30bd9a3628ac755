"""What the engine is asked to measure (``Target``) and what it found (``Result``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any


class ProbeKind(StrEnum):
    """The protocol that a target is measured by.

    ``LINE`` has no probe of its own: the polls of the devices at a line's ends say whether its
    ports are up (``govnet.engine.lines``).
    """

    ICMP = "icmp"
    SNMP = "snmp"
    HTTP = "http"
    TCP = "tcp"
    DNS = "dns"
    LINE = "line"


class State(StrEnum):
    """The state of a monitored object. Unknown is never shown as good."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class Outcome(IntEnum):
    """What one probe run says; stored as a UInt8 in the column store.

    ``OK``: answered within its limits. ``DEGRADED``: answered, but over a limit (loss,
    latency, certificate near expiry, wrong body). ``FAILED``: no usable answer.
    ``UNKNOWN``: the probe point itself could not measure (its references failed, no socket,
    the engine lagged), so nothing is said about the target.
    """

    OK = 0
    DEGRADED = 1
    FAILED = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to measure, as the engine sees it.

    Attributes:
        id: primary key of ``monitor.Target``; the column store's ``target_id``.
        kind: the protocol.
        address: an IP address or, for HTTP(S), a URL; for DNS the name to ask for.
        interval_s: seconds between two regular runs.
        timeout_s: seconds that one try may take.
        tries: tries within one run before it counts as failed.
        params: the kind's own parameters, already validated by the kind's pydantic model.
        reference: True for a reference target of the probe point itself: when all of these
            fail, the probe point is blind and every other result is unknown.
    """

    id: int
    kind: ProbeKind
    address: str
    interval_s: float = 10.0
    timeout_s: float = 1.0
    tries: int = 2
    params: Mapping[str, Any] = field(default_factory=dict)
    reference: bool = False


@dataclass(slots=True)
class Result:
    """One probe run.

    Attributes:
        target_id: the target measured.
        ts: when the run started, seconds since the epoch (UTC).
        outcome: see ``Outcome``.
        sent: requests sent in the run (ICMP echoes, SNMP tries, one for HTTP).
        received: answers that counted.
        rtt_ms: mean round-trip time of the answers in milliseconds; None without an answer.
        jitter_ms: mean absolute difference of consecutive round-trip times; None below two.
        reason: short stable code of why it is not OK ("timeout", "refused", "cert_expired",
            "body_mismatch", "loss"...); empty when OK.
        detail: what a person wants to see of the exchange: small, JSON-serialisable, text of
            the peer already made printable. Shown on the probe page, kept for the last failure.
        phases_ms: timing split for HTTP(S): dns, connect, tls, first_byte, total.
    """

    target_id: int
    ts: float
    outcome: Outcome
    sent: int = 1
    received: int = 0
    rtt_ms: float | None = None
    jitter_ms: float | None = None
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    phases_ms: dict[str, float] = field(default_factory=dict)

    @property
    def loss_ratio(self) -> float:
        """Share of requests without an answer, 0.0 to 1.0."""
        return 1.0 - self.received / self.sent if self.sent else 1.0
