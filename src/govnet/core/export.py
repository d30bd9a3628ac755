"""Lists as XLSX or CSV: what is filtered, in the columns that are shown, row by row.

Nothing is held in memory as a whole: CSV is streamed, a workbook is written to a temporary
file. Texts that a spreadsheet would run as a formula are guarded; import takes the guard off.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from django.db.models import QuerySet
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.html import strip_tags
from django_tables2.rows import BoundRow

from govnet.core.imports.filecolumns import Cell, FileColumn, Lookup, guard
from govnet.core.registry import Resource, hidden_fields

if TYPE_CHECKING:
    from govnet.core.tables import ObjectTable

CHUNK: Final = 500
FORMATS: Final = ("xlsx", "csv")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column of an export: its header and how a row fills it."""

    header: str
    cell: Callable[[Any], Cell]


def file_columns(resource: Resource, lookup: Lookup) -> list[ExportColumn]:
    """Everything that import reads: the file brings an empty ledger to the same state.

    What the person may not see has no column, and import leaves alone what has none.
    """
    hidden = hidden_fields(resource.model, lookup.viewer)
    return [_from_file(item, lookup) for item in resource.columns if item.name not in hidden]


def shown_columns(resource: Resource, table: ObjectTable, lookup: Lookup) -> list[ExportColumn]:
    """What a table shows, led by what identifies a row, so that the file can be imported."""
    names = [column.name for column in table.columns if column.name != "selection"]
    keys = [name for name in resource.identity[0] if name not in names]
    columns = []
    for name in (*keys, *names):
        if (column := resource.column(name)) is not None:
            columns.append(_from_file(column, lookup))
        else:
            columns.append(_from_table(table, name))
    return columns


def _from_file(column: FileColumn, lookup: Lookup) -> ExportColumn:
    return ExportColumn(column.label, lambda row: column.export(row, lookup))


def _from_table(table: ObjectTable, name: str) -> ExportColumn:
    """A column that only the table knows, such as the state."""
    column = table.columns[name]

    def cell(row: Any) -> Cell:
        written = BoundRow(row, table=table).get_cell_value(name)
        if written in (None, "", column.default):
            return ""
        if isinstance(written, int | float):
            return written
        return guard(" ".join(strip_tags(str(written)).split()))

    return ExportColumn(str(column.header), cell)


def rows_of(resource: Resource, queryset: QuerySet[Any]) -> Iterator[Any]:
    """The rows of an export in chunks, with what their columns read."""
    for column in resource.columns:
        queryset = column.prepare(queryset)
    return iter(queryset.iterator(chunk_size=CHUNK))


class _Echo:
    """A file that hands each line back: what makes ``csv`` stream."""

    def write(self, text: str) -> str:
        return text


def csv_lines(columns: Sequence[ExportColumn], rows: Iterable[Any]) -> Iterator[str]:
    """CSV with a byte-order mark, without which Excel reads Chinese as Latin."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow([column.header for column in columns])
    for row in rows:
        yield writer.writerow([_plain(column.cell(row)) for column in columns])


def _plain(cell: Cell) -> Cell:
    return "" if cell is None else cell


def write_workbook(
    target: IO[bytes], title: str, columns: Sequence[ExportColumn], rows: Iterable[Any]
) -> None:
    """An XLSX with a frozen bold header."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils.cell import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\\/*?:\[\]]", " ", title)[:31])
    sheet.freeze_panes = "A2"
    for position, column in enumerate(columns, 1):
        width = max(12, min(40, 2 * len(column.header) + 4))
        sheet.column_dimensions[get_column_letter(position)].width = width
    header = []
    for column in columns:
        cell = WriteOnlyCell(sheet, str(_xml_safe(column.header)))
        cell.font = Font(bold=True)
        header.append(cell)
    sheet.append(header)
    for row in rows:
        sheet.append([_xml_safe(column.cell(row)) for column in columns])
    book.save(target)


def _xml_safe(cell: Cell) -> Cell:
    return _NOT_IN_XML.sub("\ufffd", cell) if isinstance(cell, str) else cell


def response(
    kind: str, resource: Resource, columns: Sequence[ExportColumn], rows: Iterable[Any]
) -> HttpResponseBase:
    """The download of a list of objects."""
    return download(kind, str(resource.model._meta.model_name), resource.plural, columns, rows)


def download(
    kind: str, name: str, title: str, columns: Sequence[ExportColumn], rows: Iterable[Any]
) -> HttpResponseBase:
    """Rows as a file.

    Args:
        kind: of ``FORMATS``.
        name: beginning of the file's name.
        title: of the sheet.
        columns: header and cell of each column.
        rows: what the columns read.
    """
    name = f"{name}-{timezone.localdate():%Y%m%d}.{kind}"
    if kind == "csv":
        answer = StreamingHttpResponse(
            csv_lines(columns, rows), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
    # FileResponse closes the file, which deletes it.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    write_workbook(file, title, columns, rows)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=name)
