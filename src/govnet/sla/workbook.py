"""Workbooks that work availability out again: every figure is a live formula over the inputs.

Sheet 汇总 sums by object, 切片 cuts the period wherever anything changes and lets formulas say
what each slice counts as, 变化 holds the changes of state, 时段 the windows, exclusions and
service hours. Times are whole seconds since the period's start, so comparisons are exact.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from django.utils import timezone

from govnet.engine.availability import MAX_UNKNOWN, Code, Spans
from govnet.sla.figures import figure, object_line, service_of
from govnet.sla.inputs import Inputs, Measured, TargetHistory

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

MAX_SLICES: Final = 20_000
"""More slices than this make a spreadsheet slow; each object's own workbook has its own."""

CODE_NAMES: Final = {
    Code.UP: "正常",
    Code.DEGRADED: "劣化",
    Code.UNKNOWN: "未知",
    Code.DOWN: "中断",
    Code.EXCLUDED: "剔除",
    Code.PLANNED: "计划",
    Code.OUT: "非服务时间",
    Code.ABSENT: "未监测",
}
EXPLAINED: Final = (
    "可用率 = (T − 计划 − 剔除 − 未知 − 中断) ÷ (T − 计划 − 剔除 − 未知);"
    "T = 期间 − 非服务时间;未知超过 T 的 5% 为“数据不足”,不出百分比;"
    "百分比截取四位小数,不进位"
)
SUMMARY: Final = (
    "序号", "对象", "说明", "期间(秒)", "非服务时间", "计划", "剔除", "未知", "中断", "正常",
    "其中劣化", "服务时间 T", "分母", "可用率(%)", "印发可用率(%)", "核对", "中断次数(印发)",
)  # fmt: skip


def workbook(title: str, inputs: Inputs) -> bytes:
    """The workbook of some objects' inputs.

    Args:
        title: what it is about.
        inputs: all that the figures rest on. With more slices than ``MAX_SLICES`` only the
            summary is written, as values, with a note that says where the formulas are.
    """
    from openpyxl import Workbook  # noqa: PLC0415  # heavy, and only for an export

    book = Workbook()
    summary = book.active
    assert summary is not None
    summary.title = "汇总"
    sheets = Sheets(book, inputs.period[0])
    blocks = [_cuts(each, inputs) for each in inputs.objects]
    live = sum(map(len, blocks)) <= MAX_SLICES
    _heading(summary, title, inputs, live=live)
    for number, (each, cuts) in enumerate(zip(inputs.objects, blocks, strict=True), start=1):
        block = sheets.write(number, each, cuts, inputs) if live else None
        _summary_row(summary, number, each, inputs, block)
    _widths(book)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _cuts(each: Measured, inputs: Inputs) -> list[int]:
    """Where anything of an object changes: the first second of each slice."""
    start, end = inputs.period
    edges = [object_line(each, inputs).at, np.array([start, end])]
    service = service_of(each, inputs)
    marks: list[Spans] = [service] if service is not None else []
    for line in each.lines:
        for pk in line:
            history = inputs.targets[pk]
            edges.append(history.at)
            marks += [history.planned, history.excluded]
    found = np.unique(np.concatenate([*edges, *(mark.ravel() for mark in marks)]))
    return [int(at) for at in found if start <= at <= end]


@dataclass(frozen=True, slots=True)
class Range:
    """Rows of a sheet, both included; none where ``last`` is before ``first``."""

    sheet: str
    first: int
    last: int

    def column(self, letter: str) -> str:
        """One column of it, as formulas name it."""
        return f"'{self.sheet}'!${letter}${self.first}:${letter}${self.last}"

    def __bool__(self) -> bool:
        return self.last >= self.first


@dataclass(slots=True)
class Sheets:
    """The sheets that hold inputs and slices, and where their next row is."""

    book: Workbook
    origin: int
    slices: Worksheet = field(init=False)
    changes: Worksheet = field(init=False)
    spans: Worksheet = field(init=False)
    rows: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.slices = self.book.create_sheet("切片")
        self.changes = self.book.create_sheet("变化")
        self.spans = self.book.create_sheet("时段")
        self._add(
            self.slices,
            ["对象序号", "开始", "开始(秒)", "结束(秒)", "时长(秒)", "类别", "类别名", "各目标 →"],
        )
        self._add(self.changes, ["目标", "时间", "秒", "状态码", "状态"])
        self._add(self.spans, ["对象或目标", "类别", "开始", "开始(秒)", "结束(秒)"])

    def _next(self, sheet: Worksheet) -> int:
        """The row that the next ``_add`` fills; openpyxl would count all cells for it."""
        return self.rows.get(sheet.title, 0) + 1

    def _add(self, sheet: Worksheet, row: Sequence[Any]) -> None:
        sheet.append(list(row))
        self.rows[sheet.title] = self._next(sheet)

    def write(self, number: int, each: Measured, cuts: Sequence[int], inputs: Inputs) -> Range:
        """The inputs and slices of one object."""
        lines = [[self._target(inputs, pk) for pk in line] for line in each.lines if line]
        service = service_of(each, inputs)
        hours = None
        if service is not None:
            hours = self._marks(each.name, "服务时间", service)
        first = self._next(self.slices)
        for start, end in pairwise(cuts):
            self._slice(number, start, end, lines, hours)
        return Range("切片", first, self._next(self.slices) - 1)

    def _target(self, inputs: Inputs, pk: int) -> tuple[Range, Range, Range]:
        history = inputs.targets[pk]
        name = f"{history.name} #{pk}"
        return (
            self._history(name, history),
            self._marks(name, "计划", history.planned),
            self._marks(name, "剔除", history.excluded),
        )

    def _history(self, name: str, history: TargetHistory) -> Range:
        first = self._next(self.changes)
        rows = [
            (self.origin, int(history.before)),
            *zip(history.at.tolist(), history.code.tolist(), strict=True),
        ]
        for at, code in rows:
            seconds = at - self.origin
            self._add(
                self.changes, [_text(name), _clock(at), seconds, code, CODE_NAMES[Code(code)]]
            )
        return Range("变化", first, self._next(self.changes) - 1)

    def _marks(self, name: str, kind: str, marks: Spans) -> Range:
        first = self._next(self.spans)
        for a, b in marks.tolist():
            row = [_text(name), kind, _clock(a), a - self.origin, b - self.origin]
            self._add(self.spans, row)
        return Range("时段", first, first + len(marks) - 1)

    def _slice(
        self,
        number: int,
        start: int,
        end: int,
        lines: Sequence[Sequence[tuple[Range, Range, Range]]],
        hours: Range | None,
    ) -> None:
        row = self._next(self.slices)
        cells: list[Any] = []
        groups = []
        column = 8
        for line in lines:
            letters = []
            for target in line:
                cells.append(_target_formula(row, *target))
                letters.append(_letter(column))
                column += 1
            worst = f"MAX({letters[0]}{row}:{letters[-1]}{row})"
            groups.append(f"IF({worst}<0,{int(Code.ABSENT)},{worst})")
        best = f"MIN({','.join(groups)})" if groups else str(int(Code.UNKNOWN))
        known = f"IF({best}={int(Code.ABSENT)},{int(Code.UNKNOWN)},{best})"
        category = (
            f"=IF({_inside(row, hours)},{known},{int(Code.OUT)})"
            if hours is not None
            else f"={known}"
        )
        names = ",".join(f'"{CODE_NAMES[code]}"' for code in Code)
        self._add(
            self.slices,
            [
                number,
                _clock(start),
                start - self.origin,
                end - self.origin,
                f"=D{row}-C{row}",
                category,
                f"=CHOOSE(F{row}+1,{names})",
                *cells,
            ],
        )


def _target_formula(row: int, history: Range, planned: Range, excluded: Range) -> str:
    """What a slice counts as for one target: the last change before it, windows laid over it."""
    state = f"LOOKUP(C{row},{history.column('C')},{history.column('D')})"
    laid = f"{state}"
    if excluded:
        laid = f"IF({_inside(row, excluded)},{int(Code.EXCLUDED)},{laid})"
    if planned:
        laid = f"IF({_inside(row, planned)},{int(Code.PLANNED)},{laid})"
    return f"=IF({state}={int(Code.ABSENT)},-1,{laid})"


def _inside(row: int, marks: Range) -> str:
    if not marks:
        return "FALSE"
    return f'COUNTIFS({marks.column("D")},"<="&C{row},{marks.column("E")},">="&D{row})>0'


def _summary_row(
    sheet: Worksheet, number: int, each: Measured, inputs: Inputs, block: Range | None
) -> None:
    from openpyxl.styles import Alignment  # noqa: PLC0415  # heavy, and only for an export

    printed = figure(each, inputs)
    terms, row = printed.terms, sheet.max_row + 1
    stated: Any = "数据不足" if printed.percent is None else float(printed.percent)
    if block is None:
        sums: list[Any] = [
            terms.period_s, terms.out_s, terms.planned_s, terms.excluded_s, terms.unknown_s,
            terms.down_s, terms.up_s, terms.degraded_s,
        ]  # fmt: skip
    else:
        codes = [Code.OUT, Code.PLANNED, Code.EXCLUDED, Code.UNKNOWN, Code.DOWN]
        by_code = [_sum(block, code) for code in codes]
        up = f"{_sum(block, Code.UP)}+{_sum(block, Code.DEGRADED)[1:]}"
        total = f"=SUM({block.column('E')})"
        sums = [total, *by_code, up, _sum(block, Code.DEGRADED)]
    base, service = f"M{row}", f"L{row}"
    percent = (
        f'=IF(OR({base}<=0,H{row}>{MAX_UNKNOWN}*{service}),"数据不足",'
        f"ROUNDDOWN(({base}-I{row})*100/{base},4))"
    )
    check = f'=IF(N{row}=O{row},"一致","不一致")'
    sheet.append(
        [
            number, _text(each.name), _text(each.about), *sums, f"=D{row}-E{row}",
            f"={service}-F{row}-G{row}-H{row}", percent, stated, check, terms.outages,
        ]
    )  # fmt: skip
    for letter in "DEFGHIJKLM":
        sheet[f"{letter}{row}"].number_format = "#,##0"
    for letter in "NO":
        sheet[f"{letter}{row}"].number_format = "0.0000"
        sheet[f"{letter}{row}"].alignment = Alignment(horizontal="right")


def _sum(block: Range, code: Code) -> str:
    return f"=SUMIFS({block.column('E')},{block.column('F')},{int(code)})"


def _heading(sheet: Worksheet, title: str, inputs: Inputs, *, live: bool) -> None:
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415

    start, end = inputs.period
    sheet.append([_text(title)])
    sheet.append([f"期间 {_clock(start)} 至 {_clock(end)}(不含),时区 Asia/Shanghai,单位:秒"])
    sheet.append([EXPLAINED])
    where = "各数由“切片”表的公式算出,改动“变化”“时段”中的数字即重算"
    sheet.append([where if live else "切片过多,本表为数值;各对象的重算表在其明细页下载"])
    sheet.append(list(SUMMARY))
    for cell in (sheet["A1"], *sheet[5]):
        cell.font = Font(bold=True)
    for cell in sheet[5]:
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    sheet.freeze_panes = "C6"
    _on_paper(sheet)


def _on_paper(sheet: Worksheet) -> None:
    """A4 across, all columns on one page, the head on each."""
    from openpyxl.worksheet.header_footer import (  # noqa: PLC0415
        HeaderFooterItem,
        _HeaderFooterPart,
    )
    from openpyxl.worksheet.properties import PageSetupProperties  # noqa: PLC0415

    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.print_title_rows = "5:5"
    sheet.oddFooter = HeaderFooterItem(center=_HeaderFooterPart("第 &P 页 共 &N 页"))


def _widths(book: Workbook) -> None:
    wide = {"汇总": {"A": 6, "B": 30, "C": 26}, "切片": {"B": 20}, "变化": {"A": 34, "B": 20}}
    wide["时段"] = {"A": 34, "C": 20}
    for sheet in book.worksheets:
        for letter in "ABCDEFGHIJKLMNOPQ":
            sheet.column_dimensions[letter].width = wide.get(sheet.title, {}).get(letter, 12)
        if sheet.title != "汇总":
            sheet.freeze_panes = "A2"


def _text(value: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if value[:1] in "=+-@" else value


def _clock(at: int) -> str:
    return timezone.localtime(datetime.fromtimestamp(at, UTC)).strftime("%Y-%m-%d %H:%M:%S")


def _letter(column: int) -> str:
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    return get_column_letter(column)
