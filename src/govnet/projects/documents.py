"""Uploaded documents: checked before they are stored, verified when they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from govnet.core.uploads import keep, verified
from govnet.projects.models import Document

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    from govnet.accounts.models import User


def store(document: Document, file: UploadedFile[Any], user: User | None) -> Document:
    """Keep a file with its checksum.

    Raises:
        UploadError: the file cannot be stored.
    """
    kept = keep(document.file, file)
    document.file_name, document.size, document.digest = kept.name, kept.size, kept.digest
    document.uploaded_by = user
    document.save()
    return document


def read(document: Document) -> bytes:
    """The file as it was uploaded.

    Raises:
        UploadError: it is missing, or it is not what was uploaded.
    """
    return verified(document.file, document.digest)
