"""The score sheet: each item's self-score and how far it is supported.

No evidence, no points: whether an item is supported follows from the audit of the report that
it stands in, not from anybody's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from govnet.evaluation.audit.registry import Finding, Severity
from govnet.evaluation.audit.report import Report, ScoreItem
from govnet.evaluation.scoring import Standing, Support, Totals, totals

# The standard itself gives no points here: a benefit never set, a target missed, money unspent.
_UNSUPPORTED = {"SCR-03", "SCR-05", "SCR-06", "FND-06"}
# Points may be right, but what they rest on is missing: a measurement, an attachment.
_PENDING = {"EVD-01", "IND-01", "IND-02"}


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One item of the score sheet; ``reasons`` are the findings that weaken it."""

    item: ScoreItem
    score: Decimal
    support: Support
    reasons: tuple[Finding, ...]


def sheet(report: Report, findings: Sequence[Finding]) -> list[SheetRow]:
    """One row for each scored item, in printed order."""
    return [
        _row(item, [finding for finding in findings if _concerns(finding, item)])
        for item in report.items
    ]


def _concerns(finding: Finding, item: ScoreItem) -> bool:
    return finding.severity is Severity.MAJOR and any(
        span.start < item.span.end and item.span.start < span.end for span in finding.spans
    )


def _row(item: ScoreItem, reasons: list[Finding]) -> SheetRow:
    checks = {finding.check for finding in reasons}
    support = Support.SUPPORTED
    if checks & _UNSUPPORTED:
        support = Support.UNSUPPORTED
    elif checks & _PENDING:
        support = Support.PENDING
    return SheetRow(item, item.score or Decimal(0), support, tuple(reasons))


def sheet_totals(rows: Sequence[SheetRow]) -> Totals:
    """Self-score / supported / pending / unsupported of a sheet."""
    return totals([Standing(row.score, row.support) for row in rows])
