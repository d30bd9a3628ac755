"""The self-evaluation form, part by part; amounts are entered in 元."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from django import forms
from django.db.models import Model
from django.forms import BaseInlineFormSet, inlineformset_factory
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.evaluation.framework import Indicator, shipped_frameworks
from govnet.evaluation.models import (
    Evaluator,
    Fund,
    NarrativeSection,
    ScoreEntry,
    SelfEvaluation,
    SpendingLine,
    TargetIndicator,
)


def framework_choices() -> list[tuple[str, str]]:
    """The frameworks on this installation, for a drop-down."""
    named = [(framework.id, framework.name) for framework in shipped_frameworks().values()]
    return [("", _("No score table")), *named]


class NewForm(forms.ModelForm[SelfEvaluation]):
    """What a new self-evaluation needs before anything else."""

    framework = forms.ChoiceField(
        label=gettext_lazy("Framework"), choices=framework_choices, required=False
    )

    class Meta:
        model = SelfEvaluation
        fields = ("slug", "project_name", "project_unit", "period_start", "period_end", "framework")
        help_texts = {"slug": gettext_lazy("Letters, digits and hyphens, e.g. yueyang-2026.")}
        widgets = {
            name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            for name in ("period_start", "period_end")
        }

    def save(self, commit: bool = True) -> SelfEvaluation:
        """Keep the framework's version and lay out its items to be scored."""
        evaluation: SelfEvaluation = super().save(commit=False)
        framework = shipped_frameworks().get(evaluation.framework)
        evaluation.framework_version = framework.version if framework else None
        if commit:
            evaluation.save()
            ScoreEntry.objects.bulk_create(
                ScoreEntry(evaluation=evaluation, position=position, item=leaf.id)
                for position, leaf in enumerate(framework.leaves() if framework else ())
            )
        return evaluation


class ScoreForm(forms.ModelForm[ScoreEntry]):
    """One item: its score within its points, and why points were deducted."""

    class Meta:
        model = ScoreEntry
        fields = ("self_score", "deduction_reason")

    def clean(self) -> dict[str, Any]:
        """No score over the points; a deduction has its reason."""
        data: dict[str, Any] = super().clean() or {}
        score = data.get("self_score")
        leaf = self.leaf
        if score is None or leaf is None:
            return data
        if not 0 <= score <= leaf.points:
            self.add_error("self_score", _("Between 0 and %s points.") % leaf.points)
        elif score < leaf.points and not data.get("deduction_reason"):
            self.add_error("deduction_reason", _("Say why points are deducted."))
        return data

    @property
    def leaf(self) -> Indicator | None:
        """The framework's item that this row scores."""
        framework = shipped_frameworks().get(self.instance.evaluation.framework)
        return framework.leaf(self.instance.item) if framework else None


class PositionedFormSet(BaseInlineFormSet[Model, Model, Any]):
    """Keeps the order in which the rows stand on the page."""

    def save_new(self, form: forms.ModelForm[Any], commit: bool = True) -> Model:
        """A new row comes last."""
        form.instance.position = self.initial_form_count() + self.forms.index(form)
        return super().save_new(form, commit)


PartForm: TypeAlias = "forms.ModelForm[Any] | BaseInlineFormSet[Any, Any, Any]"


@dataclass(frozen=True, slots=True)
class Part:
    """One step of the form: fields of the evaluation itself, or rows below it."""

    slug: str
    label: str | Promise
    fields: tuple[str, ...] = ()
    formset: type[BaseInlineFormSet[Any, Any, Any]] | None = None

    def form(self, evaluation: SelfEvaluation, data: QueryDict | None = None) -> PartForm:
        """The bound or unbound form or form set of this part."""
        if self.formset is not None:
            return self.formset(data, instance=evaluation)
        return _model_form(self.fields)(data, instance=evaluation)


def _model_form(fields: tuple[str, ...]) -> type[forms.ModelForm[SelfEvaluation]]:
    dates = [name for name in fields if name in {"report_date", "period_start", "period_end"}]
    return forms.modelform_factory(
        SelfEvaluation,
        fields=fields,
        widgets={
            name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d") for name in dates
        },
    )


def _rows(
    model: type[Model], fields: tuple[str, ...], extra: int
) -> type[BaseInlineFormSet[Any, Any, Any]]:
    return inlineformset_factory(
        SelfEvaluation, model, formset=PositionedFormSet, fields=fields, extra=extra
    )


PARTS = (
    Part(
        "cover",
        gettext_lazy("Cover"),
        ("title", "project_name", "project_unit", "department", "kind", "method", "evaluated_by",
         "report_date", "issued_by"),
    ),
    Part(
        "facts",
        gettext_lazy("Project"),
        ("leader", "phone", "address", "postcode", "period_text", "period_start", "period_end",
         "region", "goal", "goal_result", "denominator"),
    ),
    Part(
        "funds",
        gettext_lazy("Funds"),
        formset=inlineformset_factory(
            SelfEvaluation,
            Fund,
            fields=("source", "planned", "arrived", "spent", "balance", "carried_over"),
            extra=1,
            max_num=6,
        ),
    ),
    Part(
        "spending",
        gettext_lazy("Spending"),
        formset=_rows(SpendingLine, ("content", "amount", "voucher", "note"), 2),
    ),
    Part(
        "indicators",
        gettext_lazy("Indicators"),
        formset=_rows(
            TargetIndicator, ("level1", "level2", "content", "target", "actual", "deviation"), 2
        ),
    ),
    Part(
        "scores",
        gettext_lazy("Scores"),
        formset=inlineformset_factory(
            SelfEvaluation, ScoreEntry, form=ScoreForm, extra=0, can_delete=False
        ),
    ),
    Part(
        "people",
        gettext_lazy("Evaluators"),
        formset=_rows(Evaluator, ("name", "job_title", "unit"), 1),
    ),
    Part(
        "narrative",
        gettext_lazy("Narrative"),
        formset=_rows(NarrativeSection, ("title", "body"), 1),
    ),
)  # fmt: skip


class EvidenceForm(forms.Form):
    """An attachment entered by hand."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=200)
    attachment = forms.FileField(label=gettext_lazy("File"))
