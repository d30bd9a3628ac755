"""Faults by hand, without a correlator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import Model

from govnet.alarms.models import Alarm, AlarmEntry, NoticeEvent
from govnet.alarms.refs import Ref
from govnet.alarms.services import Fault, Key, Reconciled, reconcile

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""Twelve o'clock in Shanghai, a Monday."""


def fault(about: Model, kind: str = "unreachable", root: Key | None = None) -> Fault:
    return Fault(kind, Ref.of(about), NOON, root=root)


def see(
    *faults: Fault, minutes: float = 0, kinds: tuple[str, ...] = ("unreachable",)
) -> Reconciled:
    """What a correlator says some minutes after noon."""
    return reconcile(faults, kinds, now=NOON + timedelta(minutes=minutes))


def only() -> Alarm:
    return Alarm.objects.get()


def told() -> list[str]:
    """The notice events so far, oldest first."""
    return [f"{e.kind} {e.alarm.object_name}" for e in NoticeEvent.objects.select_related("alarm")]


def timeline(alarm: Alarm) -> list[str]:
    return list(AlarmEntry.objects.filter(alarm=alarm).values_list("kind", flat=True))
