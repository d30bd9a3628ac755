"""What a new self-evaluation starts with: the official tables, bound to what can be measured."""

from __future__ import annotations

from django.db import transaction

from govnet.accounts.models import User
from govnet.core.errors import Note
from govnet.evaluation.audit.report import Source
from govnet.evaluation.framework import Framework
from govnet.evaluation.measures import MeasureError, fill
from govnet.evaluation.models import (
    Fund,
    NarrativeSection,
    ScoreEntry,
    SelfEvaluation,
    TargetIndicator,
)

# Level 1, level 2, content, direction of the target, measure: the table of annex 2-2.
INDICATORS = (
    ("产出指标", "数量", "新增接入单位", "≥", "units_accepted"),
    ("产出指标", "质量", "", "≥", ""),
    ("产出指标", "时效", "建设周期", "≤", "months_of_period"),
    ("产出指标", "成本", "总费用", "≤", "amount_spent"),
    ("效益指标", "经济效益", "", "", ""),
    ("效益指标", "社会效益", "", "", ""),
    ("效益指标", "生态效益", "", "", ""),
    ("效益指标", "可持续影响", "", "", ""),
    ("满意度指标", "服务对象满意度", "接入单位满意率", "≥", "satisfaction"),
)
SECTIONS = (
    "一、项目概况",
    "二、项目资金使用及管理情况",
    "三、项目组织实施情况",
    "四、综合评价情况及评价结论",
    "五、项目主要绩效情况分析",
    "六、主要经验及做法、存在问题和建议",
    "七、附件",
)


@transaction.atomic
def lay_out(evaluation: SelfEvaluation, framework: Framework | None, user: User) -> list[Note]:
    """Fill a stored, empty self-evaluation; what could not be measured yet is returned."""
    ScoreEntry.objects.bulk_create(
        ScoreEntry(evaluation=evaluation, position=position, item=leaf.id)
        for position, leaf in enumerate(framework.leaves() if framework else ())
    )
    Fund.objects.create(evaluation=evaluation, source=Source.TOTAL.value)
    rows = TargetIndicator.objects.bulk_create(
        TargetIndicator(
            evaluation=evaluation,
            position=position,
            level1=level1,
            level2=level2,
            content=content,
            operator=operator,
            measure=measure,
        )
        for position, (level1, level2, content, operator, measure) in enumerate(INDICATORS)
    )
    NarrativeSection.objects.bulk_create(
        NarrativeSection(evaluation=evaluation, position=position, title=title)
        for position, title in enumerate(SECTIONS)
    )
    return fill_all(evaluation, rows, user)


def fill_all(
    evaluation: SelfEvaluation, rows: list[TargetIndicator], user: User | None
) -> list[Note]:
    """Measure every bound indicator; the reasons of those that cannot be measured."""
    reasons: dict[str, Note] = {}
    for row in rows:
        if not row.measure:
            continue
        try:
            fill(evaluation, row, user)
        except MeasureError as error:
            reasons[str(error)] = error.note
    return list(reasons.values())
