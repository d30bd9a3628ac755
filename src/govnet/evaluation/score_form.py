"""One item of the score sheet: inputs that fit its rule, and the arithmetic they lead to."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.evaluation import answers
from govnet.evaluation.framework import (
    Bands,
    Checklist,
    Choice,
    Deductions,
    Indicator,
    LowerIsBetter,
    Proportional,
    Qualitative,
)
from govnet.evaluation.models import ScoreEntry
from govnet.evaluation.scoring import Answer, Score, ScoringError, score

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def _number(label: StrOrPromise, initial: Decimal | None) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, initial=initial, required=False, max_digits=18, decimal_places=4
    )


class ScoreForm(forms.ModelForm[ScoreEntry]):
    """One item: what its rule asks, its score within its points, why points were deducted."""

    class Meta:
        model = ScoreEntry
        fields = ("self_score", "deduction_reason")

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  # Django's own signature
        leaves: dict[str, Indicator] | None = None,
        facts: answers.Facts | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self.leaf = (leaves or {}).get(self.instance.item)
        self.facts = facts
        self.fields["self_score"].required = False
        if self.leaf is not None:
            self._add_inputs(self.leaf)

    def _add_inputs(self, leaf: Indicator) -> None:
        known = answers.from_json(self.instance.answer)
        match leaf.rule:
            case Checklist(parts=parts):
                self.fields["held"] = forms.TypedMultipleChoiceField(
                    label=gettext_lazy("What holds"),
                    coerce=int,
                    required=False,
                    choices=[
                        (number, f"{part.text} ({part.points})")
                        for number, part in enumerate(parts)
                    ],
                    widget=forms.CheckboxSelectMultiple,
                    initial=sorted(known.held),
                )
            case Choice(options=options):
                self._choose([f"{option.text} ({option.points})" for option in options], known)
            case Qualitative(tiers=tiers):
                self._choose(
                    [f"{tier.text} ({tier.least * 100:f}–{tier.most * 100:f}%)" for tier in tiers],
                    known,
                )
                share = None if known.share is None else known.share * 100
                self.fields["percent"] = _number(
                    gettext_lazy("Share of the points (%)"), initial=share
                )
            case Bands():
                self.fields["actual"] = _number(
                    gettext_lazy("Actual value (%)"), initial=known.actual
                )
            case Proportional() | LowerIsBetter():
                self.fields["target"] = _number(gettext_lazy("Target value"), initial=known.target)
                self.fields["actual"] = _number(gettext_lazy("Actual value"), initial=known.actual)
            case Deductions(parts=faults):
                for number, fault in enumerate(faults):
                    self.fields[f"fault_{number}"] = _number(
                        f"{fault.text} (−{fault.least}–{fault.most})",
                        initial=known.deducted.get(number),
                    )
            case _:
                pass  # from the funds and the indicators, nothing to enter here

    def _choose(self, texts: list[str], known: Answer) -> None:
        self.fields["chosen"] = forms.TypedChoiceField(
            label=gettext_lazy("Answer"),
            coerce=int,
            empty_value=None,
            required=False,
            choices=[("", "—"), *enumerate(texts)],
            initial=known.chosen,
        )

    @property
    def inputs(self) -> list[forms.BoundField]:
        """The inputs that the rule asks for, without the score itself."""
        return [bound for bound in self.visible_fields() if bound.name not in self.Meta.fields]

    def clean(self) -> dict[str, Any]:
        """The rule's arithmetic; no score over the points; a deduction has its reason."""
        data: dict[str, Any] = super().clean() or {}
        if self.leaf is None:
            return data
        self._apply_rule(self.leaf, data)
        given = data.get("self_score")
        if given is None:
            return data
        if not 0 <= given <= self.leaf.points:
            self.add_error("self_score", _("Between 0 and %s points.") % self.leaf.points)
        elif given < self.leaf.points and not data.get("deduction_reason"):
            self.add_error("deduction_reason", _("Say why points are deducted."))
        return data

    def _apply_rule(self, leaf: Indicator, data: dict[str, Any]) -> None:
        answer = self._answer(data)
        self.instance.answer = answers.as_json(answer)
        if not self.instance.answer:
            return
        try:
            computed = score(leaf, answer)
        except ScoringError as error:
            self.add_error(None, error.note.localized())
            return
        if data.get("self_score") is None:
            data["self_score"] = computed.points

    @staticmethod
    def _answer(data: dict[str, Any]) -> Answer:
        percent: Decimal | None = data.get("percent")
        return Answer(
            target=data.get("target"),
            actual=data.get("actual"),
            held=frozenset(data.get("held") or ()),
            chosen=data.get("chosen"),
            share=None if percent is None else percent / 100,
            deducted={
                int(name.removeprefix("fault_")): cost
                for name, cost in data.items()
                if name.startswith("fault_") and cost
            },
        )

    @cached_property
    def computed(self) -> Score | None:
        """What the rule gives for what is stored."""
        if self.leaf is None or self.facts is None:
            return None
        return answers.known_score(self.leaf, self.instance, self.facts)

    @property
    def differs(self) -> bool:
        """Whether the stored self-score is not what the rule gives."""
        return (
            self.computed is not None
            and self.instance.self_score is not None
            and self.computed.points != self.instance.self_score
        )
