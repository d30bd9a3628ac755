"""Uploaded documents: checked before they are stored, verified when they are read."""

from __future__ import annotations

import zipfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from govnet.core.errors import gettext_noop
from govnet.projects.models import Document
from govnet.projects.services import ProjectError

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    from govnet.accounts.models import User

MAX_SIZE: Final = 20 * 1024 * 1024
# How files of each kind begin; Office files and OFD (GB/T 33190) are zip archives.
KINDS: Final[dict[str, bytes]] = {
    ".pdf": b"%PDF-",
    ".ofd": b"PK\x03\x04",
    ".docx": b"PK\x03\x04",
    ".xlsx": b"PK\x03\x04",
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8\xff",
    ".jpeg": b"\xff\xd8\xff",
}


def check_file(file: UploadedFile[Any]) -> None:
    """Refuse what is too large, empty, or not what its name says.

    Raises:
        ProjectError: the file cannot be stored.
    """
    if not file.size:
        raise ProjectError(gettext_noop("The file is empty."))
    if file.size > MAX_SIZE:
        raise ProjectError(gettext_noop("The file is over %(limit)d MiB."), limit=MAX_SIZE >> 20)
    suffix = Path(file.name or "").suffix.lower()
    begin = KINDS.get(suffix)
    if begin is None:
        raise ProjectError(
            gettext_noop("Files of the kind “%(kind)s” are not accepted: use %(known)s."),
            kind=suffix or "?",
            known=" ".join(KINDS),
        )
    file.seek(0)
    if file.read(len(begin)) != begin or (begin[:2] == b"PK" and not _is_archive(file)):
        raise ProjectError(gettext_noop("The content of the file is not what its name says."))
    file.seek(0)


def _is_archive(file: UploadedFile[Any]) -> bool:
    file.seek(0)
    return file.file is not None and zipfile.is_zipfile(file.file)


def store(document: Document, file: UploadedFile[Any], user: User | None) -> Document:
    """Keep a file under a name that nobody can guess, with its checksum.

    Raises:
        ProjectError: the file cannot be stored.
    """
    check_file(file)
    digest = sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    document.file_name = Path(file.name or "").name[:200]
    document.size = file.size or 0
    document.digest = digest.hexdigest()
    document.uploaded_by = user
    document.file.save(f"{uuid4().hex}{Path(document.file_name).suffix.lower()}", file, save=False)
    document.save()
    return document


def read(document: Document) -> bytes:
    """The file as it was uploaded.

    Raises:
        ProjectError: it is missing, or it is not what was uploaded.
    """
    try:
        with document.file.open("rb") as file:
            content: bytes = file.read()
    except OSError as error:
        raise ProjectError(gettext_noop("The file is missing from the storage.")) from error
    if sha256(content).hexdigest() != document.digest:
        raise ProjectError(
            gettext_noop("The file has changed since it was uploaded: its checksum differs.")
        )
    return content
