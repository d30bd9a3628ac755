"""A statement as Word, PDF and workbook, from what was frozen: the same numbers for ever."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone, translation

from govnet.core.errors import gettext_noop
from govnet.core.lengths import length_text
from govnet.core.office import PrintingError, as_pdf
from govnet.sla import statements
from govnet.sla.figures import figures
from govnet.sla.forms import kind_label
from govnet.sla.inputs import Inputs
from govnet.sla.models import Statement
from govnet.sla.wording import formula, term_rows
from govnet.sla.workbook import workbook

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table

ROWS_PRINTED: Final = 1000
"""Lines of the Word table; all are in the workbook."""

COLUMNS: Final = (
    "序号",
    "对象",
    "所属",
    "可用率",
    "承诺",
    "是否达标",
    "中断次数",
    "中断时长",
    "计划",
    "剔除",
    "未知",
)
WIDTHS_CM: Final = (1.2, 3.6, 4.6, 2.1, 1.7, 1.9, 1.9, 3.3, 2.2, 2.2, 2.2)
NUMBERS: Final = frozenset(
    {"序号", "秒", "时长", "可用率", "承诺", "计划", "剔除", "未知", "计入时长"}
    | {"中断次数", "中断时长", "原可用率", "现可用率", "原中断", "现中断"}
)
"""Titles of columns whose figures stand one below the other, at the right."""


def in_format(statement: Statement, suffix: str) -> bytes:
    """A statement as ``docx``, ``pdf`` or ``xlsx``.

    Raises:
        PrintingError: the kind is unknown, or its converter is missing.
    """
    with translation.override("zh-hans"):
        match suffix:
            case "docx":
                return _docx(statement)
            case "pdf":
                return as_pdf(_docx(statement))
            case "xlsx":
                inputs = Inputs.from_data(statement.opened_inputs())
                return workbook(f"{_title(statement)} {statement.period_name}", inputs)
    raise PrintingError(gettext_noop("A statement is printed as Word, PDF or workbook."))


def _title(statement: Statement) -> str:
    return f"{statement.title}可用率结算单"


def _docx(statement: Statement) -> bytes:
    from docx import Document as new_document  # noqa: PLC0415, N813  # heavy; python-docx's name

    document = new_document()
    _page(document)
    _footer(document, f"{_title(statement)} {statement.period_name} 第 {statement.version} 版")
    document.add_heading(_title(statement), level=0)
    _facts(document, statement)
    document.add_heading("一、合计", level=1)
    rows = statement.figures["rows"]
    _head(document, statement.figures["head"], several=_several(statement))
    document.add_heading("二、明细", level=1)
    _rows(document, rows)
    inputs = statement.opened_inputs()
    document.add_heading("三、中断清单", level=1)
    _outages(document, Inputs.from_data(inputs), {row["scope"] for row in rows})
    _events(document, inputs)
    if statement.amends is not None:
        _amendment(document, statement)
    _signatures(document)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _page(document: Document) -> None:
    """A4 across, one Chinese font for everything."""
    from docx.enum.section import WD_ORIENT  # noqa: PLC0415
    from docx.oxml.ns import qn  # noqa: PLC0415
    from docx.shared import Cm, Pt, RGBColor  # noqa: PLC0415

    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(29.7), Cm(21)
    section.left_margin = section.right_margin = Cm(1.4)
    section.top_margin = section.bottom_margin = Cm(1.6)
    for name, size in (("Normal", 10.5), ("Title", 18), ("Heading 1", 13)):
        style: Any = document.styles[name]
        style.font.name, style.font.size = "SimSun", Pt(size)
        style.font.color.rgb = RGBColor(0, 0, 0)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for script in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
            fonts.set(qn(script), "SimSun")
        for theme in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(theme), None)


def _footer(document: Document, title: str) -> None:
    """What it is and which of how many pages, on every page: loose sheets find each other."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH  # noqa: PLC0415
    from docx.oxml import OxmlElement  # noqa: PLC0415
    from docx.oxml.ns import qn  # noqa: PLC0415

    line = document.sections[0].footer.paragraphs[0]
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for text, name in ((f"{title}    第 ", "PAGE"), (" 页 共 ", "NUMPAGES"), (" 页", "")):
        line.add_run(text)
        if name:
            field = OxmlElement("w:fldSimple")
            field.set(qn("w:instr"), name)
            line._p.append(field)  # noqa: SLF001  # python-docx has no API for fields


def _facts(document: Document, statement: Statement) -> None:
    issued = timezone.localtime(statement.issued_at)
    amended = f"，更正第 {statement.version - 1} 版" if statement.amends_id else ""
    document.add_paragraph(
        f"周期：{statement.first_day} 至 {statement.last_day}"
        f"（{statement.get_period_display()}，首尾均含，Asia/Shanghai）    "
        f"范围：{kind_label(statement.scope_kind)}    第 {statement.version} 版{amended}"
    )
    document.add_paragraph(
        f"出具：{issued:%Y-%m-%d %H:%M}    公式版本：{statement.formula_version}    "
        f"摘要（SHA-256）：{statement.digest[:16]}…"
    )


def _head(document: Document, head: Mapping[str, Any], *, several: bool) -> None:
    terms = statements.terms_of(head)
    table = _table(document, ["项目", "秒", "时长"], [9.0, 4.0, 7.0])
    for label, seconds in term_rows(head):
        _fill(table, [label, f"{seconds:,}", length_text(seconds)])
    percent = _percent(head)
    document.add_paragraph()
    if several:
        document.add_paragraph("合计为明细各对象的秒数逐项相加。")
    document.add_paragraph(
        "可用率 = (T − 计划 − 剔除 − 未知 − 中断) ÷ (T − 计划 − 剔除 − 未知)，T = 期间 − 非服务时间"
    )
    if terms.sufficient:
        document.add_paragraph(f"{formula(terms)} = {percent}（截取四位小数，不进位）")
    else:
        document.add_paragraph(
            f"{percent}：未知时间超过服务时间的 5%，或没有可考核的时间，不出百分比。"
        )
    mttr, mtbf = length_text(terms.mttr_s), length_text(terms.mtbf_s)
    document.add_paragraph(
        f"中断 {terms.outages} 次；平均恢复时间 MTTR {mttr}；平均无故障时间 MTBF {mtbf}；"
        f"最长一次 {length_text(terms.longest_s or None)}"
    )


def _several(statement: Statement) -> bool:
    """Whether the sum is that of several objects, not one object's own account."""
    own = f"{statement.scope_kind}:{statement.scope_id}"
    rows = statement.figures["rows"]
    return len(rows) > 1 and all(row["scope"] != own for row in rows)


def _percent(row: Mapping[str, Any]) -> str:
    return "数据不足" if row["percent"] is None else f"{row['percent']}%"


def _rows(document: Document, rows: Sequence[Mapping[str, Any]]) -> None:
    table = _table(document, COLUMNS, WIDTHS_CM)
    for number, row in enumerate(rows[:ROWS_PRINTED], start=1):
        met = {True: "达标", False: "未达标", None: "—"}[row["met"]]
        _fill(
            table,
            [
                str(number),
                row["name"],
                row["about"],
                _percent(row) if row["measured"] else "未监测",
                "—" if row["owed"] is None else f"{row['owed']}%",
                met,
                str(row["outages"]),
                length_text(row["down_s"]),
                length_text(row["planned_s"]),
                length_text(row["excluded_s"]),
                length_text(row["unknown_s"]),
            ],
        )
    if len(rows) > ROWS_PRINTED:
        document.add_paragraph(f"共 {len(rows)} 行，其余见工作簿。")


def _outages(document: Document, inputs: Inputs, rows: Collection[str]) -> None:
    """Every outage that counts of the objects that are listed, by object."""
    from govnet.sla.templatetags.sla import second  # noqa: PLC0415

    listed = [each for each in figures(inputs) if str(each.scope) in rows]
    found = [(each, outage) for each in listed for outage in each.outages if outage.counted_s]
    if not found:
        document.add_paragraph("没有计入的中断。")
        return
    table = _table(document, ["对象", "所属", "起止", "计入时长"], [5.0, 8.0, 9.4, 4.4])
    for each, outage in found[:ROWS_PRINTED]:
        span = f"{second(outage.start)} 至 {second(outage.end)}"
        span += "（未恢复）" if outage.goes_on else ""
        _fill(table, [each.name, each.about, span, length_text(outage.counted_s)])
    if len(found) > ROWS_PRINTED:
        document.add_paragraph(f"共 {len(found)} 次，其余见工作簿。")


def _events(document: Document, inputs: Mapping[str, Any]) -> None:
    """Windows and exclusions; what was entered after the fact is said."""
    if not inputs["windows"] and not inputs["exclusions"]:
        return
    document.add_heading("四、计划与剔除时段", level=1)
    table = _table(document, ["类别", "对象", "起止", "事由", "备注"], [2.2, 6.0, 8.6, 6.0, 4.0])
    from govnet.sla.models import ExclusionReason  # noqa: PLC0415
    from govnet.sla.templatetags.sla import second  # noqa: PLC0415

    for row in inputs["windows"]:
        note = "事后补登或更改" if row["amended"] else ""
        for a, b in row["spans"]:
            _fill(table, ["计划", row["about"], f"{second(a)} 至 {second(b)}", row["reason"], note])
    for row in inputs["exclusions"]:
        reason = str(ExclusionReason(row["reason"]).label)
        note = f"证明 {row['proof'][:12]}"
        for a, b in row["spans"]:
            text = f"{reason}：{row['explanation']}"
            _fill(table, ["剔除", row["about"], f"{second(a)} 至 {second(b)}", text, note])


def _amendment(document: Document, statement: Statement) -> None:
    document.add_heading("更正说明", level=1)
    if statement.reason:
        document.add_paragraph(f"更正原因：{statement.reason}")
    for reason in statements.reasons(statement):
        document.add_paragraph(reason)
    table = _table(
        document, ["对象", "原可用率", "现可用率", "原中断", "现中断"], [9.0, 4.0, 4.0, 4.8, 4.8]
    )
    for each in statements.differences(statement):
        old, new = each.before, each.after
        _fill(
            table,
            [
                each.name or "合计",
                "—" if old is None else _percent(old),
                "—" if new is None else _percent(new),
                "—" if old is None else length_text(old["down_s"]),
                "—" if new is None else length_text(new["down_s"]),
            ],
        )


def _signatures(document: Document) -> None:
    document.add_paragraph()
    document.add_paragraph(
        "运维单位（签章）：                    运营商或承包单位（签章）："
        "                    日期：      年    月    日"
    )


def _table(document: Document, titles: Sequence[str], widths: Sequence[float]) -> Table:
    """A table whose head is repeated on every page."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH  # noqa: PLC0415
    from docx.oxml import OxmlElement  # noqa: PLC0415
    from docx.shared import Cm  # noqa: PLC0415

    table: Table = document.add_table(rows=1, cols=len(titles))
    table.style = "Table Grid"
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Cm(width)
    for cell, title, width in zip(table.rows[0].cells, titles, widths, strict=True):
        cell.width = Cm(width)
        cell.paragraphs[0].add_run(title).bold = True
        if title in NUMBERS:
            cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
    properties = table.rows[0]._tr.get_or_add_trPr()  # noqa: SLF001  # python-docx has no API
    properties.append(OxmlElement("w:tblHeader"))
    return table


def _fill(table: Table, texts: Sequence[str]) -> None:
    from docx.oxml import OxmlElement  # noqa: PLC0415
    from docx.shared import Pt  # noqa: PLC0415

    row = table.add_row()  # type: ignore[no-untyped-call]
    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))  # noqa: SLF001  # no API
    for cell, text, head in zip(row.cells, texts, table.rows[0].cells, strict=True):
        cell.width = head.width
        paragraph = cell.paragraphs[0]
        paragraph.alignment = head.paragraphs[0].alignment
        paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(1)
        paragraph.add_run(text).font.size = Pt(9)
