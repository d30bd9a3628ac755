"""How clocks and states of work orders look: a shape and a word, never colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from govnet.core.lengths import length_text
from govnet.operations.clocks import Clock, ClockState
from govnet.operations.models import OrderEvidence, OrderLimit, WorkOrder

register = template.Library()

LOOK: Final = {
    ClockState.WAITING: ("…", "muted"),
    ClockState.RUNNING: ("▶", "clock-running"),
    ClockState.PAUSED: ("‖", "clock-paused"),
    ClockState.MET: ("✔", "clock-met"),
    ClockState.OVERDUE: ("✖", "clock-late"),
    ClockState.MISSED: ("✖", "clock-late"),
}
FIRST: Final = (ClockState.OVERDUE, ClockState.RUNNING, ClockState.PAUSED, ClockState.MISSED)


@register.simple_tag
def clock_text(clock: Clock) -> str:
    """What a clock says."""
    if clock.state is ClockState.WAITING:
        return _("not begun")
    if clock.state in (ClockState.MET, ClockState.MISSED):
        return _("%(used)s of %(limit)s") % {
            "used": length_text(clock.used_s),
            "limit": length_text(clock.limit_s),
        }
    if clock.state is ClockState.OVERDUE:
        return _("%s over") % length_text(abs(clock.left_s))
    if clock.state is ClockState.PAUSED:
        return _("paused, %s left") % length_text(abs(clock.left_s))
    return _("%s left") % length_text(abs(clock.left_s))


@register.simple_tag
def clock_badge(clock: Clock) -> SafeString:
    """Shape, name and what the clock says."""
    shape, css = LOOK[clock.state]
    return format_html(
        '<span class="clock {}"><span aria-hidden="true">{}</span> {} {}</span>',
        css,
        shape,
        clock.name.label,
        clock_text(clock),
    )


def worst(order: WorkOrder, allowed: Mapping[str, OrderLimit]) -> Clock | None:
    """The clock of an order that needs attention first."""
    clocks = order.clocks(allowed.get(order.level))
    for state in FIRST:
        found = [clock for clock in clocks if clock.state is state]
        if found:
            return min(found, key=lambda clock: clock.left_s)
    return clocks[-1] if clocks else None


@register.inclusion_tag("operations/evidence_table.html")
def evidence_table(piece: OrderEvidence) -> dict[str, Any]:
    """A piece of evidence as a table; rows are alike, so the first one names the columns."""
    rows = piece.content if isinstance(piece.content, list) else [piece.content]
    columns = list(rows[0]) if rows else []
    cells = [[row.get(name, "") for name in columns] for row in rows]
    return {"columns": columns, "rows": cells}
