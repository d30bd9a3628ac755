"""SCR: points, scores and grades."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from govnet.evaluation.audit.registry import Finder, Finding, Severity, check
from govnet.evaluation.audit.report import Indicator, Report, ScoreItem

# 财预〔2020〕10号: ≥90 优, ≥80 良, ≥60 中, else 差; a scale printed in the report goes first.
BANDS = ((Decimal(90), "优"), (Decimal(80), "良"), (Decimal(60), "中"), (Decimal(0), "差"))
_BENEFITS = ("经济效益", "社会效益", "生态效益", "环境效益", "可持续影响")


@check("SCR-01", "分项与总分", "Item scores against the total")
def item_scores(report: Report, finding: Finder) -> Iterator[Finding]:
    """Σ item scores = the table's total = the report's total score."""
    scores = [item.score for item in report.items if item.score is not None]
    if not scores or len(scores) < len(report.items):
        return
    added = sum(scores, Decimal(0))
    totals = [
        (value, place)
        for value, place in (
            report.items_total_score or (None, None),
            report.total_score or (None, None),
        )
        if value is not None and place is not None
    ]
    for value, place in totals:
        if value != added:
            yield finding("分项得分之和与总分不相等。", place, arithmetic=f"Σ {added} ≠ {value}")


@check("SCR-02", "分值合计", "Points add up")
def points(report: Report, finding: Finder) -> Iterator[Finding]:
    """Items add up to their level-2 and level-1 groups and to the table's total."""
    if not report.items:
        return
    added = sum((item.points for item in report.items), Decimal(0))
    if report.items_total_points and report.items_total_points[0] != added:
        total, cell = report.items_total_points
        yield finding("分值之和与总分值不相等。", cell, arithmetic=f"Σ {added} ≠ {total}")
    for group in report.groups:
        members = [
            item.points
            for item in report.items
            if group.name == (item.level1 if group.level == 1 else item.level2)
        ]
        inner = sum(members, Decimal(0))
        if members and inner != group.points:
            yield finding(
                f"“{group.name}”的下级分值之和与其分值不相等。",
                group.cell,
                arithmetic=f"Σ {inner} ≠ {group.points}",
            )


@check("SCR-03", "超分值", "Score over points")
def over_points(report: Report, finding: Finder) -> Iterator[Finding]:
    """No item scores more than its points."""
    for item in report.items:
        if item.score is not None and item.score > item.points:
            yield finding("得分超过分值。", item.span, arithmetic=f"{item.score} > {item.points}")


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
    """Full points for quantity, quality or cost while the one figure misses its target."""
    for level2, item_name in (("数量", "产出数量"), ("质量", "产出质量"), ("成本", "产出成本")):
        for item in report.items:
            if item.name.squeezed != item_name or item.score != item.points:
                continue
            for row in report.indicators:
                if row.level2 == level2 and _is_unmet(row):
                    yield finding(
                        "指标未达到目标，对应项却得满分。",
                        row.span,
                        item.span,
                        arithmetic=f"{row.actual_value} / {row.target_value}",
                    )


def _is_unmet(row: Indicator) -> bool:
    from govnet.evaluation.quantity import meets  # noqa: PLC0415

    if row.target_value is None or row.actual_value is None:
        return False
    return meets(row.target_value, row.actual_value) is False


@check("SCR-07", "扣分无说明", "Deduction without a reason")
def unexplained_deduction(report: Report, finding: Finder) -> Iterator[Finding]:
    """Each deducted item needs a reason; a total below 100 without any items cannot be checked."""
    squeezed = report.document.squeezed
    if squeezed.find(r"扣\d*(?:\.\d+)?分(?:的)?(?:原因|理由|说明)|(?:原因|因此|因而|故)扣\d*分"):
        return
    for item in report.items:
        if item.score is not None and item.score < item.points:
            yield finding(
                f"“{item.name.squeezed}”扣 {item.points - item.score} 分，全文没有扣分理由。",
                item.span,
                arithmetic=f"{item.points} − {item.score} = {item.points - item.score}",
            )
    if not report.items and report.total_score and report.total_score[0] < 100:
        score, place = report.total_score
        places = [row.label for row in report.indicators[:1]]
        yield finding(
            "只有总分，没有分值和分项得分，无法复核，扣分没有说明。",
            place,
            *places,
            arithmetic=f"100 − {score} = {100 - score}",
        )


@check("SCR-08", "等级用语", "Wording of the grade", Severity.MINOR)
def grade_wording(report: Report, finding: Finder) -> Iterator[Finding]:
    """The grades are 优, 良, 中, 差; 优秀 and 良好 are not among them."""
    if report.grade and len(report.grade[0]) > 1:
        word, where = report.grade
        yield finding(f"等次用语应为“{word[0]}”。", where)
