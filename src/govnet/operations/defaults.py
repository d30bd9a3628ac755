"""The limits that an installation starts with, by level; each can be changed."""

from __future__ import annotations

from typing import Final

from govnet.alarms.choices import Level
from govnet.operations.models import OrderLimit

HOUR: Final = 60
DAY: Final = 24 * HOUR

# No national figures exist for this network; these are customary and meant to be adapted.
LIMITS: Final = {
    Level.CRITICAL: (15, HOUR, 4 * HOUR),
    Level.MAJOR: (30, 2 * HOUR, 8 * HOUR),
    Level.MINOR: (HOUR, 4 * HOUR, DAY),
    Level.NOTICE: (DAY, 2 * DAY, 3 * DAY),
}


def ensure_limits(**_kwargs: object) -> None:
    """Make those that are missing; called after each migration."""
    for level, (respond, on_site, restore) in LIMITS.items():
        OrderLimit.objects.get_or_create(
            level=level,
            defaults={
                "respond_min": respond,
                "on_site_min": on_site,
                "restore_min": restore,
            },
        )
