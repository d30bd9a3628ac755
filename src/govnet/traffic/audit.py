"""Every change of the traffic app's objects by a person is audited; what exporters tell is not."""

from __future__ import annotations

from typing import Final

from govnet.core.audit import LEFT_OUT, follow
from govnet.traffic.models import AddressBlock, FlowExporter

TOLD: Final = frozenset({"first_seen", "last_seen", "told", "counters"})


def register() -> None:
    """Follow both models; safe to call again."""
    follow((AddressBlock, FlowExporter), leave_out=LEFT_OUT | TOLD)
