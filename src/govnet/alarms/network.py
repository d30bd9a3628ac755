"""Faults of the network: the present states, explained by the topology.

Nothing is remembered between two looks: the states, the graph and the events that hold decide,
in whatever order they came. What nobody knows anything of is neither a fault nor well.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from govnet.alarms.choices import Level, ObjectKind
from govnet.alarms.events import LINK_DOWN, end_what_polls_disprove, holding
from govnet.alarms.models import Alarm, EventState
from govnet.alarms.refs import PLATFORM, Ref, element_of, ref_of
from govnet.alarms.services import Fault, Key
from govnet.alarms.shipped import neighbour_kinds
from govnet.engine.result import ProbeKind, State
from govnet.engine.topology import Diagnosis, Reason, Root, RootKind, diagnose
from govnet.inventory.models import AccessPoint, Circuit, CircuitKind, Device, DeviceLayer, Unit
from govnet.monitor.models import PortState, TargetState
from govnet.topology import services as topology
from govnet.topology.elements import PROBE
from govnet.topology.ledger import Placed
from govnet.topology.readings import ANSWERING, PORT_STATE_FRESH

UNREACHABLE: Final = "unreachable"
DEGRADED: Final = "degraded"
PARTIAL: Final = "partial"
SERVICE_DOWN: Final = "service_down"
SNMP_SILENT: Final = "snmp_silent"
KINDS: Final = (UNREACHABLE, LINK_DOWN, DEGRADED, PARTIAL, SERVICE_DOWN, SNMP_SILENT)

SERVICE_KINDS: Final[Mapping[str, str]] = {ProbeKind.SNMP: SNMP_SILENT, ProbeKind.ICMP: UNREACHABLE}

HOLD: Final = timedelta(seconds=15)
"""The longest that a notice waits for news of what stands above: one probing interval and the
confirmation of its state."""

WORD_HOLD: Final = timedelta(seconds=8)
"""So long a notice waits for a word of what may have failed instead: the trap of the port at a
device's only line, and then the line is named; the ping of what is only inferred, which is
confirmed within five seconds."""

NEIGHBOUR_HOLD: Final = timedelta(seconds=40)
"""The longest that a notice of a lost routing neighbour waits: OSPF's usual dead interval, after
which what took the neighbour away is known by other means, or the neighbour is back."""

SAME_EVENT: Final = timedelta(minutes=2)
"""What fell so soon before its only line was read as down fell with it: ports are read once a
minute."""

WAYS_TO_IT: Final = (Reason.UPSTREAM_ANSWERS, Reason.HOST_ANSWERS, Reason.UPSTREAM_CLEAN)
"""Reasons that name what lies before a fault on the way from the probe point."""

MANY_UNITS: Final = 0.1
"""A fault that cuts off this share of all units is critical (figures of the field)."""

FAST_MBPS: Final = 1000
NAMES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """The state row of a target, as far as faults need it."""

    state: str
    since: datetime | None
    answered_at: datetime | None
    reason: str
    kind: str


@dataclass(slots=True)
class Picture:
    """Everything that is known at one moment.

    Attributes:
        placed: the ledger as a graph.
        states: of nodes and links, by their ids in the graph.
        targets: state rows by id of the target.
        events: what traps and logs say.
        flips: ids of the newest flips, by id of the target.
    """

    placed: Placed
    states: dict[str, State]
    targets: Mapping[int, Seen]
    events: list[EventState]
    flips: Mapping[int, list[int]] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)
    unit_names: dict[int, str] = field(default_factory=dict)

    def targets_of(self, element: str) -> list[int]:
        """The targets whose state is that of a node."""
        kind, _colon, number = element.partition(":")
        return [int(number)] if kind == "target" else self.placed.paths.get(element, [])


def look(flips: Mapping[int, list[int]]) -> Picture:
    """Read the present picture; a fixed number of queries."""
    end_what_polls_disprove(holding())
    events = holding()
    states = dict(topology.states())
    for event in events:
        if event.kind == LINK_DOWN and event.object_kind == ObjectKind.CIRCUIT:
            states[f"circuit:{event.object_id}"] = State.DOWN
    rows = TargetState.objects.values_list(
        "target_id", "state", "since", "answered_at", "reason", "target__kind"
    )
    seen = {
        pk: Seen(state, since, answered, reason, kind)
        for pk, state, since, answered, reason, kind in rows.iterator()
    }
    return Picture(topology.placed(), states, seen, events, flips)


def faults_of(picture: Picture, now: datetime) -> tuple[list[Fault], Diagnosis]:
    """Every fault of the picture, roots first; and the diagnosis that they follow."""
    diagnosis = diagnose(picture.placed.graph, picture.states)
    if any(root.kind is RootKind.BLIND for root in diagnosis.roots):
        return [], diagnosis
    if diagnosis.roots:
        picture.owners = dict(AccessPoint.objects.values_list("pk", "unit_id"))
        picture.unit_names = dict(Unit.objects.values_list("pk", "name"))
    faults = _Faults(picture, diagnosis, now)
    return [*faults.roots(), *faults.explained(), *faults.reported()], diagnosis


def nothing_known(picture: Picture) -> Callable[[Alarm], bool]:
    """Whether nothing can be said of an alarm's object now: then the alarm stays."""

    def keep(alarm: Alarm) -> bool:
        if alarm.rule is not None and alarm.rule.source == "event":
            return False
        return picture.states.get(element_of(alarm.ref)) is State.UNKNOWN

    return keep


class _Faults:
    """Turns a diagnosis into faults."""

    def __init__(self, picture: Picture, diagnosis: Diagnosis, now: datetime) -> None:
        self._picture = picture
        self._diagnosis = diagnosis
        self._now = now
        self._levels = _Levels(diagnosis.roots)
        self._root_keys: dict[str, Key] = {}
        self._lines: dict[Key, tuple[str, datetime]] = {}

    def roots(self) -> list[Fault]:
        """The faults that nothing explains."""
        found = [self._of_root(root) for root in self._diagnosis.roots]
        return [fault for fault in found if fault is not None]

    def _of_root(self, root: Root) -> Fault | None:
        ref = ref_of(root.element)
        if ref is None:
            return None
        kind = self._kind_of_root(root, ref)
        self._root_keys[root.element] = Key(kind, ref)
        impact = self._impact(root)
        since = self._since([root.element]) or self._first_seen(Key(kind, ref), root) or self._now
        if root.kind is RootKind.LINK_DOWN:
            self._lines[Key(kind, ref)] = (root.element, since)
        return Fault(
            kind,
            ref,
            since,
            level=self._levels.of(root, ref, impact, len(self._picture.unit_names)),
            impact=impact,
            detail=self._detail(root),
            evidence=self._evidence(root.element),
            told_after=self._told_after(root, since),
        )

    def _kind_of_root(self, root: Root, ref: Ref) -> str:
        if root.kind is RootKind.PARTIAL:
            return PARTIAL if len(root.shadowed) > 1 else DEGRADED
        if root.kind is RootKind.SERVICE_DOWN:
            return self._service_kind(ref)
        return LINK_DOWN if root.kind is RootKind.LINK_DOWN else UNREACHABLE

    def _service_kind(self, ref: Ref) -> str:
        seen = self._picture.targets.get(ref.pk) if ref.kind == ObjectKind.TARGET else None
        return SERVICE_KINDS.get(seen.kind, SERVICE_DOWN) if seen else UNREACHABLE

    def explained(self) -> list[Fault]:
        """What the roots explain: alarms of their own, but quiet ones."""
        causes = self._diagnosis.causes()
        found = []
        for element, above in causes.items():
            ref, state = ref_of(element), self._picture.states.get(element)
            key = next((self._root_keys[a] for a in above if a in self._root_keys), None)
            own = element in self._root_keys
            if own or ref is None or key is None or state not in (State.DOWN, State.DEGRADED):
                continue
            since = self._since([element]) or self._now
            found.append(
                Fault(
                    self._kind_of(ref, state),
                    ref,
                    since,
                    level=Level.MINOR,
                    root=key,
                    evidence=self._evidence(element),
                    says_root=self._fell_with(key, since) and self._is_on_single(element, key),
                )
            )
        return found

    def _fell_with(self, root: Key, since: datetime) -> bool:
        """Whether something fell with the line that explains it, and not long before."""
        line = self._lines.get(root)
        return line is not None and abs(line[1] - since) <= SAME_EVENT

    def _is_on_single(self, element: str, line: Key) -> bool:
        """Whether a line is the only one of a node: from afar both fail alike."""
        return self._lines_up(element) == [self._lines[line][0]]

    def _lines_up(self, element: str) -> list[str]:
        """The lines by which a node is reached."""
        graph = self._picture.placed.graph
        vertex = graph.index[element]
        if graph.is_link(vertex):
            return []
        return [graph.ids[line] for line, _end in graph.uplinks(vertex)]

    def reported(self) -> list[Fault]:
        """Faults that only traps and logs tell of; links belong to the diagnosis."""
        return [
            self._of_event(event)
            for event in self._picture.events
            if event.kind != LINK_DOWN or event.object_kind != ObjectKind.CIRCUIT
        ]

    def _of_event(self, event: EventState) -> Fault:
        fault = Fault(
            event.kind,
            event.ref,
            event.since,
            detail={"source": event.source},
            evidence={"events": event.evidence},
        )
        if event.kind not in neighbour_kinds():
            return fault
        around = self._around(element_of(event.ref))
        back = [since for name in around if (since := self._answers(name)[0]) is not None]
        hold = WORD_HOLD if self._is_well(around, event.since) else NEIGHBOUR_HOLD
        root = self._root_among(around)
        return replace(
            fault,
            root=root,
            told_after=max(event.since, *back) + hold,
            says_root=root is not None and self._fell_with(root, event.since),
        )

    def _is_well(self, elements: Iterable[str], since: datetime) -> bool:
        """Whether all that can be asked of some nodes and lines was good after a moment."""
        names = list(elements)
        nodes = [name for name in names if self._picture.targets_of(name)]
        ports = {p for name in names for p in self._picture.placed.ports.get(name, ()) if p}
        read = PortState.objects.filter(port_id__in=ports, sampled_at__isnull=False)
        readings = read.values_list("oper_up", "sampled_at")
        return all(
            (at := self._answers(node)[1]) is not None and at > since for node in nodes
        ) and (all(up and at is not None and at > since for up, at in readings))

    def _around(self, element: str) -> list[str]:
        """A node, the lines at it and the nodes at their other ends."""
        graph = self._picture.placed.graph
        if element not in graph.index:
            return []
        ends = graph.ways_out[graph.index[element]]
        return [element, *(graph.ids[other] for way in ends for other in way)]

    def _root_among(self, elements: Iterable[str]) -> Key | None:
        """A routing neighbour is lost with itself or with the line to it: what explains those."""
        causes = self._diagnosis.causes()
        roots = (root for element in elements for root in causes.get(element, ()))
        return next((self._root_keys[root] for root in roots if root in self._root_keys), None)

    def _kind_of(self, ref: Ref, state: State) -> str:
        if state is State.DEGRADED:
            return DEGRADED
        if ref.kind == ObjectKind.CIRCUIT:
            return LINK_DOWN
        return self._service_kind(ref)

    def _first_seen(self, key: Key, root: Root) -> datetime | None:
        """Since when what itself does not say so is down: a port's reading, an inferred root."""
        alarms = Alarm.objects.active().filter(
            kind=key.kind, object_kind=key.ref.kind, object_id=key.ref.pk
        )
        return self._since(root.shadowed) or alarms.values_list("first_at", flat=True).first()

    def _since(self, elements: Iterable[str]) -> datetime | None:
        """When the first of some elements left its good state."""
        moments = []
        for element in elements:
            rows = (self._picture.targets.get(pk) for pk in self._picture.targets_of(element))
            bad = (State.DOWN, State.DEGRADED)
            moments += [r.since for r in rows if r and r.state in bad and r.since is not None]
            moments += [e.since for e in self._picture.events if element_of(e.ref) == element]
        return min(moments, default=None)

    def _impact(self, root: Root) -> dict[str, Any]:
        """How much the fault reaches, as numbers, and the names of a few units."""
        kinds: Tally[str] = Tally()
        units: set[int] = set()
        for element in root.impact:
            ref = ref_of(element)
            if ref is None:
                continue
            kinds[ref.kind] += 1
            if ref.kind == ObjectKind.ACCESS_POINT and ref.pk in self._picture.owners:
                units.add(self._picture.owners[ref.pk])
        names = [self._picture.unit_names.get(pk, "") for pk in sorted(units)[:NAMES_SHOWN]]
        counts = {
            "units": len(units),
            "access_points": kinds[ObjectKind.ACCESS_POINT.value],
            "devices": kinds[ObjectKind.DEVICE.value],
            "services": kinds[ObjectKind.TARGET.value],
        }
        return {**{name: n for name, n in counts.items() if n}, "names": names}

    def _detail(self, root: Root) -> dict[str, Any]:
        facts = [
            {"reason": f.reason.value, "elements": list(f.elements[:NAMES_SHOWN]), "count": f.count}
            for f in root.facts
        ]
        rows = [self._picture.targets.get(pk) for pk in self._picture.targets_of(root.element)]
        return {
            "facts": facts,
            "inferred": root.inferred,
            "alternatives": list(root.alternatives[:NAMES_SHOWN]),
            "reason": next((row.reason for row in rows if row and row.reason), ""),
        }

    def _evidence(self, element: str) -> dict[str, Any]:
        flips = [
            f for pk in self._picture.targets_of(element) for f in self._picture.flips.get(pk, [])
        ]
        events = [
            item
            for event in self._picture.events
            if element_of(event.ref) == element
            for item in event.evidence
        ]
        found: dict[str, Any] = {}
        if flips:
            found["flips"] = flips[-20:]
        if events:
            found["events"] = events
        return found

    def _told_after(self, root: Root, since: datetime) -> datetime | None:
        """A notice waits until what stands above was seen to answer after the fault began.

        One way to the fault that holds is proof enough; a link, whose ends may be what failed,
        needs both of them. What came back only since then may have hidden the fault: what lay
        behind needs a moment, too.
        """
        ways = [f for f in root.facts if f.reason in WAYS_TO_IT]
        ends = [f for f in root.facts if f.reason is Reason.OTHER_PATH_HOLDS]
        above = [self._answers(name) for fact in (*ways, *ends) for name in fact.elements]
        returned = max((since for since, _at in above if since is not None), default=since)
        if returned > since:
            return returned + HOLD
        proofs = [at is not None and at > since for _since, at in above]
        proven = all(proofs) if ends or not proofs else any(proofs)
        if not proven:
            return since + HOLD
        waits = (root.inferred and not proofs) or self._line_may_say_so(root)
        return since + WORD_HOLD if waits else None

    def _line_may_say_so(self, root: Root) -> bool:
        """Whether a device hangs on a single line whose ports are read."""
        if root.kind is not RootKind.NODE_DOWN or root.inferred:
            return False
        lines = self._lines_up(root.element)
        ends = self._picture.placed.ports
        ports = [port for line in lines for port in ends.get(line, ()) if port]
        read = PortState.objects.filter(sampled_at__gte=self._now - PORT_STATE_FRESH)
        return len(lines) == 1 and read.filter(port_id__in=ports).exists()

    def _answers(self, element: str) -> tuple[datetime | None, datetime | None]:
        """Since when a node answers, and when it last did; the probe point with anything."""
        if element == PROBE:
            seen = self._picture.targets.values()
            answers = [row.answered_at for row in seen if row.state in ANSWERING]
            return None, max(filter(None, answers), default=None)
        rows = [self._picture.targets.get(pk) for pk in self._picture.targets_of(element)]
        well = [row for row in rows if row and row.state in ANSWERING]
        since = max((row.since for row in well if row.since), default=None)
        well += [row for row in self._services_of(element) if row.state in ANSWERING]
        return since, max((row.answered_at for row in well if row.answered_at), default=None)

    def _services_of(self, element: str) -> list[Seen]:
        """What else is measured on a node: its agent's answer proves the node as well."""
        graph = self._picture.placed.graph
        vertex = graph.index[element]
        ends = [] if graph.is_link(vertex) else graph.ways_out[vertex]
        services = [graph.ids[end] for _way, end in ends if graph.is_service(end)]
        targets = [pk for name in services for pk in self._picture.targets_of(name)]
        return [row for pk in targets if (row := self._picture.targets.get(pk))]


class _Levels:
    """How urgent a fault is, by what it is and what it reaches (figures of the field)."""

    def __init__(self, roots: Iterable[Root]) -> None:
        refs = [ref for root in roots if (ref := ref_of(root.element)) is not None]
        devices = [ref.pk for ref in refs if ref.kind == ObjectKind.DEVICE]
        circuits = [ref.pk for ref in refs if ref.kind == ObjectKind.CIRCUIT]
        points = [ref.pk for ref in refs if ref.kind == ObjectKind.ACCESS_POINT]
        self._layers = dict(Device.objects.filter(pk__in=devices).values_list("pk", "layer"))
        known: Any = Circuit.objects.with_bandwidth()
        rows = known.filter(pk__in=circuits).values_list("pk", "kind", "contracted_mbps")
        self._circuits = {pk: (kind, mbps) for pk, kind, mbps in rows}
        self._points: dict[int, int] = {}
        rows = known.filter(access_point_id__in=points)
        for pk, mbps in rows.values_list("access_point_id", "contracted_mbps"):
            self._points[pk] = max(self._points.get(pk, 0), mbps or 0)

    def of(self, root: Root, ref: Ref, impact: Mapping[str, Any], units: int) -> str:
        """The level; a rule may overrule it."""
        if root.kind in (RootKind.PARTIAL, RootKind.SERVICE_DOWN):
            return Level.MINOR.value
        high = (DeviceLayer.CORE, DeviceLayer.AGGREGATION, DeviceLayer.EGRESS)
        kind, mbps = self._circuits.get(ref.pk, ("", 0)) if ref.kind == "circuit" else ("", 0)
        if ref.kind == ObjectKind.DEVICE and self._layers.get(ref.pk) in high:
            return Level.CRITICAL.value
        if kind in (CircuitKind.BACKBONE, CircuitKind.EGRESS):
            return Level.CRITICAL.value
        if units >= 1 / MANY_UNITS and impact.get("units", 0) >= MANY_UNITS * units:
            return Level.CRITICAL.value
        fast = (mbps or 0) >= FAST_MBPS or (
            ref.kind == ObjectKind.ACCESS_POINT and self._points.get(ref.pk, 0) >= FAST_MBPS
        )
        return Level.MAJOR.value if fast or impact.get("units", 0) > 1 else Level.MINOR.value


def blind_fault(diagnosis: Diagnosis, now: datetime) -> Fault | None:
    """Nothing answers at all: that is the probe point's fault until something does."""
    if all(root.kind is not RootKind.BLIND for root in diagnosis.roots):
        return None
    return Fault("probe_blind", PLATFORM, now, detail={"reason": "nothing_answers"})
