"""Files that people upload as proof or document.

They are checked before they are stored under a name that nobody can guess, and compared with
their hash when they are read.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from govnet.core.errors import ToldError, gettext_noop

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile
    from django.db.models.fields.files import FieldFile

MAX_SIZE: Final = 20 * 1024 * 1024
# How files of each kind begin; Office files and OFD (GB/T 33190) are zip archives.
KINDS: Final[dict[str, bytes]] = {
    ".pdf": b"%PDF-",
    ".ofd": b"PK\x03\x04",
    ".docx": b"PK\x03\x04",
    ".zip": b"PK\x03\x04",
    ".xlsx": b"PK\x03\x04",
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8\xff",
    ".jpeg": b"\xff\xd8\xff",
}


class UploadError(ToldError):
    """A file that cannot be stored or read; the message says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered of a stored file.

    Attributes:
        name: what the person called it.
        size: octets.
        digest: SHA-256 in hex.
    """

    name: str
    size: int
    digest: str


def check_file(file: UploadedFile[Any]) -> None:
    """Refuse what is too large, empty, or not what its name says.

    Raises:
        UploadError: the file cannot be stored.
    """
    if not file.size:
        raise UploadError(gettext_noop("The file is empty."))
    if file.size > MAX_SIZE:
        raise UploadError(gettext_noop("The file is over %(limit)d MiB."), limit=MAX_SIZE >> 20)
    suffix = Path(file.name or "").suffix.lower()
    begin = KINDS.get(suffix)
    if begin is None:
        raise UploadError(
            gettext_noop("Files of the kind “%(kind)s” are not accepted: use %(known)s."),
            kind=suffix or "?",
            known=" ".join(KINDS),
        )
    file.seek(0)
    if file.read(len(begin)) != begin or (begin[:2] == b"PK" and not _is_archive(file)):
        raise UploadError(gettext_noop("The content of the file is not what its name says."))
    file.seek(0)


def _is_archive(file: UploadedFile[Any]) -> bool:
    file.seek(0)
    return file.file is not None and zipfile.is_zipfile(file.file)


def keep(stored: FieldFile, file: UploadedFile[Any]) -> Kept:
    """Check a file and put it into a model's file field; the row itself is not saved.

    Raises:
        UploadError: the file cannot be stored.
    """
    check_file(file)
    digest = sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    name = Path(file.name or "").name[:200]
    stored.save(f"{uuid4().hex}{Path(name).suffix.lower()}", file, save=False)
    return Kept(name, file.size or 0, digest.hexdigest())


def verified(stored: FieldFile, digest: str) -> bytes:
    """The file as it was uploaded.

    Raises:
        UploadError: it is missing, or it is not what was uploaded.
    """
    try:
        with stored.open("rb") as file:
            content: bytes = file.read()
    except OSError as error:
        raise UploadError(gettext_noop("The file is missing from the storage.")) from error
    if sha256(content).hexdigest() != digest:
        raise UploadError(
            gettext_noop("The file has changed since it was uploaded: its checksum differs.")
        )
    return content
