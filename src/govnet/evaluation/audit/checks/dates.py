"""DAT: years, durations, phases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from govnet.evaluation.audit.document import Span
from govnet.evaluation.audit.registry import Finder, Finding, Severity, check
from govnet.evaluation.audit.report import Period, Report

# 「2019年度…完成设备安装调试」, 「2020年5月,完成项目建设工作」, 「在2022年12月31日前全面完成」
_COMPLETED = re.compile(
    r"(20\d{2})年(?:度|(\d{1,2})月)?(?:底|(?:\d{1,2}日)?前?)?[,]?[^,。;\d]{0,20}?"
    r"(?:全面|全部)?(?:完成|建成)(?!率|值|情况|后|目标)"
)
_FUND_YEAR = re.compile(
    r"(20\d{2})年(?:度)?[^,。;]{0,8}?资金[^,。;]{0,4}?(?:拨付|到位|下达)[^。]{0,40}"
)
_FINISHED = re.compile(r"[^,。;]{0,30}(?:通过|完成)了?[^。;]{0,30}(?:竣工验收|最终验收|终验)")
_DURATION = re.compile(r"(\d{1,3})个?月")


@check("DAT-01", "年度不一致", "Years disagree")
def years(report: Report, finding: Finder) -> Iterator[Finding]:
    """Completion and funding years lie in the project's period; two completions agree."""
    squeezed = report.document.squeezed
    completions = [
        (int(match[1]), span)
        for match, span in squeezed.finditer(_COMPLETED)
        if "采购" not in match[0] and "招标" not in match[0]
    ]
    yield from _outside_period(report, finding, completions, "完成年份不在项目起止时间内。")
    funded = [(int(match[1]), span) for match, span in squeezed.finditer(_FUND_YEAR)]
    yield from _outside_period(report, finding, funded, "资金年度不在项目起止时间内。")
    inside = [item for item in completions if _within(report, item[0])]
    if len({year for year, _ in inside}) > 1:
        first = inside[0]
        other = next(item for item in inside if item[0] != first[0])
        yield finding(
            "两处完成年份不一致。", first[1], other[1], arithmetic=f"{first[0]} ≠ {other[0]}"
        )


def _within(report: Report, year: int) -> bool:
    period = report.period
    return period is None or period.start.year <= year <= period.end.year


def _outside_period(
    report: Report, finding: Finder, years_found: list[tuple[int, Span]], message: str
) -> Iterator[Finding]:
    for year, span in years_found:
        # A project may finish late, but not years after a period that it calls its own.
        if report.period and year > report.period.end.year:
            yield finding(
                message,
                report.period.cell,
                span,
                arithmetic=f"{report.period.start.year}–{report.period.end.year} ∌ {year}",
            )


@check("DAT-02", "工期", "Duration against dates", Severity.MINOR)
def duration(report: Report, finding: Finder) -> Iterator[Finding]:
    """A stated duration in months equals the period, both ends included or not.

    A start told in the text in another month than the period's first is a query.
    """
    if report.period is None:
        return
    yield from _started_later(report, report.period, finding)
    for row in report.indicators:
        if row.level2 != "时效" or not row.actual.text:
            continue
        stated = _DURATION.fullmatch(row.actual.squeezed)
        months = report.period.months
        if stated and int(stated[1]) not in {months, months - 1}:
            yield finding(
                "建设周期与起止时间不符。",
                row.span,
                report.period.cell,
                arithmetic=f"{report.period.start:%Y-%m} – {report.period.end:%Y-%m} = {months}",
            )
        elif stated and int(stated[1]) == months - 1:
            yield finding(
                "建设周期与起止时间相差一个月，取决于首尾是否计入，请写明口径。",
                row.span,
                report.period.cell,
                arithmetic=f"{report.period.start:%Y-%m} – {report.period.end:%Y-%m} = {months}",
                severity=Severity.QUERY,
            )


_STARTED = re.compile(r"(20\d{2})年(\d{1,2})月(?:\d{1,2}日)?[,]?(?:正式)?(?:启动|开工|动工)")


def _started_later(report: Report, period: Period, finding: Finder) -> Iterator[Finding]:
    found = report.document.squeezed.find(_STARTED)
    if found is None:
        return
    year, month = int(found[0][1]), int(found[0][2])
    later = (year - period.start.year) * 12 + month - period.start.month
    if 0 < later <= period.months:
        yield finding(
            "文中启动月份晚于起止时间的首月，请说明计划开工时间。",
            period.cell,
            found[1],
            arithmetic=f"{period.start:%Y-%m} → {year}-{month:02}",
            severity=Severity.QUERY,
        )


@check("DAT-03", "评价阶段与日期先后", "Phase and chronology")
def phase(report: Report, finding: Finder) -> Iterator[Finding]:
    """No 过程评价 after final acceptance, and no report dated before the project's end."""
    squeezed = report.document.squeezed
    finished = squeezed.find(_FINISHED)
    ticked = squeezed.find(r"项目实施过程评价.?项目完成结果评价.?")
    if report.in_progress and finished and ticked:
        yield finding("项目已竣工验收，却按“项目实施过程评价”。", ticked[1], finished[1])
    if report.report_date and report.period and finished:
        day, cell = report.report_date
        if day < date(report.period.end.year, report.period.end.month, 1):
            yield finding(
                "报告日期早于项目完成。",
                cell,
                report.period.cell,
                arithmetic=f"{day} < {report.period.end}",
            )


@check("DAT-04", "日期残缺", "Malformed date", Severity.MINOR)
def malformed(report: Report, finding: Finder) -> Iterator[Finding]:
    """A year of three or five digits; 20xx and 20** are residue of a template (STR-04)."""
    for _, span in report.document.squeezed.finditer(r"(?<!\d)(?:20\d|20\d{3})年(?!代)"):
        yield finding("年份位数不对。", span)
