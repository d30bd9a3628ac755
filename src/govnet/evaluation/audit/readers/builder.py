"""Builds a document's canonical text while the blocks are added."""

from __future__ import annotations

from collections.abc import Sequence

from govnet.core.errors import Note, gettext_noop
from govnet.evaluation.audit.document import Cell, Document, Span, Table

# A table larger than any report's: bounds memory, and the rest is told as unread.
MAX_ROWS = 20_000
MACROS = Note(gettext_noop("macros: not run, not read"))


class DocumentBuilder:
    """Collects paragraphs and tables of formats that have no text of their own."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Cell | Table] = []
        self.unread: list[Note] = []

    def paragraph(self, text: str) -> None:
        """Add a paragraph; blank ones are left out."""
        stripped = text.strip()
        if stripped:
            self._blocks.append(self._append(stripped))
            self._raw("\n")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Add a table; cells are parted by tabs in the canonical text."""
        if len(rows) > MAX_ROWS:
            self.unread.append(
                Note(
                    gettext_noop("a table of over %(rows)d rows: the rest was not read"),
                    {"rows": MAX_ROWS},
                )
            )
        table = []
        for row in rows[:MAX_ROWS]:
            cells = []
            for number, text in enumerate(row):
                if number:
                    self._raw("\t")
                cells.append(self._append(text.strip()))
            self._raw("\n")
            table.append(cells)
        if table:
            self._blocks.append(Table(table))

    def build(self) -> Document:
        """The finished document."""
        return Document("".join(self._parts), self._blocks, self.unread)

    def _append(self, text: str) -> Cell:
        start = self._length
        self._raw(text)
        return Cell(text, Span(start, start + len(text)))

    def _raw(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
