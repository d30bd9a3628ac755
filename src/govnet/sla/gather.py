"""Collects all that figures rest on: histories, windows, exclusions, calendars, agreements."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Final

from django.db.models import Q
from django.utils import timezone

from govnet.alarms.models import MaintenanceWindow
from govnet.alarms.planned import covers
from govnet.alarms.refs import Places, Ref
from govnet.alarms.services import planned_spans
from govnet.engine.availability import NO_SPANS, Spans, spans
from govnet.engine.service_hours import ServiceHours
from govnet.sla.exclusions import approved, target_ids
from govnet.sla.flips import histories
from govnet.sla.inputs import Calendar, Inputs, Measured, Scope
from govnet.sla.models import Agreement, ServiceCalendar
from govnet.sla.objects import carriers_of, measured

ALWAYS: Final = ""
"""Key of round the clock, for objects without an agreement."""


def gather(scopes: Collection[Scope], start: datetime, end: datetime) -> Inputs:
    """All that the figures of some objects over a period are computed from.

    The period ends now where its end lies ahead: what has not happened yet is not judged.
    """
    end = min(end, timezone.now())
    period = int(start.timestamp()), int(end.timestamp())
    if period[1] <= period[0]:
        raise ValueError("a period ends after its start, and not before it has begun")
    start, end = (datetime.fromtimestamp(moment, UTC) for moment in period)
    objects = measured(scopes)
    ids = {pk for each in objects for line in each.lines for pk in line}
    planned = {pk: _seconds(found) for pk, found in planned_spans(ids, start, end).items()}
    exclusions, excluded = _exclusions(ids, start, end)
    found = histories(ids, start, end)
    targets = {
        pk: replace(each, planned=planned.get(pk, NO_SPANS), excluded=excluded.get(pk, NO_SPANS))
        if pk in planned or pk in excluded
        else each
        for pk, each in found.items()
    }
    agreed, calendars = _agreed(objects, start, end)
    return Inputs(period, agreed, targets, calendars, _windows(ids, start, end), exclusions)


def _seconds(found: Sequence[tuple[datetime, datetime]]) -> Spans:
    return spans((int(a.timestamp()), int(b.timestamp())) for a, b in found)


# ---- Windows and exclusions ----------------------------------------------------------------


def _windows(ids: Collection[int], start: datetime, end: datetime) -> list[dict[str, Any]]:
    """The windows behind the planned spans, for people; the oldest first."""
    windows = list(MaintenanceWindow.objects.reaching(start, end))
    if not windows:
        return []
    places = Places().of([Ref("target", pk) for pk in ids])
    rows = []
    for cover in covers(windows):
        inside = cover.window.spans(start, end)
        reached = sorted(ref.pk for ref, place in places.items() if cover.covers(place))
        if inside and reached:
            rows.append(_window_row(cover.window, inside, reached))
    return sorted(rows, key=lambda row: (row["spans"], row["id"]))


def _window_row(
    window: MaintenanceWindow, inside: Sequence[tuple[datetime, datetime]], reached: list[int]
) -> dict[str, Any]:
    return {
        "id": window.pk,
        "about": str(window.about),
        "reason": window.reason,
        "amended": window.amended,
        "entered": int(window.updated_at.timestamp()),
        "spans": _seconds(inside).tolist(),
        "targets": reached,
    }


def _exclusions(
    ids: Collection[int], start: datetime, end: datetime
) -> tuple[list[dict[str, Any]], dict[int, Spans]]:
    rows = []
    pairs: dict[int, list[tuple[int, int]]] = {}
    for exclusion in approved(start, end):
        reached = sorted(target_ids(exclusion) & set(ids))
        if not reached:
            continue
        span = int(exclusion.starts_at.timestamp()), int(exclusion.ends_at.timestamp())
        rows.append(
            {
                "id": exclusion.pk,
                "about": str(exclusion.about),
                "reason": exclusion.reason,
                "explanation": exclusion.explanation,
                "proof": exclusion.proof_digest,
                "decided": int(exclusion.decided_at.timestamp()) if exclusion.decided_at else None,
                "spans": [list(span)],
                "targets": reached,
            }
        )
        for pk in reached:
            pairs.setdefault(pk, []).append(span)
    return rows, {pk: spans(found) for pk, found in pairs.items()}


# ---- Agreements and calendars --------------------------------------------------------------


def agreements(start: date, end: date) -> list[Agreement]:
    """Those in force on a period's first day, or the first that began in it."""
    valid = Q(valid_until__isnull=True) | Q(valid_until__gte=start)
    rows = Agreement.objects.filter(valid, valid_from__lte=end)
    return list(rows.select_related("calendar").order_by("valid_from", "pk"))


@dataclass(frozen=True, slots=True)
class _Agreed:
    by_kind: Mapping[tuple[str, int | None], Agreement]

    def of(self, scope: Scope, carrier: int | None) -> Agreement | None:
        """A carrier's own agreement goes before the one for all."""
        return self.by_kind.get((scope.kind, carrier)) or self.by_kind.get((scope.kind, None))


def _agreed(
    objects: Sequence[Measured], start: datetime, end: datetime
) -> tuple[list[Measured], dict[str, Calendar]]:
    days = timezone.localtime(start).date(), timezone.localtime(end).date()
    known: dict[tuple[str, int | None], Agreement] = {}
    for agreement in agreements(*days):
        known.setdefault((agreement.kind, agreement.carrier_id), agreement)
    agreed = _Agreed(known)
    carriers = carriers_of([each.scope for each in objects]) if known else {}
    calendars: dict[str, Calendar] = {ALWAYS: Calendar("7×24", None)}
    found = []
    for each in objects:
        valid = agreed.of(each.scope, carriers.get(each.scope))
        if valid is None:
            found.append(each)
            continue
        key = str(valid.calendar_id)
        if key not in calendars:
            calendars[key] = frozen_calendar(valid.calendar, start, end)
        found.append(_with(each, valid, key))
    used = {each.calendar for each in found}
    return found, {key: calendar for key, calendar in calendars.items() if key in used}


def _with(each: Measured, agreement: Agreement, key: str) -> Measured:
    minutes = agreement.restore_minutes
    return replace(
        each,
        calendar=key,
        agreement=agreement.name,
        owed=agreement.availability,
        restore_s=None if minutes is None else minutes * 60,
    )


def frozen_calendar(calendar: ServiceCalendar, start: datetime, end: datetime) -> Calendar:
    """The service hours of a period, with a version that changes when they do."""
    hours = calendar.service_hours()
    if hours.always:
        return Calendar(calendar.name, None, _version(hours, NO_SPANS))
    zone = timezone.get_default_timezone()
    found = hours.spans(int(start.timestamp()), int(end.timestamp()), zone)
    return Calendar(calendar.name, found, _version(hours, found))


def _version(hours: ServiceHours, found: Spans) -> str:
    text = json.dumps([[list(day) for day in hours.week], found.tolist()])
    return sha256(text.encode()).hexdigest()[:12]
