"""Forms of projects and contracts; states and money that was agreed are not among their fields."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from govnet.core.forms import ObjectForm
from govnet.projects import gates, models
from govnet.projects.choices import MilestoneKind, Source

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

Texts = dict[str, str | Promise]


def date_input() -> forms.DateInput:
    """A date with the browser's calendar."""
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def amount_field(label: StrPromise, **kwargs: Any) -> forms.DecimalField:  # noqa: ANN401  # passed on
    """Money in 元."""
    return forms.DecimalField(
        label=label, max_digits=16, decimal_places=2, min_value=Decimal("0.01"), **kwargs
    )


class ProjectForm(ObjectForm):
    """A project."""

    class Meta:
        model = models.Project
        fields = ("name", "code", "kind", "region", "unit_name", "starts_on", "ends_on", "notes")
        help_texts: ClassVar[Texts] = {
            "code": _("The site's own number, e.g. YY-2019-01."),
            "region": _("Type a part of the name; whoever sees the region sees the project."),
            "unit_name": _("Who is in charge, e.g. 岳阳市政务服务中心."),
        }


class LotForm(ObjectForm):
    """A lot."""

    class Meta:
        model = models.Lot
        fields = ("project", "number", "name", "notes")


class ContractForm(ObjectForm):
    """A contract; its instalments and its state have pages of their own."""

    class Meta:
        model = models.Contract
        fields = (
            "number",
            "name",
            "lot",
            "contractor",
            "amount",
            "signed_on",
            "starts_on",
            "expires_on",
            "monthly_fee",
            "deduction_table",
            "notes",
        )
        help_texts: ClassVar[Texts] = {
            "amount": _("In yuan, e.g. 3450000.00."),
            "monthly_fee": _("In yuan; the deduction table takes its share of this."),
        }


class DeductionTableForm(ObjectForm):
    """A deduction table; its steps stand below."""

    class Meta:
        model = models.DeductionTable
        fields = ("name", "notes")


class LineItemForm(ObjectForm):
    """A line of a contract."""

    class Meta:
        model = models.LineItem
        fields = (
            "contract",
            "name",
            "quantity",
            "unit_price",
            "circuit",
            "device",
            "unit",
            "notes",
        )
        help_texts: ClassVar[Texts] = {
            "name": _("E.g. 100M access line, one year."),
            "circuit": _("What the line pays for: a circuit, a device or a unit."),
        }


class ReachForm(forms.Form):
    """The day on which a milestone was reached."""

    kind = forms.ChoiceField(label=_("milestone"), choices=MilestoneKind.choices)
    day = forms.DateField(label=_("reached"), widget=date_input(), initial=timezone.localdate)


class PlanForm(forms.Form):
    """The planned days of the seven milestones."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Django's own
        super().__init__(*args, **kwargs)
        for kind in MilestoneKind:
            self.fields[kind.value] = forms.DateField(
                label=kind.label, required=False, widget=date_input()
            )


class BudgetForm(forms.ModelForm[models.BudgetEntry]):
    """An entry in the budget."""

    class Meta:
        model = models.BudgetEntry
        fields = ("year", "source", "kind", "amount", "booked_on", "reference", "reason")
        widgets: ClassVar[dict[str, Any]] = {"booked_on": date_input()}
        help_texts: ClassVar[Texts] = {
            "amount": _("In yuan; below zero only for an adjustment or a carry-over."),
            "reference": _("Document or voucher number."),
        }

    def __init__(self, project: models.Project, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.instance.project = project
        self.fields["booked_on"].initial = timezone.localdate
        self.fields["year"].initial = timezone.localdate().year


class CarryForm(forms.Form):
    """Carry what a year left of a source into the next."""

    year = forms.IntegerField(label=_("from year"), min_value=2000, max_value=2100)
    source = forms.ChoiceField(label=pgettext_lazy("money", "source"), choices=Source.choices)
    reason = forms.CharField(label=_("reason"), max_length=300)


def gate_choices() -> list[tuple[str, str]]:
    """Every gate that can be chosen from a list."""
    alone = [kind for kind in gates.GATES.values() if not kind.arguments and kind.valid is None]
    return [
        *((f"{kind.key}:", str(kind.label)) for kind in alone),
        *(
            (f"{kind.key}:{value}", f"{kind.label}: {label}")
            for kind in gates.GATES.values()
            for value, label in kind.arguments
        ),
    ]


class InstalmentForm(forms.Form):
    """One instalment of the plan."""

    name = forms.CharField(label=_("name"), max_length=100)
    amount = amount_field(_("amount (yuan)"))
    due_on = forms.DateField(label=_("due on"), required=False, widget=date_input())
    retention = forms.BooleanField(label=_("retention money"), required=False)
    gates = forms.MultipleChoiceField(
        label=_("gates"),
        required=False,
        choices=gate_choices,
        widget=forms.SelectMultiple(attrs={"size": 5}),
    )
    not_before = forms.DateField(label=_("not before"), required=False, widget=date_input())
    availability = forms.DecimalField(
        label=_("availability at least (%)"),
        required=False,
        min_value=0,
        max_value=100,
        decimal_places=4,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Django's own
        super().__init__(*args, **kwargs)
        if "availability" not in gates.GATES:
            del self.fields["availability"]

    def chosen_gates(self) -> tuple[tuple[str, str], ...]:
        """Pairs of kind and argument."""
        data = self.cleaned_data
        found: list[tuple[str, str]] = []
        for choice in data["gates"]:
            kind, argument = choice.split(":", 1)
            found.append((kind, argument))
        if data["not_before"]:
            found.append(("not_before", data["not_before"].isoformat()))
        if data.get("availability") is not None:
            found.append(("availability", f"{data['availability'].normalize():f}"))
        return tuple(found)


class UploadForm(forms.ModelForm[models.Document]):
    """A document."""

    class Meta:
        model = models.Document
        fields = ("kind", "title", "signed_on", "file")
        widgets: ClassVar[dict[str, Any]] = {"signed_on": date_input()}
        help_texts: ClassVar[Texts] = {
            "signed_on": _("An acceptance counts from the day on which it was signed."),
            "file": _("PDF, OFD, Word, Excel or a picture; at most 20 MiB."),
        }


class PaymentForm(forms.Form):
    """A payment on a certificate."""

    amount = amount_field(_("amount (yuan)"))
    paid_on = forms.DateField(label=_("paid on"), widget=date_input(), initial=timezone.localdate)
    voucher = forms.CharField(
        label=_("voucher number"), max_length=60, help_text=_("E.g. 2019年12月48#.")
    )
    content = forms.CharField(label=_("content"), max_length=200)
    source = forms.ChoiceField(label=pgettext_lazy("money", "source"), choices=Source.choices)


class ReasonForm(forms.Form):
    """A reason."""

    reason = forms.CharField(label=_("reason"), max_length=300)


class DeductForm(forms.Form):
    """A deduction by hand."""

    instalment: forms.ModelChoiceField[models.Instalment] = forms.ModelChoiceField(
        label=_("instalment"), queryset=models.Instalment.objects.none()
    )
    amount = amount_field(_("amount (yuan)"))
    reason = forms.CharField(label=_("reason"), max_length=300)

    def __init__(self, contract: models.Contract, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        field = self.fields["instalment"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = contract.instalments.all()


class RenewForm(forms.Form):
    """The contract that follows."""

    number = forms.CharField(label=_("contract number"), max_length=60)
    amount = amount_field(_("amount (yuan)"))
    starts_on = forms.DateField(label=_("starts on"), widget=date_input())
    expires_on = forms.DateField(label=_("expires on"), widget=date_input())
