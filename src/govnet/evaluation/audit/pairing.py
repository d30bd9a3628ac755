"""Whether one sentence is answered by another: overlap of character pairs.

Chinese has no word boundaries to rely on; pairs of adjacent characters are a robust stand-in
for words and need no dictionary.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from govnet.evaluation.audit.document import Cell, Document, Span, squeeze

# A sentence counts as answered when this share of its character pairs recurs in one answer.
ANSWERED = 0.25
# Words that every goal uses carry no meaning of their own.
_EMPTY_WORDS = re.compile(
    r"满足|确保|保障|建设|进行|以及|其他|正常|运行|畅通|需求|及|对|的|和|与|等"
)


def clauses(document: Document, span: Span, marks: str = "。;；,，") -> list[Cell]:
    """The sentences or clauses of a stretch of the document, blank ones left out."""
    text = document.quote(span)
    found = []
    for match in re.finditer(rf"[^{marks}\n]+", text):
        stripped = match[0].strip()
        if len(squeeze(stripped)) >= 4:
            start = span.start + match.start() + match[0].index(stripped)
            found.append(Cell(stripped, Span(start, start + len(stripped))))
    return _split_on_spaces(found)


def _split_on_spaces(found: list[Cell]) -> list[Cell]:
    """Goals in one cell are often parted by spaces only: 「确保甲 确保乙」."""
    result = []
    for cell in found:
        for match in re.finditer(r"(?:确保|保障)?.+?(?=\s+(?:确保|保障)|$)", cell.text):
            text = match[0].strip()
            start = cell.span.start + match.start() + match[0].index(text)
            result.append(Cell(text, Span(start, start + len(text))))
    return result


def _pairs(text: str) -> set[str]:
    meaningful = _EMPTY_WORDS.sub(" ", squeeze(text))
    return {
        word[i : i + 2] for word in re.findall(r"[\w]+", meaningful) for i in range(len(word) - 1)
    }


def unpaired(questions: Sequence[Cell], answers: Sequence[Cell]) -> list[Cell]:
    """The questions that no answer takes up.

    Pairs that several questions share (the network's name, mostly) tell none of them apart
    and are left out.
    """
    return [question for question, answer in paired(questions, answers) if answer is None]


def paired(questions: Sequence[Cell], answers: Sequence[Cell]) -> list[tuple[Cell, Cell | None]]:
    """Each question with the answer that takes it up best, or None; see ``unpaired``.

    A question without a word of its own counts as answered by the first answer.
    """
    wanted = [_pairs(question.text) for question in questions]
    seen = Counter(pair for pairs in wanted for pair in pairs)
    own = [{pair for pair in pairs if seen[pair] == 1} or pairs for pairs in wanted]
    known = [(_pairs(answer.text), answer) for answer in answers]
    return [(question, _best(pairs, known)) for question, pairs in zip(questions, own, strict=True)]


def _best(pairs: set[str], known: Sequence[tuple[set[str], Cell]]) -> Cell | None:
    if not known:
        return None
    if not pairs:
        return known[0][1]
    share, answer = max(
        ((len(pairs & found) / len(pairs), answer) for found, answer in known),
        key=lambda item: item[0],
    )
    return answer if share >= ANSWERED else None
