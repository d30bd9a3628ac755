"""What other apps ask of service levels.

``availability(scope, start, end)`` and ``availabilities(scopes, start, end)`` work figures out
now; ``statement_for(scope, period)`` gives what was issued and is what money rests on. A scope
is ``Scope("carrier", 3)``; an app above adds kinds with ``register_scope(ScopeKind(...))`` in
its ``AppConfig.ready``. ``object_url`` and ``statement.get_absolute_url`` lead from a figure
down to outages, changes of state and raw probes.

Everything that the figures rest on is in ``govnet.sla.inputs``; the formula and its terms are
in ``govnet.engine.availability`` and ``docs/reference/availability.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse

from govnet.sla.figures import Availability, aggregate, figures
from govnet.sla.gather import gather
from govnet.sla.inputs import Inputs, Scope
from govnet.sla.models import PeriodKind, Statement
from govnet.sla.periods import Period
from govnet.sla.scopes import SITE, ScopeKind, may_see, name_of, register_scope, scope_kind

__all__ = [
    "SITE",
    "Availability",
    "Period",
    "PeriodKind",
    "Scope",
    "ScopeKind",
    "availabilities",
    "availability",
    "inputs_of",
    "may_see",
    "object_url",
    "register_scope",
    "statement_for",
    "statements_of",
]


def availability(scope: Scope, start: datetime, end: datetime) -> Availability:
    """The availability of one thing between two moments, with all terms and its members.

    Args:
        scope: what it is about.
        start: first moment, aware.
        end: the moment after the last, aware; one that lies ahead is taken as now.

    Raises:
        KeyError: the kind of scope is not registered.
        ValueError: the period has not begun, or ends before it starts.
    """
    return availabilities([scope], start, end)[scope]


def availabilities(
    scopes: Collection[Scope], start: datetime, end: datetime
) -> dict[Scope, Availability]:
    """The availability of many things, each object worked out once; 2,000 targets take seconds.

    Raises:
        KeyError: a kind of scope is not registered.
        ValueError: the period has not begun, or ends before it starts.
    """
    members = {scope: _members(scope) for scope in scopes}
    wanted = dict.fromkeys(each for found in members.values() for each in found)
    known = {each.scope: each for each in figures(gather(wanted, start, end))}
    return {
        scope: _one(scope, [known[m] for m in members[scope] if m in known]) for scope in scopes
    }


def _members(scope: Scope) -> list[Scope]:
    kind = scope_kind(scope.kind)
    return [scope] if kind.own else list(kind.members(scope.pk))


def _one(scope: Scope, found: Sequence[Availability]) -> Availability:
    own = scope_kind(scope.kind).own and len(found) == 1
    return found[0] if own else aggregate(scope, name_of(scope), found)


def inputs_of(scope: Scope, start: datetime, end: datetime) -> Inputs:
    """What a statement about a thing rests on: itself where it is measured, and its members."""
    kind = scope_kind(scope.kind)
    own = [scope] if kind.own else []
    return gather([*own, *kind.members(scope.pk)], start, end)


def statement_for(scope: Scope, period: Period) -> Statement | None:
    """The statement in force for a thing and a period: the newest version; None before one."""
    return statements_of(scope).filter(period=period.kind, first_day=period.first).first()


def statements_of(scope: Scope) -> QuerySet[Statement]:
    """Every statement about a thing, the newest period and version first."""
    rows = Statement.objects.filter(scope_kind=scope.kind, scope_id=scope.pk)
    return rows.order_by("-first_day", "-version")


def object_url(scope: Scope, start: datetime, end: datetime) -> str:
    """The page that shows a thing's figure between two moments, down to its outages."""
    path = reverse("sla:object", args=[scope.kind, scope.pk])
    return f"{path}?from={int(start.timestamp())}&to={int(end.timestamp())}"
