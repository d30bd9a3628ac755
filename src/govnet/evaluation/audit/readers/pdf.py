"""PDF: ruled tables as tables, the text around them as paragraphs, page numbers dropped."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pdfplumber

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
            builder.unread.append(f"{len(pdf.pages)} pages: only the first {MAX_PAGES} were read")
        for number, page in enumerate(pdf.pages[:MAX_PAGES], start=1):
            if page.chars:
                _page(builder, page)
            else:
                builder.unread.append(f"page {number} has no text (scanned?)")
            page.close()  # frees the page's parsed objects
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
