"""What people decide about the map and the differences is audited; readings are not."""

from __future__ import annotations

from auditlog.registry import auditlog

from govnet.topology.models import Dismissal, MapPosition, ProbeAttachment


def register() -> None:
    """Follow the models; safe to call again."""
    for model in (ProbeAttachment, MapPosition, Dismissal):
        if not auditlog.contains(model):
            auditlog.register(model)
