"""The notice letter (整改通知) on one audited report: its accepted findings, as Word."""

from __future__ import annotations

import io
from collections.abc import Sequence

import docx
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Pt

from govnet.evaluation.models import AuditedReport, AuditFinding

FONT = "仿宋"
QUOTE_LIMIT = 200


def notice_letter(report: AuditedReport, findings: Sequence[AuditFinding]) -> bytes:
    """A letter that names each accepted finding with its quotes and arithmetic."""
    document = docx.Document()
    style = document.styles["Normal"]
    style.font.name = FONT
    style.font.size = Pt(14)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), FONT)
    heading = document.add_paragraph()
    heading.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = heading.add_run("绩效自评报告整改通知")
    run.bold = True
    run.font.size = Pt(22)
    unit = report.facts.get("项目单位") or report.facts.get("实施单位") or "＿＿＿＿＿＿＿＿"
    document.add_paragraph(f"{unit}：")
    project = report.facts.get("项目名称") or report.file_name
    document.add_paragraph(
        f"经审核你单位报送的“{project}”绩效自评报告，发现以下{len(findings)}处问题，"
        "请核实并修改后重新报送；如有异议，请附证明材料说明。"
    ).paragraph_format.first_line_indent = Pt(28)
    for number, finding in enumerate(findings, start=1):
        _finding(document, number, finding)
    closing = document.add_paragraph("审核单位（盖章）：\n年   月   日")
    closing.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _finding(document: docx.document.Document, number: int, finding: AuditFinding) -> None:
    paragraph = document.add_paragraph()
    paragraph.add_run(f"{number}. {finding.message}").bold = True
    paragraph.add_run(f"（{finding.check_id}，{finding.get_severity_display()}）")
    for quote in finding.quotes:
        text = " ".join(str(quote["text"]).split())
        shown = text if len(text) <= QUOTE_LIMIT else text[:QUOTE_LIMIT] + "……"
        document.add_paragraph(f"原文：“{shown}”").paragraph_format.left_indent = Pt(28)
    if finding.arithmetic:
        document.add_paragraph(f"算式：{finding.arithmetic}").paragraph_format.left_indent = Pt(28)
