"""Panels that other apps put on an object's page: charts, targets, state.

The ledger knows nothing of monitoring; monitoring registers here what it wants shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

Context = Callable[[HttpRequest, Any], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """One block of an object's page.

    Attributes:
        template: rendered with ``object`` and what ``context`` returns.
        context: called with the request and the object; None leaves the panel out.
        order: panels below zero stand above the object's fields, the others below them.
    """

    template: str
    context: Context | None
    order: int


_panels: dict[type[Model], list[Panel]] = defaultdict(list)


def register(
    model: type[Model], *, template: str, context: Context | None = None, order: int = 0
) -> None:
    """Add a panel to the page of every object of ``model``; call it in ``AppConfig.ready``."""
    panel = Panel(template, context, order)
    if panel not in _panels[model]:
        _panels[model].append(panel)
        _panels[model].sort(key=lambda item: item.order)


def render(request: HttpRequest, instance: Model) -> dict[str, list[SafeString]]:
    """The panels of one object as HTML, those above its fields and those below."""
    drawn: dict[str, list[SafeString]] = {"above": [], "below": []}
    for panel in _panels[type(instance)]:
        context = panel.context(request, instance) if panel.context else {}
        if context is not None:
            html = render_to_string(panel.template, {"object": instance, **context}, request)
            drawn["above" if panel.order < 0 else "below"].append(html)
    return drawn
