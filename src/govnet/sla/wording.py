"""Words that pages, Word files and workbooks share: the formula and its terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy

from govnet.engine.availability import Terms

TERM_LABELS: Final = {
    "period_s": gettext_lazy("Period"),
    "out_s": gettext_lazy("Outside of service hours"),
    "planned_s": gettext_lazy("Planned work"),
    "excluded_s": gettext_lazy("Excluded"),
    "unknown_s": gettext_lazy("Unknown"),
    "down_s": gettext_lazy("Down"),
    "up_s": gettext_lazy("Up"),
    "degraded_s": gettext_lazy("of it degraded"),
}


def formula(terms: Terms) -> str:
    """The formula with its terms in seconds: (T − …) ÷ (T − …)."""
    taken = (terms.service_s, terms.planned_s, terms.excluded_s, terms.unknown_s)
    base = " − ".join(f"{seconds:,}" for seconds in taken)
    left = terms.base_s - terms.down_s
    return f"({base} − {terms.down_s:,}) ÷ ({base}) = {left:,} ÷ {terms.base_s:,}"


def term_rows(data: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Label and seconds of each term, in the order of the formula."""
    return [(str(label), data[name]) for name, label in TERM_LABELS.items()]
