"""Tables that a converter pressed into running text.

A figure is taken only where it stands directly behind its own label. Where labels stand
together and figures apart, nothing tells which belongs to which: that is said, not guessed.
"""

from __future__ import annotations

import re

from govnet.core.errors import Note, gettext_noop
from govnet.evaluation.audit.document import Cell, Span
from govnet.evaluation.audit.report import Amount, FundColumn, Report, Source
from govnet.evaluation.quantity import parse_amount

_LABELS = (
    ("计划安排", FundColumn.PLANNED),
    ("实际到位", FundColumn.ARRIVED),
    ("实际支出", FundColumn.SPENT),
    ("结余", FundColumn.BALANCE),
)
_FIGURE = re.compile(
    r"(?P<words>(?:资金|数)?)\s*(?:[(（\[]\s*(?P<unit>亿元|万元|元)\s*[)）\]]?)?\s*[:：|]?\s*"
    r"(?P<figure>[-－−]?\d[\d,]*(?:\.\d+)?\s*(?:亿元|万元|万|元)?)(?![\d.,]|\s*[%％])"
)


def fill_in(report: Report, unit: str) -> None:
    """Funds and totals from running text where no table gave them; then what stays unread."""
    heads_only = report.document.squeezed.find(r"计划安排\D{0,16}实际到位\D{0,16}(?:实际支出|结余)")
    if not report.funds and not report.budget and not heads_only:
        for label, column in _LABELS:
            amount = _amount(report, label, unit)
            if amount is not None:
                report.funds[column, Source.TOTAL] = amount
    if report.spending_total is None:
        report.spending_total = _amount(report, "支出合计", unit)
    _say_what_is_unread(report)


def _amount(report: Report, label: str, unit: str) -> Amount | None:
    document = report.document
    for block in document.blocks:
        cells = [block] if isinstance(block, Cell) else [c for row in block.rows for c in row]
        for cell in cells:
            found = _after_label(cell, label, unit)
            if found is not None:
                return found
    return None


def _after_label(cell: Cell, label: str, unit: str) -> Amount | None:
    place = re.search(r"\s*".join(label), cell.text)
    if place is None:
        return None
    match = _FIGURE.match(cell.text, place.end())
    if match is None:
        return None
    yuan = parse_amount(match["figure"], match["unit"] or unit)
    if yuan is None:
        return None
    start = cell.span.start
    return Amount(
        yuan,
        Cell(match["figure"], Span(start + match.start("figure"), start + match.end("figure"))),
        Cell(place[0], Span(start + place.start(), start + place.end())),
    )


_PARTS = (
    (
        "计划安排.{0,12}实际到位|全年预算数.{0,12}全年执行数",
        gettext_noop("the fund table has a head but its cells cannot be told apart"),
    ),
    (
        "支出内容.{0,12}实际支出数",
        gettext_noop("the spending detail has a head but its cells cannot be told apart"),
    ),
    (
        "(?:指标内容|三级指标).{0,12}(?:目标|指标).{0,8}实际完成值",
        gettext_noop("the indicators have a head but their cells cannot be told apart"),
    ),
    (
        "三级指标(?:分值)?.{0,12}评价标准.{0,8}得分",
        gettext_noop("the score table has a head but its cells cannot be told apart"),
    ),
)


def _say_what_is_unread(report: Report) -> None:
    read = (
        bool(report.funds or report.budget),
        bool(report.spending or report.spending_total),
        bool(report.indicators),
        bool(report.items),
    )
    for (head, name), was_read in zip(_PARTS, read, strict=True):
        if not was_read and report.document.squeezed.find(head):
            report.unread.append(Note(name))
