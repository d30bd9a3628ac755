"""Where the ledger and what the devices tell disagree. Derived anew each time, never stored.

The ledger is right until a person says otherwise: a difference is a suggestion. It bears a key
made of what the ledger says and what was seen, so that dismissing it holds only as long as
neither changes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from govnet.accounts.models import User
from govnet.inventory.interface_names import canonical
from govnet.inventory.models import Circuit, Device, LifeCycle, Port
from govnet.topology.models import Dismissal, Neighbour, Source, Sweep
from govnet.topology.sweep import current_neighbours

STALE: Final = timedelta(hours=1)
"""A reading that is older proves nothing missing, and a speed nothing wrong."""


class Kind(models.TextChoices):
    """In what the ledger and reality differ."""

    MISSING = "missing", _("Not seen")
    UNREGISTERED = "unregistered", _("Not in the ledger")
    PEER = "peer", _("Other end")
    SPEED = "speed", _("Speed below contract")


@dataclass(frozen=True, slots=True)
class Socket:
    """An end of a line as it was seen.

    Attributes:
        device: of the ledger; None: a device that the ledger does not know.
        name: of the port.
        if_index: where the device told it.
        port: the ledger's port; None when the ledger has none of that name.
        called: what an unknown device calls itself.
    """

    device: Device | None
    name: str
    if_index: int | None = None
    port: Port | None = None
    called: str = ""

    def __str__(self) -> str:
        return f"{self.device or self.called} {self.name}".strip()

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other; the same from both ends of the line."""
        return (str(self.device.pk) if self.device else self.called, canonical(self.name))


@dataclass(frozen=True, slots=True)
class Line:
    """Two sockets that see each other; ``far`` may be a device that nobody asked."""

    near: Socket
    far: Socket
    seen_at: datetime


End = Literal["a_port", "z_port"]
ENDS: Final = {"a_port": _("A end: port"), "z_port": _("Z end: port")}


@dataclass(slots=True)
class Difference:
    """One suggestion.

    Attributes:
        ledger: what the ledger says; empty: nothing.
        seen: what was seen; empty: nothing.
        seen_at: when; of what is missing, the last answer of the devices.
        source: how it was seen.
        devices: devices of the ledger that it names.
        end: the end of ``circuit`` that ``target`` would correct; empty when nothing can be.
        line: what would be entered, of an unregistered line between known devices.
    """

    kind: Kind
    ledger: str
    seen: str
    seen_at: datetime
    source: str
    devices: tuple[Device, ...]
    circuit: Circuit | None = None
    end: End | None = None
    target: Socket | None = None
    line: Line | None = None
    dismissal: Dismissal | None = None

    @property
    def key(self) -> str:
        """Stable while neither side changes."""
        parts = (str(self.circuit.pk if self.circuit else ""), self.ledger, self.seen)
        return f"{self.kind}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:24]}"

    @property
    def end_label(self) -> str:
        """Name of the end that would be corrected."""
        return str(ENDS[self.end]) if self.end else ""

    @property
    def acceptable(self) -> bool:
        """Whether the ledger can be brought in line at a click."""
        return self.end is not None or self.line is not None


def differences(user: User) -> list[Difference]:
    """What differs, of what the person may see entirely; by kind, dismissed ones too."""
    comparison = _Comparison()
    devices = set(Device.objects.restrict(user).values_list("pk", flat=True))
    circuits = set(Circuit.objects.restrict(user).values_list("pk", flat=True))
    dismissed = {row.key: row for row in Dismissal.objects.select_related("user")}
    found = []
    for item in comparison.found():
        if item.circuit is not None and item.circuit.pk not in circuits:
            continue
        if all(device.pk in devices for device in item.devices):
            item.dismissal = dismissed.get(item.key)
            found.append(item)
    return sorted(found, key=lambda d: (list(Kind).index(d.kind), d.ledger, d.seen))


def find(user: User, key: str) -> Difference | None:
    """One of them; None when it is gone or out of the person's sight."""
    return next((item for item in differences(user) if item.key == key), None)


class _Comparison:
    """The ledger and the current observations, read once: six queries."""

    def __init__(self) -> None:
        rows = current_neighbours()
        self._lldp = [row for row in rows if row.source == Source.LLDP]
        self._addresses = [row for row in rows if row.source != Source.LLDP]
        self._sweeps = {sweep.device_id: sweep for sweep in Sweep.objects.all()}
        self._devices = {device.pk: device for device in Device.objects.all()}
        self._names = self._identities()
        self._ports: dict[int, list[Port]] = defaultdict(list)
        # Also of neighbours that were not asked themselves: their ports are in the ledger, too.
        told_of = {device.pk for row in self._lldp if (device := self._device_of(row))}
        ports = Port.objects.filter(device__in={row.device_id for row in rows} | told_of)
        for port in ports.select_related("device"):
            self._ports[port.device_id].append(port)
        self._circuits = list(
            Circuit.objects.filter(status=LifeCycle.ACTIVE)
            .with_bandwidth()
            .select_related(
                "access_point", "a_port__device", "z_port__device", "a_port__state", "z_port__state"
            )
            .order_by("number")
        )
        self._told = {(r.device_id, canonical(r.port_name)): r.if_index for r in self._lldp}
        self._lines = list(self._seen_lines())
        self._by_port: dict[int, list[tuple[Line, Socket]]] = defaultdict(list)
        for line in self._lines:
            for own, other in ((line.near, line.far), (line.far, line.near)):
                if own.port is not None:
                    self._by_port[own.port.pk].append((line, other))

    def found(self) -> Iterator[Difference]:
        """Everything that differs."""
        for circuit in self._circuits:
            if circuit.access_point_id:
                yield from self._access(circuit)
            else:
                yield from self._backbone(circuit)
            yield from self._speed(circuit)
        yield from self._unregistered()

    # What was seen

    def _identities(self) -> dict[str, Device]:
        """Devices by all that a neighbour may call them; what two are called is nobody's."""
        known: dict[str, set[int]] = defaultdict(set)
        for device in self._devices.values():
            sweep = self._sweeps.get(device.pk)
            texts = (device.management_ipv4, device.management_ipv6, device.name)
            for text in (*texts, sweep.chassis if sweep else ""):
                known[(text or "").casefold()].add(device.pk)
        known.pop("", None)
        return {t: self._devices[next(iter(ids))] for t, ids in known.items() if len(ids) == 1}

    def _device_of(self, row: Neighbour) -> Device | None:
        """The surest name first: two devices may well bear the same host name."""
        host = row.remote_name.casefold()
        told = (row.remote_chassis.casefold(), row.remote_address or "", host, host.split(".")[0])
        return next((self._names[text] for text in told if text in self._names), None)

    def _socket(self, device: Device, name: str, if_index: int | None) -> Socket:
        ports = self._ports[device.pk]
        wanted = canonical(name)
        exact = [p for p in ports if p.name.casefold() == name.casefold()]
        alike = [p for p in ports if canonical(p.name) == wanted]
        numbered = [p for p in ports if if_index is not None and p.if_index == if_index]
        alias = [p for p in ports if p.alias and p.alias.casefold() == name.casefold()]
        one = next((group[0] for group in (exact, numbered, alike, alias) if len(group) == 1), None)
        return Socket(device, one.name if one else name, if_index, one)

    def _seen_lines(self) -> Iterator[Line]:
        """Each line once, though both of its ends tell of it."""
        done = set()
        for row in self._lldp:
            near = self._socket(self._devices[row.device_id], row.port_name, row.if_index)
            line = Line(near, self._far(row), row.last_seen_at)
            ends = frozenset((line.near.key, line.far.key))
            if ends not in done:
                done.add(ends)
                yield line

    def _far(self, row: Neighbour) -> Socket:
        device = self._device_of(row)
        if device is None:
            called = row.remote_name or row.remote_chassis
            return Socket(None, row.remote_port, called=called)
        index = self._told.get((device.pk, canonical(row.remote_port)))
        return self._socket(device, row.remote_port, index)

    # Against the ledger

    def _backbone(self, circuit: Circuit) -> Iterator[Difference]:
        """A line between two devices, both of whose ends should see each other."""
        a_port, z_port = circuit.a_port, circuit.z_port
        views: tuple[tuple[Port | None, Port | None, End], ...]
        views = ((z_port, a_port, "a_port"), (a_port, z_port, "z_port"))
        for own, other, end in views:
            if own is None:
                continue
            seen = self._by_port.get(own.pk, [])
            if other is not None and any(far.port == other for _line, far in seen):
                return
            known = [pair for pair in seen if pair[1].device is not None or other is not None]
            if known:
                line, far = known[0]
                yield self._peer(circuit, own, other, far, line.seen_at, end)
                return
        if a_port and z_port:
            yield from self._missing(circuit, a_port, z_port)

    def _missing(self, circuit: Circuit, a_port: Port, z_port: Port) -> Iterator[Difference]:
        """Only what both ends would tell, did they see it, can be missing."""
        told = [self._sweeps.get(port.device_id) for port in (a_port, z_port)]
        times = [s.answered_at for s in told if s and s.chassis and s.answered_at]
        if len(times) == 2 and min(times) >= timezone.now() - STALE:
            yield Difference(
                Kind.MISSING, f"{a_port} — {z_port}", "", min(times), str(Source.LLDP.label),
                (a_port.device, z_port.device), circuit,
            )  # fmt: skip

    def _peer(
        self,
        circuit: Circuit,
        own: Port,
        other: Port | None,
        far: Socket,
        at: datetime,
        end: End,
    ) -> Difference:
        devices = [own.device, *([other.device] if other else [])]
        devices += [far.device] if far.device else []
        fixable = far.device is not None
        return Difference(
            Kind.PEER, f"{own} — {other or _now('no end recorded')}", f"{own} — {far}", at,
            str(Source.LLDP.label), tuple(devices), circuit,
            end=end if fixable else None, target=far if fixable else None,
        )  # fmt: skip

    def _access(self, circuit: Circuit) -> Iterator[Difference]:
        """The address of an access point should be behind the port of one of its circuits."""
        point, port = circuit.access_point, circuit.z_port
        if point is None or port is None or not point.ipv4:
            return
        rows = [
            row
            for row in self._addresses
            if row.device_id == port.device_id and row.remote_address == point.ipv4
        ]
        # A bridge knows the socket; ARP may know only the interface above it.
        rows = [row for row in rows if row.source == Source.BRIDGE] or rows
        if not rows:
            return
        own = {c.z_port_id for c in self._circuits if c.access_point_id == point.pk}
        sockets = [self._socket(port.device, row.port_name, row.if_index) for row in rows]
        if any(s.port and s.port.pk in own for s in sockets) or any(
            s.name.startswith(f"{port.name}.") for s in sockets
        ):
            return
        yield Difference(
            Kind.PEER, f"{point} — {port}", f"{point.ipv4} — {sockets[0]}", rows[0].last_seen_at,
            str(Source(rows[0].source).label), (port.device,), circuit,
            end="z_port", target=sockets[0],
        )  # fmt: skip

    def _speed(self, circuit: Circuit) -> Iterator[Difference]:
        """A port slower than the contracted rate can never carry it."""
        mbps: int | None = getattr(circuit, "contracted_mbps", None)
        for port in (circuit.z_port, circuit.a_port):
            state = getattr(port, "state", None)
            if port is None or state is None or not mbps or not state.speed_mbps:
                continue
            if state.speed_mbps < mbps and state.sampled_at >= timezone.now() - STALE:
                yield Difference(
                    Kind.SPEED, f"{mbps} Mbit/s", f"{port}: {state.speed_mbps} Mbit/s",
                    state.sampled_at, "ifHighSpeed", (port.device,), circuit,
                )  # fmt: skip

    def _unregistered(self) -> Iterator[Difference]:
        used = {pk for c in self._circuits for pk in (c.a_port_id, c.z_port_id) if pk}
        for line in self._lines:
            ends = (line.near, line.far)
            if any(end.port and end.port.pk in used for end in ends):
                continue
            devices = tuple(end.device for end in ends if end.device)
            yield Difference(
                Kind.UNREGISTERED, "", f"{line.near} — {line.far}", line.seen_at,
                str(Source.LLDP.label), devices, line=line if len(devices) == 2 else None,
            )  # fmt: skip


def matching(
    found: Iterable[Difference], text: str, kind: str, *, dismissed: bool
) -> list[Difference]:
    """Those of a kind in which every word stands; either the open or the dismissed ones."""
    words = text.casefold().split()[:5]
    return [
        item
        for item in found
        if (item.dismissal is not None) == dismissed
        and (not kind or item.kind == kind)
        and all(word in f"{item.ledger} {item.seen} {item.circuit}".casefold() for word in words)
    ]
