"""Makes the Word templates of the bureau's forms, for an officer to edit in Word or WPS.

Run once after a change here: ``uv run python scripts/make_word_templates.py``. The templates
are committed; docxtpl fills them in (``{{ }}`` values, ``{%tr %}`` repeated rows).
"""

from __future__ import annotations

from pathlib import Path

import docx
from docx.document import Document
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.table import (
    WD_CELL_VERTICAL_ALIGNMENT,
    WD_ROW_HEIGHT_RULE,
    WD_TABLE_ALIGNMENT,
)
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph

OUT = Path(__file__).parent.parent / "src/govnet/evaluation/word"
SURVEYS = Path(__file__).parent.parent / "src/govnet/surveys/word"
CERTIFICATES = Path(__file__).parent.parent / "src/govnet/projects/word"
BODY, HEADING, NARRATIVE = "宋体", "黑体", "仿宋"
MONEY_COLUMNS = ("planned", "arrived", "spent", "balance")
SOURCES = (
    ("central", "其中：中央财政"),
    ("province", "省财政"),
    ("city", "市财政"),
    ("county", "县市区财政"),
    ("other", "其他"),
)


def _font(document: Document) -> None:
    style = document.styles["Normal"]
    style.font.name = BODY
    style.font.size = Pt(10)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), BODY)
    style.paragraph_format.space_after = Pt(0)


def _paragraph(document: Document, text: str, *, size: float = 10, center: bool = False) -> None:
    paragraph = document.add_paragraph()
    run = paragraph.add_run(text)
    run.font.size = Pt(size)
    if size > 12:
        run.font.name = HEADING
        run._element.rPr.rFonts.set(qn("w:eastAsia"), HEADING)
    if center:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _page_number(paragraph: Paragraph) -> None:
    """「— 3 —」 in the middle of the foot, as official documents have it."""
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    paragraph.add_run("— ")
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    run = OxmlElement("w:r")
    text = OxmlElement("w:t")
    text.text = "1"
    run.append(text)
    field.append(run)
    paragraph._p.append(field)
    paragraph.add_run(" —")


def _gap(document: Document) -> None:
    """Word would join two tables that touch; a line of one point keeps them apart."""
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.line_spacing = Pt(1)


def _table(document: Document, rows: list[list[str]], widths: list[float]) -> Table:
    table = document.add_table(rows=len(rows), cols=len(widths))
    table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Cm(width)
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text, width in zip(row.cells, texts, widths, strict=True):
            cell.width = Cm(width)
            cell.paragraphs[0].add_run(text)
            cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
        _no_split(row._tr)
        row.height, row.height_rule = Cm(0.66), WD_ROW_HEIGHT_RULE.AT_LEAST
    for paragraph in (p for row in table.rows for cell in row.cells for p in cell.paragraphs):
        paragraph.paragraph_format.space_before = Pt(1)
        paragraph.paragraph_format.space_after = Pt(1)
    return table


def _no_split(row: OxmlElement) -> None:
    row.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def _repeat_header(table: Table, row: int = 0) -> None:
    table.rows[row]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _merge(first: _Cell, last: _Cell) -> _Cell:
    """Merge cells without the empty paragraphs that Word would collect from them."""
    cell = first.merge(last)
    for paragraph in cell.paragraphs:
        if not paragraph.text and len(cell.paragraphs) > 1:
            paragraph._element.getparent().remove(paragraph._element)
    return cell


def _heading_row(table: Table, row: int = 0) -> None:
    cells = table.rows[row].cells
    _merge(cells[0], cells[-1]).paragraphs[0].runs[0].bold = True


def _cover(document: Document) -> None:
    _paragraph(document, "附件2-2")
    for _ in range(5):
        _paragraph(document, "")
    _paragraph(document, "{{ title }}", size=22, center=True)
    for _ in range(4):
        _paragraph(document, "")
    lines = (
        "评价类型：项目实施过程评价{{ box_process }}   项目完成结果评价{{ box_result }}",
        "项目名称：{{ project_name }}",
        "项目单位：{{ project_unit }}",
        "主管部门：{{ department }}",
        "评价方式：{{ method }}",
        "评价机构：{{ evaluated_by }}",
        "报告日期：{{ report_date }}",
    )
    for line in lines:
        _paragraph(document, line, size=12)
        _paragraph(document, "")
    _paragraph(document, "{{ issued_by }}", size=12, center=True)
    document.add_page_break()


def _facts(document: Document) -> None:
    rows = [
        ["一、项目基本概况", "", "", "", "", "", "", ""],
        ["项目负责人", "{{ leader }}", "", "", "联系电话", "{{ phone }}", "", ""],
        ["项目地址", "{{ address }}", "", "", "邮编", "{{ postcode }}", "", ""],
        ["项目起止时间", "{{ period }}", "", "", "", "", "", ""],
        [
            "计划安排资金（万元）", "{{ funds.total.planned }}",
            "实际到位资金（万元）", "{{ funds.total.arrived }}",
            "实际支出（万元）", "{{ funds.total.spent }}",
            "结余（万元）", "{{ funds.total.balance }}",
        ],
    ]  # fmt: skip
    for key, label in SOURCES:
        row = []
        for column in MONEY_COLUMNS:
            row += [label, f"{{{{ funds.{key}.{column} }}}}"]
        rows.append(row)
    rows.append(["预算执行率", "{{ execution }}", *[""] * 6])
    table = _table(document, rows, [2.6, 1.7] * 4)
    _heading_row(table)
    _merge(table.cell(len(rows) - 1, 1), table.cell(len(rows) - 1, 7))
    for row in (1, 2):
        _merge(table.cell(row, 1), table.cell(row, 3))
        _merge(table.cell(row, 5), table.cell(row, 7))
    _merge(table.cell(3, 1), table.cell(3, 7))


def _spending(document: Document) -> None:
    rows = [
        ["二、项目支出明细情况", "", "", ""],
        ["支出内容", "实际支出数（万元）", "会计凭证号", "备注"],
        ["{%tr for line in spending %}", "", "", ""],
        ["{{ line.content }}", "{{ line.amount }}", "{{ line.voucher }}", "{{ line.note }}"],
        ["{%tr endfor %}", "", "", ""],
        ["支出合计", "{{ spending_total }}", "", ""],
    ]
    _heading_row(_table(document, rows, [6.4, 3.4, 4.4, 3.0]))


def _goals(document: Document) -> None:
    rows = [
        ["三、项目绩效自评情况", "", ""],
        ["项目绩效定性目标及实施计划完成情况", "预期目标", "实际完成"],
        ["", "{{ goal }}", "{{ goal_result }}"],
    ]
    table = _table(document, rows, [3.2, 7.0, 7.0])
    _heading_row(table)
    _merge(table.cell(1, 0), table.cell(2, 0))
    _gap(document)
    head = ["一级指标", "二级指标", "指标内容", "指标（目标）值", "实际完成值"]
    rows = [
        ["项目绩效定量目标（指标）及完成情况", "", "", "", ""],
        head,
        ["{%tr for row in indicators %}", "", "", "", ""],
        ["{{ row.level1 }}", "{{ row.level2 }}", "{{ row.content }}", "{{ row.target }}",
         "{{ row.actual }}"],
        ["{%tr endfor %}", "", "", "", ""],
        ["绩效自评综合得分", "{{ score }}", "", "", ""],
        ["评价等次", "{{ grade }}", "", "", ""],
    ]  # fmt: skip
    table = _table(document, rows, [3.2, 3.2, 5.4, 2.7, 2.7])
    _heading_row(table)
    for row in (5, 6):
        _merge(table.cell(row, 1), table.cell(row, 4))


_SIGNED = "{{{{ sign_offs.{role}.name }}}}\n{{{{ sign_offs.{role}.day }}}}"
_OPINION = "{label}意见：{{{{ sign_offs.{role}.opinion }}}}\n\n{label}负责人（签章）：" + _SIGNED
_SIGN_OFFS = (
    ("评价组组长（签字）：" + _SIGNED).format(role="leader"),
    _OPINION.format(label="项目单位", role="unit"),
    _OPINION.format(label="主管部门", role="department"),
    _OPINION.format(label="财政部门归口业务科室", role="finance"),
)


def _people(document: Document) -> None:
    rows = [
        ["四、评价人员", "", "", ""],
        ["姓名", "职称/职务", "单位", "签字"],
        ["{%tr for person in evaluators %}", "", "", ""],
        ["{{ person.name }}", "{{ person.job_title }}", "{{ person.unit }}", ""],
        ["{%tr endfor %}", "", "", ""],
        *([text, "", "", ""] for text in _SIGN_OFFS),
    ]
    table = _table(document, rows, [3.6, 3.6, 6.4, 3.6])
    _heading_row(table)
    for row in range(5, 9):
        _merge(table.cell(row, 0), table.cell(row, 3))
        table.rows[row].height = Cm(1.6 if row == 5 else 2.8)
    # The places for signatures stay on the page of the evaluators that they sign for.
    for cell in (cell for row in table.rows[:-1] for cell in row.cells):
        for paragraph in cell.paragraphs:
            paragraph.paragraph_format.keep_with_next = True
    _gap(document)
    _paragraph(document, "填报人：{{ filled_in_by }}")
    _paragraph(document, "填报人电话：{{ filled_in_phone }}")


def _narrative(document: Document) -> None:
    document.add_page_break()
    _paragraph(document, "五、评价报告综述（文字部分）", size=14)
    document.add_paragraph("{%p for section in sections %}")
    title = document.add_paragraph()
    title.paragraph_format.keep_with_next = True
    title.paragraph_format.space_before = Pt(6)
    run = title.add_run("{{ section.title }}")
    run.font.name, run.font.size = HEADING, Pt(12)
    run._element.rPr.rFonts.set(qn("w:eastAsia"), HEADING)
    document.add_paragraph("{%p for line in section.lines %}")
    body = document.add_paragraph()
    run = body.add_run("{{ line }}")
    run.font.name, run.font.size = NARRATIVE, Pt(12)
    run._element.rPr.rFonts.set(qn("w:eastAsia"), NARRATIVE)
    body.paragraph_format.first_line_indent = Pt(24)
    body.paragraph_format.line_spacing = 1.5
    document.add_paragraph("{%p endfor %}")
    document.add_paragraph("{%p endfor %}")


def _score_table(document: Document) -> None:
    document.add_paragraph("{%p if items %}")
    section = document.add_section(WD_SECTION.NEW_PAGE)
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = section.page_height, section.page_width
    _paragraph(document, "附件3-2")
    _paragraph(document, "{{ framework_name }}", size=16, center=True)
    head = ["一级指标", "分值", "二级指标", "分值", "三级指标", "分值", "具体指标", "评价标准",
            "自评得分"]  # fmt: skip
    rows = [
        head,
        ["{%tr for item in items %}", *[""] * 8],
        ["{{ item.level1 }}", "{{ item.points1 }}", "{{ item.level2 }}", "{{ item.points2 }}",
         "{{ item.name }}", "{{ item.points }}", "{{ item.definition }}", "{{ item.standard }}",
         "{{ item.score }}"],
        ["{%tr endfor %}", *[""] * 8],
        ["总分", "{{ points_total }}", "", "{{ points_total }}", "", "{{ points_total }}", "", "",
         "{{ score_total }}"],
    ]  # fmt: skip
    table = _table(document, rows, [1.8, 1.2, 1.9, 1.2, 2.0, 1.2, 6.2, 8.2, 1.5])
    _repeat_header(table)
    for row in table.rows:
        for cell in row.cells:
            for run in cell.paragraphs[0].runs:
                run.font.size = Pt(9)
    document.add_paragraph("{%p endif %}")


def _blank() -> Document:
    """An A4 page with the number at its foot."""
    document = docx.Document()
    _font(document)
    page = document.sections[0]
    _page_number(page.footer.paragraphs[0])
    page.page_width, page.page_height = Cm(21), Cm(29.7)
    page.left_margin = page.right_margin = Cm(1.9)
    return document


def _right(table: Table, column: int, first: int = 1) -> None:
    """Amounts stand at the right."""
    for row in table.rows[first:]:
        row.cells[column].paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT


def _certificate_head(document: Document) -> None:
    _paragraph(document, "合同款支付证书", size=18, center=True)
    _paragraph(document, "{% if void %}（已作废：{{ void }}）{% endif %}", center=True)
    line = document.add_paragraph("证书编号：{{ number }}")
    line.add_run("\t出具日期：{{ date }}")
    line.paragraph_format.tab_stops.add_tab_stop(Cm(17.2), WD_TAB_ALIGNMENT.RIGHT)
    rows = [
        ["项目名称", "{{ project }}", "项目编号", "{{ project_code }}"],
        ["项目单位", "{{ project_unit }}", "采购包", "{{ lot }}"],
        ["合同名称", "{{ contract_name }}", "合同编号", "{{ contract_number }}"],
        ["承包单位", "{{ contractor }}", "合同金额（元）", "{{ contract_amount }}"],
    ]
    _table(document, rows, [2.4, 7.4, 2.8, 4.6])


def _certificate_money(document: Document) -> None:
    rows = [
        ["本期：{{ instalment }}", "金额（元）", "占合同金额"],
        ["① 本期合同约定金额", "{{ instalment_amount }}", "{{ instalment_share }}"],
        ["② 本期此前已出具证书金额", "{{ certified_before }}", ""],
        ["③ 本期应扣款（明细见下表）", "{{ deducted }}", ""],
        ["④ 本次应付 ＝ ① − ② − ③", "{{ payable }}", ""],
        ["本次应付（大写）：{{ payable_capital }}", "", ""],
        ["⑤ 合同此前累计已付", "{{ paid_before }}", "{{ paid_before_share }}"],
        ["⑥ 本次支付后累计 ＝ ④ ＋ ⑤", "{{ paid_after }}", "{{ paid_after_share }}"],
    ]
    table = _table(document, rows, [9.4, 4.6, 3.2])
    for column in (1, 2):
        _right(table, column, 0)
    for row in (0, 4, 5):
        for cell in table.rows[row].cells:
            for run in cell.paragraphs[0].runs:
                run.bold = True
    _merge(table.rows[5].cells[0], table.rows[5].cells[2])


def _certificate_lists(document: Document) -> None:
    lists = [
        ("付款条件", ["条件", "核对", "依据"], "gates", ["gate", "met", "reason"], [6.4, 1.4, 9.4]),
        ("扣款明细", ["期间", "依据与算式", "金额（元）"], "deductions",
         ["period", "why", "amount"], [5.4, 8.6, 3.2]),
        ("此前支付", ["日期", "会计凭证号", "支付内容", "金额（元）"], "payments",
         ["paid_on", "voucher", "content", "amount"], [2.6, 4.2, 7.2, 3.2]),
    ]  # fmt: skip
    for title, heads, name, fields, widths in lists:
        _gap(document)
        values = ["{{ row." + field + " }}" for field in fields]
        if name == "gates":
            values[2] += "{% if row.override %}（经两人批准放行：{{ row.override }}；"
            values[2] += "{{ row.override_by }}）{% endif %}"
        blank = [""] * (len(heads) - 1)
        rows = [
            [title, *blank],
            heads,
            [f"{{%tr for row in {name} %}}", *blank],
            values,
            ["{%tr endfor %}", *blank],
            [f"{{%tr if not {name} %}}", *blank],
            ["无", *blank],
            ["{%tr endif %}", *blank],
        ]
        table = _table(document, rows, widths)
        _heading_row(table)
        if fields[-1] == "amount":
            _right(table, len(heads) - 1)


def _certificate_signatures(document: Document) -> None:
    _gap(document)
    places = ["承包单位意见", "监理单位意见", "项目单位意见", "财务审核意见"]
    rows = [[place, "\n\n签字（盖章）：            年    月    日"] for place in places]
    _table(document, rows, [3.2, 14.0])
    _paragraph(
        document,
        "▲ 表示条件未满足、经申请人与批准人两人放行。本证书数据出具时已固定，摘要 {{ digest }}。",
        size=8,
    )


def certificate() -> None:
    """Write the template of the payment certificate."""
    document = _blank()
    for part in (
        _certificate_head,
        _certificate_money,
        _certificate_lists,
        _certificate_signatures,
    ):
        part(document)
        if part is _certificate_head:
            _gap(document)
    CERTIFICATES.mkdir(parents=True, exist_ok=True)
    document.save(str(CERTIFICATES / "payment-certificate.docx"))


def question_sheet() -> None:
    """Write the template of a survey's question sheet, for units that answer on paper."""
    document = _blank()
    _paragraph(document, "{{ title }}", size=18, center=True)
    _paragraph(document, "调查编号：{{ code }}    请于 {{ closes_on }} 前交回", center=True)
    _gap(document)
    _table(document, [["单位名称（盖章）", "", "填表日期", ""]], [3.4, 7.4, 2.4, 4.0])
    _paragraph(document, "")
    boxes = "{% for choice in choices %}□ {{ choice }}    {% endfor %}"
    _paragraph(document, "1. {{ question }}", size=11)
    _paragraph(document, boxes)
    document.add_paragraph("{%p for text in questions %}")
    _paragraph(document, "{{ loop.index + 1 }}. {{ text }}", size=11)
    _paragraph(document, boxes)
    document.add_paragraph("{%p endfor %}")
    _paragraph(document, "意见和建议：", size=11)
    _table(document, [["\n\n\n\n"]], [17.2])
    _paragraph(
        document,
        "每单位一份。满意率 ＝ 选择“{{ satisfied_from }}”及以上的有效份数 ÷ 有效份数。",
        size=8,
    )
    document.save(str(SURVEYS / "question-sheet.docx"))


def survey_summary() -> None:
    """Write the template of a survey's summary."""
    document = _blank()
    _paragraph(document, "{{ title }} 汇总", size=18, center=True)
    _paragraph(document, "调查编号：{{ code }}    截止日期：{{ closes_on }}", center=True)
    for title, heads, name, fields in (
        ("结果", ["项目", "数值"], "figures", ["name", "value"]),
        ("总体评价分布", ["评价", "有效份数"], "distribution", ["name", "number"]),
    ):
        _gap(document)
        rows = [
            [title, ""],
            heads,
            [f"{{%tr for row in {name} %}}", ""],
            ["{{ row." + fields[0] + " }}", "{{ row." + fields[1] + " }}"],
            ["{%tr endfor %}", ""],
        ]
        table = _table(document, rows, [9.2, 8.0])
        _heading_row(table)
        _right(table, 1)
    _paragraph(document, "问题：{{ question }}")
    _paragraph(
        document,
        "满意率 ＝ 选择“{{ satisfied_from }}”及以上的有效份数 ÷ 有效份数；区间为 95% 威尔逊区间。",
    )
    document.add_paragraph("{%p for text in comments %}")
    _paragraph(document, "“{{ text }}”")
    document.add_paragraph("{%p endfor %}")
    _paragraph(document, "打印日期：{{ printed_on }}", size=8)
    document.save(str(SURVEYS / "summary.docx"))


def annexes() -> None:
    """Write the template of annexes 2-2 and 3-2."""
    document = _blank()
    _cover(document)
    _facts(document)
    for part in (_spending, _goals, _people):
        _gap(document)
        part(document)
    _narrative(document)
    _score_table(document)
    OUT.mkdir(parents=True, exist_ok=True)
    document.save(str(OUT / "annex-2-2.docx"))


if __name__ == "__main__":
    annexes()
    certificate()
    question_sheet()
    survey_summary()
