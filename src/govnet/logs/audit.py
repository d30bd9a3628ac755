"""Every change of the logs app's objects by a person is audited; what sources tell is not."""

from __future__ import annotations

from auditlog.registry import auditlog

from govnet.logs.models import LogPattern, LogSource


def register() -> None:
    """Follow both models; safe to call again."""
    if not auditlog.contains(LogSource):
        fields = ["address", "name", "device", "charset", "silent_after_h", "notes"]
        auditlog.register(LogSource, include_fields=fields)
    if not auditlog.contains(LogPattern):
        auditlog.register(LogPattern)
