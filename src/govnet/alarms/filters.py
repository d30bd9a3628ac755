"""Filters of the lists of alarms, rules and maintenance windows."""

from __future__ import annotations

from typing import Any, ClassVar

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.alarms import models
from govnet.alarms.choices import ACTIVE, OPEN, AlarmState, Cause, Level, ResponsibleParty
from govnet.core.filters import ObjectFilterSet, PickerFilter, SubtreeFilter
from govnet.inventory.models import Region, Unit


class AlarmFilter(ObjectFilterSet):
    """Alarms. Unless asked for others: the open ones, folded under what explains them."""

    SHOWN: ClassVar[dict[str, tuple[str, ...]]] = {
        "active": ACTIVE,
        "raised": (AlarmState.RAISED,),
        "cleared": (AlarmState.CLEARED,),
        "closed": (AlarmState.CLOSED,),
        "all": (*OPEN, AlarmState.CLOSED),
    }

    show = django_filters.ChoiceFilter(
        method="by_state",
        label=pgettext_lazy("alarms", "Show"),
        empty_label=_("Open"),
        choices=[
            ("active", _("Not recovered")),
            ("raised", _("Not acknowledged")),
            ("cleared", _("Recovered, not closed")),
            ("closed", pgettext_lazy("alarms", "Closed")),
            ("all", pgettext_lazy("alarms", "All")),
        ],
    )
    level = django_filters.MultipleChoiceFilter(
        choices=Level.choices, label=_("Level"), widget=forms.CheckboxSelectMultiple
    )
    folded = django_filters.ChoiceFilter(
        method="by_root",
        label=_("Explained alarms"),
        empty_label=_("Folded under their root"),
        choices=[("no", _("Shown as well")), ("only", _("Only these"))],
    )
    region = SubtreeFilter(Region, field_name="region", label=_("Region and below"))
    unit = PickerFilter(Unit, label=_("Unit"))
    rule = django_filters.ModelChoiceFilter(queryset=models.Rule.objects.all(), label=_("Rule"))
    party = django_filters.ChoiceFilter(
        choices=ResponsibleParty.choices, label=_("Responsible party")
    )
    cause = django_filters.ChoiceFilter(choices=Cause.choices, label=_("Cause"))
    since = django_filters.DateFilter(
        field_name="raised_at",
        lookup_expr="date__gte",
        label=_("Raised since"),
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    class Meta:
        model = models.Alarm
        fields = ()

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The defaults hold where nothing else was asked for."""
        found: QuerySet[Any] = super().filter_queryset(queryset)
        asked = self.form.cleaned_data
        if not asked.get("show"):
            found = found.filter(state__in=OPEN)
        if not asked.get("folded"):
            found = found.filter(self._not_folded())
        return found

    def _not_folded(self) -> Q:
        """A root that the person may not see folds nothing away."""
        top = Q(root__isnull=True)
        if self.request.user.sees_everything:
            return top
        visible = models.Alarm.objects.restrict(self.request.user).values("pk")
        return top | ~Q(root__in=visible)

    def by_state(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Alarms in certain states."""
        del name
        return queryset.filter(state__in=self.SHOWN[value])

    def by_root(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Explained ones shown as well, or alone."""
        del name
        return queryset.filter(root__isnull=False) if value == "only" else queryset


class WindowFilter(ObjectFilterSet):
    """Maintenance windows."""

    when = django_filters.ChoiceFilter(
        method="by_time",
        label=_("When"),
        choices=[("coming", _("Now or later")), ("past", _("Over"))],
    )

    class Meta:
        model = models.MaintenanceWindow
        fields = ("repeat",)

    def by_time(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """By whether there is still a span to come."""
        del name
        now = timezone.now()
        once = Q(repeat=models.Repeat.ONCE, ends_at__gt=now)
        again = ~Q(repeat=models.Repeat.ONCE) & (
            Q(repeat_until__isnull=True) | Q(repeat_until__gte=timezone.localdate(now))
        )
        coming = once | again
        return queryset.filter(coming) if value == "coming" else queryset.exclude(coming)


class RuleFilter(ObjectFilterSet):
    """Alarm rules."""

    class Meta:
        model = models.Rule
        fields = ("source", "level", "enabled", "shipped")
