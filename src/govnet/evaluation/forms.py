"""The self-evaluation form, part by part; amounts are entered in 元."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from django import forms
from django.db.models import Model, QuerySet
from django.forms import BaseInlineFormSet, inlineformset_factory
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.accounts.models import User
from govnet.evaluation import answers, scoring
from govnet.evaluation.catalogue import framework_of, frameworks
from govnet.evaluation.framework import shipped_frameworks
from govnet.evaluation.measures import MEASURES, RATED
from govnet.evaluation.models import (
    Evaluator,
    Fund,
    NarrativeSection,
    ScoreEntry,
    SelfEvaluation,
    SignOff,
    Snapshot,
    SpendingLine,
    TargetIndicator,
)
from govnet.evaluation.score_form import ScoreForm
from govnet.inventory.models import Region
from govnet.projects.models import Project
from govnet.surveys.models import Survey

STANDARD = "national-self-evaluation"


def framework_choices() -> list[tuple[str, str]]:
    """The frameworks on this installation, newest version of each, for a drop-down."""
    named = [(each.id, f"{each.name} ({each.version})") for each in frameworks().values()]
    return [("", _("No score table")), *named]


class _InScope(forms.ModelForm[SelfEvaluation]):
    """Offers the user's own regions; who does not see the whole site must choose one."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:  # noqa: ANN401  # as Django
        super().__init__(*args, **kwargs)
        region = self.fields.get("region")
        if isinstance(region, forms.ModelChoiceField):
            region.queryset = Region.objects.restrict(user)
            region.required = not user.sees_everything
        offered: dict[str, QuerySet[Any]] = {
            "project": Project.objects.restrict(user),
            "survey": Survey.objects.restrict(user),
        }
        for name, queryset in offered.items():
            field = self.fields.get(name)
            if isinstance(field, forms.ModelChoiceField):
                present = getattr(self.instance, f"{name}_id")
                field.queryset = queryset | queryset.model._default_manager.filter(pk=present)  # noqa: SLF001


def _date_inputs(*names: str) -> dict[str, type[forms.Widget] | forms.Widget]:
    return {
        name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        for name in ("report_date", "period_start", "period_end", "signed_on")
        if name in names
    }


class NewForm(_InScope):
    """What a new self-evaluation needs before anything else."""

    framework = forms.ChoiceField(
        label=gettext_lazy("Framework"), choices=framework_choices, required=False
    )

    class Meta:
        model = SelfEvaluation
        fields = (
            "slug", "project_name", "project_unit", "region", "project", "survey",
            "period_start", "period_end", "framework",
        )  # fmt: skip
        help_texts = {
            "slug": gettext_lazy("Letters, digits and hyphens, e.g. yueyang-2026."),
            "period_start": gettext_lazy("Measured values count within this period."),
        }
        widgets = _date_inputs("period_start", "period_end")

    def clean(self) -> dict[str, Any]:
        """A period that ends before it begins measures nothing."""
        data: dict[str, Any] = super().clean() or {}
        start, end = data.get("period_start"), data.get("period_end")
        if start and end and end < start:
            self.add_error("period_end", _("Ends before it begins."))
        return data

    def save(self, commit: bool = True) -> SelfEvaluation:
        """Keep the version of the framework and its definition of the execution rate."""
        evaluation: SelfEvaluation = super().save(commit=False)
        framework = frameworks().get(evaluation.framework)
        if framework is not None:
            evaluation.framework_version = framework.version
            evaluation.denominator = framework.execution_denominator.value
        start, end = evaluation.period_start, evaluation.period_end
        if start and end:
            evaluation.period_text = f"{start.year}年{start.month}月-{end.year}年{end.month}月"
        if commit:
            evaluation.save()
        return evaluation


class PositionedFormSet(BaseInlineFormSet[Model, Model, Any]):
    """Keeps the order in which the rows stand on the page."""

    def save_new(self, form: forms.ModelForm[Any], commit: bool = True) -> Model:
        """A new row comes last."""
        form.instance.position = self.initial_form_count() + self.forms.index(form)
        return super().save_new(form, commit)


class IndicatorForm(forms.ModelForm[TargetIndicator]):
    """One indicator; its actual value may be bound to a measure."""

    measure = forms.ChoiceField(
        label=gettext_lazy("Measure"),
        required=False,
        choices=lambda: [("", "—"), *((m.key, m.name) for m in MEASURES.values())],
    )
    mbps = forms.IntegerField(label="Mbit/s", required=False, min_value=1, max_value=10_000_000)

    class Meta:
        model = TargetIndicator
        fields = (
            "level1", "level2", "content", "target", "actual", "points", "measure", "deviation",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as Django
        super().__init__(*args, **kwargs)
        self.fields["mbps"].initial = self.instance.measure_params.get("mbps")

    def clean(self) -> dict[str, Any]:
        """The rate belongs to the one measure that asks for it."""
        data: dict[str, Any] = super().clean() or {}
        wants_rate = data.get("measure") in RATED
        if wants_rate and not data.get("mbps"):
            self.add_error("mbps", _("Enter the rate as a whole number of Mbit/s."))
        self.instance.measure_params = {"mbps": data.get("mbps")} if wants_rate else {}
        return data


class ScoreFormSet(BaseInlineFormSet[ScoreEntry, SelfEvaluation, ScoreForm]):
    """The score sheet: each form with its rule; the total and the grade follow from it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as Django
        super().__init__(*args, **kwargs)
        evaluation = self.instance
        self.framework = framework_of(evaluation)
        self.form_kwargs = {
            "leaves": answers.leaves_by_id(self.framework),
            "facts": answers.Facts.of(evaluation),
        }

    def save(self, commit: bool = True) -> list[ScoreEntry]:
        """Keep the items, then the total and its grade, which nobody types."""
        saved: list[ScoreEntry] = super().save(commit)
        scores = [form.instance.self_score for form in self.forms]
        if commit and self.framework is not None and None not in scores:
            total = sum((value for value in scores if value is not None), Decimal(0))
            self.instance.stated_score = total
            self.instance.stated_grade = scoring.grade(self.framework, total)
            self.instance.save(update_fields=["stated_score", "stated_grade", "updated_at"])
        return saved


class TotalForm(forms.ModelForm[SelfEvaluation]):
    """The stated score of a form without a score table; its grade follows from it."""

    class Meta:
        model = SelfEvaluation
        fields = ("stated_score",)

    def clean_stated_score(self) -> Decimal | None:
        """A score out of 100."""
        value: Decimal | None = self.cleaned_data["stated_score"]
        if value is not None and not 0 <= value <= 100:
            raise forms.ValidationError(_("Between 0 and %s points.") % 100)
        return value

    def save(self, commit: bool = True) -> SelfEvaluation:
        """Keep the score with the grade of the national bands."""
        value = self.cleaned_data["stated_score"]
        grade = "" if value is None else shipped_frameworks()[STANDARD].grade(value)
        self.instance.stated_grade = grade
        return super().save(commit)


PartForm: TypeAlias = "forms.ModelForm[Any] | BaseInlineFormSet[Any, Any, Any]"


@dataclass(frozen=True, slots=True)
class Part:
    """One step of the form: fields of the evaluation itself, or rows below it."""

    slug: str
    label: str | Promise
    fields: tuple[str, ...] = ()
    formset: type[BaseInlineFormSet[Any, Any, Any]] | None = None

    def form(
        self, evaluation: SelfEvaluation, user: User, data: QueryDict | None = None
    ) -> PartForm:
        """The bound or unbound form or form set of this part."""
        if self.formset is ScoreRows and not evaluation.scores.exists():
            return TotalForm(data, instance=evaluation)
        if self.formset is not None:
            return self.formset(data, instance=evaluation)
        form_class: Callable[..., forms.ModelForm[Any]] = forms.modelform_factory(
            SelfEvaluation, form=_InScope, fields=self.fields, widgets=_date_inputs(*self.fields)
        )
        return form_class(data, instance=evaluation, user=user)


def _rows(
    model: type[Model],
    fields: tuple[str, ...] | None,
    extra: int,
    form: type[forms.ModelForm[Any]] = forms.ModelForm,
) -> type[BaseInlineFormSet[Any, Any, Any]]:
    return inlineformset_factory(
        SelfEvaluation, model, form=form, formset=PositionedFormSet, fields=fields, extra=extra
    )


ScoreRows = inlineformset_factory(
    SelfEvaluation, ScoreEntry, form=ScoreForm, formset=ScoreFormSet, extra=0, can_delete=False
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
         "region", "project", "survey", "goal", "goal_result", "denominator"),
    ),
    Part(
        "funds",
        gettext_lazy("Funds"),
        formset=inlineformset_factory(
            SelfEvaluation,
            Fund,
            fields=(
                "source", "planned", "adjusted", "arrived", "spent", "balance", "carried_over",
            ),
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
        formset=_rows(TargetIndicator, None, 2, IndicatorForm),
    ),
    Part("scores", gettext_lazy("Scores"), formset=ScoreRows),
    Part(
        "people",
        gettext_lazy("Evaluators"),
        formset=_rows(Evaluator, ("name", "job_title", "unit"), 1),
    ),
    Part("signing", gettext_lazy("Filled in by"), ("filled_in_by", "filled_in_phone")),
    Part(
        "sign-offs",
        gettext_lazy("Sign-offs"),
        formset=inlineformset_factory(
            SelfEvaluation,
            SignOff,
            fields=("role", "opinion", "name", "signed_on"),
            widgets=_date_inputs("signed_on"),
            extra=1,
            max_num=4,
        ),
    ),
    Part(
        "narrative",
        gettext_lazy("Narrative"),
        formset=_rows(NarrativeSection, ("title", "body"), 1),
    ),
)  # fmt: skip


class EvidenceForm(forms.Form):
    """What backs an item or an indicator: an attachment, or a measured value."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=200)
    backs = forms.ChoiceField(label=gettext_lazy("Backs"), required=False)
    attachment = forms.FileField(label=gettext_lazy("File"), required=False)
    snapshot = forms.ModelChoiceField(
        label=gettext_lazy("or measured value"), queryset=Snapshot.objects.none(), required=False
    )

    def __init__(  # as Django
        self,
        evaluation: SelfEvaluation,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        leaves = answers.leaves_by_id(framework_of(evaluation))
        items = [
            (f"score-{entry.pk}", f"{entry.item} {leaves[entry.item].name}")
            for entry in evaluation.scores.all()
            if entry.item in leaves
        ]
        rows = [(f"indicator-{row.pk}", str(row)) for row in evaluation.indicators.all()]
        backs = self.fields["backs"]
        assert isinstance(backs, forms.ChoiceField)
        backs.choices = [
            ("", _("the report as a whole")),
            (_("Score items"), items),
            (_("Indicators"), rows),
        ]
        snapshot = self.fields["snapshot"]
        assert isinstance(snapshot, forms.ModelChoiceField)
        snapshot.queryset = evaluation.snapshots.all()

    def clean(self) -> dict[str, Any]:
        """One piece of evidence is one file or one value."""
        data: dict[str, Any] = super().clean() or {}
        if bool(data.get("attachment")) == bool(data.get("snapshot")) and not self.errors:
            raise forms.ValidationError(_("Choose a file or a measured value, one of them."))
        return data

    @property
    def target(self) -> dict[str, int]:
        """The foreign key of what is backed: ``score_id`` or ``indicator_id``."""
        kind, _dash, pk = self.cleaned_data["backs"].partition("-")
        return {f"{kind}_id": int(pk)} if pk else {}


class FrameworkForm(forms.Form):
    """A bureau's own framework as a YAML file."""

    file = forms.FileField(
        label=gettext_lazy("YAML file"),
        help_text=gettext_lazy("A wrong file is refused with the line and the field."),
    )
