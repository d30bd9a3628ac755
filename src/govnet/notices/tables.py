"""Lists of what is set up for notices."""

from __future__ import annotations

import django_tables2 as tables

from govnet.core.tables import LinkColumn, ObjectTable, YesNoColumn
from govnet.notices import models


class RecipientTable(ObjectTable):
    """Recipients."""

    name = LinkColumn()

    class Meta(ObjectTable.Meta):
        model = models.Recipient
        fields = ("name", "email", "phone", "account", "notes")

    default_columns = ("name", "email", "phone")


class DutyShiftTable(ObjectTable):
    """The roster."""

    recipient = tables.Column(linkify=lambda record: record.get_absolute_url())

    class Meta(ObjectTable.Meta):
        model = models.DutyShift
        fields = ("recipient", "starts_at", "ends_at", "notes")

    default_columns = ("recipient", "starts_at", "ends_at")


class ChannelTable(ObjectTable):
    """Channels, without their secrets."""

    name = LinkColumn()
    enabled = YesNoColumn()

    class Meta(ObjectTable.Meta):
        model = models.Channel
        fields = ("name", "kind", "enabled", "address", "per_minute", "notes")

    default_columns = ("name", "kind", "enabled", "address")


class PolicyTable(ObjectTable):
    """Policies."""

    name = LinkColumn()
    enabled = YesNoColumn()

    class Meta(ObjectTable.Meta):
        model = models.Policy
        fields = (
            "name",
            "enabled",
            "least",
            "region",
            "days",
            "hours_from",
            "hours_until",
            "notes",
        )

    default_columns = ("name", "enabled", "least", "region", "days")
