"""Merges what traps and logs reported into one memory: which events hold now.

Reports arrive as rows (``inbox``); here they become states, level instead of edge, so that
the correlator can look at the whole picture at any time. A link that a port's trap tells of is
the circuit on that port: both ends, trap and syslog and poll speak of one fault.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q

from govnet.alarms.choices import ObjectKind
from govnet.alarms.models import EventState, ReportedEvent
from govnet.alarms.refs import Ref
from govnet.alarms.shipped import neighbour_kinds
from govnet.inventory.models import Circuit, LifeCycle
from govnet.monitor.models import PortState

LINK_DOWN: Final = "link_down"
AT_ONCE: Final = 2000
EVIDENCE_KEPT: Final = 10


def merge_reports() -> list[EventState]:
    """Take the waiting reports over, oldest first.

    Returns:
        the states that changed or got further evidence.
    """
    with transaction.atomic():
        rows = list(ReportedEvent.objects.order_by("pk")[:AT_ONCE])
        if not rows:
            return []
        circuits = _circuits_of({r.object_id for r in rows if r.object_kind == ObjectKind.PORT})
        kinds = {row.kind for row in rows}
        known = {(s.kind, s.ref): s for s in EventState.objects.filter(kind__in=kinds)}
        touched: dict[tuple[str, Ref], EventState] = {}
        for row in rows:
            key = (row.kind, _about(row, circuits))
            touched[key] = _merged(touched.get(key) or known.get(key), key, row)
        _store(touched.values())
        ReportedEvent.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return list(touched.values())


def _circuits_of(ports: set[int]) -> dict[int, int]:
    """The circuit in service on each of some ports."""
    rows = Circuit.objects.filter(
        Q(a_port_id__in=ports) | Q(z_port_id__in=ports), status=LifeCycle.ACTIVE
    ).values_list("pk", "a_port_id", "z_port_id")
    return {port: pk for pk, *ends in rows for port in ends if port in ports}


def _about(row: ReportedEvent, circuits: dict[int, int]) -> Ref:
    ref = Ref(row.object_kind, row.object_id)
    if row.kind == LINK_DOWN and ref.kind == ObjectKind.PORT and ref.pk in circuits:
        return Ref(ObjectKind.CIRCUIT.value, circuits[ref.pk])
    return ref


def _merged(state: EventState | None, key: tuple[str, Ref], row: ReportedEvent) -> EventState:
    kind, ref = key
    if state is None:
        state = EventState(
            kind=kind, object_kind=ref.kind, object_id=ref.pk, raised=False, since=row.first_at
        )
    if row.raised and not state.raised:
        state.since, state.evidence, state.count = row.first_at, [], 0
    state.source = row.source
    state.count += row.count
    said = [{"source": row.source, "raised": row.raised, **item} for item in row.evidence]
    state.evidence = [*state.evidence, *said][:EVIDENCE_KEPT]
    state.raised = row.raised or (kind in neighbour_kinds() and bool(still_lost(state)))
    return state


def still_lost(state: EventState) -> set[str]:
    """Neighbours that were lost and not said to be back; empty where not all of them are known.

    A router tells of each of its neighbours, and has one alarm: the first that is back does not
    end it.
    """
    last = {str(item.get("about") or ""): bool(item.get("raised")) for item in state.evidence}
    known = state.count <= len(state.evidence) and "" not in last
    return {name for name, raised in last.items() if raised and known}


def _store(states: Iterable[EventState]) -> None:
    EventState.objects.bulk_create(
        list(states),
        batch_size=200,
        update_conflicts=True,
        unique_fields=["kind", "object_kind", "object_id"],
        update_fields=["raised", "source", "since", "count", "evidence"],
    )


def holding() -> list[EventState]:
    """The events that hold now."""
    return list(EventState.objects.filter(raised=True))


def end_what_polls_disprove(states: Iterable[EventState]) -> None:
    """A trap may be lost: a link that was polled up after the last report is up."""
    links = [s for s in states if s.kind == LINK_DOWN and s.object_kind == ObjectKind.CIRCUIT]
    if not links:
        return
    ends = {
        pk: {port for port in ports if port}
        for pk, *ports in Circuit.objects.filter(pk__in=[s.object_id for s in links]).values_list(
            "pk", "a_port_id", "z_port_id"
        )
    }
    polled = _polled_up({port for ports in ends.values() for port in ports})
    over = [
        s.pk
        for s in links
        if (ports := ends.get(s.object_id))
        and all(port in polled and polled[port] > s.since for port in ports)
    ]
    EventState.objects.filter(pk__in=over).update(raised=False)


def _polled_up(ports: set[int]) -> dict[int, datetime]:
    rows = PortState.objects.filter(port_id__in=ports, oper_up=True, sampled_at__isnull=False)
    return {pk: at for pk, at in rows.values_list("port_id", "sampled_at") if at is not None}
