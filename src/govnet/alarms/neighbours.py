"""Asks routers whether a neighbour that they lost is back: the message that says so may be lost.

Only those are asked that have such an alarm, once a minute. It ends when the router itself says
that every neighbour it told of is up again: ports that are up prove nothing of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from govnet.alarms.choices import ObjectKind
from govnet.alarms.events import holding, still_lost
from govnet.alarms.inbox import report_event
from govnet.alarms.models import EventState
from govnet.alarms.shipped import neighbour_kinds
from govnet.engine.snmp import SnmpDevice
from govnet.engine.snmp.routing import RoutingNeighbours, read_routing_neighbours
from govnet.monitor.watched import load
from govnet.topology.sweep import read_devices

SETTLED_AFTER: Final = timedelta(minutes=1)
"""A neighbour that comes and goes is not asked for while it does."""

BGP: Final = "bgp_down"


def end_what_routers_disprove(now: datetime | None = None) -> int:
    """Report the end of those losses that the routers say are over.

    Returns:
        how many.
    """
    before = (now or timezone.now()) - SETTLED_AFTER
    lost = [s for s in holding() if s.kind in neighbour_kinds() and s.since < before]
    lost = [s for s in lost if s.object_kind == ObjectKind.DEVICE and still_lost(s)]
    if not lost:
        return 0
    devices = _devices({state.object_id for state in lost})
    told = {
        answer.device.id: answer.value
        for answer in read_devices(list(devices.values()), read_routing_neighbours)
        if answer.value is not None
    }
    return sum(_end(state, told) for state in lost)


def _devices(ids: set[int]) -> dict[int, SnmpDevice]:
    return {device.id: device for device in load().devices.values() if device.id in ids}


def _end(state: EventState, told: Mapping[int, RoutingNeighbours]) -> bool:
    found = told.get(state.object_id)
    if found is None:
        return False
    has = found.has_bgp if state.kind == BGP else found.has_ospf
    names = still_lost(state)
    if not all(map(has, names)):
        return False
    for name in sorted(names):
        evidence = {"text": f"SNMP: {name}", "about": name}
        report_event(state.kind, state.ref, raised=False, source="poll", evidence=evidence)
    return True
