"""Lists of work orders and limits."""

from __future__ import annotations

from functools import cached_property

import django_tables2 as tables
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from govnet.alarms.templatetags.alarms import level_badge
from govnet.core.tables import LinkColumn, ObjectTable
from govnet.operations import models
from govnet.operations.overdue import limits
from govnet.operations.templatetags.orders import clock_badge, worst

NOWRAP = {"td": {"class": "nowrap"}}
NUMBER = {"td": {"class": "num"}, "th": {"class": "num"}}


class WorkOrderTable(ObjectTable):
    """Work orders, the newest first."""

    level = tables.Column(attrs=NOWRAP)
    number = tables.Column(_("number"), linkify=True, order_by="pk", attrs=NOWRAP)
    title = LinkColumn()
    state = tables.Column(attrs=NOWRAP)
    clock = tables.Column(_("time limit"), accessor="pk", orderable=False, attrs=NOWRAP)
    unit = tables.Column(linkify=True)
    reported_at = tables.Column(attrs=NOWRAP)

    class Meta(ObjectTable.Meta):
        model = models.WorkOrder
        fields = (
            "level", "number", "title", "state", "clock", "unit", "region", "contractor",
            "source", "reported_at", "restored_at", "closed_at", "cause", "party", "score",
        )  # fmt: skip

    default_columns = (
        "level", "number", "title", "state", "clock", "unit", "contractor", "reported_at",
    )  # fmt: skip

    @cached_property
    def _limits(self) -> dict[str, models.OrderLimit]:
        return limits()

    def render_level(self, value: str, record: models.WorkOrder) -> SafeString:
        """By shape and word."""
        del value
        return level_badge(record.level)

    def render_clock(self, record: models.WorkOrder) -> SafeString | str:
        """The clock that needs attention first."""
        found = worst(record, self._limits)
        return clock_badge(found) if found else "—"


class OrderLimitTable(ObjectTable):
    """Limits by level."""

    level = LinkColumn()

    class Meta(ObjectTable.Meta):
        model = models.OrderLimit
        fields = (
            "level", "respond_min", "on_site_min", "restore_min", "calendar", "escalate_to",
        )  # fmt: skip
