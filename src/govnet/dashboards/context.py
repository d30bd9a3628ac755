"""What the shell of every page shows besides the page itself."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from govnet.dashboards.navigation import navigation
from govnet.inventory.models import Unit


def shell(request: HttpRequest) -> dict[str, Any]:
    """Navigation and the demo banner; lazy, so that a fragment pays for neither."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {
        "navigation": SimpleLazyObject(lambda: navigation(request)),
        "demo_loaded": SimpleLazyObject(lambda: Unit.objects.filter(demo=True).exists()),
    }
