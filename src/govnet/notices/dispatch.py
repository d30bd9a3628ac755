"""From what happened to an alarm to the notices that are due: policies, escalation, recovery.

An alarm that is raised makes one delivery for each step of each policy that holds then; the
later steps wait. Acknowledging drops what still waits, so does recovery. Whoever was told of a
fault is told of its end, and nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone

from govnet.alarms import services as alarms
from govnet.alarms.choices import RANK, NoticeKind
from govnet.alarms.models import Alarm, NoticeEvent, RuleSource
from govnet.inventory.models import Region
from govnet.notices.choices import DeliveryState
from govnet.notices.models import Delivery, Policy, Step

if TYPE_CHECKING:
    from django.db.models import QuerySet

REPEATS: Final = 24
"""So often a step tells again of one alarm, then it stays silent: nobody reads the 25th."""

TELLING: Final = frozenset({NoticeKind.RAISED, NoticeKind.ESCALATED})


def dispatch(limit: int = 500) -> int:
    """Turn what waits in the alarms' outbox into deliveries.

    Returns:
        how many events were taken.
    """
    events = alarms.pending_notices(limit)
    policies = list(_policies()) if events else []
    taken = 0
    for event in events:
        with transaction.atomic():
            if alarms.mark_handled(event):
                _handle(event, policies)
                taken += 1
    return taken


def _policies() -> QuerySet[Policy]:
    steps = Step.objects.filter(channel__enabled=True).select_related("channel", "recipient")
    return Policy.objects.filter(enabled=True).prefetch_related(Prefetch("steps", steps))


def _handle(event: NoticeEvent, policies: Iterable[Policy]) -> None:
    if event.kind in TELLING:
        _tell(event, policies)
        return
    reason = str(NoticeKind(event.kind).label)
    _waiting(event.alarm).update(state=DeliveryState.DROPPED, reason=reason)
    if event.kind == NoticeKind.CLEARED and not is_reminder(event.alarm):
        _tell_the_end(event)


def is_reminder(alarm: Alarm) -> bool:
    """True for what only a date brings about: each horizon is told once, and its end is not news.

    What ends such an alarm is the next horizon, or a renewal that its own people entered.
    """
    return alarm.rule is not None and alarm.rule.source == RuleSource.EXPIRY


def _waiting(alarm: Alarm) -> QuerySet[Delivery]:
    return Delivery.objects.filter(alarm=alarm, state=DeliveryState.WAITING, kind__in=TELLING)


def _tell(event: NoticeEvent, policies: Iterable[Policy]) -> None:
    """One delivery a step; of several policies with one step's addressees the earliest."""
    alarm, at = event.alarm, event.created_at
    due: dict[tuple[int, str, int | None], Step] = {}
    for policy in policies:
        if applies(policy, alarm, event.level, at):
            for step in policy.steps.all():
                key = (step.channel_id, step.to, step.recipient_id)
                known = due.get(key)
                if known is None or step.after_min < known.after_min:
                    due[key] = step
    _waiting(alarm).update(state=DeliveryState.DROPPED, reason=str(NoticeKind(event.kind).label))
    Delivery.objects.bulk_create(_delivery(event, step) for step in due.values())


def applies(policy: Policy, alarm: Alarm, level: str, at: datetime) -> bool:
    """True when a policy tells of this alarm at this time."""
    if RANK[level] < RANK[policy.least] or not policy.holds(at):
        return False
    if policy.region_id is None:
        return True
    return alarm.region_id is not None and alarm.region_id in _below(policy.region_id)


def _below(region_id: int) -> set[int]:
    region = Region.objects.get(pk=region_id)
    return set(Region.objects.descendants(region, include_self=True).values_list("pk", flat=True))


def _delivery(event: NoticeEvent, step: Step) -> Delivery:
    return Delivery(
        alarm=event.alarm,
        kind=event.kind,
        channel=step.channel,
        step=step,
        recipient=step.recipient,
        created_at=event.created_at,
        due_at=event.created_at + timedelta(minutes=step.after_min),
    )


def _tell_the_end(event: NoticeEvent) -> None:
    told = Delivery.objects.filter(
        alarm=event.alarm, kind__in=TELLING, state=DeliveryState.SENT
    ).select_related("channel", "step", "recipient")
    once = {(d.channel_id, d.step.to if d.step else "", d.recipient_id): d for d in told}
    Delivery.objects.bulk_create(
        Delivery(
            alarm=event.alarm,
            kind=event.kind,
            channel=delivery.channel,
            step=delivery.step,
            recipient=delivery.recipient,
            told=delivery.told,
            created_at=event.created_at,
            due_at=event.created_at,
        )
        for delivery in once.values()
    )


def repeat(delivery: Delivery) -> None:
    """Tell again later, as the step says, while nobody has acknowledged."""
    step = delivery.step
    if step is None or not step.repeat_min or delivery.kind not in TELLING:
        return
    if is_reminder(delivery.alarm):
        return
    told = Delivery.objects.filter(alarm=delivery.alarm, step=step, kind__in=TELLING).count()
    if told > REPEATS:
        return
    now = timezone.now()
    Delivery.objects.create(
        alarm=delivery.alarm,
        kind=delivery.kind,
        channel=delivery.channel,
        step=step,
        recipient=delivery.recipient,
        created_at=now,
        due_at=now + timedelta(minutes=step.repeat_min),
    )
