"""Filters of the lists of notices."""

from __future__ import annotations

import django_filters
from django.utils.translation import gettext_lazy as _

from govnet.core.filters import ObjectFilterSet, ScopedChoiceFilter
from govnet.notices import models
from govnet.notices.choices import DeliveryState


class RecipientFilter(ObjectFilterSet):
    """Recipients."""

    class Meta:
        model = models.Recipient
        fields = ()


class DutyShiftFilter(ObjectFilterSet):
    """Shifts."""

    recipient = ScopedChoiceFilter(models.Recipient)

    class Meta:
        model = models.DutyShift
        fields = ()


class ChannelFilter(ObjectFilterSet):
    """Channels."""

    class Meta:
        model = models.Channel
        fields = ("kind",)


class PolicyFilter(ObjectFilterSet):
    """Policies."""

    class Meta:
        model = models.Policy
        fields = ("least", "days")


class DeliveryFilter(django_filters.FilterSet):
    """Deliveries by what became of them and by channel."""

    state = django_filters.ChoiceFilter(
        label=_("State"), choices=DeliveryState.choices, empty_label=_("All states")
    )
    channel = ScopedChoiceFilter(models.Channel, empty_label=_("All channels"))

    class Meta:
        model = models.Delivery
        fields = ()
