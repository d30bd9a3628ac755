"""What work orders add to the pages of units, circuits, devices and access points."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from govnet.alarms.models import Alarm
from govnet.core import panels
from govnet.inventory.models import AccessPoint, Circuit, Device, Unit
from govnet.operations.models import WorkOrder

NEWEST = 5

FIELDS = {Unit: "unit", AccessPoint: "access_point", Circuit: "circuit", Device: "device"}


def orders_panel(request: HttpRequest, instance: Any) -> dict[str, Any] | None:  # noqa: ANN401
    """The newest orders about an object; nothing when there are none."""
    if not request.user.has_perm("operations.view_workorder"):
        return None
    rows = WorkOrder.objects.restrict(request.user).filter(**{FIELDS[type(instance)]: instance})
    found = list(rows.select_related("contractor")[:NEWEST])
    return {"orders": found} if found else None


def alarm_panel(request: HttpRequest, alarm: Alarm) -> dict[str, Any] | None:
    """The orders of an alarm, and the button that opens one."""
    if not request.user.has_perm("operations.view_workorder"):
        return None
    found = list(
        WorkOrder.objects.restrict(request.user).filter(alarm=alarm).select_related("contractor")
    )
    running = any(order.is_open for order in found)
    may_open = request.user.has_perm("operations.add_workorder") and alarm.is_open
    offers = may_open and not running and alarm.root_id is None
    return {"orders": found, "may_open": offers} if found or offers else None


def register() -> None:
    """Below the fields, after charts."""
    for model in FIELDS:
        panels.register(model, template="operations/panel.html", context=orders_panel, order=40)
    panels.register(Alarm, template="operations/alarm_panel.html", context=alarm_panel)
