"""SCR: points, scores and grades."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from govnet.evaluation.audit.document import Span
from govnet.evaluation.audit.registry import Finder, Finding, Severity, check
from govnet.evaluation.audit.report import Indicator, Report, ScoreItem

# 财预〔2020〕10号: ≥90 优, ≥80 良, ≥60 中, else 差; a scale printed in the report goes first.
BANDS = ((Decimal(90), "优"), (Decimal(80), "良"), (Decimal(60), "中"), (Decimal(0), "差"))
ZERO = Decimal(0)
_REASON = r"扣\d*(?:\.\d+)?分(?:的)?(?:原因|理由|说明)|(?:原因|因此|因而|故)扣\d*分"
_BENEFITS = ("经济效益", "社会效益", "生态效益", "环境效益", "可持续影响")


@check("SCR-01", "分项与总分", "Item scores against the total")
def item_scores(report: Report, finding: Finder) -> Iterator[Finding]:
    """Σ scores = the table's total = the report's total score; rows without a score: no sum."""
    rows = report.scored
    scores = [row.score for row in rows if row.score is not None]
    if not scores or len(scores) < len(rows):
        return
    added = sum(scores, ZERO)
    for total in (report.items_total_score, report.total_score):
        if total is not None and total[0] != added:
            yield finding(
                "分项得分之和与总分不相等。", total[1], arithmetic=f"Σ {added} ≠ {total[0]}"
            )


@check("SCR-02", "分值合计", "Points add up")
def points(report: Report, finding: Finder) -> Iterator[Finding]:
    """Rows add up to the table's total, items to their level-1 and level-2 groups."""
    rows = report.scored
    added = sum((row.points for row in rows), ZERO)
    if rows and report.items_total_points and report.items_total_points[0] != added:
        total, cell = report.items_total_points
        yield finding("分值之和与总分值不相等。", cell, arithmetic=f"Σ {added} ≠ {total}")
    for group in report.groups:
        members = [
            item.points
            for item in report.items
            if group.name == (item.level1 if group.level == 1 else item.level2)
        ]
        inner = sum(members, ZERO)
        if members and inner != group.points:
            yield finding(
                f"“{group.name}”的下级分值之和与其分值不相等。",
                group.cell,
                arithmetic=f"Σ {inner} ≠ {group.points}",
            )


@check("SCR-03", "超分值", "Score over points")
def over_points(report: Report, finding: Finder) -> Iterator[Finding]:
    """No row scores more than its points."""
    for row in report.scored:
        if row.score is not None and row.score > row.points:
            yield finding("得分超过分值。", row.span, arithmetic=f"{row.score} > {row.points}")


@check("SCR-04", "等级与分数", "Grade against score")
def grade(report: Report, finding: Finder) -> Iterator[Finding]:
    """The grade is the band of the total score; 优秀 and 良好 count as 优 and 良."""
    if not (report.total_score and report.grade):
        return
    score, place = report.total_score
    word, where = report.grade
    band = next(name for floor, name in BANDS if score >= floor)
    if word[0] != band:
        yield finding("评价等次与得分不符。", place, where, arithmetic=f"{score} → {band}")


@check("SCR-05", "得分与评分标准", "Score against its standard")
def benefit_without_target(report: Report, finding: Finder) -> Iterator[Finding]:
    """A standard that asks for a set benefit gives no points where no benefit was set."""
    for item in report.items:
        name = _benefit(item)
        if not name or not item.score or not report.indicators:
            continue
        rows = [row for row in report.indicators if _benefit_name(row.level2) == name]
        if not rows:
            yield finding(
                f"“{item.name.squeezed}”在定量目标表中没有对应的行，却得 {item.score} 分。",
                report.indicators[-1].span,
                item.definition,
                item.span,
            )
        elif all(row.is_blank for row in rows):
            yield finding(
                f"“{item.name.squeezed}”没有目标值和完成值，却得 {item.score} 分。",
                rows[0].label,
                item.standard,
                item.span,
            )


def _benefit(item: ScoreItem) -> str | None:
    return _benefit_name(item.name.squeezed)


def _benefit_name(text: str) -> str | None:
    name = next((word for word in _BENEFITS if text.startswith(word)), None)
    return "生态效益" if name == "环境效益" else name


@check("SCR-06", "未达标却满分", "Full score, target unmet")
def full_score_unmet(report: Report, finding: Finder) -> Iterator[Finding]:
    """Full points while the figure misses its target; from 99.5 % on it is minor."""
    for row in report.indicators:
        full = _full_score_of(report, row)
        if full is not None and row.is_met is False:
            yield finding(
                "指标未达到目标，对应项却得满分。",
                row.span,
                full,
                arithmetic=f"{row.actual_value} / {row.target_value}",
                severity=Severity.MINOR if _is_close(row) else None,
            )


def _full_score_of(report: Report, row: Indicator) -> Span | None:
    """Where the row's full score stands: in the row itself, or in the table's 产出… item."""
    if row.points is not None:
        return row.span if row.score == row.points else None
    name = f"产出{row.level2}"
    found = (i for i in report.items if i.name.squeezed == name and i.score == i.points)
    return next((item.span for item in found), None)


def _is_close(row: Indicator) -> bool:
    target, actual = row.target_value, row.actual_value
    same = target is not None and actual is not None and target.unit == actual.unit
    if not same or target is None or actual is None or target.number <= 0:
        return False
    return abs(actual.number - target.number) / target.number <= Decimal("0.005")


@check("SCR-07", "扣分无说明", "Deduction without a reason")
def unexplained_deduction(report: Report, finding: Finder) -> Iterator[Finding]:
    """Each deduction needs a reason; a total below 100 without any rows cannot be checked."""
    rows = report.scored
    if report.document.squeezed.find(_REASON):
        return
    for row in rows:
        if row.score is not None and row.score < row.points and not row.explained:
            yield finding(
                f"“{row.name}”扣 {row.points - row.score} 分，全文没有扣分理由。",
                row.span,
                arithmetic=f"{row.points} − {row.score} = {row.points - row.score}",
            )
    if not rows and report.total_score and report.total_score[0] < 100:
        score, place = report.total_score
        labels = [row.label for row in report.indicators[:1]]
        yield finding(
            "只有总分，没有分值和分项得分，无法复核，扣分没有说明。",
            place,
            *labels,
            arithmetic=f"100 − {score} = {100 - score}",
        )


@check("SCR-08", "等级用语", "Wording of the grade", Severity.MINOR)
def grade_wording(report: Report, finding: Finder) -> Iterator[Finding]:
    """The grades are 优, 良, 中, 差; 优秀 and 良好 are not among them."""
    if report.grade and len(report.grade[0]) > 1:
        word, where = report.grade
        yield finding(f"等次用语应为“{word[0]}”。", where)
