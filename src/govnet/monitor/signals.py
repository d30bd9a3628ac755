"""Every saved or deleted row that decides what is measured raises the revision.

Rows written in bulk send no signal: the importer calls ``services.bump_revision_on_commit``
itself, and the engine looks at everything once a minute anyway.
"""

from __future__ import annotations

from django.db.models.signals import post_delete, post_save

from govnet.inventory.models import AccessPoint, Credential, Device, Port
from govnet.monitor.models import Target
from govnet.monitor.services import bump_revision_on_commit

FOLLOWED = (AccessPoint, Credential, Device, Port, Target)


def _changed(sender: type, **_: object) -> None:  # noqa: ARG001  # signals pass it by name
    bump_revision_on_commit()


def connect() -> None:
    """Follow the models; called once when the app is ready."""
    for model in FOLLOWED:
        post_save.connect(_changed, sender=model, dispatch_uid=f"revision-save-{model.__name__}")
        post_delete.connect(
            _changed, sender=model, dispatch_uid=f"revision-delete-{model.__name__}"
        )
