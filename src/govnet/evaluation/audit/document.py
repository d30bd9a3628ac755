"""One normalised document, whatever format it came from.

``Document.text`` is the canonical text; every paragraph and table cell knows its place in
it, so that a finding can quote the source exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from govnet.core.errors import Note


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of ``Document.text``: ``text[start:end]``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A paragraph or a table cell with its place in the document."""

    text: str
    span: Span

    @property
    def squeezed(self) -> str:
        """The text without white space, half-width where a half-width form exists."""
        return squeeze(self.text)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; a cell merged in the source stands once, its other places are empty."""

    rows: list[list[Cell]]


@dataclass
class Document:
    """What a reader makes of a file.

    Attributes:
        text: the canonical text that all spans refer to.
        blocks: paragraphs and tables in reading order.
        unread: what could not be read, in words; never guessed.
        region: the stretch of the text that this form covers, where a file holds several.
    """

    text: str
    blocks: list[Cell | Table]
    unread: list[Note] = field(default_factory=list)
    region: Span | None = None

    @property
    def end(self) -> int:
        """Where this form ends in the text."""
        return self.region.end if self.region else len(self.text)

    @property
    def tables(self) -> list[Table]:
        """Every table in reading order."""
        return [block for block in self.blocks if isinstance(block, Table)]

    @property
    def paragraphs(self) -> list[Cell]:
        """Every paragraph outside tables, in reading order."""
        return [block for block in self.blocks if isinstance(block, Cell)]

    @cached_property
    def squeezed(self) -> Squeezed:
        """The text without white space, searchable, leading back to the source."""
        region = self.region or Span(0, len(self.text))
        return Squeezed(self.text[region.start : region.end], region.start)

    def part(self, blocks: list[Cell | Table], region: Span) -> Document:
        """One form of several in a file: its blocks and its stretch of the same text."""
        return Document(self.text, blocks, region=region)

    def quote(self, span: Span) -> str:
        """The exact source text of a span."""
        return self.text[span.start : span.end]


# Not NFKC: it would turn ① into 1 and lose the scoring points.
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HALF_WIDTH.update(str.maketrans("≧≦﹪═〔〕【】［］−", "≥≤%=()()()-"))


def squeeze(text: str) -> str:
    """Text without white space and in half width: 「项 目 名 称：」 → 「项目名称:」."""
    return "".join(text.translate(_HALF_WIDTH).split())


class Squeezed:
    """Squeezed text with a map back to the source offsets."""

    def __init__(self, source: str, start: int = 0) -> None:
        self.text = squeeze(source)
        self._offsets = [i for i, c in enumerate(source, start) if not c.isspace()]

    def span(self, start: int, end: int) -> Span:
        """The source span of a stretch of the squeezed text."""
        return Span(self._offsets[start], self._offsets[end - 1] + 1)

    def finditer(self, pattern: str | re.Pattern[str]) -> Iterator[tuple[re.Match[str], Span]]:
        """Matches of a pattern written against squeezed text, with their source spans."""
        for match in re.finditer(pattern, self.text):
            if match.end() > match.start():
                yield match, self.span(match.start(), match.end())

    def find(self, pattern: str | re.Pattern[str]) -> tuple[re.Match[str], Span] | None:
        """The first match, or None."""
        return next(self.finditer(pattern), None)
