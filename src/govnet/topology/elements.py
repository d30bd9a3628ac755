"""How objects of the ledger are called in the graph: ``device:12``, ``circuit:5``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db.models import Model

from govnet.inventory.models import AccessPoint, Circuit, Device
from govnet.monitor.models import Target

PROBE: Final = "probe"

PREFIXES: Final[dict[type[Model], str]] = {
    Device: "device",
    AccessPoint: "accesspoint",
    Circuit: "circuit",
    Target: "target",
}
MODELS: Final[dict[str, type[Model]]] = {prefix: model for model, prefix in PREFIXES.items()}


def element_of(instance: Model) -> str:
    """The id of an object in the graph.

    Raises:
        KeyError: objects of this model are not in the graph.
    """
    return f"{PREFIXES[type(instance)]}:{instance.pk}"


def key_of(element: str) -> tuple[type[Model], int] | None:
    """Model and primary key behind an id; None for what has no object of its own."""
    prefix, _, number = element.partition(":")
    model = MODELS.get(prefix)
    return (model, int(number)) if model and number.isdecimal() else None


def keys(elements: Iterable[str], model: type[Model]) -> list[int]:
    """Primary keys of those elements that are objects of a model."""
    found = (key_of(element) for element in elements)
    return [item[1] for item in found if item and item[0] is model]
