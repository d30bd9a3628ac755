"""Who answers for an outage: the alarms about what it was measured on.

An outage is worked out from changes of state alone, an alarm is judged by people; the two meet
by their object and their time. What is shown is what the alarm says today, also beside the
frozen figures of a statement.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final

from django.db.models import Q
from django.utils import timezone

from govnet.alarms.choices import ObjectKind
from govnet.alarms.models import Alarm, RuleSource
from govnet.alarms.refs import Places, Ref
from govnet.inventory.models import Circuit

if TYPE_CHECKING:
    from govnet.accounts.models import User
    from govnet.engine.availability import Outage

ABOUT: Final = (
    ObjectKind.TARGET,
    ObjectKind.DEVICE,
    ObjectKind.ACCESS_POINT,
    ObjectKind.CIRCUIT,
)
"""Of all that a target belongs to, what may fail by itself; the lines of an access point and the
devices at both ends of a line are looked up."""

END_DEVICES: Final = ("a_port__device_id", "z_port__device_id")


def alarms_of(outages: Sequence[Outage], targets: Collection[int], user: User) -> list[list[Alarm]]:
    """For each outage the alarms on states of its time that a person may see, oldest first."""
    if not (outages and targets and user.has_perm("alarms.view_alarm")):
        return [[] for _each in outages]
    first = datetime.fromtimestamp(min(each.start for each in outages), UTC)
    last = datetime.fromtimestamp(max(each.end for each in outages), UTC)
    rows = Alarm.objects.restrict(user).filter(_about(targets), rule__source=RuleSource.STATE)
    rows = rows.exclude(cleared_at__lt=first).filter(first_at__lt=last).select_related("rule")
    found = [(*_span(alarm), alarm) for alarm in rows.order_by("first_at", "pk")]
    return [
        [alarm for start, end, alarm in found if start < each.end and end > each.start]
        for each in outages
    ]


def _about(targets: Collection[int]) -> Q:
    places = Places().of(Ref(ObjectKind.TARGET.value, pk) for pk in targets)
    refs = {ref for place in places.values() for ref in place.chain if ref.kind in ABOUT}
    points = [ref.pk for ref in refs if ref.kind == ObjectKind.ACCESS_POINT]
    lines = Circuit.objects.filter(access_point__in=points).values_list("pk", flat=True)
    refs |= {Ref(ObjectKind.CIRCUIT.value, pk) for pk in lines}
    circuits = [ref.pk for ref in refs if ref.kind == ObjectKind.CIRCUIT]
    for ends in Circuit.objects.filter(pk__in=circuits).values_list(*END_DEVICES):
        refs |= {Ref(ObjectKind.DEVICE.value, pk) for pk in ends if pk is not None}
    kinds = {ref.kind: [each.pk for each in refs if each.kind == ref.kind] for ref in refs}
    named = (Q(object_kind=kind, object_id__in=pks) for kind, pks in kinds.items())
    return reduce(or_, named, Q(pk__in=()))


def _span(alarm: Alarm) -> tuple[float, float]:
    end = alarm.cleared_at or alarm.closed_at or timezone.now()
    return alarm.first_at.timestamp(), end.timestamp()
