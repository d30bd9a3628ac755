"""What an object's availability is measured by: its lines, each of one or more targets.

An access point is one line of all its targets; a circuit is the line of the access point at its
A end, or where there is no address to probe what the ports at its ends say of it; a unit has a
line for each of its access points, and so is down only while all of them are; an application is
its own target, a device the targets of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any, Final

from django.db.models import Model

from govnet.inventory.models import AccessPoint, Circuit, Device, LifeCycle, Unit
from govnet.monitor.models import Target
from govnet.sla.flips import batches
from govnet.sla.inputs import Measured, Scope
from govnet.sla.models import ObjectKind
from govnet.sla.periods import midnight

MODELS: Final[Mapping[str, type[Model]]] = {
    ObjectKind.CIRCUIT.value: Circuit,
    ObjectKind.ACCESS_POINT.value: AccessPoint,
    ObjectKind.UNIT.value: Unit,
    ObjectKind.TARGET.value: Target,
    ObjectKind.DEVICE.value: Device,
}

Owned = dict[int, tuple[int, ...]]


def _owned(field: str, ids: Collection[int]) -> Owned:
    """Ids of the targets of each owner, those of the past included: they have history."""
    found: dict[int, list[int]] = defaultdict(list)
    for batch in batches(ids):
        rows = Target.objects.filter(**{f"{field}__in": batch}).order_by("pk")
        for owner, pk in rows.values_list(field, "pk"):
            found[owner].append(pk)
    return {owner: tuple(pks) for owner, pks in found.items()}


def _rows(model: type[Model], ids: Collection[int], *names: str) -> list[tuple[Any, ...]]:
    manager: Any = model._default_manager  # noqa: SLF001  # Django documents it
    return [
        row
        for batch in batches(ids)
        for row in manager.filter(pk__in=batch).order_by().values_list("pk", *names)
    ]


def _opened(day: date | None) -> int | None:
    return int(midnight(day).timestamp()) if day else None


def _access_points(ids: Collection[int]) -> list[Measured]:
    lines = _owned("access_point_id", ids)
    rows = _rows(AccessPoint, ids, "name", "unit__name", "opened_on", "status")
    return [
        Measured(
            Scope(ObjectKind.ACCESS_POINT.value, pk),
            name,
            unit,
            (lines[pk],) if pk in lines else (),
            _opened(day),
            withdrawn=status == LifeCycle.WITHDRAWN,
        )
        for pk, name, unit, day, status in rows
    ]


def _circuits(ids: Collection[int]) -> list[Measured]:
    rows = _rows(
        Circuit,
        ids,
        "number",
        "carrier__name",
        "access_point__unit__name",
        "access_point_id",
        "opened_on",
        "status",
    )
    points = _owned("access_point_id", {row[4] for row in rows if row[4]})
    own = _owned("circuit_id", ids)
    found = []
    for pk, number, carrier, unit, point, day, status in rows:
        line = points.get(point, ()) + own.get(pk, ())
        about = " · ".join(filter(None, (unit, carrier)))
        scope = Scope(ObjectKind.CIRCUIT.value, pk)
        gone = status == LifeCycle.WITHDRAWN
        lines = (line,) if line else ()
        found.append(Measured(scope, number, about, lines, _opened(day), withdrawn=gone))
    return found


def _units(ids: Collection[int]) -> list[Measured]:
    points = [
        (unit, point)
        for batch in batches(ids)
        for unit, point in AccessPoint.objects.filter(unit_id__in=batch)
        .order_by("code")
        .values_list("unit_id", "pk")
    ]
    owned = _owned("access_point_id", [point for _unit, point in points])
    lines: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for unit, point in points:
        if point in owned:
            lines[unit].append(owned[point])
    return [
        Measured(Scope(ObjectKind.UNIT.value, pk), name, region, tuple(lines[pk]))
        for pk, name, region in _rows(Unit, ids, "name", "region__name")
    ]


def _targets(ids: Collection[int]) -> list[Measured]:
    return [
        Measured(Scope(ObjectKind.TARGET.value, pk), name, unit or "", ((pk,),))
        for pk, name, unit in _rows(Target, ids, "name", "unit__name")
    ]


def _devices(ids: Collection[int]) -> list[Measured]:
    lines = _owned("device_id", ids)
    return [
        Measured(
            Scope(ObjectKind.DEVICE.value, pk), name, region, (lines[pk],) if pk in lines else ()
        )
        for pk, name, region in _rows(Device, ids, "name", "region__name")
    ]


_KINDS: Final[Mapping[str, Callable[[Collection[int]], list[Measured]]]] = {
    ObjectKind.CIRCUIT.value: _circuits,
    ObjectKind.ACCESS_POINT.value: _access_points,
    ObjectKind.UNIT.value: _units,
    ObjectKind.TARGET.value: _targets,
    ObjectKind.DEVICE.value: _devices,
}


def measured(scopes: Collection[Scope]) -> list[Measured]:
    """How objects are measured, in the order asked for; what no longer exists is left out.

    A few queries for each kind, however many objects.

    Raises:
        KeyError: a scope is no object that is measured by itself.
    """
    by_kind: dict[str, list[int]] = defaultdict(list)
    for scope in dict.fromkeys(scopes):
        by_kind[scope.kind].append(scope.pk)
    found = {each.scope: each for kind, ids in by_kind.items() for each in _KINDS[kind](ids)}
    return [found[scope] for scope in dict.fromkeys(scopes) if scope in found]


def carriers_of(scopes: Collection[Scope]) -> dict[Scope, int]:
    """The carrier of each circuit."""
    ids = [scope.pk for scope in scopes if scope.kind == ObjectKind.CIRCUIT]
    return {
        Scope(ObjectKind.CIRCUIT.value, pk): carrier
        for batch in batches(ids)
        for pk, carrier in Circuit.objects.filter(pk__in=batch).values_list("pk", "carrier_id")
    }
