"""Orders whose clocks have run over: noted once for each clock, told to whom the limit names."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from django.utils.translation import gettext as _

from govnet.notices.channels.base import Message, TransportError
from govnet.notices.links import absolute
from govnet.operations.choices import EntryKind
from govnet.operations.clocks import Clock, ClockState
from govnet.operations.models import OrderLimit, WorkOrder
from govnet.operations.services import enter_overdue

log = structlog.get_logger()


def limits() -> dict[str, OrderLimit]:
    """What is allowed, by level."""
    return {limit.level: limit for limit in OrderLimit.objects.select_related("calendar")}


def running_over(contractor: int | None = None) -> Iterator[tuple[WorkOrder, OrderLimit, Clock]]:
    """Open orders with a clock that has run over, each clock once; of a contractor or of all."""
    allowed = limits()
    orders = WorkOrder.objects.open().prefetch_related("pauses", "entries")
    if contractor is not None:
        orders = orders.filter(contractor=contractor)
    for order in orders.select_related("contractor", "unit"):
        limit = allowed.get(order.level)
        for clock in order.clocks(limit):
            if limit is not None and clock.state is ClockState.OVERDUE:
                yield order, limit, clock


def escalate() -> int:
    """Note and tell what has run over since the last time; run once a minute.

    A channel that does not take the message is tried again at the next run.

    Returns:
        how many clocks were told.
    """
    told = 0
    for order, limit, clock in running_over():
        text = overdue_text(clock)
        if any(e.kind == EntryKind.OVERDUE and e.text == text for e in order.entries.all()):
            continue
        if _tell(order, limit, text):
            enter_overdue(order, text)
            told += 1
    return told


def overdue_text(clock: Clock) -> str:
    """Which clock ran over what."""
    return _("%(clock)s over %(minutes)d min") % {
        "clock": clock.name.label,
        "minutes": clock.limit_s // 60,
    }


def _tell(order: WorkOrder, limit: OrderLimit, text: str) -> bool:
    channel = limit.escalate_to
    if channel is None or not channel.enabled:
        return True
    title = _("Work order overdue: %s") % order
    lines = (text, *(str(part) for part in (order.unit, order.contractor) if part))
    message = Message(title, lines, order.level, absolute(order.get_absolute_url))
    transport = channel.transport()
    try:
        transport.send(message, channel.addresses)
    except TransportError as error:
        reason = transport.mask(str(error))
        log.warning("overdue order not told", channel=channel.name, reason=reason)
        return False
    return True
