"""A change of what flows are enriched with raises the revision, so that the receiver follows."""

from __future__ import annotations

from django.db.models.signals import post_delete, post_save

from govnet.inventory.models import Circuit
from govnet.monitor.services import bump_revision_on_commit
from govnet.traffic.models import AddressBlock, FlowExporter


def _changed(sender: type, **_: object) -> None:  # noqa: ARG001  # signals pass it by name
    bump_revision_on_commit()


def connect() -> None:
    """Follow the models; called once when the app is ready."""
    for model in (AddressBlock, FlowExporter, Circuit):
        name = f"flow-revision-{model.__name__}"
        post_save.connect(_changed, sender=model, dispatch_uid=f"{name}-save")
        post_delete.connect(_changed, sender=model, dispatch_uid=f"{name}-delete")
