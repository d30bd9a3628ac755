"""Circuits and the probe's attachment change the graph, and so raise the revision it follows."""

from __future__ import annotations

from django.db.models.signals import post_delete, post_save

from govnet.inventory.models import Circuit
from govnet.monitor.services import bump_revision_on_commit


def _changed(sender: type, **_: object) -> None:  # noqa: ARG001  # signals pass it by name
    bump_revision_on_commit()


def connect() -> None:
    """Follow circuits; the monitor follows everything else that is in the graph."""
    post_save.connect(_changed, sender=Circuit, dispatch_uid="topology-circuit-saved")
    post_delete.connect(_changed, sender=Circuit, dispatch_uid="topology-circuit-deleted")
