"""The form of one fault: its target, and the options that its kind has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from django import forms
from django.http import QueryDict
from django.utils.translation import pgettext_lazy
from pydantic.fields import FieldInfo

from govnet.lab import faults, words
from govnet.lab.twin import Twin

PREFIX = "option_"


class FaultForm(forms.Form):
    """What to break, and how; after ``is_valid`` ``supposed`` is the fault."""

    target = forms.CharField(
        label=pgettext_lazy("fault", "Target"),
        max_length=80,
        widget=forms.TextInput(attrs={"list": "targets", "autocomplete": "off"}),
    )

    def __init__(
        self, twin: Twin, kind: str, data: QueryDict | None = None, target: str = ""
    ) -> None:
        super().__init__(data)
        self.twin, self.kind = twin, faults.KINDS[kind]
        self.targets = list(_targets(twin, self.kind))
        only = self.targets[0][0] if len(self.targets) == 1 else ""
        self.fields["target"].initial = target or only
        for name, field in self.kind.model.model_fields.items():
            self.fields[PREFIX + name] = _field(name, field)
        self.supposed: faults.Fault | None = None

    def clean(self) -> dict[str, Any]:
        """Let the kind say whether there is such a target and whether the options are right."""
        values = {
            name.removeprefix(PREFIX): value
            for name, value in self.cleaned_data.items()
            if name.startswith(PREFIX) and value
        }
        if "target" in self.cleaned_data:
            target = self.cleaned_data["target"]
            try:
                self.supposed = faults.supposed(self.twin.city, self.kind.name, target, values)
            except faults.FaultError as error:
                raise forms.ValidationError(str(error)) from error
        return self.cleaned_data


def _field(name: str, field: FieldInfo) -> forms.Field:
    label = str(words.OPTIONS.get(name, name))
    choices = get_args(field.annotation)
    if choices:
        named = [(choice, words.CHOICES.get(choice, choice)) for choice in choices]
        return forms.ChoiceField(label=label, choices=named, initial=field.default)
    return forms.CharField(label=label, max_length=20, required=False, initial=field.default)


def _targets(twin: Twin, kind: type[faults.Kind]) -> Iterator[tuple[str, str]]:
    """What this kind can be done to, with what people call it."""
    for name, title in _named(twin, kind):
        try:
            if kind.resolve(twin.city, name) == name:
                yield name, title
        except faults.FaultError:
            continue


def _named(twin: Twin, kind: type[faults.Kind]) -> Iterator[tuple[str, str]]:
    city = twin.city
    for node in city.nodes:
        yield node.name, node.title
        for end, far, _cable in city.plugs(node.name):
            yield (
                f"{node.name}:{end.interface}",
                f"{node.title} → {city.by_name[far.node].title}",
            )
        if kind.name == "kill":
            for daemon in twin.daemons(node.name):
                yield f"{node.name}:{daemon.name}", node.title
    for cable in city.cables:
        yield cable.name, " – ".join(city.by_name[end.node].title for end in cable.ends)
