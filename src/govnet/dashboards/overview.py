"""What the overview shows: counts by state, the worst units, egress, newest flips, data age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Max, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.dashboards.sources import measuring_port
from govnet.engine.result import State
from govnet.inventory.models import Circuit, CircuitKind, LifeCycle, Unit
from govnet.monitor.models import Flip, PortState, Target, TargetState
from govnet.monitor.states import RANK, Counts, state_counts, with_state

if TYPE_CHECKING:
    from govnet.accounts.models import User

WORST_UNITS = 12
NEWEST_FLIPS = 14
STALE_AFTER = timedelta(seconds=60)
"""Without a result for this long, what the page shows is called old, and turns grey."""

# Worst first; the order in which a person on duty wants to read the numbers.
SHOWN_STATES = (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP)


@dataclass(frozen=True, slots=True)
class Figure:
    """The counts of one kind of object."""

    label: str | Promise
    url: str
    counts: Counts

    @property
    def states(self) -> list[tuple[str, int]]:
        """State and number, worst first; a state that nothing is in is left out."""
        by_state = self.counts.by_state
        return [(state.value, by_state[state]) for state in SHOWN_STATES if by_state[state]]

    @property
    def segments(self) -> list[tuple[str, float, float]]:
        """State, start and width in percent, for the bar under the numbers."""
        total, start, found = self.counts.total or 1, 0.0, []
        for state, number in self.states:
            width = 100 * number / total
            found.append((state, round(start, 3), round(width, 3)))
            start += width
        return found


@dataclass(frozen=True, slots=True)
class WorstUnit:
    """A unit that is not fine, and the target that says so."""

    unit: Unit
    state: str
    target: Target | None

    @property
    def since(self) -> datetime | None:
        """Since when the target has been in its state."""
        state = getattr(self.target, "state", None)
        return state.since if state else None


@dataclass(frozen=True, slots=True)
class Egress:
    """One Internet egress circuit now."""

    circuit: Circuit
    in_bps: float | None
    out_bps: float | None
    sampled_at: datetime | None

    @property
    def use(self) -> float | None:
        """The busier direction over the contracted rate; None when either is unknown."""
        contracted: int | None = getattr(self.circuit, "contracted_mbps", None)
        rates = [rate for rate in (self.in_bps, self.out_bps) if rate is not None]
        if not contracted or not rates:
            return None
        return max(rates) / (contracted * 1e6)


@dataclass(frozen=True, slots=True)
class ProbePoint:
    """Whether the measuring itself can be trusted."""

    references: Sequence[Target]
    newest: datetime | None
    targets: int

    @property
    def stale(self) -> bool:
        """True when no result has come for a minute although there is something to measure."""
        if not self.targets:
            return False
        return self.newest is None or timezone.now() - self.newest > STALE_AFTER

    @property
    def state(self) -> str:
        """Up when a reference target answers; unknown without results or references."""
        if self.stale or not self.references:
            return State.UNKNOWN
        states = {target.state.state for target in self.references if hasattr(target, "state")}
        return State.UP if states & {State.UP, State.DEGRADED} else State.DOWN


KINDS = (
    ("unit", _("Units"), "inventory.view_unit"),
    (
        "access_point",
        _("Access points"),
        "inventory.view_accesspoint",
    ),
    ("device", _("Devices"), "inventory.view_device"),
    ("circuit", _("Circuits"), "inventory.view_circuit"),
)


def figures(user: User) -> list[Figure]:
    """Counts by state of every kind that the user may see."""
    counts = state_counts(user)
    return [
        Figure(label, reverse("dashboards:object_states", args=[kind]), counts[kind])
        for kind, label, permission in KINDS
        if user.has_perm(permission)
    ]


def _badness(target: Target) -> tuple[int, float]:
    """Sorts by state, then by how long: the longest outage first."""
    state = getattr(target, "state", None)
    if state is None:
        return (RANK[State.UNKNOWN], 0.0)
    since = state.since or timezone.now()
    return (RANK[State(state.state)], -since.timestamp())


def worst_units(user: User) -> list[WorstUnit]:
    """Measured units that are not up, the worst and longest first; at most twelve."""
    units = list(
        with_state(Unit.objects.restrict(user))
        .filter(monitored=True)
        .exclude(state=State.UP)
        .select_related("region")
        .order_by("-state_rank", "code")[:WORST_UNITS]
    )
    targets = (
        Target.objects.measured()
        .filter(Q(access_point__unit__in=units) | Q(unit__in=units))
        .exclude(state__state=State.UP)
        .select_related("state", "access_point")
    )
    worst: dict[int, Target] = {}
    for target in targets:
        owner = target.unit_id or (target.access_point and target.access_point.unit_id)
        if owner and (owner not in worst or _badness(target) > _badness(worst[owner])):
            worst[owner] = target
    return [WorstUnit(unit, unit.state, worst.get(unit.pk)) for unit in units]


def egress(user: User) -> list[Egress]:
    """The Internet egress circuits in service with their last measured rates."""
    circuits = (
        Circuit.objects.restrict(user)
        .filter(kind=CircuitKind.EGRESS, status=LifeCycle.ACTIVE)
        .with_bandwidth()
        .select_related("carrier", "z_port__state", "a_port__state")
    )
    found = []
    for circuit in circuits:
        state: PortState | None = getattr(measuring_port(circuit), "state", None)
        rates = (state.in_bps, state.out_bps, state.sampled_at) if state else (None, None, None)
        found.append(Egress(circuit, *rates))
    return found


def newest_flips(user: User) -> list[Flip]:
    """The latest changes of state that the user may see."""
    flips = Flip.objects.restrict(user).select_related(
        "target__access_point__unit", "target__device"
    )
    return list(flips.order_by("-at", "-pk")[:NEWEST_FLIPS])


def probe_point() -> ProbePoint:
    """The reference targets and the age of the newest result; the same for every user."""
    references = Target.objects.measured().filter(reference=True).select_related("state")
    newest = TargetState.objects.aggregate(newest=Max("checked_at"))["newest"]
    return ProbePoint(list(references), newest, Target.objects.measured().count())
