"""Targets that people make or change are audited; of parameters only that they changed."""

from __future__ import annotations

from typing import Final

from govnet.core.audit import follow
from govnet.monitor.models import Target, TierProof

LEFT_OUT: Final = frozenset({"id", "key", "detail"})


def register() -> None:
    """Follow them; safe to call again. Parameters may hold request headers with secrets."""
    follow([Target, TierProof], leave_out=LEFT_OUT, secret=("params",))
