"""Whether a report's score table is the table of a named framework: items and points."""

from __future__ import annotations

from decimal import Decimal

from govnet.core.errors import Note, gettext_noop
from govnet.evaluation.audit.document import Span
from govnet.evaluation.audit.registry import Check, Finding, Severity
from govnet.evaluation.audit.report import Report, ScoreItem
from govnet.evaluation.framework import Framework, Indicator

_ID = "FRM-01"


def compare(report: Report, framework: Framework) -> list[Finding]:
    """Items that the framework lacks, items that it has beside the table, other points.

    A report without a score table is not judged; ``Report.unread`` says so.
    """
    if not report.items:
        report.unread.append(
            Note(gettext_noop("no score table to compare with %(id)s"), {"id": framework.id})
        )
        return []
    wanted = {leaf.name: leaf for leaf in framework.leaves()}
    found = {item.name.squeezed: item for item in report.items}
    findings = [
        finding
        for name, item in found.items()
        if (finding := _item(item, wanted.get(name), framework))
    ]
    missing = [name for name in wanted if name not in found]
    if missing:
        first, last = report.items[0], report.items[-1]
        findings.append(
            _finding(
                f"评分表缺少“{framework.name}”的指标：{'、'.join(missing)}。",
                Span(first.name.span.start, last.name.span.end),
            )
        )
    return findings + _total(report, framework)


def _item(item: ScoreItem, leaf: Indicator | None, framework: Framework) -> Finding | None:
    name = item.name.squeezed
    if leaf is None:
        return _finding(f"“{framework.name}”没有指标“{name}”。", item.span)
    if leaf.points != item.points:
        return _finding(
            f"“{name}”的分值与“{framework.name}”不同。",
            item.span,
            f"{item.points} ≠ {leaf.points}",
        )
    return None


def _total(report: Report, framework: Framework) -> list[Finding]:
    added = sum((item.points for item in report.items), Decimal(0))
    if added == framework.total:
        return []
    first, last = report.items[0], report.items[-1]
    return [
        _finding(
            f"分值合计与“{framework.name}”不同。",
            Span(first.name.span.start, last.name.span.end),
            f"Σ {added} ≠ {framework.total}",
        )
    ]


def _finding(message: str, span: Span, arithmetic: str = "") -> Finding:
    return Finding(_ID, Severity.MAJOR, message, (span,), arithmetic)


# Beside the 48: it runs only when a person names the framework that must apply.
CONFORMITY = Check(
    _ID, "与指定指标体系不符", "Not the named framework", Severity.MAJOR, lambda _report: ()
)
