"""Money as pages show it: 元 stored, 万元 with two decimals shown."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from django import template

register = template.Library()


@register.filter
def wan(amount: Decimal | None) -> str:
    """An amount in 元 as 万元 with two decimals; more where the fen would be lost."""
    if amount is None or amount == "":
        return "—"
    value = amount / 10_000
    shown = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{shown:,.2f}" if shown == value else f"{value.normalize():,f}"


@register.filter
def yuan(amount: Decimal | None) -> str:
    """An amount in 元 to the fen, in groups of three."""
    return "—" if amount is None else f"{amount:,.2f}"


@register.filter
def of(part: Decimal | None, whole: Decimal | None) -> str:
    """A part of a whole as percent; a dash where there is nothing to divide by."""
    if part is None or not whole:
        return "—"
    return f"{(part / whole * 100).quantize(Decimal('0.01'), ROUND_HALF_UP)}%"


@register.filter
def get_item(mapping: Mapping[object, object], key: object) -> object:
    """An entry of a mapping; None where there is none."""
    return mapping.get(key)
