"""What monitoring adds to the ledger's lists: state, latency, traffic and use of a circuit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import django_filters
import django_tables2 as tables
from django.db.models import Case, F, FloatField, Model, QuerySet, When
from django.db.models.functions import Cast, Greatest, NullIf
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from govnet.core.columns import ExtraColumn, register
from govnet.dashboards.templatetags.ui import rate, state_badge
from govnet.inventory.models import AccessPoint, Circuit, CircuitKind, Device, Port, Unit
from govnet.monitor.models import StateChoices
from govnet.monitor.states import with_state

_NUMBER = {"td": {"class": "num"}, "th": {"class": "num"}}


class StateColumn(tables.Column):
    """The state by shape and word; sorted by how bad it is."""

    def __init__(self) -> None:
        super().__init__(
            verbose_name=_("State"), accessor="state", order_by=("state_rank",), empty_values=()
        )

    def render(self, value: str) -> SafeString:
        """The badge that every page draws."""
        return state_badge(value)


class RateColumn(tables.Column):
    """Traffic in the unit that reads best; grey text when there is none."""

    def render(self, value: float) -> str:
        """Bit/s with its prefix."""
        return rate(value)


class PercentColumn(tables.Column):
    """A share in percent."""

    def render(self, value: float) -> str:
        """Two decimals, as every percentage."""
        return f"{value:.2f}%"


def _state() -> ExtraColumn:
    return ExtraColumn(
        name="state",
        column=StateColumn,
        annotate=with_state,
        filters={
            "state": lambda: django_filters.ChoiceFilter(
                field_name="state", choices=StateChoices.choices, label=_("State")
            )
        },
        first=True,
    )


def _port_traffic(queryset: QuerySet[Any]) -> QuerySet[Any]:
    annotated: QuerySet[Any] = queryset.annotate(
        in_bps=Cast("state__in_bps", FloatField()), out_bps=Cast("state__out_bps", FloatField())
    )
    return annotated


def _measured(direction: str, other: str) -> Case:
    """The SQL twin of ``sources.measuring_port`` and ``sources.is_swapped``."""
    return Case(
        When(z_port=None, then=F(f"a_port__state__{direction}")),
        When(kind=CircuitKind.ACCESS, then=F(f"z_port__state__{other}")),
        default=F(f"z_port__state__{direction}"),
        output_field=FloatField(),
    )


def _circuit_traffic(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Traffic of the measuring port; use is the busier direction ÷ the *contracted* rate.

    An unmeasured direction makes the use unknown, not small.
    """
    annotated: QuerySet[Any] = queryset.annotate(
        in_bps=_measured("in_bps", "out_bps"),
        out_bps=_measured("out_bps", "in_bps"),
        use_percent=Greatest("in_bps", "out_bps")
        / NullIf(Cast("contracted_mbps", FloatField()), 0.0)
        / 10_000.0,
    )
    return annotated


def _traffic(model: type[Model], annotate: Callable[[QuerySet[Any]], QuerySet[Any]]) -> None:
    for name, label in (("in_bps", _("In")), ("out_bps", _("Out"))):
        column = partial(RateColumn, verbose_name=label, accessor=name, attrs=_NUMBER)
        register(
            model,
            ExtraColumn(name=name, column=column, annotate=annotate, default=model is Port),
        )


def register_columns() -> None:
    """Add the columns; called once when the app is ready."""
    for model in (Unit, AccessPoint, Device, Circuit):
        register(model, _state())
    _traffic(Port, _port_traffic)
    _traffic(Circuit, _circuit_traffic)
    register(
        Circuit,
        ExtraColumn(
            name="use_percent",
            column=partial(
                PercentColumn,
                verbose_name=_("Use of the contracted rate"),
                accessor="use_percent",
                attrs=_NUMBER,
            ),
            annotate=_circuit_traffic,
        ),
    )
