"""Web pages: text of block elements and tables, with column and row spans resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import html

from govnet.evaluation.audit.document import Document
from govnet.evaluation.audit.readers.builder import DocumentBuilder
from govnet.evaluation.audit.readers.text import decode

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_SKIPPED = {"script", "style", "noscript", "template", "head"}
_BLOCKS = {
    "p",
    "div",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "td",
    "th",
    "section",
    "article",
    "body",
}
_MAX_SPAN = 64


def read(data: bytes) -> Document:
    """Read an HTML page; scripts and styles are left out, nothing is fetched."""
    builder = DocumentBuilder()
    root = html.fromstring(decode(data) or "<p></p>")
    _walk(builder, root)
    return builder.build()


def _walk(builder: DocumentBuilder, element: HtmlElement) -> None:
    if element.tag == "table":
        builder.table(_rows(element))
        return
    inline: list[str] = [element.text or ""]
    for child in element:
        if not isinstance(child.tag, str) or child.tag in _SKIPPED:
            pass
        elif child.tag == "br":
            inline.append("\n")
        elif child.tag in _BLOCKS or child.tag == "table" or child.xpath(".//table|.//p|.//div"):
            builder.paragraph("".join(inline))
            inline.clear()
            _walk(builder, child)
        else:
            inline.append(child.text_content())
        inline.append(child.tail or "")
    for line in "".join(inline).split("\n"):
        builder.paragraph(line)


def _rows(table: HtmlElement) -> list[list[str]]:
    """A grid: the further places of a spanning cell are empty."""
    rows: list[list[str]] = []
    below: dict[int, int] = {}  # column -> rows still covered from above
    for row in table.iter("tr"):
        if next(row.iterancestors("table")) is not table:
            continue
        texts: list[str] = []
        for cell in row.iterchildren("td", "th"):
            _skip_covered(texts, below)
            columns, lines = _span(cell, "colspan"), _span(cell, "rowspan")
            for column in range(len(texts), len(texts) + columns):
                if lines > 1:
                    below[column] = lines - 1
            texts.append(_cell_text(cell))
            texts.extend([""] * (columns - 1))
        _skip_covered(texts, below)
        rows.append(texts)
    return rows


def _skip_covered(texts: list[str], below: dict[int, int]) -> None:
    while below.get(len(texts), 0) > 0:
        below[len(texts)] -= 1
        texts.append("")


def _span(cell: HtmlElement, name: str) -> int:
    value = cell.get(name, "1")
    return min(max(int(value), 1), _MAX_SPAN) if value.isdecimal() else 1


def _cell_text(cell: HtmlElement) -> str:
    for line_break in cell.iter("br"):
        line_break.tail = "\n" + (line_break.tail or "")
    return str(cell.text_content()).strip()
