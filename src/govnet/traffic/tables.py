"""Lists of the traffic app."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.utils.formats import number_format
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from govnet.core.tables import LinkColumn, ObjectTable
from govnet.traffic import models

LOSSES = ("malformed", "no_template", "missing", "queue_dropped")
NUMBER: dict[str, dict[str, str]] = {"td": {"class": "num"}, "th": {"class": "num"}}


class AddressBlockTable(ObjectTable):
    """Address blocks."""

    prefix = LinkColumn()
    unit = tables.Column(linkify=True)
    access_point = tables.Column(linkify=True)

    class Meta(ObjectTable.Meta):
        model = models.AddressBlock
        fields = ("prefix", "unit", "access_point", "use", "notes")

    default_columns = ("prefix", "unit", "access_point", "use")


class FlowExporterTable(ObjectTable):
    """Flow exporters, known or not."""

    address = LinkColumn()
    device = tables.Column(linkify=True)
    records = tables.Column(_("Records"), accessor="counters__records", attrs=NUMBER)
    lost = tables.Column(_("Lost"), accessor="counters", attrs=NUMBER, orderable=False)

    class Meta(ObjectTable.Meta):
        model = models.FlowExporter
        fields = (
            "address", "name", "device", "sampling", "records", "lost", "untrue", "last_seen",
            "notes",
        )  # fmt: skip

    default_columns = ("address", "name", "device", "records", "lost", "untrue", "last_seen")

    def render_untrue(self, value: bool) -> str:  # a column's value
        """A sign and a word; what was never compared is no sign of truth."""
        word = _now("disagrees")
        return f"▲ {word}" if value else "—"

    def render_records(self, value: int) -> str:
        """With separators."""
        return number_format(value, force_grouping=True)

    def render_lost(self, value: dict[str, Any]) -> str:
        """Everything that could not be taken, in the units of its kind."""
        lost = sum(value.get(name, 0) for name in LOSSES)
        return number_format(lost, force_grouping=True)
