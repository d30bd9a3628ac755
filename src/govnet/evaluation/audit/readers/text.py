"""Plain text, also as converted from Word: tables as tabs, one cell a line, or pipes.

Converters write a Word table in one of three ways, all met in real reports:

- one row a line, cells parted by tabs;
- one cell a line, each beginning with a tab, rows parted by an empty line, a cell's further
  lines without a tab;
- pipes, as in Markdown.
"""

from __future__ import annotations

import re
from itertools import groupby

from govnet.evaluation.audit.document import Cell, Document, Span, Table

_CELL_PER_LINE = re.compile(r"^\t[^\t\n]*$", re.MULTILINE)
_HEADING_MARK = re.compile(r"^#{1,6}\s+")


def decode(data: bytes) -> str:
    """Text of a file: UTF-8 (with or without mark), UTF-16 with mark, else GB18030.

    Raises:
        UnicodeDecodeError: none of them fits.
    """
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def read(data: bytes) -> Document:
    """Read plain text, Markdown or text converted from Word."""
    return parse(decode(data).replace("\r\n", "\n").replace("\r", "\n"))


def parse(text: str) -> Document:
    """Find paragraphs and tables in text."""
    lines = _lines(text)
    blocks: list[Cell | Table] = []
    if _is_cell_per_line(text):
        _cell_per_line(text, lines, blocks)
    else:
        _row_per_line(lines, blocks)
    return Document(text, blocks)


def _lines(text: str) -> list[Cell]:
    found = []
    position = 0
    for line in text.split("\n"):
        found.append(Cell(line, Span(position, position + len(line))))
        position += len(line) + 1
    return found


def _is_cell_per_line(text: str) -> bool:
    single = len(_CELL_PER_LINE.findall(text))
    rows = sum(1 for line in text.split("\n") if "\t" in line.strip("\n") and "\t" in line.strip())
    return single > 3 * max(rows, 3)


def _paragraph(line: Cell) -> Cell:
    mark = _HEADING_MARK.match(line.text)
    skip = mark.end() if mark else 0
    return _trim(line.text[skip:], line.span.start + skip)


def _trim(text: str, start: int) -> Cell:
    left = len(text) - len(text.lstrip())
    stripped = text.strip()
    return Cell(stripped, Span(start + left, start + left + len(stripped)))


# --- one row a line ---------------------------------------------------------------------


def _separator(line: str) -> str | None:
    if line.count("|") >= 2 or line.strip().startswith("|"):
        return "|"
    return "\t" if "\t" in line.rstrip("\n") else None


_PAGE_NUMBER = re.compile(r"\s*(?:[-—]\s*)?\d{1,3}(?:\s*[-—])?\s*|\s*第\s*\d+\s*页.{0,12}")


def _without_page_numbers(lines: list[Cell]) -> list[Cell]:
    """Drops the page number that a converter left between two rows of a table."""
    filled = [line for line in lines if line.text.strip()]
    separators = [_separator(line.text) for line in filled]
    furniture = {
        line.span.start
        for before, line, own, after in zip(
            separators, filled[1:], separators[1:], separators[2:], strict=False
        )
        if own is None and before and before == after and _PAGE_NUMBER.fullmatch(line.text)
    }
    return [line for line in lines if line.span.start not in furniture or not line.text.strip()]


def _row_per_line(every_line: list[Cell], blocks: list[Cell | Table]) -> None:
    lines = _without_page_numbers(every_line)
    for separator, group in groupby(lines, key=lambda line: _separator(line.text)):
        members = list(group)
        if separator is None:
            blocks.extend(_paragraph(line) for line in members if line.text.strip())
        else:
            rows = [_split(line, separator) for line in members]
            blocks.append(Table([row for row in rows if not _is_rule(row)]))


def _split(line: Cell, separator: str) -> list[Cell]:
    text = line.text
    start = line.span.start
    if separator == "|":
        left = len(text) - len(text.lstrip().removeprefix("|"))
        text = text.strip().removeprefix("|").removesuffix("|")
        start += left
    cells = []
    for part in text.split(separator):
        cells.append(_trim(part, start))
        start += len(part) + 1
    return cells


def _is_rule(row: list[Cell]) -> bool:
    """A Markdown rule such as |---|:--:|."""
    joined = "".join(cell.squeezed for cell in row)
    return bool(joined) and not joined.strip("-:")


# --- one cell a line --------------------------------------------------------------------


def _cell_per_line(text: str, lines: list[Cell], blocks: list[Cell | Table]) -> None:
    row: list[tuple[int, int]] = []
    rows: list[list[Cell]] = []
    blank_before = False

    def end_row() -> None:
        if row:
            rows.append([_trim(text[start:end], start) for start, end in row])
            row.clear()

    def end_table() -> None:
        end_row()
        if rows:
            blocks.append(Table(list(rows)))
            rows.clear()

    for line in lines:
        if line.text.startswith("\t"):
            if blank_before:
                end_row()
            row.append((line.span.start + 1, line.span.end))
        elif not line.text.strip():
            blank_before = True
            continue
        elif row and not _starts_paragraph(line.text, blank_before=blank_before):
            row[-1] = (row[-1][0], line.span.end)  # a cell's further line
        else:
            end_table()
            blocks.append(_paragraph(line))
        blank_before = False
    end_table()


def _starts_paragraph(line: str, *, blank_before: bool) -> bool:
    """Whether a line without a tab leaves the table.

    A cell goes on over blank lines (「经济效益」, blank, 「指标」), so only what cannot stand in
    a cell ends the table: an outline number, a label with a colon, or a long sentence.
    """
    stripped = line.strip()
    if not blank_before:
        return False
    outline = re.match(
        r"^([一二三四五六七八九十]+、|[（(][一二三四五六七八九十]+[)）]|备注|附件)", stripped
    )
    return bool(outline) or re.match(r"^\S{2,6}[:：]", stripped) is not None or len(stripped) > 40
