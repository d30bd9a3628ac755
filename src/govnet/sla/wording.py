"""Words that pages, Word files and workbooks share: lengths of time and the formula's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

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


def length_text(seconds: float | str | None) -> str:
    """A length of time to the second, as 1 day 2 h 3 min 4 s; a dash for unknown."""
    if seconds is None or seconds == "":
        return "—"
    whole = round(float(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, last = divmod(rest, 60)
    parts = [ngettext("%d day", "%d days", days) % days] if days else []
    parts += [_("%d h") % hours] if hours else []
    parts += [_("%d min") % minutes] if minutes else []
    parts += [_("%d s") % last] if last or not parts else []
    return " ".join(parts)


def formula(terms: Terms) -> str:
    """The formula with its terms in seconds: (T − …) ÷ (T − …)."""
    base = f"{terms.service_s} − {terms.planned_s} − {terms.excluded_s} − {terms.unknown_s}"
    return f"({base} − {terms.down_s}) ÷ ({base}) = {terms.base_s - terms.down_s} ÷ {terms.base_s}"


def term_rows(data: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Label and seconds of each term, in the order of the formula."""
    return [(str(label), data[name]) for name, label in TERM_LABELS.items()]
