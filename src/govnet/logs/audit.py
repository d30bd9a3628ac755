"""Every change of the logs app's objects by a person is audited; what sources tell is not."""

from __future__ import annotations

from typing import Final

from govnet.core.audit import LEFT_OUT, follow
from govnet.logs.models import LogPattern, LogSource

TOLD: Final = frozenset({"silent", "first_seen", "last_seen", "told", "counters"})


def register() -> None:
    """Follow both models; safe to call again."""
    follow((LogSource, LogPattern), leave_out=LEFT_OUT | TOLD)
