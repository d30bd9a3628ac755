"""What every page knows of the site."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from govnet import __version__


def site(request: HttpRequest) -> dict[str, Any]:
    """The product's version and the person's theme."""
    user = getattr(request, "user", None)
    return {"govnet_version": __version__, "theme": getattr(user, "theme", "light")}
