"""Workbooks (.xlsx): each sheet is a table; formulas count as their stored results."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice

from openpyxl import load_workbook

from govnet.core.errors import Note, gettext_noop
from govnet.evaluation.audit.document import Document
from govnet.evaluation.audit.readers.builder import MACROS, MAX_ROWS, DocumentBuilder


def read(data: bytes) -> Document:
    """Read every visible sheet; a cell merged over several is stored in its first only."""
    builder = DocumentBuilder()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if "xl/vbaProject.bin" in archive.namelist():
            builder.unread.append(MACROS)
    workbook = load_workbook(io.BytesIO(data), data_only=True, read_only=True, keep_links=False)
    try:
        for sheet in workbook.worksheets:
            if sheet.sheet_state == "visible":
                # A sheet may claim 16,384 columns that it does not have.
                sheet.reset_dimensions()
                _sheet(builder, list(islice(sheet.iter_rows(values_only=True), MAX_ROWS + 1)))
            else:
                builder.unread.append(
                    Note(gettext_noop("a hidden sheet: %(title)s"), {"title": sheet.title})
                )
    finally:
        workbook.close()
    return builder.build()


def _sheet(builder: DocumentBuilder, rows: Sequence[Sequence[object]]) -> None:
    """A row with one filled cell is a paragraph, as titles are; the rest are tables."""
    pending: list[list[str]] = []
    for row in rows:
        texts = [_text(value) for value in row]
        filled = [text for text in texts if text]
        if len(filled) == 1 and texts[0] and not pending:
            builder.paragraph(filled[0])
        elif filled or pending:
            pending.append(texts)
    builder.table(pending)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime() | date():
            return f"{value.year}年{value.month}月{value.day}日"
        case float():
            # repr gives 0.1 + 0.2 as it is stored; a report means 0.3.
            return f"{Decimal(repr(round(value, 10))).normalize():f}"
        case _:
            return str(value)
