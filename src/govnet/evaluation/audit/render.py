"""Audit results as text, JSON, HTML and a workbook."""

from __future__ import annotations

import gettext
import html
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import govnet
from govnet.core.errors import Note
from govnet.evaluation.audit.runner import AuditedFile, AuditedFinding, Status

if TYPE_CHECKING:
    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

SEVERITIES = {"major": "重大", "minor": "一般", "query": "提请说明"}


class Format(StrEnum):
    """Output formats of ``govnet audit``."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"
    XLSX = "xlsx"


def as_json(results: Sequence[AuditedFile]) -> str:
    """One object a file; places are offsets into ``text`` of the normalised document."""
    rows = [
        {key: value for key, value in asdict(result).items() if key != "text"}
        | {"unread": [str(note) for note in result.unread]}
        for result in results
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1)


def as_text(results: Sequence[AuditedFile]) -> str:
    """What a person reads on a terminal."""
    return "\n".join(_file_text(result) for result in results) + "\n" + summary(results)


_CATALOGUE = gettext.translation(
    "django", Path(govnet.__file__).parent / "locale", ["zh_Hans"], fallback=True
)


def _chinese(note: Note) -> str:
    """The note in Chinese as all of this output, without Django's settings."""
    return _CATALOGUE.gettext(note.message) % note.params


def summary(results: Sequence[AuditedFile]) -> str:
    """One line over the batch."""
    severities = Counter(finding.severity for r in results for finding in r.findings)
    statuses = Counter(result.status for result in results)
    counted = "，".join(f"{word} {severities[key]}" for key, word in SEVERITIES.items())
    return f"共 {len(results)} 份：{counted}；无法读取 {statuses[Status.UNREADABLE]} 份。"


def _file_text(result: AuditedFile) -> str:
    lines = [f"■ {result.file}"]
    lines.extend(f"  ! 未读：{_chinese(note)}" for note in result.unread)
    if result.status is Status.CLEAN:
        lines.append("  没有发现问题。")
    for finding in result.findings:
        lines.append(f"  [{SEVERITIES[finding.severity]}] {finding.check} {finding.message}")
        lines.extend(f"      “{_one_line(quote.text)}”" for quote in finding.quotes)
        if finding.arithmetic:
            lines.append(f"      算式：{finding.arithmetic}")
    return "\n".join(lines)


def _one_line(text: str, limit: int = 120) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"


def as_html(results: Sequence[AuditedFile]) -> str:
    """A stand-alone page; everything from the files is escaped."""
    parts = [_HTML_HEAD, f"<p>{html.escape(summary(results))}</p>"]
    for result in results:
        parts.append(f"<h2>{html.escape(result.file)}</h2>")
        parts.extend(f"<p>未读：{html.escape(_chinese(note))}</p>" for note in result.unread)
        if result.findings:
            parts.append("<table><tr><th>级别<th>检查<th>问题<th>引文<th>算式</tr>")
            parts.extend(_html_row(finding) for finding in result.findings)
            parts.append("</table>")
    return "\n".join([*parts, "</body></html>\n"])


_HTML_HEAD = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">
<title>绩效自评审核</title>
<style>body{font:14px "PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;margin:2em}
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3em .6em;vertical-align:top}
</style></head><body><h1>绩效自评审核</h1>"""


def _html_row(finding: AuditedFinding) -> str:
    quotes = "<br>".join(html.escape(f"“{_one_line(quote.text)}”") for quote in finding.quotes)
    cells = (
        SEVERITIES[finding.severity],
        f"{finding.check} {finding.name}",
        finding.message,
    )
    return (
        "<tr>"
        + "".join(f"<td>{html.escape(cell)}" for cell in cells)
        + f"<td>{quotes}<td>{html.escape(finding.arithmetic)}</tr>"
    )


def as_xlsx(results: Sequence[AuditedFile]) -> bytes:
    """A workbook of findings; text cells are stored as text, so no formula can run."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("审核结果")
    bold = Font(bold=True)
    header = []
    for title in ("文件", "状态", "级别", "检查", "问题", "引文", "算式"):
        cell = WriteOnlyCell(sheet, value=title)
        cell.font = bold
        header.append(cell)
    sheet.append(header)
    for result in results:
        for row in _xlsx_rows(result):
            sheet.append([_text_cell(sheet, value) for value in row])
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def _xlsx_rows(result: AuditedFile) -> list[tuple[str, ...]]:
    if not result.findings:
        return [
            (
                result.file,
                result.status.value,
                "",
                "",
                "；".join(map(_chinese, result.unread)),
                "",
                "",
            )
        ]
    return [
        (
            result.file,
            result.status.value,
            SEVERITIES[finding.severity],
            f"{finding.check} {finding.name}",
            finding.message,
            "\n".join(_one_line(quote.text, 500) for quote in finding.quotes),
            finding.arithmetic,
        )
        for finding in result.findings
    ]


def _text_cell(sheet: WriteOnlyWorksheet, value: str) -> Cell:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", value))
    cell.data_type = "s"  # "=1+1" from a report stays text
    return cell
