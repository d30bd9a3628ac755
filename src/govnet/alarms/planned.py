"""Which objects lie inside maintenance windows, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from govnet.alarms.choices import ObjectKind
from govnet.alarms.models import MaintenanceWindow
from govnet.alarms.refs import Place, Places, Ref, element_of, ref_of
from govnet.inventory.models import Circuit, LifeCycle
from govnet.monitor.models import Target
from govnet.topology import services as topology

Span = tuple[datetime, datetime]

CARRYING: Final = (ObjectKind.ACCESS_POINT, ObjectKind.DEVICE, ObjectKind.CIRCUIT)
"""Objects that others are reached through."""


@dataclass(frozen=True, slots=True)
class Cover:
    """What one window covers: the objects worked on, and whether what belongs to them too."""

    window: MaintenanceWindow
    refs: frozenset[Ref]

    def covers(self, place: Place) -> bool:
        """True when an object lies in the window.

        Without the subtree a window still covers what the object is measured by: its own
        targets, which are nothing of their own.
        """
        if self.window.subtree:
            return not self.refs.isdisjoint(place.chain)
        if place.ref in self.refs:
            return True
        owner = place.chain[1:2] if place.ref.kind == ObjectKind.TARGET else ()
        return not self.refs.isdisjoint(owner)


def covers(windows: Iterable[MaintenanceWindow]) -> list[Cover]:
    """What each window covers."""
    return [Cover(w, frozenset({w.ref, *(_behind(w) if w.subtree else ())})) for w in windows]


def _behind(window: MaintenanceWindow) -> set[Ref]:
    """What an object carries although it does not belong to it: what would be cut off with it.

    Its own lines, too: whether a line or what hangs on it alone has failed looks the same.
    By the topology of today, also for windows of the past. A circuit that the topology does
    not know, for the ledger names one end only, still carries the access point at that end.
    """
    if window.ref.kind not in CARRYING:
        return set()
    element = element_of(window.ref)
    if element in topology.graph().index:
        nodes = topology.impact_of([element]).nodes
        return _lines(window) | {found for node in nodes if (found := ref_of(node)) is not None}
    point = window.circuit.access_point_id if window.circuit else None
    return set() if point is None else {Ref(ObjectKind.ACCESS_POINT.value, point)}


def _lines(window: MaintenanceWindow) -> set[Ref]:
    """The circuits that end at the device or access point that is worked on."""
    pk = window.ref.pk
    if window.ref.kind == ObjectKind.DEVICE:
        ends = Q(a_port__device_id=pk) | Q(z_port__device_id=pk)
    elif window.ref.kind == ObjectKind.ACCESS_POINT:
        ends = Q(access_point_id=pk)
    else:
        return set()
    circuits = Circuit.objects.filter(ends, status=LifeCycle.ACTIVE)
    return {Ref(ObjectKind.CIRCUIT.value, each) for each in circuits.values_list("pk", flat=True)}


def active_covers(at: datetime | None = None) -> list[Cover]:
    """What lies in a window at a moment, now unless told."""
    at = at or timezone.now()
    soon = at + timedelta(microseconds=1)
    reaching = MaintenanceWindow.objects.reaching(at, soon)
    return covers(window for window in reaching if window.spans(at, soon))


def planned_spans(
    targets: Iterable[Target | int], start: datetime, end: datetime
) -> dict[int, list[Span]]:
    """The planned spans of targets inside a period.

    Args:
        targets: targets or their ids.
        start: begin of the period, with a time zone.
        end: its end, exclusive.

    Returns:
        by id of the target: spans without overlap, oldest first, cut to the period; targets
        without a span are left out.
    """
    windows = list(MaintenanceWindow.objects.reaching(start, end))
    if not windows:
        return {}
    kind = ObjectKind.TARGET.value
    refs = [Ref(kind, t if isinstance(t, int) else t.pk) for t in targets]
    places = Places().of(refs)
    found: dict[int, list[Span]] = {}
    for cover in covers(windows):
        spans = cover.window.spans(start, end)
        if not spans:
            continue
        for ref, place in places.items():
            if cover.covers(place):
                found.setdefault(ref.pk, []).extend(spans)
    return {pk: merged(spans) for pk, spans in found.items()}


def merged(spans: Sequence[Span]) -> list[Span]:
    """Spans without overlap that cover the same time."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
