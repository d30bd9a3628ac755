"""What people decide about the map and the differences is audited; readings are not."""

from __future__ import annotations

from govnet.core.audit import follow
from govnet.topology.models import Dismissal, MapPosition, ProbeAttachment


def register() -> None:
    """Follow the models; safe to call again."""
    follow((ProbeAttachment, MapPosition, Dismissal))
