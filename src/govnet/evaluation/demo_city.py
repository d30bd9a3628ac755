"""The self-evaluation of the demo city, whose values are all measured from its ledger."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django.db import transaction

from govnet.evaluation.layout import fill_all
from govnet.evaluation.models import EvaluationKind, SelfEvaluation, TargetIndicator
from govnet.evaluation.takeover import take_over
from govnet.inventory.models import Region
from govnet.projects.models import Project
from govnet.surveys.models import Survey

SLUG: Final = "demo-city-2020"
INDICATORS: Final[tuple[tuple[str, str, str, str, str, str, dict[str, Any]], ...]] = (
    ("产出指标", "数量", "新增接入单位", "≥50家", "≥", "units_accepted", {}),
    ("产出指标", "质量", "网络升级至100M的线路", "≥100条", "≥", "circuits_upgraded_to",
     {"mbps": 100}),
    ("产出指标", "质量", "1000M接入线路", "≤30条", "≤", "circuits_contracted_at", {"mbps": 1000}),
    ("产出指标", "时效", "建设周期", "≤12个月", "≤", "construction_months",
     {"from": "start", "inclusive": True}),
    ("产出指标", "成本", "总费用", "≤369万元", "≤", "contract_cost", {}),
    ("产出指标", "成本", "预算执行率", "", "", "budget_execution", {}),
    ("满意度指标", "服务对象满意度", "单位满意率", "≥94%", "≥", "satisfaction", {}),
)  # fmt: skip


@transaction.atomic
def load(region: Region, project: Project, survey: Survey) -> SelfEvaluation:
    """Make the evaluation and measure it; one that is there already stays as it is."""
    found = SelfEvaluation.objects.filter(slug=SLUG).first()
    if found is not None:
        return found
    evaluation = SelfEvaluation.objects.create(
        slug=SLUG,
        region=region,
        project=project,
        survey=survey,
        title="财政支出绩效评价自评报告（演示）",
        project_name=project.name,
        project_unit=project.unit_name,
        kind=EvaluationKind.RESULT,
        method="部门（单位）绩效自评",
        period_text="2019年8月-2020年5月",
        period_start=date(2019, 8, 1),
        period_end=date(2020, 5, 31),
        demo=True,
    )
    rows = TargetIndicator.objects.bulk_create(
        TargetIndicator(
            evaluation=evaluation,
            position=number,
            level1=level1,
            level2=level2,
            content=content,
            target=target,
            operator=operator,
            measure=key,
            measure_params=params,
        )
        for number, (level1, level2, content, target, operator, key, params) in enumerate(
            INDICATORS
        )
    )
    fill_all(evaluation, rows, None)
    take_over(evaluation)
    return evaluation


@transaction.atomic
def remove() -> None:
    """Take it away, with what was measured; issued reports keep it."""
    for evaluation in SelfEvaluation.objects.filter(slug=SLUG, reports=None):
        evaluation.evidence.all().delete()
        evaluation.snapshots.update(amends=None)
        evaluation.delete()
