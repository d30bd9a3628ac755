"""PDF: ruled tables as tables, the text around them as paragraphs, page numbers dropped."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pdfplumber

from govnet.core.errors import Note, gettext_noop
from govnet.evaluation.audit.document import Document
from govnet.evaluation.audit.readers.builder import DocumentBuilder

if TYPE_CHECKING:
    from pdfplumber.page import Page

MAX_PAGES = 300
_PAGE_NUMBER = re.compile(r"^[-—\s]*\d{1,4}[-—\s]*$|^第\s*\d+\s*页")


def read(data: bytes) -> Document:
    """Read a PDF that carries text; a scanned page is told as unread, not guessed."""
    builder = DocumentBuilder()
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        if len(pdf.pages) > MAX_PAGES:
            builder.unread.append(
                Note(
                    gettext_noop("%(pages)d pages: only the first %(most)d were read"),
                    {"pages": len(pdf.pages), "most": MAX_PAGES},
                )
            )
        scanned = []
        for number, page in enumerate(pdf.pages[:MAX_PAGES], start=1):
            if page.chars:
                _page(builder, page)
            else:
                scanned.append(str(number))
            page.close()  # frees the page's parsed objects
    if scanned:
        builder.unread.append(
            Note(
                gettext_noop("no text on page %(pages)s (scanned?)"),
                {"pages": ", ".join(scanned[:20]) + (" …" if len(scanned) > 20 else "")},
            )
        )
    return builder.build()


def _page(builder: DocumentBuilder, page: Page) -> None:
    top = page.bbox[1]
    for table in sorted(page.find_tables(), key=lambda found: found.bbox[1]):
        _lines(builder, page, top, table.bbox[1])
        builder.table([[cell or "" for cell in row] for row in table.extract()])
        top = max(top, table.bbox[3])
    _lines(builder, page, top, page.bbox[3])


def _lines(builder: DocumentBuilder, page: Page, top: float, bottom: float) -> None:
    if bottom - top < 1:
        return
    text = page.crop((page.bbox[0], top, page.bbox[2], bottom), strict=False).extract_text() or ""
    for line in text.split("\n"):
        if not _PAGE_NUMBER.match(line):
            builder.paragraph(line)
