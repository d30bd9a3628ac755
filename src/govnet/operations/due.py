"""Which work orders wait for a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from govnet.core.due import DueItem, DueKind
from govnet.core.due import register as register_kind
from govnet.operations.models import WorkOrder
from govnet.operations.overdue import limits, overdue_text

if TYPE_CHECKING:
    from govnet.accounts.models import User


def overdue_orders(user: User, today: date) -> Iterator[DueItem]:
    """Open orders with a clock that has run over, within the person's scope."""
    del today
    allowed = limits()
    for order in WorkOrder.objects.restrict(user).open().prefetch_related("pauses"):
        late = [clock for clock in order.clocks(allowed.get(order.level)) if clock.late]
        if late:
            due_at = late[0].due_at or order.reported_at
            note = "; ".join(overdue_text(clock) for clock in late)
            yield DueItem(str(order), note, order.get_absolute_url(), timezone.localdate(due_at))


def register() -> None:
    """Add them to the page of what is overdue."""
    register_kind(
        DueKind(
            "overdue_orders", _("Overdue work orders"), "operations.view_workorder", overdue_orders
        )
    )
