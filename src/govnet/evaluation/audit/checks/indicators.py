"""IND: targets and actual values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from govnet.evaluation.audit.document import Span
from govnet.evaluation.audit.pairing import clauses, unpaired
from govnet.evaluation.audit.registry import Finder, Finding, Severity, check
from govnet.evaluation.audit.report import FundColumn, Indicator, Report
from govnet.evaluation.quantity import Operator, is_misread, wan

_BLANKET = re.compile(r"^(已)?(全面|全部|基本)?(完成|达到|实现)(目标)?。?$")
_ENUMERATED = re.compile(r"(?:^|[。;；\s])\d+[、.．]")


@check("IND-01", "完成值或目标缺失", "Target or actual value missing")
def missing_values(report: Report, finding: Finder) -> Iterator[Finding]:
    """A named indicator has target and actual; a blank row is minor, 不适用 is accepted."""
    for row in report.indicators:
        if row.is_blank and row.level2 not in _scored_benefits(report):
            yield finding(
                f"“{row.level2}”一行空白，也没有注明不适用。", row.label, severity=Severity.MINOR
            )
        elif row.content.text and not row.target.text and row.actual_value is None:
            places = [cell for cell in (row.label, row.content, row.actual) if cell.text]
            yield finding(
                "指标没有目标值，完成值也不是数值。",
                Span(places[0].span.start, places[min(1, len(places) - 1)].span.end),
                *(cell for cell in places[2:]),
            )


def _scored_benefits(report: Report) -> set[str]:
    """Blank benefit rows that SCR-05 already reports, with their undeserved score."""
    return {row.level2 for row in report.indicators} if report.items else set()


@check("IND-02", "数值指标填文字", "Words where a figure is due")
def words_for_figures(report: Report, finding: Finder) -> Iterator[Finding]:
    """A target with a figure needs an actual value with a figure."""
    for row in report.indicators:
        if is_misread(row.actual.text):
            continue  # told as unread: an OCR slip is no fault of the report
        if row.target_value is not None and row.actual.text and row.actual_value is None:
            item = next((i for i in report.items if i.name.squeezed == f"产出{row.level2}"), None)
            places = [Span(row.content.span.start, row.actual.span.end)]
            yield finding(
                "目标是数值，完成值不是数值，无法计算完成率。",
                *places,
                *([item.standard] if item else []),
                arithmetic=f"{row.target.squeezed} / {row.actual.squeezed}",
            )


@check("IND-03", "目标无法衡量或口径冲突", "Target not measurable or definitions clash")
def definitions(report: Report, finding: Finder) -> Iterator[Finding]:
    """One object said never to fail and to run at under 100 %; two lists of goals that differ."""
    yield from _rates_clash(report, finding)
    yield from _goal_lists_differ(report, finding)
    yield from _plan_as_result(report, finding)


def _plan_as_result(report: Report, finding: Finder) -> Iterator[Finding]:
    """「不超过30家」 under 实际完成: a bound is planned, a number is counted."""
    if report.goal_result is None:
        return
    result = report.goal_result
    for match in re.finditer(
        r"(?:不超过|不少于|不低于|至少|约)\s*\d+\s*[家个户处条台]", result.text
    ):
        start = result.span.start + match.start()
        yield finding(
            "实际完成栏沿用计划措辞，不是实际数，请说明实际数量。",
            Span(start, start + len(match[0])),
            severity=Severity.QUERY,
        )


def _rates_clash(report: Report, finding: Finder) -> Iterator[Finding]:
    rows = [row for row in report.indicators if row.actual_value and row.actual_value.unit == "%"]
    for perfect in rows:
        if perfect.actual_value is None or perfect.actual_value.number != 100:
            continue
        unbroken = re.search(
            r"(\S{2,12}?)全年(?:畅通|无中断|不间断|稳定)", perfect.content.squeezed
        )
        if not unbroken:
            continue
        for other in rows:
            if other is not perfect and _runs_below(other, unbroken[1]):
                yield finding(
                    "同一对象一处称全年畅通 100%，一处低于 100%，没有给出口径。",
                    perfect.content,
                    other.span,
                    arithmetic=f"100% ≠ {other.actual.squeezed}",
                )


def _runs_below(row: Indicator, name: str) -> bool:
    value = row.actual_value
    return (
        value is not None
        and value.number < 100
        and name in row.content.squeezed
        and "运行" in row.content.squeezed
    )


def _goal_lists_differ(report: Report, finding: Finder) -> Iterator[Finding]:
    listed = report.document.squeezed.find(r"绩效目标[为是]((?:确保[^。]{4,60}?[;。]){2,8})")
    if report.goal is None or listed is None:
        return
    form = [c for c in clauses(report.document, report.goal.span) if "确保" in c.text]
    told = [c for c in clauses(report.document, listed[1]) if "确保" in c.text]
    missing, extra = unpaired(form, told), unpaired(told, form)
    if missing and extra:
        yield finding("表内目标与正文目标不一致。", *missing, *extra)


@check("IND-04", "偏差超30%无说明", "Deviation over 30 % unexplained", Severity.QUERY)
def deviation(report: Report, finding: Finder) -> Iterator[Finding]:
    """At or beyond 130 % or at or below 70 % of an at-least target asks for a reason."""
    if any(row.deviation is None for row in report.indicators) and (
        report.document.squeezed.find(r"偏差(?:原因|分析)")
    ):
        return  # explained somewhere in the text, since the form has no column for it
    for row in report.indicators:
        target, actual = row.target_value, row.actual_value
        if not target or not actual or target.unit != actual.unit or not target.number:
            continue
        if row.level2 not in {"数量", "质量"} or target.operator is Operator.AT_MOST:
            continue
        if row.deviation is not None and row.deviation.text:
            continue
        ratio = actual.number / target.number
        if ratio >= Decimal("1.3") or ratio <= Decimal("0.7"):
            yield finding(
                "完成值与目标值偏差超过 30%，没有说明。",
                row.span,
                arithmetic=f"{actual.number} ÷ {target.number} = {ratio * 100:.2f}%",
            )


@check("IND-05", "上限下限方向", "Direction of the bound")
def bound(report: Report, finding: Finder) -> Iterator[Finding]:
    """An at-most cost target is compared with the actual value and with what was spent."""
    spent = report.fund(FundColumn.SPENT)
    for row in report.indicators:
        target, actual = row.target_value, row.actual_value
        if target is None or target.operator not in {Operator.AT_MOST, Operator.AT_LEAST}:
            continue
        if row.is_met is False:
            yield finding("完成值没有达到目标。", row.span, arithmetic=f"{actual} / {target}")
        elif _overspent(row, spent.yuan if spent else None) and spent:
            yield finding(
                "成本目标为上限，实际支出已超过，完成值却未反映。",
                row.span,
                spent.span,
                arithmetic=f"{wan(spent.yuan)} > {wan(target.yuan)}",
            )


def _overspent(row: Indicator, spent: Decimal | None) -> bool:
    target = row.target_value
    return (
        row.level2 == "成本"
        and spent is not None
        and target is not None
        and target.is_money
        and target.operator is Operator.AT_MOST
        and spent > target.yuan
    )


@check("IND-06", "目标与完成不对应", "Goals without a result")
def goal_without_result(report: Report, finding: Finder) -> Iterator[Finding]:
    """Each sentence of the goal finds its words again in the result; 「已完成」 passes."""
    goal, result = report.goal, report.goal_result
    if goal is None or result is None or _BLANKET.match(result.squeezed):
        return
    sentences = clauses(report.document, goal.span, "。")
    missing = unpaired(sentences, clauses(report.document, result.span))
    if missing and len(sentences) > 1:
        yield finding(
            f"预期目标中有 {len(missing)} 项在“实际完成”中没有结果。",
            Span(missing[0].span.start, missing[-1].span.end),
            result,
        )


@check("IND-07", "指标归类错误", "Indicator in the wrong class")
def misclassified(report: Report, finding: Finder) -> Iterator[Finding]:
    """A quantity indicator of several tasks under one percentage; a time indicator with no time."""
    for row in report.indicators:
        target = row.target_value
        if target is None or target.unit != "%":
            continue
        if row.level2 == "数量" and len(_ENUMERATED.findall(row.content.text)) > 1:
            yield finding(
                "数量指标把几项工作合成一个百分比，没有数量。", row.label, row.content, row.target
            )
        elif row.level2 == "时效" and not re.search(
            r"\d|前|底|及时|按时|按期", row.content.squeezed
        ):
            yield finding("时效指标没有时点或期限。", row.span)


_COUNTED = re.compile(
    r"(\d+)(家|个|户|项|处|台|条|人|所)(?!月)[^。;\d]{0,6}?其中[:,]?"
    r"((?:[^\d。;等]{1,12}\d+\2[、,和及]?){2,})"
)


@check("CNT-01", "计数不符", "Count mismatch")
def counts(report: Report, finding: Finder) -> Iterator[Finding]:
    """「163家,其中老单位103家、新增60家」: the parts add up; not judged where 「等」 follows."""
    for match, span in report.document.squeezed.finditer(_COUNTED):
        after = report.document.squeezed.text[match.end() : match.end() + 1]
        parts = [int(number) for number in re.findall(rf"(\d+){match[2]}", match[3])]
        if sum(parts) != int(match[1]) and after != "等":
            yield finding(
                "总数与分类数之和不相等。",
                span,
                arithmetic=f"{' + '.join(map(str, parts))} = {sum(parts)} ≠ {match[1]}",
            )


@check("IND-08", "完成照抄目标", "Actual value copied from the target")
def copied(report: Report, finding: Finder) -> Iterator[Finding]:
    """An actual value that still carries the target's bound (≥, 以上) was not measured."""
    for row in report.indicators:
        value = row.actual_value
        if (
            value is not None
            and value.operator is not None
            and value.operator is not Operator.EQUAL
        ):
            yield finding("完成值照抄目标的上下限，不是实测值。", row.span)
