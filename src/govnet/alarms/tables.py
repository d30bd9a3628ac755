"""Lists of alarms, rules and maintenance windows."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.alarms import models
from govnet.alarms.templatetags.alarms import alarm_state, impact_text, level_badge
from govnet.core.lengths import length_text
from govnet.core.tables import LinkColumn, ObjectTable, YesNoColumn

NOWRAP = {"td": {"class": "nowrap"}}
NUMBER = {"td": {"class": "num"}, "th": {"class": "num"}}


class AlarmTable(ObjectTable):
    """Alarms, the most urgent first."""

    level = tables.Column(order_by=("-urgency", "-raised_at"), attrs=NOWRAP)
    name = tables.Column(_("alarm"), accessor="pk", order_by=("kind", "object_name"))
    state = tables.Column(attrs=NOWRAP)
    unit = tables.Column(linkify=True)
    affects = tables.Column(_("affects"), accessor="impact", orderable=False)
    since = tables.Column(_("since"), accessor="first_at", attrs=NOWRAP)
    lasts = tables.Column(_("lasts"), accessor="first_at", orderable=False, attrs=NUMBER)
    occurrences = tables.Column(attrs=NUMBER)

    class Meta(ObjectTable.Meta):
        model = models.Alarm
        fields = (
            "level", "name", "state", "unit", "region", "affects", "since", "lasts",
            "occurrences", "party", "cause", "acknowledged_by", "closed_at", "closed_by",
        )  # fmt: skip

    default_columns = (
        "level", "name", "state", "unit", "affects", "since", "lasts", "occurrences", "party",
    )  # fmt: skip

    def render_level(self, record: models.Alarm) -> SafeString:
        """By shape and word."""
        return level_badge(record.level)

    def render_state(self, record: models.Alarm) -> SafeString:
        """With what keeps it quiet."""
        return alarm_state(record)

    def render_name(self, record: Any) -> SafeString:
        """What happened to which object; how many alarms it explains."""
        kind = record.rule.name if record.rule else record.kind
        behind = getattr(record, "shadow_count", 0)
        more = format_html(' <span class="folded">+{}</span>', behind) if behind else ""
        flaps = format_html(' <span class="folded">{}</span>', _now("flapping"))
        return format_html(
            '<a href="{}"><strong>{}</strong></a> <span class="muted">{}</span>{}{}',
            record.get_absolute_url(),
            record.object_name or _now("Platform"),
            kind,
            more,
            flaps if record.flapping else "",
        )

    def render_affects(self, value: dict[str, Any]) -> str:
        """Counts."""
        return impact_text(value) or "—"

    def render_lasts(self, record: models.Alarm) -> str:
        """Until now, or until it was cleared."""
        end = record.cleared_at or timezone.now()
        return length_text((end - record.first_at).total_seconds(), parts=2)

    def value_name(self, record: models.Alarm) -> str:
        """For files."""
        return str(record)


class WindowTable(ObjectTable):
    """Maintenance windows, the newest first."""

    reason = LinkColumn()
    about = tables.Column(_("object"), accessor="about", orderable=False)
    subtree = YesNoColumn()
    active = tables.Column(_("now"), accessor="active", orderable=False)
    amended = tables.Column(
        pgettext_lazy("maintenance", "amendment"), accessor="amended", orderable=False
    )

    class Meta(ObjectTable.Meta):
        model = models.MaintenanceWindow
        fields = (
            "reason", "about", "starts_at", "ends_at", "repeat", "repeat_until", "subtree",
            "active", "amended", "created_by", "notes",
        )  # fmt: skip

    default_columns = (
        "reason", "about", "starts_at", "ends_at", "repeat", "active", "amended", "created_by",
    )  # fmt: skip

    def render_active(self, value: bool) -> str:  # django-tables2 calls it so
        """In words: work goes on or not."""
        return _now("in progress") if value else "—"

    def render_amended(self, value: bool) -> str:
        """Entered or changed after its start."""
        return _now("yes") if value else "—"


class RuleTable(ObjectTable):
    """Alarm rules."""

    name = LinkColumn()
    enabled = YesNoColumn()
    shipped = YesNoColumn()
    source = tables.Column(attrs=NOWRAP)
    level = tables.Column(empty_values=(), attrs=NOWRAP)
    condition = tables.Column(attrs={"td": {"class": "mono"}})

    class Meta(ObjectTable.Meta):
        model = models.Rule
        fields = (
            "name", "code", "source", "condition", "level", "enabled", "cause", "party",
            "close_after_h", "advice", "shipped", "notes",
        )  # fmt: skip

    default_columns = ("name", "source", "condition", "level", "enabled", "advice")

    def render_level(self, record: models.Rule) -> SafeString | str:
        """By shape and word, or how it is found."""
        return level_badge(record.level) if record.level else _now("by impact")
