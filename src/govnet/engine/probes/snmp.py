"""SNMP as a liveness probe: one GET of sysUpTime and sysName, shown in full to whoever asks.

Interfaces and health are polled by ``SnmpPoller.poll``; this is for targets that are only asked
whether they answer, and for the page that runs one probe now.
"""

from __future__ import annotations

import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from govnet.engine.result import Outcome, Result, Target
from govnet.engine.snmp.model import (
    AuthProtocol,
    PrivProtocol,
    SnmpDevice,
    V2cCredential,
    V3Credential,
    VarBind,
    printable,
)
from govnet.engine.snmp.poll import Exchange, SnmpPoller
from govnet.engine.snmp.reading import SYS_NAME, SYS_UPTIME

NAMES = {SYS_UPTIME: "sysUpTime.0", SYS_NAME: "sysName.0"}


class V2cParams(BaseModel):
    """Credential of SNMP v2c; the community is never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal["2c"] = "2c"
    community: SecretStr

    def resolved(self) -> V2cCredential:
        """What the client needs."""
        return V2cCredential(self.community.get_secret_value())


class V3Params(BaseModel):
    """Credential of SNMPv3; the passwords are never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal["3"] = "3"
    user: str = Field(min_length=1, max_length=32)
    auth_protocol: AuthProtocol = AuthProtocol.SHA256
    auth_key: SecretStr
    priv_protocol: PrivProtocol | None = PrivProtocol.AES128
    priv_key: SecretStr | None = None

    @model_validator(mode="after")
    def _keys_fit_protocols(self) -> V3Params:
        if (self.priv_protocol is None) != (self.priv_key is None):
            raise ValueError("give a privacy protocol and its password, or neither")
        return self

    def resolved(self) -> V3Credential:
        """What the client needs."""
        priv_key = self.priv_key.get_secret_value() if self.priv_key else None
        auth_key = self.auth_key.get_secret_value()
        return V3Credential(self.user, self.auth_protocol, auth_key, self.priv_protocol, priv_key)


class SnmpParams(BaseModel):
    """Parameters of an SNMP target.

    Attributes:
        port: UDP port of the agent.
        credential: v2c or v3.
        max_rtt_ms: degraded when the answer took longer; None for no limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    port: int = Field(default=161, ge=1, le=65535)
    credential: Annotated[V2cParams | V3Params, Field(discriminator="version")]
    max_rtt_ms: float | None = Field(default=None, gt=0)


async def probe(poller: SnmpPoller, target: Target) -> Result:
    """Ask one SNMP target whether it lives; ``rtt_ms`` is the GET's round trip.

    Raises:
        pydantic.ValidationError: ``target.params`` are not ``SnmpParams``.
    """
    params = SnmpParams.model_validate(target.params)
    device = SnmpDevice(
        id=-target.id,  # what polls of a ledger's device learned stays apart
        address=target.address,
        credential=params.credential.resolved(),
        port=params.port,
        timeout_s=target.timeout_s,
        tries=target.tries,
        poll_interfaces=False,
    )
    ts = time.time()
    exchange = await poller.get(device, (SYS_UPTIME, SYS_NAME))
    outcome, reason = _judge(exchange, params)
    return Result(
        target_id=target.id,
        ts=ts,
        outcome=outcome,
        sent=exchange.stats.sent,
        received=exchange.stats.received,
        rtt_ms=exchange.stats.rtt_ms,
        reason=reason,
        detail=_detail(exchange, params, target),
    )


def _judge(exchange: Exchange, params: SnmpParams) -> tuple[Outcome, str]:
    if exchange.reason:
        return Outcome.FAILED, exchange.reason
    if SYS_UPTIME not in exchange.values:
        return Outcome.DEGRADED, "no_uptime"
    rtt_ms = exchange.stats.rtt_ms
    if params.max_rtt_ms is not None and rtt_ms is not None and rtt_ms > params.max_rtt_ms:
        return Outcome.DEGRADED, "slow"
    return Outcome.OK, ""


def _detail(exchange: Exchange, params: SnmpParams, target: Target) -> dict[str, object]:
    """The exchange for people: what was asked, every try, what came; no secret."""
    credential = params.credential
    detail: dict[str, object] = {
        "version": f"v{credential.version}",
        "address": target.address,
        "port": params.port,
        "credential": credential.user if isinstance(credential, V3Params) else "********",
        "asked": [{"oid": oid, "name": name} for oid, name in NAMES.items()],
        "exchange": exchange.stats.trace or [],
        "answer": [_shown(varbind) for varbind in exchange.values.values()],
        "odd_sources": exchange.stats.odd_sources,
    }
    if isinstance(credential, V3Params):
        detail["security"] = f"{credential.auth_protocol} / {credential.priv_protocol or '-'}"
    if exchange.message:
        detail["error"] = printable(exchange.message)
    return detail


def _shown(varbind: VarBind) -> dict[str, object]:
    value = varbind.value
    if varbind.oid == SYS_UPTIME and isinstance(value, int):
        shown = f"{value / 100:.2f} s"
    else:
        shown = printable(value)
    name = NAMES.get(varbind.oid, "")
    return {"oid": varbind.oid, "name": name, "type": varbind.type, "value": shown}
