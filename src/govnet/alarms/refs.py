"""What an alarm or a window is about, and what it lies in.

The *chain* of an object is everything that it belongs to, nearest first: a target belongs to
its access point, unit and regions up to the province. A window on any link of the chain covers
the object; the nearest unit and region decide who may see an alarm about it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

from django.db.models import Model

from govnet.alarms.choices import ObjectKind
from govnet.inventory.models import AccessPoint, Circuit, Device, Port, Region, Unit
from govnet.monitor.models import Target

BATCH: Final = 500
"""Ids in one query: SQLite takes 32,766 parameters, a plan is quick with few."""


class Ref(NamedTuple):
    """One object of the ledger or a target, by kind and id; the platform has id 0."""

    kind: str
    pk: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.pk}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reverse of ``str``.

        Raises:
            ValueError: no such kind, or no number.
        """
        kind, _colon, pk = text.partition(":")
        return cls(ObjectKind(kind).value, int(pk))

    @classmethod
    def of(cls, instance: Model) -> Self:
        """The reference of an object.

        Raises:
            KeyError: alarms are not about such objects.
        """
        return cls(_KINDS[type(instance)].value, instance.pk)


PLATFORM: Final = Ref(ObjectKind.PLATFORM.value, 0)

MODELS: Final[dict[str, type[Model]]] = {
    ObjectKind.REGION.value: Region,
    ObjectKind.UNIT.value: Unit,
    ObjectKind.ACCESS_POINT.value: AccessPoint,
    ObjectKind.DEVICE.value: Device,
    ObjectKind.PORT.value: Port,
    ObjectKind.CIRCUIT.value: Circuit,
    ObjectKind.TARGET.value: Target,
}
_KINDS: Final = {model: ObjectKind(kind) for kind, model in MODELS.items()}


@dataclass(frozen=True, slots=True)
class Place:
    """What an object is called, and everything that it belongs to.

    Attributes:
        ref: the object.
        name: what people call it.
        chain: the object itself, then its owners, then the regions from the nearest up.
    """

    ref: Ref
    name: str
    chain: tuple[Ref, ...]

    def nearest(self, kind: ObjectKind) -> int | None:
        """Id of the nearest object of a kind in the chain."""
        return next((ref.pk for ref in self.chain if ref.kind == kind.value), None)


@dataclass(slots=True)
class _Row:
    """An object as it was read: its name and the ids that it refers to."""

    name: str
    owners: tuple[Ref, ...]


@dataclass(slots=True)
class Places:
    """Looks up places, each kind of object by one query for each ``BATCH``."""

    _rows: dict[Ref, _Row] = field(default_factory=dict)
    _parents: dict[int, tuple[str, int | None]] = field(default_factory=dict)

    def of(self, refs: Iterable[Ref]) -> dict[Ref, Place]:
        """The places of those objects that exist; the platform always does."""
        wanted = set(refs)
        self._read(wanted)
        return {ref: self._place(ref) for ref in wanted if ref == PLATFORM or ref in self._rows}

    def _read(self, refs: set[Ref]) -> None:
        waiting = {ref for ref in refs if ref not in self._rows and ref != PLATFORM}
        if waiting and not self._parents:
            rows = Region.objects.order_by().values_list("pk", "name", "parent_id")
            self._parents = {pk: (name, parent) for pk, name, parent in rows.iterator()}
        while waiting:
            by_kind: dict[str, list[int]] = defaultdict(list)
            for kind, pk in waiting:
                by_kind[kind].append(pk)
            for kind, pks in by_kind.items():
                self._rows.update(self._load(kind, sorted(pks)))
            owners = {o for ref in waiting if ref in self._rows for o in self._rows[ref].owners}
            waiting = {owner for owner in owners if owner not in self._rows}

    def _load(self, kind: str, pks: Sequence[int]) -> dict[Ref, _Row]:
        if kind == ObjectKind.REGION:
            known = ((pk, self._parents[pk]) for pk in pks if pk in self._parents)
            return {Ref(kind, pk): _Row(name, _owner("region", up)) for pk, (name, up) in known}
        found = {}
        manager: Any = MODELS[kind]._default_manager  # Django documents it
        paths = _PATHS[kind]
        for at in range(0, len(pks), BATCH):
            rows = manager.filter(pk__in=pks[at : at + BATCH]).order_by()
            for pk, name, *ids in rows.values_list("pk", *paths.name, *paths.owners):
                text = " ".join([name, *map(str, ids[: len(paths.name) - 1])])
                found[Ref(kind, pk)] = _Row(text, paths.refs(ids[len(paths.name) - 1 :]))
        return found

    def _place(self, ref: Ref) -> Place:
        if ref == PLATFORM:
            return Place(ref, "", (ref,))
        chain: dict[Ref, None] = {ref: None}
        regions: dict[Ref, None] = {}
        waiting = list(self._rows[ref].owners)
        while waiting:
            owner = waiting.pop(0)
            row = self._rows.get(owner)
            if row is None:
                continue
            known = regions if owner.kind == ObjectKind.REGION else chain
            if owner not in known:
                known[owner] = None
                waiting += row.owners
        # Regions last: what an object belongs to is nearer than where it stands.
        return Place(ref, self._rows[ref].name, (*chain, *regions))


def _owner(kind: str, pk: int | None) -> tuple[Ref, ...]:
    return () if pk is None else (Ref(kind, pk),)


@dataclass(frozen=True, slots=True)
class _Paths:
    """Fields that name an object, and those that lead to what it belongs to, nearest first."""

    name: tuple[str, ...]
    owners: tuple[str, ...]
    kinds: tuple[str, ...]

    def refs(self, ids: Iterable[int | None]) -> tuple[Ref, ...]:
        pairs = zip(self.kinds, ids, strict=True)
        return tuple(Ref(kind, pk) for kind, pk in pairs if pk is not None)


_PATHS: Final[dict[str, _Paths]] = {
    "unit": _Paths(("name",), ("region_id",), ("region",)),
    "access_point": _Paths(("name",), ("unit_id",), ("unit",)),
    "device": _Paths(("name",), ("access_point_id", "region_id"), ("access_point", "region")),
    "port": _Paths(("device__name", "name"), ("device_id",), ("device",)),
    "circuit": _Paths(("number",), ("access_point_id", "z_port_id"), ("access_point", "port")),
    "target": _Paths(
        ("name",),
        ("device_id", "access_point_id", "circuit_id", "unit_id", "region_id"),
        ("device", "access_point", "circuit", "unit", "region"),
    ),
}


def register(
    kind: ObjectKind, model: type[Model], name: Sequence[str], owners: Mapping[str, str]
) -> None:
    """Let alarms be about a model of an app above; call it in ``AppConfig.ready``.

    Args:
        kind: what its alarms are about.
        model: its model.
        name: the fields that name an object, the first a text.
        owners: the field that holds the id of each thing that it belongs to, by the kind of that,
            nearest first.
    """
    MODELS[kind.value], _KINDS[model] = model, kind
    _PATHS[kind.value] = _Paths(tuple(name), tuple(owners.values()), tuple(owners))


def find(ref: Ref) -> Any:  # any of MODELS
    """The object itself; None when it is gone or the platform is meant."""
    if ref == PLATFORM:
        return None
    manager: Any = MODELS[ref.kind]._default_manager  # Django documents it
    return manager.filter(pk=ref.pk).first()


# ---- Names in the topology ----------------------------------------------------------------

_PREFIX: Final = {"access_point": "accesspoint"}
_KIND: Final = {"accesspoint": "access_point"}


def element_of(ref: Ref) -> str:
    """What the graph calls an object."""
    return f"{_PREFIX.get(ref.kind, ref.kind)}:{ref.pk}"


def ref_of(element: str) -> Ref | None:
    """The object behind a node or link; None for what has no object of its own."""
    kind, _colon, number = element.partition(":")
    kind = _KIND.get(kind, kind)
    known = kind in (ObjectKind.DEVICE, ObjectKind.ACCESS_POINT, ObjectKind.CIRCUIT, "target")
    return Ref(kind, int(number)) if known and number.isdecimal() else None
