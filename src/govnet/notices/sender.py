"""Sends what is due: grouped, rate-limited, again after a failure, each channel by itself.

A channel that hangs holds up nobody else: each has at most one sending under way, in a thread
of its own, and every wait for a peer has an end. A crash between sending and noting it sends
once more: of the two mistakes the smaller.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import close_old_connections
from django.utils import timezone
from django.utils.translation import gettext as _
from prometheus_client import Counter

from govnet.alarms import services as alarms
from govnet.alarms.choices import AlarmState, Level
from govnet.notices.bucket import TokenBucket
from govnet.notices.channels.base import Transport, TransportError
from govnet.notices.choices import DeliveryState, To
from govnet.notices.dispatch import TELLING, repeat
from govnet.notices.models import Channel, Delivery, DutyShift
from govnet.notices.words import digest, single

log = structlog.get_logger()

SENT = Counter("govnet_notices_sent_total", "Messages handed over", ["kind"])
FAILED = Counter("govnet_notices_failed_total", "Messages refused or not taken", ["kind"])

DIGEST_OVER: Final = 3
"""More than so many notices for the same people at once become one message."""

AT_MOST: Final = 500
"""Notices that one look takes of one channel; the rest follows at the next."""

AGAIN_AFTER: Final = tuple(timedelta(seconds=s) for s in (10, 30, 120, 600, 1800))
"""Waits after each failure; then it stays failed."""

Addressees = tuple[str, ...]


class Sender:
    """Everything that is due, channel by channel."""

    def __init__(self, threads: int = 8) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="notice")
        self._busy: dict[int, Future[None]] = {}
        self._buckets: dict[int, TokenBucket] = {}

    def step(self) -> int:
        """Start sending on each channel that has something due and is not at it.

        Returns:
            how many channels were started.
        """
        self._busy = {pk: job for pk, job in self._busy.items() if not job.done()}
        due = Delivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=timezone.now())
        ids = set(due.values_list("channel_id", flat=True).distinct()) - set(self._busy)
        for channel in Channel.objects.filter(pk__in=ids):
            self._busy[channel.pk] = self._pool.submit(self._in_thread, channel)
        return len(ids)

    def wait(self, timeout_s: float) -> bool:
        """Wait for what is under way; True when all of it ended."""
        deadline = time.monotonic() + timeout_s
        for job in list(self._busy.values()):
            with suppress(FutureTimeoutError):
                job.result(max(deadline - time.monotonic(), 0.01))
        return all(job.done() for job in self._busy.values())

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _in_thread(self, channel: Channel) -> None:
        try:
            self.send_due(channel)
        except Exception:  # a fault of ours in one channel must not end the others
            FAILED.labels(channel.kind).inc()
            log.exception("sending failed", channel=channel.name)
        finally:
            close_old_connections()

    def send_due(self, channel: Channel) -> None:
        """Send what is due on a channel, as far as its rate allows."""
        now = timezone.now()
        for addressees, deliveries in _due(channel, now).items():
            together = len(deliveries) > DIGEST_OVER
            for group in [deliveries] if together else [[d] for d in deliveries]:
                if not self._bucket(channel).take(time.monotonic()):
                    return
                _send(channel, addressees, group)

    def _bucket(self, channel: Channel) -> TokenBucket:
        bucket = self._buckets.get(channel.pk)
        if bucket is None or bucket.per_minute != channel.per_minute:
            bucket = self._buckets[channel.pk] = TokenBucket(channel.per_minute)
        return bucket


def _due(channel: Channel, now: datetime) -> dict[Addressees, list[Delivery]]:
    """What is due, by addressees; what is not needed any more or must wait is put aside."""
    waiting = (
        Delivery.objects.filter(channel=channel, state=DeliveryState.WAITING, due_at__lte=now)
        .select_related("alarm__rule", "alarm__unit", "alarm__region", "step", "recipient")
        .order_by("due_at", "pk")[:AT_MOST]
    )
    quiet_end = channel.quiet_end(now)
    groups: dict[Addressees, list[Delivery]] = defaultdict(list)
    for delivery in waiting:
        reason = _not_needed(delivery)
        if not channel.enabled:
            reason = _("The channel is switched off.")
        if reason:
            _set(delivery, state=DeliveryState.DROPPED, reason=reason)
        elif quiet_end is not None and delivery.alarm.level != Level.CRITICAL:
            _set(delivery, due_at=quiet_end)
        else:
            groups[_addressees(channel, delivery, now)].append(delivery)
    return groups


def _not_needed(delivery: Delivery) -> str:
    """Why a notice that was due later has lost its point; empty when it has not."""
    alarm = delivery.alarm
    if delivery.kind not in TELLING:
        return ""
    if alarm.quiet:
        return _("Explained by another alarm, or inside a maintenance window.")
    if alarm.state not in (AlarmState.RAISED, AlarmState.ACKNOWLEDGED):
        return _("Recovered before it was due.")
    later = delivery.step is not None and delivery.step.after_min > 0
    if alarm.state == AlarmState.ACKNOWLEDGED and later:
        return _("Acknowledged before it was due.")
    return ""


def _addressees(channel: Channel, delivery: Delivery, now: datetime) -> Addressees:
    """Addresses that the channel reaches; those who were told of a fault hear of its end."""
    if delivery.told:
        return tuple(delivery.told)
    to = delivery.step.to if delivery.step else To.CHANNEL
    if to == To.RECIPIENT and delivery.recipient is not None:
        return (delivery.recipient.address(channel.kind),)
    if to == To.DUTY:
        on_duty = DutyShift.objects.filter(starts_at__lte=now, ends_at__gt=now)
        people = {shift.recipient for shift in on_duty.select_related("recipient")}
        found = sorted(filter(None, (person.address(channel.kind) for person in people)))
        if found:
            return tuple(found)
    return tuple(channel.addresses)


def _send(channel: Channel, addressees: Addressees, group: Sequence[Delivery]) -> None:
    transport = channel.transport()
    try:
        _hand_over(transport, addressees, group)
    except TransportError as error:
        FAILED.labels(channel.kind).inc()
        reason = transport.mask(str(error))[:300]
        log.warning("notice not taken", channel=channel.name, reason=reason)
        for delivery in group:
            _fail(delivery, reason, permanent=error.permanent)
        return
    SENT.labels(channel.kind).inc()
    for delivery in group:
        _succeed(channel, delivery, addressees, len(group))


def _hand_over(transport: Transport, addressees: Addressees, group: Sequence[Delivery]) -> None:
    reached = [address for address in addressees if address]
    if transport.to_people and not reached:
        raise TransportError(_("There is nobody to send to."), permanent=True)
    transport.send(single(group[0]) if len(group) == 1 else digest(group), reached)


def _succeed(channel: Channel, delivery: Delivery, addressees: Addressees, together: int) -> None:
    _set(
        delivery,
        state=DeliveryState.SENT,
        sent_at=timezone.now(),
        attempts=delivery.attempts + 1,
        told=list(addressees),
        together=together,
        reason="",
    )
    alarms.note_notice(delivery.alarm, _told_line(channel, delivery))
    repeat(delivery)


def _told_line(channel: Channel, delivery: Delivery) -> str:
    whom = str(delivery.recipient) if delivery.recipient else ""
    return f"{delivery.get_kind_display()} · {channel.name}" + (f" · {whom}" if whom else "")


def _fail(delivery: Delivery, reason: str, *, permanent: bool) -> None:
    """Again later; in the end it stays failed and the alarm's timeline says so."""
    attempts = delivery.attempts + 1
    if permanent or attempts > len(AGAIN_AFTER):
        _set(delivery, state=DeliveryState.FAILED, reason=reason, attempts=attempts)
        text = _("Not told by %(channel)s: %(reason)s")
        names = {"channel": delivery.channel.name, "reason": reason}
        alarms.note_notice(delivery.alarm, text % names)
        return
    due_at = timezone.now() + AGAIN_AFTER[attempts - 1]
    _set(delivery, reason=reason, attempts=attempts, due_at=due_at)


def _set(delivery: Delivery, **values: object) -> None:
    """Write while it still waits: what was dropped meanwhile stays dropped."""
    Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING).update(**values)
    for name, value in values.items():
        setattr(delivery, name, value)
