"""From a document to a report: finds the known tables and fields, guesses nothing.

Tables are recognised by their header words, not by their place, since every bureau arranges
them differently; repeated page headers and repeated level-1 groups are dropped.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar

from govnet.core.errors import Note, gettext_noop
from govnet.evaluation.audit import flattened
from govnet.evaluation.audit.document import Cell, Document, Span, Table, squeeze
from govnet.evaluation.audit.report import (
    Amount,
    BudgetRow,
    Evaluator,
    FundColumn,
    GroupPoints,
    Indicator,
    Period,
    Report,
    ScoreItem,
    Section,
    SignOff,
    Source,
    SpendingLine,
)
from govnet.evaluation.quantity import is_blank, is_misread, parse_amount, parse_quantity

Row = list[Cell]
Key = TypeVar("Key")

FIELDS = (
    "项目名称", "项目单位", "实施单位", "主管部门", "评价类型", "评价方式", "评价机构", "报告日期",
    "项目负责人", "联系电话", "项目地址", "邮编", "项目起止时间", "填报人",
)  # fmt: skip
_FUND_COLUMNS = (
    ("计划安排", FundColumn.PLANNED),
    ("实际到位", FundColumn.ARRIVED),
    ("实际支出", FundColumn.SPENT),
    ("结余", FundColumn.BALANCE),
)
_SOURCES = (
    ("中央财政", Source.CENTRAL),
    ("省财政", Source.PROVINCE),
    ("县市区财政", Source.COUNTY),
    ("县财政", Source.COUNTY),
    ("区财政", Source.COUNTY),
    ("市财政", Source.CITY),
    ("市州财政", Source.CITY),
    ("其他", Source.OTHER),
    ("其它", Source.OTHER),
)
_CHECKED = "☑√■✓☒"
_CHINESE_DIGITS = "一二三四五六七八九十"
_DATE = re.compile(r"(20\d{2})[年./-](\d{1,2})(?:[月./-](?!20\d\d)(\d{1,2})日?)?")
_SECTION = re.compile(
    rf"^(?:[(（](?P<round>[{_CHINESE_DIGITS}]+)[)）]|(?P<plain>[{_CHINESE_DIGITS}]+)[、.．])\s*"
)
_LEVEL2 = re.compile(
    r"^(数量|质量|时效|成本|经济效益|社会效益|生态效益|环境效益|可持续影响|(服务对象)?满意度)(指标)?$"
)


def extract(document: Document) -> Report:
    """Everything the document says in the known forms."""
    report = Report(document)
    unit = _stated_unit(document)
    for rows in (table.rows for table in document.tables):
        _fields_of_rows(report, rows)
        _funds(report, rows, unit)
        _budget(report, rows, unit)
        _spending(report, rows, unit)
        _goal(report, rows)
        _evaluators(report, rows)
        _sign_offs(report, rows)
    # These two run over page breaks, which a PDF makes into separate tables.
    every_row = [row for table in document.tables for row in table.rows]
    _indicators(report, every_row)
    _score_items(report, every_row)
    _fields_of_paragraphs(report)
    flattened.fill_in(report, unit)
    _totals(report)
    _dates(report)
    _sections(report)
    _misread(report)
    return report


# --- several forms in one file ------------------------------------------------------------

_TITLE = re.compile(r"^(?:[(]?20..年?度?[)]?)?\S{0,30}(?:自评表|自评报告)$")


def forms(document: Document) -> list[Document]:
    """The forms of a file, each as a document over its stretch of the same text.

    A form begins with its title or its 项目名称; a table head that a page break repeats does
    not begin another.
    """
    starts = [0]
    seen_funds = False
    candidate: int | None = None
    for number, block in enumerate(document.blocks):
        if _begins_form(block):
            candidate = number if candidate is None else candidate
        if _has_funds(block):
            if seen_funds and candidate is not None:
                starts.append(candidate)
            seen_funds, candidate = True, None
    if len(starts) == 1:
        return [document]
    return [
        document.part(
            document.blocks[first:last],
            Span(
                _start(document.blocks[first]) if first else 0,
                _start(document.blocks[last]) if last else len(document.text),
            ),
        )
        for first, last in zip(starts, [*starts[1:], None], strict=True)
    ]


def _start(block: Cell | Table) -> int:
    return block.span.start if isinstance(block, Cell) else block.rows[0][0].span.start


def _begins_form(block: Cell | Table) -> bool:
    if isinstance(block, Cell):
        text = block.squeezed
        return bool(_TITLE.match(text)) or text.startswith("项目名称")
    return any(cell.squeezed.startswith("项目名称") for row in block.rows for cell in row)


def _has_funds(block: Cell | Table) -> bool:
    return isinstance(block, Table) and (
        _find_row(block.rows, "计划安排", "实际到位") is not None
        or _find_row(block.rows, "全年预算数", "全年执行数") is not None
    )


# --- fields ------------------------------------------------------------------------------


def _fields_of_rows(report: Report, rows: list[Row]) -> None:
    for row in rows:
        for label, value in pairwise(row):
            name = label.squeezed.rstrip(":")
            if name in FIELDS and value.squeezed.rstrip(":") not in FIELDS:
                report.fields.setdefault(name, (label, value))


def _fields_of_paragraphs(report: Report) -> None:
    pattern = re.compile(rf"({'|'.join(_spaced(name) for name in FIELDS)})\s*[:\uff1a]\s*(.*?)\s*$")
    for paragraph in report.document.paragraphs:
        match = pattern.match(paragraph.text)
        if match:
            report.fields.setdefault(
                squeeze(match[1]), (_part(paragraph, match, 1), _part(paragraph, match, 2))
            )


def _spaced(name: str) -> str:
    """A pattern for a label whose characters a typist spread: 「邮  编」."""
    return r"\s*".join(name)


def _part(cell: Cell, match: re.Match[str], group: int) -> Cell:
    start = cell.span.start + match.start(group)
    return Cell(match[group], Span(start, start + len(match[group])))


# --- funds and spending -------------------------------------------------------------------


def _stated_unit(document: Document) -> str:
    """The unit that the text states once for all (「单位：元」), else the form's own 万元."""
    stated = {match[1] for match, _ in document.squeezed.finditer("单位:?(亿元|万元|元)")}
    return stated.pop() if len(stated) == 1 else "万元"


def _unit(label: str, default: str) -> str:
    match = re.search(r"[(](亿元|万元|元)", label)  # a typist may forget to close the bracket
    return match[1] if match else default


def _funds(report: Report, rows: list[Row], default: str) -> None:
    """The fund table: a head row of four columns, then one row a source."""
    for number, row in enumerate(rows):
        head = list(_labelled(row, _FUND_COLUMNS))
        if len(head) < 3 or report.fund(FundColumn.PLANNED):
            continue
        for column, label, value in head:
            _set_fund(report, column, Source.TOTAL, label, value, _unit(label.squeezed, default))
        columns = [column for column, _, _ in head]
        units = [_unit(label.squeezed, default) for _, label, _ in head]
        for below in rows[number + 1 : number + 7]:
            for index, (source, label, value) in enumerate(_labelled(below, _SOURCES)):
                if index < len(columns):
                    report.source_labels.append(label)
                    _set_fund(report, columns[index], source, label, value, units[index])


def _labelled(row: Row, known: tuple[tuple[str, Key], ...]) -> Iterator[tuple[Key, Cell, Cell]]:
    """Label cells of a row in order, each with its value: the next filled cell, if any."""
    found = [
        (number, key)
        for number, cell in enumerate(row)
        for word, key in known
        if cell.squeezed.removeprefix("其中:").startswith(word)
    ]
    for (number, key), end in zip(
        found, [number for number, _ in found[1:]] + [len(row)], strict=False
    ):
        values = row[number + 1 : end]
        if values:
            yield key, row[number], next((cell for cell in values if cell.text), values[0])


def _set_fund(
    report: Report, column: FundColumn, source: Source, label: Cell, value: Cell, unit: str
) -> None:
    yuan = parse_amount(value.text, unit)
    if yuan is not None:
        report.funds[column, source] = Amount(yuan, value, label)
    elif not is_blank(value.text):
        report.unread.append(_not_an_amount(label, value))


def _not_an_amount(label: Cell, value: Cell) -> Note:
    return Note(
        gettext_noop("not an amount: %(label)s: %(text)s"),
        {"label": label.squeezed[:40], "text": value.squeezed[:40]},
    )


_BUDGET_COLUMNS = ("年初预算数", "全年预算数", "全年执行数", "分值", "执行率", "得分")


def _budget(report: Report, rows: list[Row], default: str) -> None:
    """The national form: a head of budget columns, then 年度资金总额 and what it is made of."""
    head = _find_row(rows, "全年预算数", "全年执行数")
    if head is None or report.budget:
        return
    texts = [cell.squeezed for cell in rows[head]]
    columns = {
        name: next((i for i, t in enumerate(texts) if t.startswith(name)), -1)
        for name in _BUDGET_COLUMNS
    }
    unit = _unit("".join(cell.squeezed for row in rows[: head + 1] for cell in row), default)
    for row in rows[head + 1 : head + 6]:
        label = next((cell for cell in row if _is_budget_label(cell.squeezed)), None)
        if label is not None:
            report.budget.append(_budget_row(row, label, columns, unit))


def _is_budget_label(text: str) -> bool:
    return bool(re.search(r"(资金总额|财政拨款|结转资金|其他资金)", text))


def _budget_row(row: Row, label: Cell, columns: dict[str, int], unit: str) -> BudgetRow:
    def cell(name: str) -> Cell | None:
        column = columns[name]
        return row[column] if 0 <= column < len(row) else None

    def yuan(name: str) -> Decimal | None:
        found = cell(name)
        return None if found is None else parse_amount(found.text, unit)

    def number(name: str) -> Decimal | None:
        found = cell(name)
        return None if found is None else _number(found)

    filled = [c for c in row if c.text and c.span.start >= label.span.start]
    return BudgetRow(
        name=label,
        initial=yuan("年初预算数"),
        adjusted=yuan("全年预算数"),
        executed=yuan("全年执行数"),
        points=number("分值"),
        rate=number("执行率"),
        score=number("得分"),
        span=Span(label.span.start, filled[-1].span.end),
    )


def _spending(report: Report, rows: list[Row], default: str) -> None:
    head = _find_row(rows, "支出内容", "实际支出数")
    if head is None or report.spending_total:
        return
    unit = _unit(rows[head][1].squeezed, default)
    for row in rows[head + 1 :]:
        if len(row) < 2:
            return
        if row[0].squeezed == rows[head][0].squeezed:
            continue  # a page break repeats the head
        yuan = parse_amount(row[1].text, unit)
        if yuan is None and not is_blank(row[1].text):
            report.unread.append(_not_an_amount(row[0], row[1]))
        amount = None if yuan is None else Amount(yuan, row[1], row[0])
        if row[0].squeezed in {"支出合计", "合计", "总计"}:
            report.spending_total = amount
            return
        if row[0].text:
            report.spending.append(SpendingLine(row[0], amount, row[2] if len(row) > 2 else None))


def _find_row(rows: list[Row], *words: str) -> int | None:
    for number, row in enumerate(rows):
        texts = {cell.squeezed for cell in row}
        if all(any(text.startswith(word) for text in texts) for word in words):
            return number
    return None


# --- goals and indicators -----------------------------------------------------------------


def _goal(report: Report, rows: list[Row]) -> None:
    head = _find_row(rows, "预期目标", "实际完成")
    if head is None:
        return
    cells: list[Cell] = []
    for row in rows[head + 1 :]:
        if any(cell.squeezed == "一级指标" for cell in row):
            break
        cells.extend(cell for cell in row if cell.text)
    if cells:
        report.goal = cells[0]
    if len(cells) > 1:
        report.goal_result = cells[1]


_AFTER_INDICATORS = r"综合得分|评价等次|^四、|^(合计|总分|总计)|评价标准.*得分$"


def _indicators(report: Report, rows: list[Row]) -> None:
    """Rows under 二级指标 | 指标内容 (or 三级指标) | 目标值 | 实际完成值, over page breaks too."""
    columns: dict[str, int] = {}
    level1, label = "", None
    for row in rows:
        texts = [cell.squeezed for cell in row]
        if {"指标内容", "三级指标"} & set(texts) and any("实际完成值" in t for t in texts):
            columns = _indicator_columns(texts)
        elif columns and re.search(_AFTER_INDICATORS, "".join(texts)):
            _national_total(report, row, columns)
            return
        elif columns and len(row) > columns["actual"]:
            level1 = texts[columns["level1"]] or level1
            if _LEVEL2.match(texts[columns["level2"]]):
                label = row[columns["level2"]]
            if label is not None:
                _add_indicator(report, row, columns, level1, label)


def _indicator_columns(texts: list[str]) -> dict[str, int]:
    content = texts.index("指标内容" if "指标内容" in texts else "三级指标")
    actual = next(i for i, t in enumerate(texts) if "实际完成值" in t)
    target = next((i for i, t in enumerate(texts) if re.search("(目标|指标).*值", t)), content + 1)
    level2 = texts.index("二级指标") if "二级指标" in texts else content - 1
    return {
        "level1": level2 - 1,
        "level2": level2,
        "content": content,
        "target": target,
        "actual": actual,
        "points": next((i for i, t in enumerate(texts) if t == "分值"), -1),
        "score": next((i for i, t in enumerate(texts) if t in {"得分", "自评得分"}), -1),
        "deviation": next((i for i, t in enumerate(texts) if t.startswith("偏差")), -1),
    }


def _national_total(report: Report, row: Row, columns: dict[str, int]) -> None:
    """总分 of the national form stands under 分值 and 得分."""
    if not 0 <= columns["score"] < len(row):
        return
    score = _number(row[columns["score"]])
    if score is not None:
        report.items_total_score = (score, row[columns["score"]])
    points = _number(row[columns["points"]]) if columns["points"] >= 0 else None
    if points is not None:
        report.items_total_points = (points, row[columns["points"]])


def _add_indicator(
    report: Report, row: Row, columns: dict[str, int], level1: str, label: Cell
) -> None:
    indicator = Indicator(
        level1=level1,
        level2=label.squeezed.removesuffix("指标"),
        label=label,
        content=row[columns["content"]],
        target=row[columns["target"]],
        actual=row[columns["actual"]],
        target_value=parse_quantity(row[columns["target"]].text),
        actual_value=parse_quantity(row[columns["actual"]].text),
        points=_optional_number(row, columns["points"]),
        score=_optional_number(row, columns["score"]),
        deviation=_optional_cell(row, columns["deviation"]),
    )
    is_first_of_label = row[columns["level2"]].text == label.text
    if is_first_of_label or not indicator.is_blank:
        report.indicators.append(indicator)


def _optional_cell(row: Row, column: int) -> Cell | None:
    return row[column] if 0 <= column < len(row) else None


def _optional_number(row: Row, column: int) -> Decimal | None:
    cell = _optional_cell(row, column)
    return None if cell is None else _number(cell)


# --- score table --------------------------------------------------------------------------


def _score_items(report: Report, rows: list[Row]) -> None:
    head = _find_row(rows, "一级指标", "三级指标", "评价标准")
    if head is None:
        return
    texts = [cell.squeezed for cell in rows[head]]
    score_column = next((i for i, t in enumerate(texts) if "得分" in t), len(texts) - 1)
    groups = {1: "", 2: ""}
    for row in rows[head + 1 :]:
        if len(row) <= score_column or row[0].squeezed.startswith("一级"):
            continue
        if row[0].squeezed in {"总分", "合计", "总计"}:
            _score_totals(report, row, score_column)
            return
        _score_group(report, row, 1, texts.index("一级指标"), groups)
        _score_group(report, row, 2, texts.index("二级指标"), groups)
        _score_item(report, row, texts, score_column, groups)


def _score_group(report: Report, row: Row, level: int, column: int, groups: dict[int, str]) -> None:
    name, points = row[column].squeezed, _number(row[column + 1])
    # A page break prints the group again; counting it twice would make 100 points 125.
    if name and points is not None and name != groups[level]:
        report.groups.append(GroupPoints(level, name, points, row[column]))
    groups[level] = name or groups[level]


def _score_item(
    report: Report, row: Row, texts: list[str], score_column: int, groups: dict[int, str]
) -> None:
    name_column = texts.index("三级指标")
    points = _number(row[name_column + 1])
    if not row[name_column].text or points is None:
        return
    standard = next((i for i, t in enumerate(texts) if "标准" in t), score_column - 1)
    report.items.append(
        ScoreItem(
            level1=groups[1],
            level2=groups[2],
            name=row[name_column],
            points=points,
            definition=row[standard - 1],
            standard=row[standard],
            score=_number(row[score_column]),
            score_cell=row[score_column],
        )
    )


def _score_totals(report: Report, row: Row, score_column: int) -> None:
    points = next((_number(cell) for cell in row[1:] if _number(cell) is not None), None)
    if points is not None:
        cell = next(cell for cell in row[1:] if _number(cell) is not None)
        report.items_total_points = (points, cell)
    score = _number(row[score_column])
    if score is not None:
        report.items_total_score = (score, row[score_column])


def _number(cell: Cell) -> Decimal | None:
    text = cell.squeezed.removesuffix("分").removesuffix("%")
    return Decimal(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None


# --- people, sign-offs, totals ------------------------------------------------------------


def _evaluators(report: Report, rows: list[Row]) -> None:
    head = _find_row(rows, "姓名", "职称")
    if head is None:
        return
    has_signature = any(cell.squeezed == "签字" for cell in rows[head])
    for row in rows[head + 1 :]:
        filled = [cell for cell in row if cell.text]
        if len(row) < 3 or len(filled) < 2 or re.search(r"组长|意见", row[0].squeezed):
            return
        signature = row[3] if has_signature and len(row) > 3 else None
        report.evaluators.append(Evaluator(row[0], row[1], row[2], signature))


def _sign_offs(report: Report, rows: list[Row]) -> None:
    for row in rows:
        text = re.split("填报人", "".join(cell.squeezed for cell in row))[0]
        match = re.match(r"(评价组组长|项目单位意见|主管部门意见|财政部门\S*?意见)", text)
        if match:
            report.sign_offs.append(_sign_off(row[0], match[1], text))


_SIGN_OFF = re.compile(
    r"(?P<opinion>.*?)(?:(?:项目|主管|财政|归口|单位|部门|业务|科室|评价组)*(?:负责人|组长)?"
    r"[(](?:签字|签章|盖章)[)]:?(?P<name>.*?))?"
    r"(?:(?P<day>20\d{2}年\d{1,2}月\d{1,2}日)|年月日)?"
)


def _sign_off(label: Cell, role: str, text: str) -> SignOff:
    """Opinion before the signatory's label, name behind it, date last."""
    match = _SIGN_OFF.fullmatch(text.removeprefix(role).lstrip(":"))
    parts = match.groupdict() if match else {"opinion": text, "name": None, "day": None}
    opinion, name = parts["opinion"] or "", parts["name"] or ""
    found = _DATE.search(parts["day"]) if parts["day"] else None
    day = _date(found) if found else None
    blank = not (opinion or name.strip("年月日:") or day)
    return SignOff(label, blank, role, opinion, name, day)


def _totals(report: Report) -> None:
    # 「|」: between the label and the value stands the next cell's border in Markdown.
    squeezed = report.document.squeezed
    score = squeezed.find(r"综合得分[:(分)|]*(\d{1,3}(?:\.\d+)?)")
    if score:
        report.total_score = (Decimal(score[0][1]), score[1])
    grade = squeezed.find(r"评价等[次级][:|]*(优秀|良好|优|良|中|差)")
    if grade:
        report.grade = (grade[0][1], grade[1])
    report.in_progress = _kind(report)


_BOX = rf"[(]?([{_CHECKED}□☐])?[)]?"


def _kind(report: Report) -> bool | None:
    """Which box is ticked, standing before its words or after; None where neither is."""
    found = report.document.squeezed.find(rf"{_BOX}项目实施过程评价{_BOX}项目完成结果评价{_BOX}")
    if found is None:
        return None
    before, between, after = (mark or "" for mark in found[0].groups())
    # With boxes before the words nothing follows the last words, and the other way round.
    process, result = (before, between) if before and not after else (between, after)
    ticked = [mark != "" and mark in _CHECKED for mark in (process, result)]
    return ticked[0] if ticked.count(True) == 1 else None


def _misread(report: Report) -> None:
    """Letters among digits are an OCR slip: said, and no figure is made of them."""
    cells = [cell for row in report.indicators for cell in (row.target, row.actual)]
    report.unread.extend(
        Note(gettext_noop("letters in a figure (OCR?): %(text)s"), {"text": cell.squeezed})
        for cell in cells
        if is_misread(cell.text)
    )


# --- dates and sections -------------------------------------------------------------------


def _dates(report: Report) -> None:
    if "项目起止时间" in report.fields:
        cell = report.fields["项目起止时间"][1]
        found = list(_DATE.finditer(cell.squeezed))
        if len(found) >= 2:
            start, end = _date(found[0]), _date(found[1], end=True)
            if start and end:
                report.period = Period(start, end, cell)
        elif found and (month := re.search(r"月(?:\d+日)?[-至到~—–]+(\d{1,2})月", cell.squeezed)):
            start, end = _date(found[0]), _month_end(int(found[0][1]), int(month[1]))
            if start and end and start <= end:
                report.period = Period(start, end, cell)
    if "报告日期" in report.fields:
        cell = report.fields["报告日期"][1]
        match = _DATE.search(cell.squeezed)
        day = _date(match) if match else None
        if day:
            report.report_date = (day, cell)


def _date(match: re.Match[str], *, end: bool = False) -> date | None:
    """A civil date; a month without a day is its first day, or its last for an end."""
    year, month = int(match[1]), int(match[2])
    if not 1 <= month <= 12:
        return None
    last = calendar.monthrange(year, month)[1]
    day = int(match[3]) if match[3] else (last if end else 1)
    return date(year, month, day) if 1 <= day <= last else None


def _month_end(year: int, month: int) -> date | None:
    if not 1 <= month <= 12:
        return None
    return date(year, month, calendar.monthrange(year, month)[1])


def _sections(report: Report) -> None:
    """Numbered parts of the narrative: paragraphs that begin with 一、 or （一）."""
    heads: list[tuple[int, str, Cell]] = []
    for title in (t for p in report.document.paragraphs for t in _titles(p)):
        match = _SECTION.match(title.text)
        if match:
            digits = match["round"] or match["plain"]
            heads.append((_chinese_number(digits), "（）" if match["round"] else "、", title))
    ends = [cell.span.start for _, _, cell in heads[1:]] + [report.document.end]
    for (number, style, cell), end in zip(heads, ends, strict=False):
        report.sections.append(Section(number, style, cell, Span(cell.span.end, end)))


_INNER_TITLE = re.compile(
    rf"(?:^|(?<=[。；！])\s*)[{_CHINESE_DIGITS}]+[、.．][^。；，\n]{{2,24}}?"
    r"(?:概况|情况|结论|分析|建议|经验|做法|问题|综述)(?=[\s:：])"
)


def _titles(paragraph: Cell) -> list[Cell]:
    """A short paragraph is a title; a long one may hold several, each after a full stop."""
    if len(paragraph.text) <= 40:
        return [paragraph]
    start = paragraph.span.start
    return [
        Cell(text, Span(start + at, start + at + len(text)))
        for match in _INNER_TITLE.finditer(paragraph.text)
        if (text := match[0].strip()) and (at := match.end() - len(text)) >= 0
    ]


def _chinese_number(digits: str) -> int:
    if digits == "十":
        return 10
    if digits.startswith("十"):
        return 10 + _CHINESE_DIGITS.index(digits[1]) + 1
    return _CHINESE_DIGITS.index(digits[0]) + 1
