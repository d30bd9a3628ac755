"""Availability on the pages of circuits, access points and units."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from govnet.core import panels
from govnet.inventory.models import AccessPoint, Circuit, Unit
from govnet.sla.inputs import Scope
from govnet.sla.models import PeriodKind
from govnet.sla.periods import Period
from govnet.sla.services import availability, object_url, statements_of

KINDS: Final[dict[type[Model], str]] = {
    Circuit: "circuit",
    AccessPoint: "access_point",
    Unit: "unit",
}
STATEMENTS_SHOWN: Final = 6


def panel(request: HttpRequest, instance: Model) -> dict[str, Any] | None:
    """This month so far and the last twelve months, with the way to what stands behind."""
    if not request.user.has_perm("sla.view_statement"):
        return None
    scope, now = Scope(KINDS[type(instance)], instance.pk), timezone.now()
    month = Period.holding(PeriodKind.MONTH, timezone.localdate()).start
    spans = [(_("This month so far"), month), (_("Last 12 months"), now - timedelta(days=365))]
    figures = [
        (label, availability(scope, start, now), object_url(scope, start, now))
        for label, start in spans
        if start < now - timedelta(seconds=1)
    ]
    issued = statements_of(scope).filter(amended_by__isnull=True).defer("inputs", "figures")
    return {
        "figures": figures,
        "statements": issued[:STATEMENTS_SHOWN],
        "url": reverse("sla:object", args=[scope.kind, scope.pk]),
    }


def register() -> None:
    """Put the panel on the pages; safe to call again."""
    for model in KINDS:
        panels.register(model, template="sla/panel.html", context=panel, order=-8)
