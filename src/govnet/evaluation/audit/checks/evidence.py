"""EVD: evidence, samples, independence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from govnet.evaluation.audit.document import squeeze
from govnet.evaluation.audit.registry import Finder, Finding, Severity, check
from govnet.evaluation.audit.report import Report

_PROVES = re.compile(r"[(]佐证:([^()]+)[)]")
_ASKS_EVIDENCE = re.compile(r"需提供[^。]{0,12}(?:佐证|资料|方案|材料|依据)")


@check("EVD-01", "佐证链", "Evidence chain")
def evidence(report: Report, finding: Finder) -> Iterator[Finding]:
    """Scored items whose standard asks for proof, in a report whose annex is empty."""
    asked = [
        item
        for item in report.items
        if item.score and _ASKS_EVIDENCE.search(item.standard.squeezed)
    ]
    annex = next((s for s in report.sections if s.title.squeezed.endswith("附件")), None)
    if not asked or annex is None:
        return
    following = report.document.quote(annex.body).lstrip()
    if following and not re.match(r"附件\s*\d+\s*-\s*\d+|一级\s*指标", following):
        # Something is attached. A list that says what each annex proves is taken at its word;
        # whether an annex without such a word proves an item is for a person to say.
        proven = "".join(_PROVES.findall(squeeze(following)))
        asked = [item for item in asked if proven and item.name.squeezed not in proven]
        if not asked:
            return
    total = sum((item.points for item in asked), Decimal(0))
    scored = sum((item.score or Decimal(0) for item in asked), Decimal(0))
    yield finding(
        f"{len(asked)} 项评分标准要求佐证，附件{'中没有' if following[:1].isdigit() else '为空'}。",
        asked[0].standard,
        annex.title,
        *(item.span for item in asked[1:]),
        arithmetic=f"{' + '.join(str(item.points) for item in asked)} = {total}, Σ {scored}",
    )


@check("EVD-02", "满意度样本", "Sample of the satisfaction rate", Severity.QUERY)
def sample(report: Report, finding: Finder) -> Iterator[Finding]:
    """A satisfaction rate comes with the number of ballots."""
    if report.document.squeezed.find(
        r"(?:发放|回收|收回|有效)[^。]{0,8}\d+份|(?:调查|抽样)[^。]{0,8}\d+[人户家份]"
    ):
        return
    for row in report.indicators:
        if "满意度" in row.level2 and row.actual_value and row.actual_value.unit == "%":
            yield finding("满意率没有给出调查份数。", row.span)


@check("EVD-03", "独立性", "Independence", Severity.QUERY)
def independence(report: Report, finding: Finder) -> Iterator[Finding]:
    """The person in charge is among the evaluators: allowed for a self-evaluation, but told."""
    leader = report.fields.get("项目负责人")
    for evaluator in report.evaluators:
        if leader and leader[1].text and evaluator.name.squeezed == leader[1].squeezed:
            yield finding("项目负责人同时是评价人员，应予披露。", leader[1], evaluator.name)
    filler = report.fields.get("填报人")
    for evaluator in report.evaluators:
        if filler and filler[1].text and evaluator.name.squeezed == filler[1].squeezed:
            yield finding("填报人同时是评价人员，应予披露。", filler[1], evaluator.name)
