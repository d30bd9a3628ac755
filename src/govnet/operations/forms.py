"""Forms of work orders: opening one, and one for each step that asks for something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.alarms.choices import Cause, ResponsibleParty
from govnet.core.forms import ObjectForm
from govnet.inventory.models import Contractor
from govnet.operations import models
from govnet.operations.choices import Action, PauseReason, Source

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

Texts = dict[str, str | Promise]


class WorkOrderForm(ObjectForm):
    """A fault as a person reports it."""

    class Meta:
        model = models.WorkOrder
        fields = (
            "title",
            "description",
            "level",
            "source",
            "unit",
            "access_point",
            "circuit",
            "device",
            "contractor",
            "reporter",
            "reported_at",
        )
        help_texts: ClassVar[Texts] = {
            "title": _(
                "What does not work, in a few words, e.g. no Internet at the third-floor windows."
            ),
            "unit": _("Type a part of the unit's name or code."),
            "circuit": _("Where it is known: its carrier becomes the contractor."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Django's own
        super().__init__(*args, **kwargs)
        self.fields["reported_at"].initial = timezone.now
        source = self.fields["source"]
        assert isinstance(source, forms.TypedChoiceField)
        source.choices = [pair for pair in Source.choices if pair[0] != Source.ALARM]
        if not self.user.has_perm("operations.change_workorder"):
            for name in ("source", "contractor", "level", "reported_at"):
                del self.fields[name]


class OrderLimitForm(ObjectForm):
    """What is allowed for one level."""

    class Meta:
        model = models.OrderLimit
        fields = (
            "level", "respond_min", "on_site_min", "restore_min", "calendar", "escalate_to",
            "notes",
        )  # fmt: skip


def _text(label: StrPromise, *, required: bool) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )


class NoteForm(forms.Form):
    """A step with a note."""

    text = _text(_("Note"), required=False)


class ReasonForm(forms.Form):
    """A step that asks why."""

    text = _text(_("Reason"), required=True)


class DispatchForm(NoteForm):
    """Who is to mend it."""

    contractor = forms.ModelChoiceField(
        label=_("Contractor"),
        queryset=Contractor.objects.order_by("name"),
        required=False,
        empty_label=_("The centre itself"),
    )
    field_order = ["contractor", "text"]


class CauseForm(NoteForm):
    """What it was and who answers for it."""

    cause = forms.ChoiceField(label=_("Cause"), choices=Cause.choices)
    party = forms.ChoiceField(
        label=_("Responsible party"),
        choices=[pair for pair in ResponsibleParty.choices if pair[0] != "unknown"],
    )
    field_order = ["cause", "party", "text"]


class CallbackForm(NoteForm):
    """What the unit says."""

    score = forms.TypedChoiceField(
        label=_("How content is the unit?"),
        coerce=int,
        choices=[
            (5, _("5 very content")),
            (4, _("4 content")),
            (3, _("3 fair")),
            (2, _("2 not content")),
            (1, _("1 not at all content")),
        ],
    )
    field_order = ["score", "text"]


class PauseForm(forms.Form):
    """Why the clocks stand still, with proof."""

    reason = forms.ChoiceField(label=_("Reason"), choices=PauseReason.choices)
    text = _text(_("Explanation"), required=True)
    proof = forms.FileField(
        label=_("Proof"), help_text=_("A photograph, a letter, a screenshot; at most 20 MiB.")
    )


FORMS: dict[Action, type[forms.Form]] = {
    Action.DISPATCH: DispatchForm,
    Action.ACCEPT: NoteForm,
    Action.REJECT: ReasonForm,
    Action.ARRIVE: NoteForm,
    Action.RESTORE: CauseForm,
    Action.CONFIRM: CallbackForm,
    Action.REOPEN: ReasonForm,
    Action.CLOSE: CauseForm,
    Action.CANCEL: ReasonForm,
    Action.PAUSE: PauseForm,
    Action.RESUME: NoteForm,
    Action.COMMENT: ReasonForm,
}
