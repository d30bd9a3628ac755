"""Every write of orders and limits is audited; an order has a history of its own besides."""

from __future__ import annotations

from govnet.core.audit import follow
from govnet.operations.models import OrderLimit, OrderPause, WorkOrder


def register() -> None:
    """Follow what people write; safe to call again."""
    follow((OrderLimit, WorkOrder, OrderPause))
