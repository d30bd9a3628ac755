"""Every write of the ledger is audited; of a secret only that it changed."""

from __future__ import annotations

from govnet.core.audit import follow
from govnet.inventory.models import BandwidthChange, ledger_models


def register() -> None:
    """Follow every model of the ledger; safe to call again."""
    follow([*ledger_models(), BandwidthChange])
