"""Forms of this app: help texts say by example what to write."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.core.forms import ObjectForm, PickerField
from govnet.core.registry import get_resource
from govnet.core.scope import inside_scope
from govnet.core.uploads import UploadError, check_file
from govnet.inventory.models import AccessPoint, Circuit, Device, Region, Unit
from govnet.monitor.models import Target
from govnet.sla import models
from govnet.sla.inputs import Scope
from govnet.sla.periods import Period
from govnet.sla.scopes import may_see, scope_kind, scope_kinds

if TYPE_CHECKING:
    from govnet.accounts.models import User

Texts = dict[str, str | Promise]


class CalendarForm(ObjectForm):
    """A service calendar."""

    class Meta:
        model = models.ServiceCalendar
        fields = ("name", *models.WEEKDAYS, "follows_holidays", "holiday", "notes")
        help_texts: ClassVar[Texts] = {
            "monday": gettext_lazy("E.g. 09:00-12:00, 13:30-17:00; empty: no service."),
            "sunday": gettext_lazy("Round the clock is 00:00-24:00."),
            "holiday": gettext_lazy("Hours on public holidays; empty: no service."),
        }


class SpecialDayForm(ObjectForm):
    """A holiday or an exchanged day."""

    class Meta:
        model = models.SpecialDay
        fields = ("day", "kind", "name", "source", "notes")


class AgreementForm(ObjectForm):
    """An agreement."""

    class Meta:
        model = models.Agreement
        fields = (
            "name",
            "kind",
            "carrier",
            "calendar",
            "availability",
            "restore_minutes",
            "valid_from",
            "valid_until",
            "notes",
        )
        help_texts: ClassVar[Texts] = {
            "availability": gettext_lazy("E.g. 99.9, which allows 43 minutes in 30 days."),
            "restore_minutes": gettext_lazy("E.g. 240 for four hours."),
        }


class MomentField(forms.DateTimeField):
    """A moment of the site's time zone, to the minute or second."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  # Django's own arguments
        widget = forms.DateTimeInput(
            attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
        )
        super().__init__(widget=widget, **kwargs)


_PICKED: Final = {
    "circuit": Circuit,
    "access_point": AccessPoint,
    "unit": Unit,
    "device": Device,
    "region": Region,
}


class ExclusionForm(forms.Form):
    """A span that is proposed not to count, with its proof."""

    starts_at = MomentField(label=gettext_lazy("Begin"))
    ends_at = MomentField(label=gettext_lazy("End"))
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=models.ExclusionReason.choices)
    explanation = forms.CharField(
        label=gettext_lazy("What happened"),
        max_length=300,
        help_text=gettext_lazy("E.g. the unit's own power was cut from 08:10 to 11:40."),
    )
    proof = forms.FileField(
        label=gettext_lazy("Proof"),
        help_text=gettext_lazy(
            "A signed note, a photo, a notice: PDF, picture, Word, Excel or ZIP; at most 20 MiB."
        ),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.user = user
        fields: dict[str, forms.Field] = {}
        for name, model in _PICKED.items():
            picker = PickerField(model, label=get_resource(model).name, required=False)
            picker.user = user
            fields[name] = picker
        mine = Target.objects.restrict(user).filter(unit__isnull=False)
        fields["target"] = forms.ModelChoiceField(
            mine, label=gettext_lazy("Application"), required=False
        )
        self.fields = {**fields, **self.fields}
        self.object_fields = [self[name] for name in fields]

    def clean_proof(self) -> UploadedFile[Any]:
        """A file that can be kept."""
        proof: UploadedFile[Any] = self.cleaned_data["proof"]
        try:
            check_file(proof)
        except UploadError as error:
            raise ValidationError(error.note.localized()) from error
        return proof

    def clean(self) -> dict[str, Any]:
        """Exactly one object, and an end after the begin."""
        data = super().clean() or self.cleaned_data
        chosen = [name for name in models.Exclusion.OBJECT_FIELDS if data.get(name)]
        if len(chosen) != 1 and not any(name in self.errors for name in _PICKED):
            self.add_error(None, _("Choose exactly one object."))
        start, end = data.get("starts_at"), data.get("ends_at")
        if start and end and end <= start:
            self.add_error("ends_at", _("The end lies before the begin."))
        if end and end > timezone.now():
            self.add_error("ends_at", _("What has not happened yet is planned work, not this."))
        return data

    def exclusion(self) -> models.Exclusion:
        """The exclusion, not saved."""
        names = ("starts_at", "ends_at", "reason", "explanation", *models.Exclusion.OBJECT_FIELDS)
        found = models.Exclusion(**{name: self.cleaned_data.get(name) or None for name in names})
        if not inside_scope(found, self.user):
            raise ValidationError(_("The object would lie outside your regions and units."))
        return found


class IssueForm(forms.Form):
    """Which statement to issue."""

    scope = forms.CharField(label=gettext_lazy("About"), max_length=40)
    period = forms.ChoiceField(
        label=gettext_lazy("Period"), choices=models.PeriodKind.choices, initial="month"
    )
    day = forms.DateField(
        label=gettext_lazy("A day of the period"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("The whole month, quarter or year around it, once it has ended."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["scope"] = forms.ChoiceField(
            label=gettext_lazy("About"), choices=_scope_choices(user)
        )
        last = timezone.localdate().replace(day=1)
        self.fields["day"].initial = datetime.fromordinal(last.toordinal() - 1).date()

    def clean(self) -> dict[str, Any]:
        """A scope that the person may see and a period that has ended."""
        data = super().clean() or self.cleaned_data
        if "scope" in data and "day" in data and "period" in data:
            scope = Scope.parse(data["scope"])
            if not may_see(self.user, scope):
                self.add_error("scope", _("Choose what you may see."))
            period = Period.holding(models.PeriodKind(data["period"]), data["day"])
            if period.end > timezone.now():
                self.add_error("day", _("That period has not ended yet."))
            data |= {"scope": scope, "period": period}
        return data


def _scope_choices(user: User) -> list[Any]:
    """Everything that a statement can be about, by kind."""
    groups: list[Any] = []
    for kind in scope_kinds():
        if kind.model is None:
            if user.sees_everything:
                groups.append((f"{kind.key}:0", kind.label))
        else:
            rows = [(f"{kind.key}:{row.pk}", str(row)) for row in kind.visible(user)]
            if rows:
                groups.append((kind.label, rows))
    return groups


class ScheduleForm(forms.ModelForm[models.StatementSchedule]):
    """Which statements come by themselves."""

    scope_kind = forms.ChoiceField(label=gettext_lazy("For each"))

    class Meta:
        model = models.StatementSchedule
        fields = ("scope_kind", "period", "since", "enabled")
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "since": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.fields["scope_kind"] = forms.ChoiceField(
            label=gettext_lazy("For each"),
            choices=[(kind.key, kind.label) for kind in scope_kinds()],
        )


def kind_label(key: str) -> str:
    """What people call a kind of scope; a kind whose app is gone is called by its key."""
    try:
        return str(scope_kind(key).label)
    except KeyError:
        return key
