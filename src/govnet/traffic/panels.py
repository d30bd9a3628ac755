"""What the traffic app shows on pages of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from govnet.core import panels
from govnet.core.registry import get_resource
from govnet.core.windows import RANGES
from govnet.inventory.models import Unit

DEFAULT_RANGE = "24h"


def unit_panel(request: HttpRequest, unit: Unit) -> Mapping[str, Any] | None:
    """What a unit moves, by application; the chart asks for itself."""
    if not request.user.has_perm("traffic.view_flowexporter"):
        return None
    query = urlencode({"unit": get_resource(Unit).key.text(unit), "by1": "application"})
    chart = {
        "title": _("Flows by application"),
        "url": f"{reverse('traffic:explorer_chart')}?{query}",
        "default_range": DEFAULT_RANGE,
    }
    return {
        "panel_title": _("What the unit's traffic is"),
        "charts": [chart],
        "ranges": [(name, label) for name, (_length, label) in RANGES.items()],
        "default_range": DEFAULT_RANGE,
        "more": f"{reverse('traffic:explorer')}?{query}",
    }


def register() -> None:
    """Put the panel on units' pages; safe to call again."""
    panels.register(Unit, template="traffic/unit_panel.html", context=unit_panel, order=9)
