"""What was measured, and whether it still tells of the present.

Each thing is measured at times of its own: ping every ten seconds, SNMP every minute. Right
after a fault much of what lies behind it still reads "up", and right after a recovery "down".
Such a reading is older than what is known to have happened above; it is unknown until the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.utils import timezone

from govnet.engine.result import State
from govnet.engine.topology.graph import NOWHERE
from govnet.monitor.models import PortState, TargetState
from govnet.topology.ledger import Placed

PORT_STATE_FRESH: Final = timedelta(minutes=5)
"""An older reading of a port says nothing of its link now."""

ANSWERING: Final = (State.UP, State.DEGRADED)


class Reading(NamedTuple):
    """The state of a target: since when, when it last answered, when it was last asked."""

    state: State
    since: datetime | None
    answered_at: datetime | None
    checked_at: datetime | None


NOTHING: Final = Reading(State.UNKNOWN, None, None, None)


def node_state(targets: Iterable[State]) -> State:
    """The state of a place from its targets: one that answers proves that it is reached."""
    seen = set(targets)
    if State.DOWN in seen and seen & set(ANSWERING):
        return State.DEGRADED
    order = (State.DEGRADED, State.UP, State.DOWN)
    return next((state for state in order if state in seen), State.UNKNOWN)


def present_states(placed: Placed) -> dict[str, State]:
    """The state of every node and link of which something is known now."""
    rows = TargetState.objects.values_list(
        "target_id", "state", "since", "answered_at", "checked_at"
    )
    told = {pk: Reading(State(state), *times) for pk, state, *times in rows.iterator()}
    nodes = {name: told.get(pk, NOTHING) for pk, name in placed.services.items()}
    for name, targets in placed.paths.items():
        nodes[name] = _place([told.get(pk, NOTHING) for pk in targets])
    states = {name: reading.state for name, reading in nodes.items()}
    return states | _overtaken(placed, nodes) | _link_states(placed, nodes)


def _place(targets: list[Reading]) -> Reading:
    """The reading of a place. Where one target fails, the others' earlier answers prove nothing."""
    fell = _latest(t.since for t in targets if t.state is State.DOWN)
    outdated = [t for t in targets if _answered_before(t, fell)]
    state = node_state(t.state for t in targets if t not in outdated)
    if state is State.DOWN:
        state, since = State.UNKNOWN if outdated else state, fell
    else:
        since = _latest(t.since for t in targets if t.state is not State.DOWN)
    return Reading(state, since, _latest(t.answered_at for t in targets), None)


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _answered_before(reading: Reading, moment: datetime | None) -> bool:
    """Whether something reads as answering, but did not since a moment."""
    answered = reading.answered_at
    if reading.state not in ANSWERING or moment is None or answered is None:
        return False
    return answered <= moment


def _overtaken(placed: Placed, nodes: Mapping[str, Reading]) -> dict[str, State]:
    """Nodes whose reading is older than what happened to the only way to them."""
    if all(reading.state is not State.DOWN for reading in nodes.values()):
        return {}
    graph = placed.graph
    fell: list[datetime | None] = [None] * len(graph.ids)
    found = {}
    for vertex in graph.places:
        guard = graph.guards[vertex]
        above = fell[guard] if guard != NOWHERE else None
        fell[vertex] = above
        reading = nodes.get(graph.ids[vertex])
        if reading is None:
            continue
        if reading.state is State.DOWN and reading.since:
            fell[vertex] = max(reading.since, above or reading.since)
        if _answered_before(reading, above):
            found[graph.ids[vertex]] = State.UNKNOWN
    return found | _asked_before_recovery(placed, nodes)


def _asked_before_recovery(placed: Placed, nodes: Mapping[str, Reading]) -> dict[str, State]:
    """Services that failed while their host did not answer, and were not asked since it does."""
    found = {}
    for name in placed.services.values():
        service = nodes[name]
        if service.state is not State.DOWN or service.checked_at is None:
            continue
        hosts = [placed.graph.ids[o] for _, o in placed.graph.ways_in[placed.graph.index[name]]]
        rose = [nodes[h].since for h in hosts if h in nodes and nodes[h].state in ANSWERING]
        if any(moment is not None and moment >= service.checked_at for moment in rose):
            found[name] = State.UNKNOWN
    return found


def _link_states(placed: Placed, nodes: Mapping[str, Reading]) -> dict[str, State]:
    """Links by the ports at their ends, as far as these were read since the ends changed."""
    fresh = PortState.objects.filter(sampled_at__gte=timezone.now() - PORT_STATE_FRESH)
    rows = fresh.values_list("port_id", "oper_up", "sampled_at")
    read = {pk: (bool(up), at) for pk, up, at in rows}
    graph, found = placed.graph, {}
    for name, ports in placed.ports.items():
        vertices = graph.ends[graph.index[name] - graph.size]
        ends = [nodes.get(graph.ids[vertex], NOTHING) for vertex in vertices]
        told = [_port(read[port], ends) if port in read else None for port in ports]
        if False in told:
            found[name] = State.DOWN
        elif told == [True, True]:
            # A port that is up proves the line only up to the carrier's next equipment.
            found[name] = State.UP
    return found


def _port(reading: tuple[bool, datetime | None], ends: Iterable[Reading]) -> bool | None:
    """Whether a port is up; None when an end of the link fell, or came back, after the reading."""
    up, at = reading
    against = (State.DOWN,) if up else ANSWERING
    changed = [end.since for end in ends if end.state in against and end.since]
    return None if at is None or any(moment >= at for moment in changed) else up
