"""Links to the pages of declared objects."""

from __future__ import annotations

from django import template
from django.db.models import Model

from govnet.core.registry import Resource

register = template.Library()


@register.simple_tag
def object_page(resource: Resource, instance: Model | None, action: str) -> str:
    """URL of an action on an object, or of one on all objects without it."""
    return resource.url(action, *([] if instance is None else [instance.pk]))
