"""Word documents (.docx): paragraphs and tables in reading order, merged cells resolved."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from docx.opc.package import OpcPackage
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from govnet.evaluation.audit.document import Document
from govnet.evaluation.audit.readers.builder import MACROS, DocumentBuilder

if TYPE_CHECKING:
    from lxml.etree import _Element

# Word draws check boxes with symbol fonts: Wingdings F0FE ☒, F0FD ☒, F052 ☑, F0A8 ☐ and others.
_SYMBOLS = {"F0FE": "☑", "F0FD": "☑", "F052": "☑", "F0FC": "√", "F0A8": "☐", "F06F": "☐"}


def read(data: bytes) -> Document:
    """Read a .docx or .docm; deleted text of tracked changes is left out, text boxes are kept.

    Links to the outside are not followed and macros are not run: only the text part is parsed.
    """
    builder = DocumentBuilder()
    # Not docx.Document(): it refuses the content type of a .docm.
    package = OpcPackage.open(io.BytesIO(data))
    if any(str(part.partname).endswith("vbaProject.bin") for part in package.iter_parts()):
        builder.unread.append(MACROS)
    body = parse_xml(package.main_document_part.blob).find(qn("w:body"))
    for element in () if body is None else body.iterchildren():
        if element.tag == qn("w:p"):
            builder.paragraph(_text(element))
        elif element.tag == qn("w:tbl"):
            builder.table(_rows(element))
        elif element.tag == qn("w:sdt"):
            _content_control(builder, element)
    return builder.build()


def _content_control(builder: DocumentBuilder, element: _Element) -> None:
    for child in element.iter(qn("w:p"), qn("w:tbl")):
        if child.tag == qn("w:tbl"):
            builder.table(_rows(child))
        elif not any(ancestor.tag == qn("w:tbl") for ancestor in child.iterancestors()):
            builder.paragraph(_text(child))


def _rows(table: _Element) -> list[list[str]]:
    return [_cells(row) for row in table.iterchildren(qn("w:tr"))]


def _cells(row: _Element) -> list[str]:
    """Texts of a row; the further places of a merged cell are empty."""
    texts: list[str] = []
    for cell in row.iter(qn("w:tc")):
        if next(cell.iterancestors(qn("w:tr"))) is not row:
            continue  # a nested table's cell: its text is part of the outer cell
        properties = cell.find(qn("w:tcPr"))
        span, continues = 1, False
        if properties is not None:
            grid_span = properties.find(qn("w:gridSpan"))
            span = int(grid_span.get(qn("w:val"), "1")) if grid_span is not None else 1
            merge = properties.find(qn("w:vMerge"))
            continues = merge is not None and merge.get(qn("w:val")) != "restart"
        lines = [] if continues else [_text(paragraph) for paragraph in cell.iter(qn("w:p"))]
        texts.append("\n".join(line for line in lines if line.strip()))
        texts.extend([""] * (min(span, 64) - 1))
    return texts


def _text(paragraph: _Element) -> str:
    parts = []
    for node in paragraph.iter(qn("w:t"), qn("w:tab"), qn("w:br"), qn("w:sym")):
        if node.tag == qn("w:t"):
            parts.append(node.text or "")
        elif node.tag == qn("w:sym"):
            parts.append(_SYMBOLS.get(node.get(qn("w:char"), "").upper(), ""))
        elif next(node.iterancestors()).tag == qn("w:r"):  # not a tab stop of the style
            parts.append(" " if node.tag == qn("w:tab") else "\n")
    return "".join(parts)
