"""What stands on an object's page: what is lost if it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.accounts.models import User
from govnet.core import panels as object_page
from govnet.core.querysets import RestrictedQuerySet
from govnet.inventory.models import Circuit, Device, Port
from govnet.topology import services

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Loss:
    """One kind of thing that is lost: how many that the person may see, and the first of them."""

    label: str | Promise
    count: int
    first: tuple[Model, ...]

    @property
    def more(self) -> int:
        """How many are not listed."""
        return self.count - len(self.first)


def losses(user: User, impact: services.Impact) -> list[Loss]:
    """What the person may see of an impact, kind by kind; kinds without any are left out."""
    kinds: list[tuple[str | Promise, str, QuerySet[Any]]] = [
        (_("Units"), "inventory.view_unit", impact.units()),
        (_("Access points"), "inventory.view_accesspoint", impact.access_points()),
        (_("Devices"), "inventory.view_device", impact.devices()),
        (_("Circuits"), "inventory.view_circuit", impact.circuits()),
        (_("Services"), "monitor.view_target", impact.targets()),
    ]
    kinds += [(label, "", rows) for label, rows in services.extra_impact(impact)]
    found = []
    for label, permission, rows in kinds:
        if permission and not user.has_perm(permission):
            continue
        visible = rows.restrict(user) if isinstance(rows, RestrictedQuerySet) else rows.none()
        if count := visible.count():
            found.append(Loss(label, count, tuple(visible[:SHOWN])))
    return found


def impact_panel(request: HttpRequest, instance: Device | Circuit | Port) -> dict[str, Any] | None:
    """What would be lost with it; nothing for what is not in the graph."""
    assert isinstance(request.user, User)
    elements = services.elements_of(instance)
    if not any(element in services.graph().index for element in elements):
        return None
    return {"losses": losses(request.user, services.impact(instance)), "elements": elements}


def register() -> None:
    """Put the panel on the pages of devices, circuits and ports."""
    for model in (Device, Circuit, Port):
        object_page.register(
            model, template="topology/impact_panel.html", context=impact_panel, order=20
        )
