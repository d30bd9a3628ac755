"""The explorer's question as a form: its whole state is the page's query string."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.accounts.models import User
from govnet.core.forms import PickerField
from govnet.core.windows import Window
from govnet.inventory.models import Carrier, Circuit, Unit
from govnet.telemetry.flow_queries import Network, Where
from govnet.traffic.applications import OTHER, name_of
from govnet.traffic.dimensions import DIMENSIONS, DIRECTIONS, rules
from govnet.traffic.explorer import AMOUNTS, Question
from govnet.traffic.models import FlowExporter

LEVELS: Final = ("by1", "by2", "by3")
SHOWN: Final = (
    ("lines", gettext_lazy("Over time")),
    ("sankey", gettext_lazy("From – to")),
    ("table", gettext_lazy("Table")),
)
_PICKED: Final = {
    "unit": "unit_id",
    "circuit": "circuit_id",
    "carrier": "carrier_id",
    "exporter": "exporter_id",
}


def _dimension_choices() -> Iterator[tuple[str, Any]]:
    yield "", gettext_lazy("—")
    yield from ((name, dimension.label) for name, dimension in DIMENSIONS.items())


def _application_choices() -> Iterator[tuple[str, str]]:
    yield "", _("Any application")
    known = rules()
    named = {str(rule.number): name_of(rule.number, known) for rule in known}
    yield from sorted(named.items(), key=lambda one: one[1])
    yield str(OTHER), _("Other applications")


def _direction_choices() -> Iterator[tuple[str, Any]]:
    yield "", gettext_lazy("Any direction")
    yield from ((str(number), label) for number, label in DIRECTIONS.items())


class ExplorerForm(forms.Form):
    """Filters, up to three dimensions, what to show."""

    by1 = forms.ChoiceField(label=gettext_lazy("Group by"), choices=_dimension_choices)
    by2 = forms.ChoiceField(label=gettext_lazy("then by"), choices=_dimension_choices)
    by3 = forms.ChoiceField(label=gettext_lazy("and by"), choices=_dimension_choices)
    unit = PickerField(Unit, label=gettext_lazy("Unit"))
    circuit = PickerField(Circuit, label=gettext_lazy("Circuit"))
    carrier = PickerField(Carrier, label=gettext_lazy("Carrier"))
    exporter = PickerField(FlowExporter, label=gettext_lazy("Flow exporter"))
    application = forms.ChoiceField(label=gettext_lazy("Application"), choices=_application_choices)
    direction = forms.ChoiceField(label=gettext_lazy("Direction"), choices=_direction_choices)
    address = forms.CharField(
        label=gettext_lazy("Address or prefix"),
        max_length=43,
        widget=forms.TextInput(attrs={"placeholder": "10.20.0.0/16", "spellcheck": "false"}),
    )
    amount = forms.ChoiceField(
        label=gettext_lazy("Unit of the chart"),
        choices=[(name, label) for name, (label, _unit) in AMOUNTS.items()],
        initial="octets",
    )
    show = forms.ChoiceField(label=gettext_lazy("Show"), choices=SHOWN, initial="lines")
    compare = forms.BooleanField(label=gettext_lazy("Compare with the span before"))

    def __init__(self, user: User, data: QueryDict) -> None:
        filled = data.copy()
        for name in ("amount", "show"):
            filled.setdefault(name, str(self.base_fields[name].initial))
        if not any(name in data for name in LEVELS):
            filled["by1"] = "unit_id"
        super().__init__(filled)
        for name, field in self.fields.items():
            field.required = name in ("amount", "show")
            if isinstance(field, PickerField):
                field.user = user

    def clean_address(self) -> Network | None:
        """The prefix; a single address is one too."""
        text = self.cleaned_data["address"]
        if not text:
            return None
        try:
            return ipaddress.ip_network(text, strict=False)
        except ValueError:
            message = _("Write an address or a prefix, such as 10.20.0.7 or 10.20.0.0/16.")
            raise ValidationError(message) from None

    def question(self, window: Window) -> Question:
        """What the valid form asks."""
        data = self.cleaned_data
        values = {column: [data[name].pk] for name, column in _PICKED.items() if data.get(name)}
        values |= {
            name: [int(data[name])] for name in ("application", "direction") if data.get(name)
        }
        return Question(
            window,
            tuple(dict.fromkeys(filter(None, (data.get(level) for level in LEVELS)))),
            Where(values, data["address"]),
            data["amount"],
            data["compare"],
        )
