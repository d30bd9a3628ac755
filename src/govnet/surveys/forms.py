"""The ballot that a unit fills in, and a result on paper."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from govnet.surveys.models import Rating, Survey
from govnet.surveys.result import Result


class BallotForm(forms.Form):
    """The questions of a survey, for a phone."""

    def __init__(self, survey: Survey, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Django's own
        super().__init__(*args, **kwargs)
        self.fields["rating"] = self._rated(survey.question)
        self.further = list(survey.questions.all())
        for question in self.further:
            self.fields[f"q{question.pk}"] = self._rated(question.text)
        self.fields["comment"] = forms.CharField(
            label=_("Comment"),
            required=False,
            max_length=500,
            widget=forms.Textarea(attrs={"rows": 3}),
        )

    @staticmethod
    def _rated(text: str) -> forms.TypedChoiceField:
        return forms.TypedChoiceField(
            label=text, coerce=int, choices=Rating.choices, widget=forms.RadioSelect
        )

    def answers(self) -> dict[str, int]:
        """Ratings of the further questions by their text."""
        return {q.text: self.cleaned_data[f"q{q.pk}"] for q in self.further}


class ManualForm(forms.Form):
    """Counts of a survey on paper and the file that proves them."""

    invited = forms.IntegerField(label=_("invited"), min_value=1)
    returned = forms.IntegerField(label=_("returned"), min_value=1)
    valid = forms.IntegerField(label=_("valid"), min_value=1)
    satisfied = forms.IntegerField(label=_("satisfied"), min_value=0)
    attachment = forms.FileField(
        label=_("attachment"), help_text=_("The tally or the scanned sheets; at most 20 MiB.")
    )

    def counts(self) -> Result:
        """The counts."""
        data = self.cleaned_data
        return Result(data["invited"], data["returned"], data["valid"], data["satisfied"])
