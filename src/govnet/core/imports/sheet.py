"""Reads an uploaded file into rows, whatever the person's spreadsheet made of it.

Untrusted: size, width, number of rows and the size of a workbook once unpacked are bounded,
and every refusal is a sentence that says what to do.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from django.utils.translation import gettext as _

from govnet.core.imports.filecolumns import Cell

MAX_BYTES: Final = 10 * 1024 * 1024
"""Size of an upload; 2,000 circuits are 0.3 MiB."""
MAX_ROWS: Final = 50_000
MAX_COLUMNS: Final = 200
MAX_PARTS: Final = 500
MAX_UNPACKED: Final = 96 * 1024 * 1024
"""Size of a workbook's parts once unpacked: 50,000 rows of 20 columns need about 60 MiB."""
MAX_STRINGS: Final = 32 * 1024 * 1024
"""Size of the table of texts, which openpyxl holds in memory."""
MAX_PART: Final = 16 * 1024 * 1024
"""Size of styles and other parts that openpyxl loads as a whole."""
MAX_ROW_XML: Final = 8 * 1024 * 1024
"""Size of one row: openpyxl holds one at a time."""
MAX_FIELD: Final = 100_000

Row = tuple[int, list[Cell]]
"""Number of the row as the spreadsheet shows it, and its cells."""


class SheetError(Exception):
    """The file cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class MergedRange:
    """Rows and the first column of merged cells; a reader sees only their first cell."""

    text: str
    first_row: int
    last_row: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A file opened for reading.

    Attributes:
        rows: those that hold anything; reading them may raise ``SheetError``.
        merged: merged cells of a workbook. openpyxl shows only the first cell of each and the
            others as empty, which would silently clear those fields.
    """

    rows: Iterator[Row]
    merged: list[MergedRange] = field(default_factory=list)


def open_upload(content: bytes) -> Upload:
    """Open an XLSX, CSV or TSV file.

    Raises:
        SheetError: it is none of these, damaged, or too large.
    """
    if len(content) > MAX_BYTES:
        raise SheetError(too_large())
    if content.startswith(b"PK"):
        return _open_workbook(content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise SheetError(
            _("This is an old .xls or a password-protected workbook. Save it as .xlsx or CSV.")
        )
    return Upload(_bounded(_text_rows(decode(content))))


def too_large() -> str:
    """Why a large file is refused."""
    return _("The file is larger than %d MiB. Split it into parts.") % (MAX_BYTES // 1024**2)


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    seen = 0
    for number, cells in rows:
        while cells and cells[-1] in (None, ""):
            cells.pop()
        if not any(cell not in (None, "") and str(cell).strip() for cell in cells):
            continue
        seen += 1
        if seen > MAX_ROWS + 20:  # a few for titles above the header
            raise SheetError(_("The file has more than %d rows. Split it into parts.") % MAX_ROWS)
        if len(cells) > MAX_COLUMNS:
            raise SheetError(
                _("Row %(row)d has more than %(limit)d columns.")
                % {"row": number, "limit": MAX_COLUMNS}
            )
        yield number, cells


def decode(content: bytes) -> str:
    """Text of a CSV file: UTF-8, what Excel calls "Unicode text", or GB18030 (GBK).

    Raises:
        SheetError: it is none of these.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        ladder = ["utf-16"]
    else:
        ladder = ["utf-8-sig", "gb18030"]
    for encoding in ladder:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SheetError(_("The text is neither UTF-8 nor GB18030. Save the file as CSV UTF-8."))


def _text_rows(text: str) -> Iterator[Row]:
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max("\t,;", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    csv.field_size_limit(MAX_FIELD)
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            yield number, list(cells)
    except csv.Error as error:
        raise SheetError(
            _("Row %(row)d is not valid CSV: %(reason)s.")
            % {"row": number + 1, "reason": str(error)}
        ) from error


def _open_workbook(content: bytes) -> Upload:
    from openpyxl import load_workbook

    check_archive(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations that are not data
            book = load_workbook(
                io.BytesIO(content), read_only=True, data_only=True, keep_links=False
            )
        if not book.worksheets:
            raise SheetError(_("The workbook has no sheet."))
        sheet: Any = book.worksheets[0]
        sheet.reset_dimensions()
        part = sheet._worksheet_path  # openpyxl names the part nowhere else
        return Upload(_bounded(_sheet_rows(sheet)), merged_ranges(content, part))
    except _DAMAGE as error:
        raise SheetError(damaged()) from error


def damaged() -> str:
    """Why a workbook that cannot be read is refused."""
    return _("The workbook is damaged. Open it and save it as .xlsx again.")


def _sheet_rows(sheet: Any) -> Iterator[Row]:
    try:
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            if number > MAX_ROWS * 20:
                raise SheetError(_("The sheet has rows far below its end. Delete them."))
            if cells:
                yield number, list(cells)
    except _DAMAGE as error:
        raise SheetError(damaged()) from error


_DAMAGE = (
    zipfile.BadZipFile,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    SyntaxError,  # lxml's parse error
    OverflowError,
    zlib.error,
)
"""What openpyxl and zipfile raise for damaged, encrypted or hostile workbooks."""


def check_archive(content: bytes) -> None:
    """Refuse an archive that is damaged or unpacks to far more than a ledger.

    ``zipfile`` never reads more of a part than its header declares, so a header that lies
    ends in an error, not in memory.

    Raises:
        SheetError: the archive must not be unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            total = sum(part.file_size for part in parts)
            if len(parts) > MAX_PARTS or total > MAX_UNPACKED or any(map(_too_large, parts)):
                raise SheetError(_bomb())
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    _check_part(archive, part)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise SheetError(damaged()) from error


def _bomb() -> str:
    return _("The workbook unpacks to more than %d MiB. Copy the rows to a new one.") % (
        MAX_UNPACKED // 1024**2
    )


def _too_large(part: zipfile.ZipInfo) -> bool:
    if part.filename.startswith("xl/worksheets/"):
        return False  # read row by row
    limit = MAX_STRINGS if part.filename == "xl/sharedStrings.xml" else MAX_PART
    return part.filename.endswith((".xml", ".rels")) and part.file_size > limit


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    rows_apart = 0
    with archive.open(part) as stream:
        chunk = stream.read(4096)
        if b"<!DOCTYPE" in chunk:
            raise SheetError(_("The workbook holds a document type, which is not allowed."))
        while part.filename.startswith("xl/worksheets/") and (chunk := stream.read(1 << 20)):
            last = chunk.rfind(b"row ")
            rows_apart = rows_apart + len(chunk) if last < 0 else len(chunk) - last
            if rows_apart > MAX_ROW_XML:
                raise SheetError(_bomb())


_MERGE = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*ref="([A-Z]+\d+:[A-Z]+\d+)"')


def merged_ranges(content: bytes, part: str) -> list[MergedRange]:
    """Merged cells of a sheet."""
    from openpyxl.utils.cell import range_boundaries

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        xml = archive.read(part)
    ranges = []
    for text in dict.fromkeys(match.decode() for match in _MERGE.findall(xml)[:1000]):
        _left, top, _right, bottom = range_boundaries(text)
        ranges.append(MergedRange(text, int(top or 1), int(bottom or 1)))
    return ranges
