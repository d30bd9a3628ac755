"""The words of a notice: what, since when, what it reaches, why, whose, and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from govnet.alarms.choices import RANK, Cause, NoticeKind, ResponsibleParty
from govnet.alarms.templatetags.alarms import impact_text, why
from govnet.notices.channels.base import Message
from govnet.notices.links import acknowledge_url, alarm_url, list_url

if TYPE_CHECKING:
    from govnet.alarms.models import Alarm
    from govnet.notices.models import Delivery

LISTED: Final = 10
"""Alarms that a digest names; the others are counted."""

ENDED: Final = frozenset({NoticeKind.CLEARED, NoticeKind.CLOSED})


def single(delivery: Delivery) -> Message:
    """One notice of one alarm, in the site's language."""
    with override(settings.LANGUAGE_CODE):
        alarm = delivery.alarm
        return Message(
            title=_title(delivery),
            lines=tuple(_lines(delivery)),
            level=alarm.level,
            url=alarm_url(alarm),
            data={"event": delivery.kind, "alarms": [as_data(alarm)]},
        )


def digest(group: Sequence[Delivery]) -> Message:
    """Many notices in one message, the most urgent first, each alarm once."""
    with override(settings.LANGUAGE_CODE):
        last = {delivery.alarm_id: delivery for delivery in group}
        told = sorted(last.values(), key=lambda d: (d.kind in ENDED, -RANK[d.alarm.level]))
        ended = sum(delivery.kind in ENDED for delivery in told)
        title = _("%(active)d alarms, %(ended)d recoveries") % {
            "active": len(told) - ended,
            "ended": ended,
        }
        lines = [_title(delivery) for delivery in told[:LISTED]]
        if len(told) > LISTED:
            lines.append(_("and %d more") % (len(told) - LISTED))
        worst = max((delivery.alarm.level for delivery in told), key=lambda level: RANK[level])
        return Message(
            title=title,
            lines=tuple(lines),
            level=worst,
            url=list_url(),
            data={"event": "digest", "alarms": [as_data(d.alarm) for d in told]},
        )


def _title(delivery: Delivery) -> str:
    alarm = delivery.alarm
    mark = alarm.get_level_display()
    if delivery.kind in ENDED:
        mark = str(NoticeKind(delivery.kind).label)
    return f"【{mark}】{alarm}"


def _lines(delivery: Delivery) -> list[str]:
    alarm = delivery.alarm
    lines = [_("Since %s") % _minute(alarm.first_at)]
    if delivery.kind in ENDED and alarm.cleared_at:
        lines.append(_("Recovered %s") % _minute(alarm.cleared_at))
        return lines
    if reached := impact_text(alarm.impact):
        lines.append(_("Affects %s") % reached)
    if reasons := why(alarm):
        lines.append(_("Because: %s") % "; ".join(reasons))
    if alarm.cause:
        lines.append(_("Probable cause: %s") % Cause(alarm.cause).label)
    if alarm.party != ResponsibleParty.UNKNOWN:
        lines.append(_("Responsible: %s") % ResponsibleParty(alarm.party).label)
    if alarm.rule and alarm.rule.advice:
        lines.append(_("Next step: %s") % alarm.rule.advice)
    if link := acknowledge_url(delivery):
        lines.append(_("Acknowledge: %s") % link)
    return lines


def _minute(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"


def as_data(alarm: Alarm) -> dict[str, Any]:
    """An alarm for machines."""
    return {
        "id": alarm.pk,
        "kind": alarm.kind,
        "title": str(alarm),
        "level": alarm.level,
        "state": alarm.state,
        "object": {"kind": alarm.object_kind, "id": alarm.object_id, "name": alarm.object_name},
        "since": alarm.first_at.isoformat(),
        "cleared_at": alarm.cleared_at.isoformat() if alarm.cleared_at else None,
        "impact": alarm.impact,
        "cause": alarm.cause,
        "responsible_party": alarm.party,
        "url": alarm_url(alarm),
    }
