"""CON: conclusions against facts."""

from __future__ import annotations

from collections.abc import Iterator

from govnet.evaluation.audit.registry import Finder, Finding, Severity, check
from govnet.evaluation.audit.report import FundColumn, Report


@check("CON-01", "绝对化表述", "Absolute claim against facts", Severity.MINOR)
def absolute(report: Report, finding: Finder) -> Iterator[Finding]:
    """「完全节约了…成本」 in a report that spends on that very thing."""
    spent = report.fund(FundColumn.SPENT)
    claim = report.document.squeezed.find(r"完全节约了?[^,。;]{0,20}(?:成本|费用|支出)")
    if claim and spent and spent.yuan > 0:
        yield finding("绝对化表述与实际支出不符。", claim[1], spent.span)


@check("CON-02", "未完工先报效益", "Benefit before completion")
def benefit_before_completion(report: Report, finding: Finder) -> Iterator[Finding]:
    """A project that the text calls unfinished already reports satisfaction with its result."""
    unfinished = report.document.squeezed.find(
        r"(?:项目|工程)[^。;]{0,10}(?:尚未完工|未完工|正在建设|尚未竣工|未竣工|在建)"
    )
    for row in report.indicators:
        if unfinished and "满意度" in row.level2 and row.actual_value is not None:
            yield finding("项目未完工，已填报建成后的满意度。", unfinished[1], row.span)


@check("CON-03", "实物与资金进度", "Physical against financial progress", Severity.QUERY)
def progress(report: Report, finding: Finder) -> Iterator[Finding]:
    """Completed work with less than 70 % of the money spent asks for the reason."""
    planned, spent = report.fund(FundColumn.PLANNED), report.fund(FundColumn.SPENT)
    done = report.document.squeezed.find(r"(?:竣工验收|全面完成|完成项目建设)[^,。;]{0,6}")
    if not (planned and spent and done) or not planned.yuan:
        return
    rate = spent.yuan / planned.yuan * 100
    if rate < 70:
        yield finding(
            "工作已完成，支出进度偏低，请说明未支付部分。",
            done[1],
            spent.span,
            arithmetic=f"{rate:.2f}%",
        )
