"""What the engine measures, read from the database in one go.

The only place where a credential's secrets leave the database; they stay in the engine's
memory and have no ``repr``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import structlog

from govnet.engine.lines import Line
from govnet.engine.result import ProbeKind
from govnet.engine.result import Target as EngineTarget
from govnet.engine.snmp.model import (
    AuthProtocol,
    PrivProtocol,
    SnmpDevice,
    V2cCredential,
    V3Credential,
)
from govnet.inventory.models import Circuit, Credential, Device, Port, SnmpVersion
from govnet.monitor.models import Target

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Watched:
    """Everything to measure at one revision.

    Attributes:
        targets: all of them; SNMP targets carry no secret.
        devices: how to poll the device of an SNMP target, by the target's id.
        ports: ids of the ports of the ledger, by device id and ifIndex.
        lines: circuits that are judged by their ports.
    """

    targets: tuple[EngineTarget, ...] = ()
    devices: dict[int, SnmpDevice] = field(default_factory=dict)
    ports: dict[tuple[int, int], int] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()


def load() -> Watched:
    """Read what is to be measured now."""
    targets, devices, lines = [], {}, []
    for row in Target.objects.measured().select_related("device__credential").iterator():
        if row.kind == ProbeKind.LINE:
            lines.append(row)
            continue
        target = _target(row)
        if target.kind is ProbeKind.SNMP:
            device = _device(row, target)
            if device is None:
                log.warning("snmp target has no device with a usable credential", target_id=row.pk)
                continue
            devices[row.pk] = device
        targets.append(target)
    polled = {device.id for device in devices.values()}
    return Watched(tuple(targets), devices, _ports(), _lines(lines, polled))


def _target(row: Target) -> EngineTarget:
    return EngineTarget(
        id=row.pk,
        kind=ProbeKind(row.kind),
        address=row.address,
        interval_s=float(row.interval_s),
        timeout_s=row.timeout_s,
        tries=row.tries,
        params=row.params,
        reference=row.reference,
    )


def _device(row: Target, target: EngineTarget) -> SnmpDevice | None:
    device: Device | None = row.device
    if device is None or device.credential is None:
        return None
    credential = snmp_credential(device.credential)
    if credential is None:
        return None
    return SnmpDevice(
        id=device.pk,
        address=target.address,
        credential=credential,
        port=device.snmp_port,
        timeout_s=target.timeout_s,
        tries=target.tries,
    )


def snmp_credential(credential: Credential) -> V2cCredential | V3Credential | None:
    """A credential of the ledger as the poller takes it; None when it lacks what it needs."""
    if credential.version == SnmpVersion.V2C:
        return V2cCredential(credential.community) if credential.community else None
    if not (credential.user and credential.auth_key):
        return None
    with_privacy = bool(credential.priv_protocol and credential.priv_key)
    return V3Credential(
        user=credential.user,
        auth_protocol=AuthProtocol(credential.auth_protocol or AuthProtocol.SHA256),
        auth_key=credential.auth_key,
        priv_protocol=PrivProtocol(credential.priv_protocol) if with_privacy else None,
        priv_key=credential.priv_key if with_privacy else None,
    )


def _lines(rows: Sequence[Target], polled: Collection[int]) -> tuple[Line, ...]:
    """The lines of some targets, each with those of its ports that are read."""
    circuits = Circuit.objects.in_bulk([row.circuit_id for row in rows])
    ends = {pk: (circuit.a_port_id, circuit.z_port_id) for pk, circuit in circuits.items()}
    ports = {
        port.pk: port
        for port in Port.objects.filter(
            pk__in={pk for pair in ends.values() for pk in pair if pk},
            device_id__in=polled,
            if_index__isnull=False,
        ).select_related("device")
    }
    found = []
    for row in rows:
        read = [ports[pk] for pk in ends.get(row.circuit_id, ()) if pk in ports]
        names = {port.pk: f"{port.device} {port.name}" for port in read}
        found.append(Line(row.pk, names, float(row.interval_s)))
    return tuple(found)


def _ports() -> dict[tuple[int, int], int]:
    known = Port.objects.filter(if_index__isnull=False).order_by()
    rows = known.values_list("device_id", "if_index", "pk")
    return {(device, index): port for device, index, port in rows if index is not None}
