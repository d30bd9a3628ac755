"""Issuing statements: frozen with all that they rest on, issued anew only as an amendment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from prometheus_client import Counter

from govnet.engine.availability import FORMULA_VERSION, Terms
from govnet.sla.figures import Availability, figures, percent_of, total
from govnet.sla.inputs import Inputs, Scope
from govnet.sla.models import Statement, StatementSchedule
from govnet.sla.periods import Period, ended_since
from govnet.sla.scopes import instance_of, name_of, scope_kind, scopes_of
from govnet.sla.services import inputs_of, statement_for

if TYPE_CHECKING:
    from govnet.accounts.models import User

log = structlog.get_logger()

ISSUED = Counter("govnet_sla_statements_total", "Statements issued", ["kind"])

SETTLED_S: Final = 3600
"""After a period's end: a change of state is confirmed, and written, later than it happened."""

TERMS: Final = (
    "period_s",
    "out_s",
    "planned_s",
    "excluded_s",
    "unknown_s",
    "down_s",
    "up_s",
    "degraded_s",
    "outages",
    "longest_s",
)


class StatementError(Exception):
    """A statement cannot be issued; the message says why."""


# ---- Figures as stored ---------------------------------------------------------------------


def _terms_data(terms: Terms) -> dict[str, Any]:
    percent = percent_of(terms)
    data: dict[str, Any] = {name: getattr(terms, name) for name in TERMS}
    return data | {"percent": None if percent is None else str(percent)}


def row_data(each: Availability) -> dict[str, Any]:
    """One line of a statement, JSON-ready."""
    return {
        "scope": str(each.scope),
        "name": each.name,
        "about": each.about,
        "agreement": each.agreement,
        "owed": None if each.owed is None else str(each.owed.normalize()),
        "restore_s": each.restore_s,
        "met": each.met,
        "measured": each.measured,
        **_terms_data(each.terms),
    }


def terms_of(data: Mapping[str, Any]) -> Terms:
    """The terms of a stored line."""
    return Terms(**{name: data[name] for name in TERMS})


def figures_data(scope: Scope, inputs: Inputs) -> dict[str, Any]:
    """What a statement prints: the headline and one line for each object, worst first."""
    found = figures(inputs)
    own = next((each for each in found if each.scope == scope), None)
    members = [each for each in found if each.scope != scope] or found
    head = own.terms if own is not None else total(members)
    rows = [row_data(each) for each in members]
    rows.sort(key=lambda row: (row["percent"] is None, float(row["percent"] or 0), row["name"]))
    data: dict[str, Any] = {"head": _terms_data(head), "own": own is not None, "rows": rows}
    if own is not None:
        data["head"] = row_data(own)
    return data


def _digest(figures_: Mapping[str, Any], packed: bytes) -> str:
    text = json.dumps(figures_, ensure_ascii=False, sort_keys=True)
    return sha256(text.encode() + packed).hexdigest()


def verify(statement: Statement) -> list[str]:
    """What is wrong with a stored statement: nothing, unless somebody changed it.

    The hash is worked out again, and the figures from the frozen inputs.
    """
    packed = bytes(statement.inputs)
    if _digest(statement.figures, packed) != statement.digest:
        return [_("The stored figures or inputs are not those that were issued.")]
    if statement.formula_version != FORMULA_VERSION:
        return []
    scope = Scope(statement.scope_kind, statement.scope_id)
    again = figures_data(scope, Inputs.from_data(statement.opened_inputs()))
    if again != statement.figures:
        return [_("The inputs give other figures than were printed.")]
    return []


# ---- Issuing -------------------------------------------------------------------------------


def issue(
    scope: Scope, period: Period, user: User | None = None, reason: str = ""
) -> tuple[Statement, bool]:
    """Issue a statement; one that would say the same as the last is not issued again.

    Args:
        scope: what it is about.
        period: a period that has ended, and an hour since.
        user: who issues it; None is the worker.
        reason: why it is issued again.

    Returns:
        the statement in force, and whether it is new.

    Raises:
        StatementError: the period has not ended, or nothing in the scope is measured by itself.
    """
    if (timezone.now() - period.end).total_seconds() < SETTLED_S:
        raise StatementError(_("That period ended less than an hour ago, or not yet."))
    inputs = inputs_of(scope, period.start, period.end)
    if not inputs.objects:
        raise StatementError(_("There is nothing in it that a statement could be about."))
    data, packed = figures_data(scope, inputs), inputs.packed()
    digest = _digest(data, packed)
    last = statement_for(scope, period)
    if last is not None and last.figures == data:
        return last, False
    fields = {"figures": data, "inputs": packed, "digest": digest, "issued_by": user}
    return _keep(scope, period, last, {**fields, "reason": reason})


def _keep(
    scope: Scope, period: Period, last: Statement | None, fields: Mapping[str, Any]
) -> tuple[Statement, bool]:
    """Store a version; who comes second at the same time gets the first one's."""
    instance = instance_of(scope)
    owners = scope_kind(scope.kind).owners(instance) if instance is not None else {}
    try:
        with transaction.atomic():
            made = Statement.objects.create(
                scope_kind=scope.kind,
                scope_id=scope.pk,
                title=name_of(scope),
                period=period.kind,
                first_day=period.first,
                last_day=period.last,
                version=last.version + 1 if last else 1,
                amends=last,
                formula_version=FORMULA_VERSION,
                **owners,
                **fields,
            )
    except IntegrityError:
        found = statement_for(scope, period)
        if found is None:
            raise
        return found, False
    ISSUED.labels(scope.kind).inc()
    return made, True


def due(now: datetime | None = None) -> Iterator[tuple[Scope, Period]]:
    """What the schedules ask for and nobody has issued yet, oldest period first."""
    now = now or timezone.now()
    for schedule in StatementSchedule.objects.filter(enabled=True):
        try:
            kind = scope_kind(schedule.scope_kind)
        except KeyError:  # an app that this installation no longer has
            continue
        for period in ended_since(schedule.kind, schedule.since, now):
            if (now - period.end).total_seconds() < SETTLED_S:
                continue
            rows = Statement.objects.filter(
                scope_kind=kind.key, period=period.kind, first_day=period.first
            )
            issued = set(rows.values_list("scope_id", flat=True))
            yield from ((s, period) for s in scopes_of(kind) if s.pk not in issued)


def issue_due() -> int:
    """Issue what is due; the worker calls it every hour, so that a stop only delays.

    Returns:
        how many were issued.
    """
    count = 0
    for scope, period in list(due()):
        try:
            made, new = issue(scope, period)
        except StatementError as error:
            log.info("no statement", scope=str(scope), period=str(period), reason=str(error))
            continue
        count += new
        log.info("statement issued", scope=str(scope), statement=made.pk)
    return count


# ---- Amendments ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """One line that a new version says otherwise.

    Attributes:
        name: what people call the object; empty for the headline.
        before: the stored line of the version before; None where there was none.
        after: the stored line now; None where there is none any more.
        changed: names of the terms that differ, in the order of the formula.
    """

    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    changed: Sequence[str]


_COMPARED: Final = ("percent", *TERMS, "owed", "restore_s", "agreement", "met")


def differences(statement: Statement) -> list[Difference]:
    """What a version says otherwise than the one that it amends; the headline first."""
    if statement.amends is None:
        return []
    before, after = statement.amends.figures, statement.figures
    found = [_difference("", before["head"], after["head"])]
    old = {row["scope"]: row for row in before["rows"]}
    new = {row["scope"]: row for row in after["rows"]}
    for key in dict.fromkeys([*new, *old]):
        row = new.get(key) or old[key]
        found.append(_difference(row["name"], old.get(key), new.get(key)))
    return [each for each in found if each.changed]


def _difference(
    name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Difference:
    old, new = before or {}, after or {}
    changed = [key for key in _COMPARED if old.get(key) != new.get(key)]
    return Difference(name, before, after, changed)


def reasons(statement: Statement) -> list[str]:
    """Why the inputs of an amendment differ: windows and exclusions that came, went or moved."""
    if statement.amends is None:
        return []
    before, after = statement.amends.opened_inputs(), statement.opened_inputs()
    said = []
    for key, what in (("windows", _("maintenance window")), ("exclusions", _("exclusion"))):
        old = {row["id"]: row for row in before[key]}
        new = {row["id"]: row for row in after[key]}
        for pk in dict.fromkeys([*old, *new]):
            if (text := _change(old.get(pk), new.get(pk))) is not None:
                row = new.get(pk) or old[pk]
                said.append(f"{what} {row['about']} ({row['reason']}): {text}")
    calendars = {key: each["version"] for key, each in before["calendars"].items()}
    if calendars != {key: each["version"] for key, each in after["calendars"].items()}:
        said.append(_("service hours or holidays changed"))
    if before["formula"] != after["formula"]:
        said.append(_("the formula changed"))
    return said


def _change(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> str | None:
    if old is None:
        return _("entered afterwards")
    if new is None:
        return _("withdrawn afterwards")
    return _("changed afterwards") if old["spans"] != new["spans"] else None
