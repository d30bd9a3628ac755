"""What is set up for notices, declared to the generic layer."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from govnet.core import panels
from govnet.core.naturalkeys import NaturalKey
from govnet.core.registry import Inline, Related, Resource, register
from govnet.notices import filters, forms, models, tables


def recipient_resource() -> Resource:
    """Recipients."""
    fields = ("name", "email", "phone", "account", "notes")
    return Resource(
        model=models.Recipient,
        table=tables.RecipientTable,
        filterset=filters.RecipientFilter,
        form=forms.RecipientForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name", "email", "phone"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("notes",),
        related=(Related(models.DutyShift, "recipient", hide=("recipient",)),),
    )


def _shifts(queryset: QuerySet[Any]) -> QuerySet[Any]:
    rows: QuerySet[Any] = queryset.select_related("recipient")
    return rows


def shift_resource() -> Resource:
    """The roster; a month of it is imported from the spreadsheet that hangs on the wall."""
    fields = ("recipient", "starts_at", "ends_at", "notes")
    return Resource(
        model=models.DutyShift,
        table=tables.DutyShiftTable,
        filterset=filters.DutyShiftFilter,
        form=forms.DutyShiftForm,
        key=NaturalKey((("recipient__name", "starts_at"),)),
        identity=(("recipient", "starts_at"),),
        search=("recipient__name", "notes"),
        file_columns=fields,
        detail=fields,
        bulk_edit=("notes",),
        prepare=_shifts,
    )


def _channels(queryset: QuerySet[Any]) -> QuerySet[Any]:
    rows: QuerySet[Any] = queryset.defer(*models.Channel.SECRET_FIELDS)
    return rows


def channel_resource() -> Resource:
    """Channels."""
    return Resource(
        model=models.Channel,
        table=tables.ChannelTable,
        filterset=filters.ChannelFilter,
        form=forms.ChannelForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name", "address"),
        file_columns=(
            "name",
            "kind",
            "enabled",
            "address",
            "user",
            "secret",
            "signing_secret",
            "sender",
            "security",
            "recipients",
            "body",
            "charset",
            "success",
            "per_minute",
            "quiet_from",
            "quiet_until",
            "notes",
        ),
        detail=(
            "name",
            "kind",
            "enabled",
            "address",
            "user",
            "sender",
            "security",
            "recipients",
            "per_minute",
            "quiet_from",
            "quiet_until",
            "notes",
        ),
        bulk_edit=("enabled", "per_minute", "notes"),
        prepare=_channels,
    )


def _policies(queryset: QuerySet[Any]) -> QuerySet[Any]:
    rows: QuerySet[Any] = queryset.select_related("region")
    return rows


def policy_resource() -> Resource:
    """Policies."""
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
    return Resource(
        model=models.Policy,
        table=tables.PolicyTable,
        filterset=filters.PolicyFilter,
        form=forms.PolicyForm,
        key=NaturalKey((("name",),)),
        identity=(("name",),),
        search=("name",),
        file_columns=fields,
        detail=fields,
        bulk_edit=("enabled", "least", "notes"),
        prepare=_policies,
        inlines=(
            Inline(
                models.Step,
                ("after_min", "channel", "to", "recipient", "repeat_min"),
                _("Escalation steps"),
                _("E.g. at once the robot of the duty room, after 15 min the leader by SMS."),
            ),
        ),
    )


def register_all() -> None:
    """Declare every object; safe to call again."""
    for make in (recipient_resource, shift_resource, channel_resource, policy_resource):
        register(make())
    panels.register(models.Channel, template="notices/channel_panel.html", order=10)
