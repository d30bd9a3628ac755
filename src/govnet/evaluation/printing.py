"""A self-evaluation as the bureau's Word form, as PDF, and its score table as a workbook."""

from __future__ import annotations

import io
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from govnet.core.errors import gettext_noop
from govnet.core.office import PrintingError, as_docx, as_pdf, fill
from govnet.evaluation.answers import Facts, leaves_by_id
from govnet.evaluation.audit.report import FundColumn, Source
from govnet.evaluation.catalogue import framework_of
from govnet.evaluation.framework import Denominator, Framework, Indicator
from govnet.evaluation.measures import printed
from govnet.evaluation.models import (
    EvaluationKind,
    Evidence,
    IssuedReport,
    SelfEvaluation,
    SignOffRole,
)

if TYPE_CHECKING:
    from docx.table import Table, _Cell

    from govnet.accounts.models import User


def wan_yuan(amount: Decimal | None) -> str:
    """An amount in 元 as 万元, as the form prints it; nothing for None."""
    return "" if amount is None else f"{(amount / 10_000).normalize():f}"


def _template() -> bytes:
    """The officer's own template where there is one, else the shipped form."""
    own = Path(settings.MEDIA_ROOT) / "templates" / "annex-2-2.docx"
    if own.is_file():
        return own.read_bytes()
    shipped = resources.files("govnet.evaluation") / "word" / "annex-2-2.docx"
    return shipped.read_bytes()


def numbers(evaluation: SelfEvaluation) -> dict[str, Any]:
    """Everything that the form prints, as JSON-ready text: stored with an issued report."""
    spending = list(evaluation.spending.all())
    return {
        "title": evaluation.title or "财政支出绩效评价自评报告",
        "box_process": _box(evaluation, EvaluationKind.PROCESS),
        "box_result": _box(evaluation, EvaluationKind.RESULT),
        "project_name": evaluation.project_name,
        "project_unit": evaluation.project_unit,
        "department": evaluation.department,
        "method": evaluation.method,
        "evaluated_by": evaluation.evaluated_by,
        "report_date": _date(evaluation),
        "issued_by": f"{evaluation.issued_by}（制）" if evaluation.issued_by else "",
        "leader": evaluation.leader,
        "phone": evaluation.phone,
        "address": evaluation.address,
        "postcode": evaluation.postcode,
        "period": evaluation.period_text,
        "funds": _funds(evaluation),
        "spending": [
            {
                "content": line.content,
                "amount": wan_yuan(line.amount),
                "voucher": line.voucher,
                "note": line.note,
            }
            for line in spending
        ],
        "spending_total": _funds(evaluation)[Source.TOTAL.value][FundColumn.SPENT.value],
        "goal": evaluation.goal,
        "goal_result": evaluation.goal_result,
        "indicators": _indicators(evaluation),
        "score": _plain(evaluation.stated_score),
        "grade": evaluation.stated_grade,
        "evaluators": list(evaluation.evaluators.values("name", "job_title", "unit")),
        "sign_offs": _sign_offs(evaluation),
        "execution": _execution(evaluation),
        "filled_in_by": evaluation.filled_in_by,
        "filled_in_phone": evaluation.filled_in_phone,
        "sections": _sections(evaluation),
        **_score_table(evaluation),
    }


def _sections(evaluation: SelfEvaluation) -> list[dict[str, Any]]:
    """The narrative; the annex lists what is attached and what each piece proves."""
    sections: list[dict[str, Any]] = [
        {"title": section.title, "lines": section.body.split("\n") if section.body else []}
        for section in evaluation.sections.all()
    ]
    annex = _annex(evaluation)
    if annex:
        last = next((s for s in sections if s["title"].endswith("附件")), None)
        if last is None:
            last = {"title": "附件", "lines": []}
            sections.append(last)
        last["lines"] += annex
    return sections


def _annex(evaluation: SelfEvaluation) -> list[str]:
    """One line a piece of evidence: 「1. 资金管理办法（佐证：分配办法）」."""
    leaves = leaves_by_id(framework_of(evaluation))
    proven: dict[str, list[str]] = {}
    for piece in evaluation.evidence.select_related("score", "indicator", "snapshot"):
        names = proven.setdefault(_piece(piece), [])
        if piece.score is not None and piece.score.item in leaves:
            names.append(leaves[piece.score.item].name)
        elif piece.indicator is not None:
            names.append(str(piece.indicator))
    return [
        f"{number}. {title}" + (f"（佐证：{'、'.join(names)}）" if names else "")
        for number, (title, names) in enumerate(proven.items(), start=1)
    ]


def _piece(piece: Evidence) -> str:
    if piece.snapshot is None:
        return piece.title
    day = timezone.localtime(piece.snapshot.computed_at).date()
    return f"{piece.title}：平台取数 {printed(piece.snapshot)}，{day}，{piece.snapshot.digest[:12]}"


def _sign_offs(evaluation: SelfEvaluation) -> dict[str, dict[str, str]]:
    blank = "    年    月    日"
    table = {role: {"opinion": "", "name": "", "day": blank} for role in SignOffRole.values}
    for sign_off in evaluation.sign_offs.all():
        day = sign_off.signed_on
        table[sign_off.role] = {
            "opinion": sign_off.opinion,
            "name": sign_off.name,
            "day": f"{day.year}年{day.month}月{day.day}日" if day else blank,
        }
    return table


def _execution(evaluation: SelfEvaluation) -> str:
    """The execution rate with the budget that it was divided by: three are in use."""
    facts = Facts.of(evaluation)
    budget, spent = facts.budget(), facts.total.spent if facts.total else None
    if not budget or spent is None:
        return ""
    rate = (spent / budget * 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{rate}%（{wan_yuan(spent)}÷{wan_yuan(budget)}，{_BUDGETS[facts.denominator]}）"


_BUDGETS = {
    Denominator.PLANNED: "分母为计划数",
    Denominator.ADJUSTED: "分母为全年（调整后）预算数",
    Denominator.ARRIVED: "分母为到位数",
}


def _box(evaluation: SelfEvaluation, kind: EvaluationKind) -> str:
    return "☑" if evaluation.kind == kind else "□"


def _date(evaluation: SelfEvaluation) -> str:
    day = evaluation.report_date
    return f"{day.year}年{day.month}月{day.day}日" if day else ""


def _plain(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}"


def _funds(evaluation: SelfEvaluation) -> dict[str, dict[str, str]]:
    table = {source.value: dict.fromkeys(map(str, FundColumn), "") for source in Source}
    for fund in evaluation.funds.all():
        table[fund.source] = {
            column.value: wan_yuan(getattr(fund, column.value)) for column in FundColumn
        }
    return table


def _indicators(evaluation: SelfEvaluation) -> list[dict[str, str]]:
    """Level names once per group, as the form's merged cells show them."""
    rows, level1 = [], ""
    for indicator in evaluation.indicators.all():
        rows.append(
            {
                "level1": "" if indicator.level1 == level1 else indicator.level1,
                "level2": f"{indicator.level2.removesuffix('指标')}指标",
                "content": indicator.content,
                "target": indicator.target,
                "actual": indicator.actual,
            }
        )
        level1 = indicator.level1
    return rows


def _score_table(evaluation: SelfEvaluation) -> dict[str, Any]:
    framework = framework_of(evaluation)
    if framework is None:
        return {"items": [], "framework_name": "", "points_total": "", "score_total": ""}
    scores = {entry.item: entry.self_score for entry in evaluation.scores.all()}
    items = _score_rows(framework, scores)
    return {
        "items": items,
        "framework_name": framework.name,
        "points_total": _plain(framework.total),
        "score_total": _plain(sum((s for s in scores.values() if s is not None), Decimal(0))),
    }


def _score_rows(framework: Framework, scores: Mapping[str, Decimal | None]) -> list[dict[str, str]]:
    rows = []
    for level1 in framework.indicators:
        for level2 in level1.children or [level1]:
            for leaf in level2.children or [level2]:
                is_first = leaf is (level2.children or [level2])[0]
                starts = is_first and level2 is (level1.children or [level1])[0]
                rows.append(
                    _group_cells(level1, level2, is_first=is_first, starts=starts)
                    | {
                        "name": leaf.name,
                        "points": _plain(leaf.points),
                        "definition": leaf.definition,
                        "standard": leaf.standard,
                        "score": _plain(scores.get(leaf.id)),
                    }
                )
    return rows


def _group_cells(
    level1: Indicator, level2: Indicator, *, is_first: bool, starts: bool
) -> dict[str, str]:
    return {
        "level1": level1.name if starts else "",
        "points1": _plain(level1.points) if starts else "",
        "level2": level2.name if is_first else "",
        "points2": _plain(level2.points) if is_first else "",
    }


def render_docx(data: Mapping[str, Any]) -> bytes:
    """The Word form of stored numbers; what they hold is text, never a template."""
    filled = fill(_template(), data)
    for table in filled.docx.tables:
        _merge_groups(table)
    return as_docx(filled)


def _merge_groups(table: Table) -> None:
    """Level names stand once a group: the empty cells below them join them, as on the form."""
    texts = [[cell.text for cell in row.cells] for row in table.rows[:2]]
    head = next((number for number, row in enumerate(texts) if "一级指标" in row), None)
    if head is None:
        return
    # Not the third 分值: it belongs to the items, each of which has its own.
    names = {"一级指标", "分值", "二级指标"} if "三级指标" in texts[head] else {"一级指标"}
    columns = [i for i, text in enumerate(texts[head][:4]) if text in names]
    cells = [list(row.cells) for row in table.rows]  # each look-up walks the whole table
    ends = {"总分", "绩效自评综合得分"}
    last = next(i for i, row in enumerate(cells) if i > head and row[0].text in ends)
    for column in columns:
        start = head + 1
        for row in range(head + 2, last):
            if cells[row][column].text:
                start = row
            elif row + 1 == last or cells[row + 1][column].text:
                _join(cells[start][column], cells[row][column])


def _join(first: _Cell, last: _Cell) -> None:
    merged = first.merge(last)
    for paragraph in merged.paragraphs[1:]:
        paragraph._element.getparent().remove(paragraph._element)  # noqa: SLF001  # no API for it


def issue(evaluation: SelfEvaluation, user: User | None = None) -> IssuedReport:
    """Print and keep: the numbers and the file stay as they were issued."""
    data = numbers(evaluation)
    document = render_docx(data)
    return IssuedReport.objects.create(
        evaluation=evaluation,
        issued_by=user,
        numbers=data,
        document=document,
        digest=sha256(document).hexdigest(),
    )


def in_format(issued: IssuedReport, suffix: str) -> bytes:
    """An issued report as the kind of file that a name ends in.

    Raises:
        PrintingError: the kind is unknown, or its converter is missing.
    """
    document = bytes(issued.document)
    match suffix.lower():
        case ".docx":
            return document
        case ".pdf":
            return as_pdf(document)
        case ".xlsx":
            return score_workbook(issued.numbers)
        case _:
            raise PrintingError(
                gettext_noop("A report is printed as .docx, .pdf or .xlsx, not as “%(suffix)s”."),
                suffix=suffix,
            )


def score_workbook(data: Mapping[str, Any]) -> bytes:
    """The score table of stored numbers as a workbook; every cell is text or a number."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "评分表"
    keys = (
        "level1",
        "points1",
        "level2",
        "points2",
        "name",
        "points",
        "definition",
        "standard",
        "score",
    )
    titles = (
        "一级指标",
        "分值",
        "二级指标",
        "分值",
        "三级指标",
        "分值",
        "具体指标",
        "评价标准",
        "自评得分",
    )
    sheet.append(titles)
    for item in data["items"]:
        sheet.append([_cell_value(item[key]) for key in keys])
    total = _cell_value(data["points_total"])
    sheet.append(["总分", total, "", total, "", total, "", "", _cell_value(data["score_total"])])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for column, width in zip("ABCDEFGHI", (12, 7, 14, 7, 16, 7, 44, 60, 10), strict=True):
        sheet.column_dimensions[column].width = width
    for row in sheet.iter_rows():
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="center")
            if isinstance(cell.value, str):
                cell.data_type = "s"
    sheet.freeze_panes = "A2"
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def _cell_value(text: str) -> str | float:
    return float(text) if text.replace(".", "", 1).isdecimal() else text
