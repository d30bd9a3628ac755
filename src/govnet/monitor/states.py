"""The state of a unit, access point, device or circuit: the worst of what is measured of it.

Down is worse than degraded, degraded than unknown, unknown than up: what cannot be seen is
never shown as good. A thing of which nothing is measured is unknown and ``monitored`` False.
Everything is one annotation in the list's own query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    ExpressionWrapper,
    IntegerField,
    Max,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Greatest
from django.db.models.lookups import Exact

from govnet.accounts.models import User
from govnet.engine.result import State
from govnet.inventory.models import AccessPoint, Circuit, Device, LifeCycle, Port, Unit
from govnet.monitor.models import Target

RANK: Final[Mapping[State, int]] = {
    State.UP: 0,
    State.UNKNOWN: 1,
    State.DEGRADED: 2,
    State.DOWN: 3,
}
"""How bad a state is; the worst one is a thing's state."""

_STATE: Final = {rank: state for state, rank in RANK.items()}

NOTHING: Final = -1
"""Rank of a thing of which nothing is measured."""


def _rank(path: str) -> Case:
    """The rank of a stored state; a target without a state row is unknown."""
    known = [When(**{path: state.value}, then=Value(rank)) for state, rank in RANK.items()]
    return Case(*known, default=Value(RANK[State.UNKNOWN]), output_field=IntegerField())


def _worst_target(**owner: OuterRef) -> Combinable:
    """Rank of the worst measured target of an owner; ``NOTHING`` without one."""
    (path,) = owner
    found = (
        Target.objects.measured()
        .filter(**owner)
        .order_by()
        .values(path)
        .annotate(worst=Max(_rank("state__state")))
    )
    return Coalesce(Subquery(found.values("worst")[:1]), Value(NOTHING))


def _worst_port(path: str) -> Combinable:
    """Rank of a circuit's port: its link is up, down or not known; nothing without one."""
    found = Port.objects.filter(pk=OuterRef(path)).annotate(
        worst=Case(
            When(state__oper_up=True, then=Value(RANK[State.UP])),
            When(state__oper_up=False, then=Value(RANK[State.DOWN])),
            default=Value(NOTHING),
            output_field=IntegerField(),
        )
    )
    return Coalesce(Subquery(found.values("worst")[:1]), Value(NOTHING))


def _worst_of_unit() -> Combinable:
    return Greatest(
        _worst_target(access_point__unit=OuterRef("pk")), _worst_target(unit=OuterRef("pk"))
    )


def _worst_of_circuit() -> Combinable:
    """Its targets tell; the last readings of its ports only where it has none of its own."""
    own = _worst_target(circuit=OuterRef("pk"))
    ports = Greatest(_worst_port("a_port_id"), _worst_port("z_port_id"))
    told = Case(When(Exact(own, NOTHING), then=ports), default=own)
    return Greatest(_worst_target(access_point=OuterRef("access_point_id")), told)


_WORST: Final[Mapping[type[Model], Callable[[], Combinable]]] = {
    Unit: _worst_of_unit,
    AccessPoint: lambda: _worst_target(access_point=OuterRef("pk")),
    Device: lambda: _worst_target(device=OuterRef("pk")),
    Circuit: _worst_of_circuit,
}


def with_state(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate units, access points, devices or circuits with their state.

    Adds ``state`` (a value of ``State``), ``state_rank`` (to sort by: 0 up, 1 unknown,
    2 degraded, 3 down, -1 nothing is measured) and ``monitored`` (False: nothing is measured).

    Raises:
        KeyError: the model has no state.
    """
    words = [When(state_rank=rank, then=Value(state.value)) for state, rank in RANK.items()]
    annotated: QuerySet[Any] = queryset.annotate(
        state_rank=_WORST[queryset.model](),
        state=Case(*words, default=Value(State.UNKNOWN.value), output_field=CharField()),
        monitored=ExpressionWrapper(Q(state_rank__gt=NOTHING), output_field=BooleanField()),
    )
    return annotated


@dataclass(slots=True)
class Counts:
    """How many things of one kind are in each state.

    Attributes:
        by_state: things that are measured, by state; every state is there.
        not_monitored: things of which nothing is measured.
    """

    by_state: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    not_monitored: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_state.values()) + self.not_monitored


def state_counts(user: User | AnonymousUser) -> dict[str, Counts]:
    """Counts by state of what a user may see: one query per kind.

    Returns:
        by kind: "unit", "access_point", "device", "circuit" (in service only), "target".
    """
    kinds: dict[str, QuerySet[Any]] = {
        "unit": Unit.objects.restrict(user),
        "access_point": AccessPoint.objects.restrict(user).filter(status=LifeCycle.ACTIVE),
        "device": Device.objects.restrict(user).filter(status=LifeCycle.ACTIVE),
        "circuit": Circuit.objects.restrict(user).filter(status=LifeCycle.ACTIVE),
    }
    counts = {name: _count(queryset) for name, queryset in kinds.items()}
    return {**counts, "target": _count_targets(user)}


def _count(queryset: QuerySet[Any]) -> Counts:
    counts = Counts()
    ranked = queryset.order_by().annotate(state_rank=_WORST[queryset.model]())
    for rank, number in ranked.values_list("state_rank").annotate(n=Count("pk")):
        if rank == NOTHING:
            counts.not_monitored = number
        else:
            counts.by_state[_STATE[rank]] = number
    return counts


def _count_targets(user: User | AnonymousUser) -> Counts:
    counts = Counts()
    targets = Target.objects.restrict(user).measured().order_by()
    for state, number in targets.values_list("state__state").annotate(n=Count("pk")):
        counts.by_state[State(state or State.UNKNOWN)] += number
    return counts
