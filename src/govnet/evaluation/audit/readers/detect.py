"""Which reader a file needs: told by its content, never by its extension alone."""

from __future__ import annotations

import importlib
import io
import zipfile
from pathlib import Path

from govnet.core.errors import Note, gettext_noop
from govnet.evaluation.audit.document import Document

MAX_FILE_BYTES = 64 * 1024 * 1024
# A report of 300 pages unpacks to a few MiB; more is a bomb or a picture album.
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_RATIO = 200
SUFFIXES = frozenset({".txt", ".md", ".docx", ".xlsx", ".pdf", ".html", ".htm", ".doc", ".xls"})


class UnreadableError(Exception):
    """A file cannot be read; the notes say why, for the person who sent it."""

    def __init__(self, *notes: Note) -> None:
        self.notes = notes
        super().__init__("; ".join(map(str, notes)))


def _unreadable(message: str, **params: str | float) -> UnreadableError:
    return UnreadableError(Note(message, params))


def read_document(path: Path) -> Document:
    """Read a report of any known format.

    Raises:
        UnreadableError: empty, too large, encrypted, damaged or of an unknown kind.
    """
    size = path.stat().st_size
    if size == 0:
        raise _unreadable(gettext_noop("the file is empty"))
    if size > MAX_FILE_BYTES:
        raise _unreadable(
            gettext_noop("%(size)d MiB is over the limit of %(limit)d MiB"),
            size=size >> 20,
            limit=MAX_FILE_BYTES >> 20,
        )
    data = path.read_bytes()
    kind = detect(data)
    reader = importlib.import_module(f"govnet.evaluation.audit.readers.{kind}")
    try:
        document: Document = reader.read(data)
    except UnicodeDecodeError as error:
        raise _unreadable(gettext_noop("neither UTF-8 nor GB18030 text")) from error
    except Exception as error:  # the readers' libraries raise anything on damaged input
        raise _unreadable(
            gettext_noop("damaged %(kind)s file (%(error)s)"), kind=kind, error=type(error).__name__
        ) from error
    if not document.squeezed.text:
        raise UnreadableError(*(document.unread or [Note(gettext_noop("no text in the file"))]))
    return document


def detect(data: bytes) -> str:
    """Name of the reader module for a file's content.

    Raises:
        UnreadableError: the kind is known but cannot be read, or is unknown.
    """
    if data.startswith(b"PK\x03\x04"):
        return _detect_zip(data)
    if data.startswith(b"%PDF"):
        return "pdf"
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise _unreadable(
            gettext_noop("an old .doc/.xls or a password-protected file: save it as .docx or .xlsx")
        )
    head = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<table", b"<?xml")) or b"<body" in head:
        return "html"
    if b"\x00" in data[:4096] and data[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
        raise _unreadable(gettext_noop("a binary file of an unknown kind"))
    return "text"


def _detect_zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise _unreadable(gettext_noop("a damaged Office file")) from error
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(len(data), 1):
        raise _unreadable(
            gettext_noop("unpacks to %(size)d MiB: refused as a zip bomb"), size=unpacked >> 20
        )
    names = {member.filename for member in members}
    if "word/document.xml" in names:
        return "docx"
    if "xl/workbook.xml" in names:
        return "xlsx"
    raise _unreadable(gettext_noop("a zip archive that is neither .docx nor .xlsx"))
