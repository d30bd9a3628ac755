"""The life of an alarm: the only writer of alarms, their timelines and notice events.

What finds faults (correlator, rules) hands over the whole picture again and again;
``reconcile`` writes the difference. People act through ``acknowledge``, ``comment`` and
``close``. Every change is a conditional UPDATE: whoever still finds the old state writes.

Suppression stops notices only: an alarm that another one explains, or that lies in a
maintenance window, is raised, timed, cleared and kept like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog
from django.db import transaction
from django.utils import timezone
from prometheus_client import Counter

from govnet.alarms.choices import (
    ACTIVE,
    OPEN,
    RANK,
    AlarmState,
    Cause,
    EntryKind,
    Level,
    NoticeKind,
    ObjectKind,
    ResponsibleParty,
)
from govnet.alarms.inbox import report_event
from govnet.alarms.models import Alarm, AlarmEntry, EventState, NoticeEvent, Rule
from govnet.alarms.planned import Cover, active_covers, planned_spans
from govnet.alarms.refs import Place, Places, Ref

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from govnet.accounts.models import User

__all__ = [
    "Fault",
    "Key",
    "acknowledge",
    "close",
    "comment",
    "judge",
    "mark_handled",
    "note_notice",
    "pending_notices",
    "planned_spans",
    "reconcile",
    "report_event",
]

log = structlog.get_logger()

RAISED = Counter("govnet_alarms_raised_total", "Alarms raised", ["kind"])
CLEARED = Counter("govnet_alarms_cleared_total", "Alarms cleared", ["kind"])
NOTICES = Counter("govnet_alarms_notice_events_total", "Notice events written", ["kind"])

FOLD_WITHIN: Final = timedelta(minutes=10)
"""A fault that comes back so soon after it was cleared is the same alarm, counted once more."""

FLAPS: Final = 3
"""Times within folds from which an alarm is flapping."""

FLAP_QUIET: Final = timedelta(minutes=10)
"""A flapping alarm is cleared only when its object was well for so long."""

TIMES_KEPT: Final = 100
"""Returns of one fault that its timeline shows; what comes after is only counted."""

BATCH: Final = 500


class Key(NamedTuple):
    """What makes two reports the same fault."""

    kind: str
    ref: Ref

    def __str__(self) -> str:
        return f"{self.kind}@{self.ref}"


@dataclass(slots=True)
class Fault:
    """One fault as it is seen now.

    Attributes:
        kind: code of the rule that names it.
        ref: the object.
        since: when it began.
        level: how urgent; None leaves it to the rule, and that to the impact.
        root: the fault that explains this one.
        impact: what it affects: ``{"units": 20, "access_points": 22, ...}``.
        detail: what was measured, JSON-serialisable.
        evidence: as in ``AlarmEntry``.
        told_after: nobody is told before: something above it may yet explain it.
        says_root: who was told of this one knows of ``root`` as well: it is the same event.
    """

    kind: str
    ref: Ref
    since: datetime
    level: str | None = None
    root: Key | None = None
    impact: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    told_after: datetime | None = None
    says_root: bool = False

    @property
    def key(self) -> Key:
        """The correlation key."""
        return Key(self.kind, self.ref)


@dataclass(slots=True)
class Reconciled:
    """What one pass changed."""

    raised: int = 0
    repeated: int = 0
    cleared: int = 0
    notices: int = 0


def key_of(alarm: Alarm) -> Key:
    """The correlation key of a stored alarm."""
    return Key(alarm.kind, alarm.ref)


def reconcile(
    faults: Iterable[Fault],
    kinds: Collection[str],
    keep: Callable[[Alarm], bool] = lambda _alarm: False,
    now: datetime | None = None,
) -> Reconciled:
    """Bring the alarms of some kinds in line with the faults that are seen now.

    Args:
        faults: all present faults of these kinds; of several with one key the first counts.
        kinds: the kinds that the caller sees wholly: an active alarm of these without a fault
            is cleared.
        keep: says of an alarm without a fault that nothing is known; it stays as it is.
        now: the present moment.
    """
    wanted: dict[Key, Fault] = {}
    for fault in faults:
        wanted.setdefault(fault.key, fault)
    with transaction.atomic():
        change = _Pass(now or timezone.now(), wanted)
        change.run(set(kinds), keep)
    return change.done


class _Pass:
    """One reconciliation; everything is collected, then written in few statements."""

    def __init__(self, now: datetime, wanted: Mapping[Key, Fault]) -> None:
        self.now = now
        self.wanted = wanted
        self.done = Reconciled()
        self.rules = {rule.code: rule for rule in Rule.objects.all()}
        self.places: dict[Ref, Place] = {}
        self.alarms: dict[Key, Alarm] = {}
        self.fresh: list[Alarm] = []
        self.changed: dict[int, tuple[Alarm, set[str]]] = {}
        self.entries: list[AlarmEntry] = []
        self.notices: list[NoticeEvent] = []

    def run(self, kinds: set[str], keep: Callable[[Alarm], bool]) -> None:
        """Raise, repeat, clear; explain; tell."""
        active = Alarm.objects.active().filter(kind__in=kinds).select_related("rule")
        active = active.select_for_update(of=("self",))  # an acknowledgement waits, or is seen
        self.alarms = {key_of(alarm): alarm for alarm in active}
        gone = [alarm for key, alarm in self.alarms.items() if key not in self.wanted]
        refs = {fault.ref for fault in self.wanted.values()}
        refs |= {alarm.ref for alarm in self.alarms.values()}
        self.places = Places().of(refs) if refs else {}
        for key, fault in self.wanted.items():
            if (alarm := self.alarms.get(key)) is not None:
                self._see_again(alarm, fault)
        self._raise([f for key, f in self.wanted.items() if key not in self.alarms])
        for alarm in gone:
            if not keep(alarm):
                self._end(alarm)
        self._explain()
        self._plan(active_covers(self.now) if refs else [])
        self._tell(gone)
        self._write()

    # Raising

    def _raise(self, faults: Iterable[Fault]) -> None:
        known = [fault for fault in faults if fault.ref in self.places]
        folded = self._recent(known)
        for fault in known:
            if (alarm := folded.get(fault.key)) is not None:
                self._reopen(alarm, fault)
            else:
                alarm = self._new(fault)
                self.fresh.append(alarm)
                self._enter(alarm, EntryKind.RAISED, at=fault.since, evidence=fault.evidence)
                RAISED.labels(alarm.kind).inc()
            self.alarms[fault.key] = alarm
        self.done.raised += len(self.fresh)

    def _recent(self, faults: Sequence[Fault]) -> dict[Key, Alarm]:
        """Alarms of the same faults that were cleared a moment ago."""
        if not faults:
            return {}
        cleared = Alarm.objects.filter(
            state=AlarmState.CLEARED,
            cleared_at__gt=self.now - FOLD_WITHIN,
            kind__in={fault.kind for fault in faults},
        )
        found = {key_of(a): a for a in cleared.select_related("rule").order_by("cleared_at")}
        return {fault.key: found[fault.key] for fault in faults if fault.key in found}

    def _new(self, fault: Fault) -> Alarm:
        place, rule = self.places[fault.ref], self.rules.get(fault.kind)
        level = self._level(fault)
        return Alarm(
            kind=fault.kind,
            rule=rule,
            object_kind=fault.ref.kind,
            object_id=fault.ref.pk,
            object_name=place.name[:200],
            unit_id=place.nearest(ObjectKind.UNIT),
            region_id=place.nearest(ObjectKind.REGION),
            level=level,
            urgency=RANK[level],
            impact=dict(fault.impact),
            detail=dict(fault.detail),
            first_at=fault.since,
            last_at=self.now,
            raised_at=self.now,
            party=(rule.party if rule else "") or ResponsibleParty.UNKNOWN,
        )

    def _level(self, fault: Fault) -> str:
        rule = self.rules.get(fault.kind)
        return (rule.level if rule else "") or fault.level or Level.MINOR.value

    def _reopen(self, alarm: Alarm, fault: Fault) -> None:
        acknowledged = alarm.acknowledged_at is not None
        state = AlarmState.ACKNOWLEDGED if acknowledged else AlarmState.RAISED
        self._set(alarm, state=state, cleared_at=None, raised_at=self.now)
        self._count(alarm, fault)

    def _count(self, alarm: Alarm, fault: Fault) -> None:
        self._set(alarm, occurrences=alarm.occurrences + 1, quiet_since=None, last_at=self.now)
        if alarm.occurrences <= TIMES_KEPT:
            self._enter(alarm, EntryKind.REPEATED, at=fault.since, evidence=fault.evidence)
        self.done.repeated += 1
        if alarm.occurrences >= FLAPS and not alarm.flapping:
            self._set(alarm, flapping=True)
            self._enter(alarm, EntryKind.FLAPPING)

    def _see_again(self, alarm: Alarm, fault: Fault) -> None:
        if alarm.quiet_since is not None:
            self._count(alarm, fault)
        self._set(alarm, impact=dict(fault.impact), detail=dict(fault.detail))
        level, before = self._level(fault), alarm.level
        if level == before:
            return
        self._set(alarm, level=level, urgency=RANK[level])
        self._enter(alarm, EntryKind.LEVEL, text=f"{before} → {level}")
        if RANK[level] > RANK[before] and alarm.notified_at is not None:
            self._notice(alarm, NoticeKind.ESCALATED)

    # Clearing

    def _end(self, alarm: Alarm) -> None:
        if alarm.flapping:
            quiet_since = alarm.quiet_since or self.now
            self._set(alarm, quiet_since=quiet_since)
            if self.now - quiet_since < FLAP_QUIET:
                return
        self._set(alarm, state=AlarmState.CLEARED, cleared_at=self.now, last_at=self.now)
        self._enter(alarm, EntryKind.CLEARED)
        CLEARED.labels(alarm.kind).inc()
        self.done.cleared += 1

    # Explaining

    def _explain(self) -> None:
        for key, fault in self.wanted.items():
            alarm = self.alarms.get(key)
            if alarm is None:
                continue
            root = self.alarms.get(fault.root) if fault.root else None
            if root is alarm or (root is not None and not root.is_active):
                root = None
            if alarm.is_explained_by(root):
                continue
            kind = EntryKind.RELEASED if root is None else EntryKind.SHADOWED
            self._enter(alarm, kind, text="" if root is None else str(root)[:200])
            alarm.root = root
            self._mark(alarm, "root_id")

    def _plan(self, covers: Sequence[Cover]) -> None:
        for alarm in self.alarms.values():
            place = self.places.get(alarm.ref)
            if place is None or not alarm.is_active:
                continue
            window = next((c.window for c in covers if c.covers(place)), None)
            if (window.pk if window else None) == alarm.window_id:
                continue
            if window is not None:
                self._enter(alarm, EntryKind.PLANNED, text=window.reason)
            self._set(alarm, window_id=window.pk if window else None)

    # Telling

    def _tell(self, gone: Iterable[Alarm]) -> None:
        """One notice of a fault that nothing explains; one of the end, if its start was told."""
        said = self._said_by_another()
        for key, fault in self.wanted.items():
            alarm = self.alarms.get(key)
            if alarm is None or alarm.quiet or alarm.notified_at is not None:
                continue
            if key in said:
                self._set(alarm, notified_at=self.now)
            elif fault.told_after is None or fault.told_after <= self.now:
                self._set(alarm, notified_at=self.now)
                self._notice(alarm, NoticeKind.RAISED)
        for alarm in gone:
            if alarm.state == AlarmState.CLEARED and alarm.notified_at is not None:
                self._set(alarm, notified_at=None)
                self._notice(alarm, NoticeKind.CLEARED)

    def _said_by_another(self) -> set[Key]:
        """Roots found later than what was told and is the same event: told already."""
        return {
            fault.root
            for key, fault in self.wanted.items()
            if fault.root is not None and fault.says_root
            if (alarm := self.alarms.get(key)) is not None and alarm.notified_at is not None
        }

    def _notice(self, alarm: Alarm, kind: NoticeKind) -> None:
        self.notices.append(_notice_event(alarm, kind, self.now))
        self.done.notices += 1

    def _enter(
        self,
        alarm: Alarm,
        kind: EntryKind,
        *,
        at: datetime | None = None,
        text: str = "",
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        self.entries.append(_entry(alarm, kind, at or self.now, text=text, evidence=evidence))

    # Writing

    def _set(self, alarm: Alarm, **values: Any) -> None:  # values of any field
        differ = {name for name, value in values.items() if getattr(alarm, name) != value}
        for name in differ:
            setattr(alarm, name, values[name])
        self._mark(alarm, *differ)

    def _mark(self, alarm: Alarm, *names: str) -> None:
        if alarm.pk is not None and names:
            self.changed.setdefault(alarm.pk, (alarm, set()))[1].update(names)

    def _write(self) -> None:
        # What explains others first: they refer to its id.
        for level in (False, True):
            batch = [alarm for alarm in self.fresh if (alarm.known_root is not None) is level]
            for alarm in batch:
                alarm.root = alarm.known_root  # takes over the id that the root has by now
            Alarm.objects.bulk_create(batch, batch_size=BATCH)
        self._write_changes()
        for entry in self.entries:
            entry.alarm_id = entry.alarm.pk
        AlarmEntry.objects.bulk_create(self.entries, batch_size=BATCH)
        _write_notices(self.notices)

    def _write_changes(self) -> None:
        """One UPDATE for all alarms that change alike: a mass event changes a thousand so."""
        alike: dict[str, tuple[dict[str, Any], list[int]]] = {}
        for pk, (alarm, names) in self.changed.items():
            if "root_id" in names:
                alarm.root = alarm.known_root  # it may have been new, and has its id by now
            values = {name: getattr(alarm, name) for name in sorted(names)}
            alike.setdefault(repr(values), (values, []))[1].append(pk)
        for values, pks in alike.values():
            for at in range(0, len(pks), BATCH):
                Alarm.objects.filter(pk__in=pks[at : at + BATCH]).update(**values)


def _entry(
    alarm: Alarm,
    kind: EntryKind,
    at: datetime,
    *,
    actor: User | None = None,
    text: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> AlarmEntry:
    return AlarmEntry(
        alarm=alarm,
        at=at,
        kind=kind,
        actor=actor,
        text=text[:1000],
        evidence=dict(evidence or {}),
    )


def _notice_event(alarm: Alarm, kind: NoticeKind, now: datetime) -> NoticeEvent:
    return NoticeEvent(alarm=alarm, kind=kind, level=alarm.level, created_at=now)


def _write_notices(events: Sequence[NoticeEvent]) -> None:
    for event in events:
        event.alarm_id = event.alarm.pk
    NoticeEvent.objects.bulk_create(events, batch_size=BATCH)
    for event in events:
        NOTICES.labels(event.kind).inc()


# ---- What people do -----------------------------------------------------------------------


class StillActiveError(Exception):
    """The fault is still there, so that closing would only raise it again."""


def acknowledge(alarms: QuerySet[Alarm], user: User | None, reason: str = "") -> int:
    """Take the raised ones of some alarms over; reminders stop.

    Without a user the reason says who did: somebody who was sent a notice.

    Returns:
        how many this call acknowledged.
    """
    now = timezone.now()
    with transaction.atomic():
        raised = alarms.filter(state=AlarmState.RAISED).select_for_update(of=("self",))
        won = list(raised)
        Alarm.objects.filter(pk__in=[a.pk for a in won]).update(
            state=AlarmState.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=user
        )
        AlarmEntry.objects.bulk_create(
            (_entry(a, EntryKind.ACKNOWLEDGED, now, actor=user, text=reason) for a in won),
            batch_size=BATCH,
        )
        told = [a for a in won if a.notified_at is not None]
        _write_notices([_notice_event(a, NoticeKind.ACKNOWLEDGED, now) for a in told])
    return len(won)


def comment(alarms: QuerySet[Alarm], user: User | None, text: str) -> int:
    """Add what a person says to the timelines of some alarms.

    Returns:
        how many they are.
    """
    now = timezone.now()
    entries = [_entry(a, EntryKind.COMMENT, now, actor=user, text=text) for a in alarms]
    AlarmEntry.objects.bulk_create(entries, batch_size=BATCH)
    return len(entries)


def close(
    alarms: QuerySet[Alarm], user: User | None, cause: str, party: str, text: str = ""
) -> int:
    """Close those of some alarms whose fault is over, and what they explained, with a cause.

    An alarm that only reports raise (traps, logs) may also be closed while it is active,
    because nothing may ever come that clears it.

    Returns:
        how many were closed.
    """
    now = timezone.now()
    with transaction.atomic():
        chosen = [a.pk for a in closable(alarms)]
        behind = Alarm.objects.filter(root_id__in=chosen, state=AlarmState.CLEARED)
        ids = {*chosen, *behind.values_list("pk", flat=True)}
        closed = list(Alarm.objects.filter(pk__in=ids, state__in=OPEN).select_for_update())
        Alarm.objects.filter(pk__in=[a.pk for a in closed]).update(
            state=AlarmState.CLOSED,
            closed_at=now,
            closed_by=user,
            cause=Cause(cause),
            party=ResponsibleParty(party),
        )
        _forget_events(closed)
        AlarmEntry.objects.bulk_create(
            (_entry(a, EntryKind.CLOSED, now, actor=user, text=text) for a in closed),
            batch_size=BATCH,
        )
        told = [a for a in closed if a.pk in chosen and a.notified_at is not None]
        _write_notices([_notice_event(a, NoticeKind.CLOSED, now) for a in told])
    return len(closed)


def judge(
    alarms: QuerySet[Alarm], user: User | None, cause: str, party: str, text: str = ""
) -> int:
    """Note the cause of open alarms whose fault is still measured; recovered, they close with it.

    Returns:
        how many they are.
    """
    cause, party = Cause(cause), ResponsibleParty(party)
    said = f"{Cause(cause).label} · {ResponsibleParty(party).label} {text}".strip()
    with transaction.atomic():
        judged = alarms.filter(state__in=ACTIVE)
        comment(judged, user, said)
        return judged.update(cause=cause, party=party)


def _forget_events(closed: Iterable[Alarm]) -> None:
    """What a person has closed is over, whether or not anything says so."""
    for alarm in closed:
        if alarm.is_active:
            EventState.objects.filter(
                kind=alarm.kind, object_kind=alarm.object_kind, object_id=alarm.object_id
            ).update(raised=False)


def closable(alarms: QuerySet[Alarm]) -> QuerySet[Alarm]:
    """Those of some alarms that a person may close now."""
    over = alarms.filter(state=AlarmState.CLEARED)
    return over | alarms.filter(state__in=ACTIVE, rule__source="event")


def close_by_themselves(now: datetime | None = None) -> int:
    """Close recovered alarms that were judged already, or whose rule says that nobody needs to.

    Returns:
        how many.
    """
    now = now or timezone.now()
    closed = _close_judged(now)
    for rule in Rule.objects.filter(close_after_h__isnull=False):
        before = now - timedelta(hours=rule.close_after_h or 0)
        over = Alarm.objects.filter(rule=rule, state=AlarmState.CLEARED, cleared_at__lte=before)
        party = rule.party or ResponsibleParty.UNKNOWN
        closed += close(over, None, rule.cause or Cause.BY_ITSELF, party)
    return closed


def _close_judged(now: datetime) -> int:
    """Those of which a person said the cause while they lasted, once they do not fold any more."""
    judged = Alarm.objects.filter(state=AlarmState.CLEARED, cleared_at__lte=now - FOLD_WITHIN)
    judged = judged.exclude(cause="").order_by()
    found = list(judged.values_list("cause", "party").distinct())
    return sum(close(judged.filter(cause=c, party=p), None, c, p) for c, p in found)


# ---- The seam to the notice side ----------------------------------------------------------


def pending_notices(limit: int = 500) -> list[NoticeEvent]:
    """The oldest notice events that nobody has handled."""
    waiting = NoticeEvent.objects.filter(handled_at__isnull=True)
    return list(waiting.select_related("alarm__rule", "alarm__unit", "alarm__region")[:limit])


def mark_handled(event: NoticeEvent) -> bool:
    """Take a notice event; True for the one taker that wins."""
    won = NoticeEvent.objects.filter(pk=event.pk, handled_at__isnull=True)
    return won.update(handled_at=timezone.now()) == 1


def note_notice(alarm: Alarm, text: str, evidence: Mapping[str, Any] | None = None) -> None:
    """Put into an alarm's timeline who was told by which channel."""
    _entry(alarm, EntryKind.NOTICE, timezone.now(), text=text, evidence=evidence).save()
