"""Measures of what contracts, budgets, circuits and surveys say: each with its rows and links.

A row's ``page`` leads to the object that it was counted from; a row of availability to that
object's figure with its outages.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from govnet.core.errors import gettext_noop
from govnet.evaluation.framework import Denominator
from govnet.evaluation.measures import Measured, MeasureError, in_period, measure, scope_text
from govnet.evaluation.measures import regions as region_ids
from govnet.evaluation.models import SelfEvaluation
from govnet.evaluation.quantity import wan
from govnet.inventory.models import Circuit
from govnet.projects.arithmetic import whole_months
from govnet.projects.choices import ContractState, MilestoneKind, Source
from govnet.projects.models import Contract, Milestone, Project
from govnet.projects.standing import balances, project_budget
from govnet.sla import services as sla
from govnet.sla.periods import midnight
from govnet.surveys import services as surveys
from govnet.surveys.models import Rating


def _project(evaluation: SelfEvaluation) -> Project:
    if evaluation.project is None:
        raise MeasureError(gettext_noop("The self-evaluation names no project of the ledger."))
    return evaluation.project


@measure("circuits_upgraded_to", _("Circuits upgraded to a rate or above in the period"))
def circuits_upgraded_to(evaluation: SelfEvaluation, params: Mapping[str, Any]) -> Measured:
    """Access circuits whose contracted rate rose to ``mbps`` within the period.

    Proof by the dated history of the ledger: below on the day before the first, at or above on
    the last. A new circuit was never below and is not counted.
    """
    start, end = in_period(evaluation)
    mbps = params.get("mbps")
    if not isinstance(mbps, int) or mbps < 1:
        raise MeasureError(gettext_noop("Enter the rate as a whole number of Mbit/s."))
    circuits = Circuit.objects.filter(access_point__isnull=False)
    regions = region_ids(evaluation)
    if regions is not None:
        circuits = circuits.filter(access_point__unit__region__in=regions)
    rows = []
    before_start = start - timedelta(days=1)
    for circuit in circuits.prefetch_related("bandwidths").order_by("number"):
        history = sorted((b.effective_on, b.mbps) for b in circuit.bandwidths.all())
        before = [rate for day, rate in history if day <= before_start]
        after = [(day, rate) for day, rate in history if day <= end]
        if before and before[-1] < mbps <= after[-1][1]:
            rows.append(
                {
                    "number": circuit.number,
                    "before_mbps": before[-1],
                    "contracted_mbps": after[-1][1],
                    "effective_on": after[-1][0].isoformat(),
                    "page": circuit.get_absolute_url(),
                }
            )
    query = f"签约带宽在 {before_start} 低于 {mbps} Mbit/s、{end} 不低于 {mbps} Mbit/s 的接入线路"
    query += f"（台账带宽变更记录，非实测；新开线路不计），{scope_text(evaluation)}"
    return Measured(Decimal(len(rows)), "条", query, rows)


@measure("construction_months", _("Months of construction"))
def construction_months(evaluation: SelfEvaluation, params: Mapping[str, Any]) -> Measured:
    """Months from one milestone to the final acceptance; both ways of counting are printed."""
    project = _project(evaluation)
    first = str(params.get("from", MilestoneKind.START))
    inclusive = bool(params.get("inclusive", True))
    found = {
        row.kind: row.reached_on
        for row in Milestone.objects.filter(project=project, reached_on__isnull=False)
    }
    start, end = found.get(first), found.get(MilestoneKind.FINAL)
    if start is None or end is None:
        raise MeasureError(
            gettext_noop("“%(first)s” or “%(last)s” is not reached."),
            first=str(MilestoneKind(first).label),
            last=str(MilestoneKind.FINAL.label),
        )
    months = whole_months(start.year, start.month, end.year, end.month)
    label = MilestoneKind(first).label
    query = (
        f"自{label} {start} 至竣工验收 {end}：首月不计 {months} 个月，"
        f"首尾两月均计 {months + 1} 个月；"
        f"本值采用{'首尾两月均计' if inclusive else '首月不计'}"
    )
    rows = [
        {
            "milestone": str(kind.label),
            "day": str(day),
            "page": project.get_absolute_url(),
        }
        for kind in MilestoneKind
        if (day := found.get(kind))
    ]
    return Measured(Decimal(months + int(inclusive)), "个月", query, rows)


@measure("contract_cost", _("Cost by contracts"))
def contract_cost(evaluation: SelfEvaluation, _params: Mapping[str, Any]) -> Measured:
    """What the project's contracts cost: amounts less deductions, with paid and outstanding.

    It is a settled cost only when every contract is settled; else the text says so.
    """
    project = _project(evaluation)
    contracts = Contract.objects.filter(lot__project=project).exclude(state=ContractState.DRAFT)
    rows, total, paid, left, settled = [], Decimal(0), Decimal(0), Decimal(0), True
    for contract in contracts.select_related("contractor"):
        found = balances(contract).values()
        row_paid = sum((b.paid for b in found), Decimal(0))
        row_left = sum((b.outstanding for b in found), Decimal(0))
        deducted = sum((b.deducted for b in found), Decimal(0))
        settled = settled and contract.state == ContractState.CLOSED
        total, paid, left = total + contract.amount - deducted, paid + row_paid, left + row_left
        rows.append(
            {
                "contract": contract.number,
                "contractor": contract.contractor.name,
                "amount": str(contract.amount),
                "deducted": str(deducted),
                "paid": str(row_paid),
                "outstanding": str(row_left),
                "state": str(contract.get_state_display()),
                "page": contract.get_absolute_url(),
            }
        )
    state = "已全部结清" if settled else "尚未全部结算，以合同约定为上限"
    query = f"合同金额减已确认扣款；已付 {wan(paid)}，未付 {wan(left)}；{state}"
    return Measured(total if rows else None, "元", query, rows)


@measure("budget_execution", _("Budget execution rate"))
def budget_execution(evaluation: SelfEvaluation, _params: Mapping[str, Any]) -> Measured:
    """Spent of the budget; the denominator is the evaluation's, and printed."""
    project = _project(evaluation)
    budget = project_budget(project)
    total = budget.total()
    whole, name = {
        Denominator.PLANNED: (total.planned, "计划安排资金"),
        Denominator.ADJUSTED: (total.budget, "全年（调整后）预算"),
        Denominator.ARRIVED: (total.arrived, "实际到位资金"),
    }[Denominator(evaluation.denominator)]
    rows = [
        {
            "year": row.year,
            "source": str(Source(row.source).label),
            "planned": str(row.figures.planned),
            "adjusted": str(row.figures.adjusted),
            "arrived": str(row.figures.arrived),
            "carried": str(row.figures.carried),
            "spent": str(row.figures.spent),
            "balance": str(row.figures.balance),
            "page": project.get_absolute_url(),
        }
        for row in budget.rows
    ]
    query = f"实际支出 {wan(total.spent)} ÷ {name} {wan(whole)}"
    return Measured(total.ratio(total.spent, whole), "%", query, rows)


@measure("satisfaction", _("Satisfaction of the units"))
def satisfaction(evaluation: SelfEvaluation, _params: Mapping[str, Any]) -> Measured:
    """Satisfied of valid answers of the evaluation's survey, with n and the 95 % interval."""
    survey = evaluation.survey
    if survey is None:
        raise MeasureError(gettext_noop("The self-evaluation names no survey."))
    found = surveys.result(survey)
    interval = found.interval
    limits = f"{interval[0]}%–{interval[1]}%" if interval else "—"
    bar = Rating(survey.satisfied_from).label
    query = f"“{bar}”及以上 {found.satisfied} 份 ÷ 有效 {found.valid} 份"
    query += f"（发出 {found.invited} 份，收回 {found.returned} 份）；95% 威尔逊区间 {limits}"
    rows: list[dict[str, Any]] = [
        {
            "survey": survey.name,
            "invited": found.invited,
            "returned": found.returned,
            "valid": found.valid,
            "satisfied": found.satisfied,
            "page": survey.get_absolute_url(),
        }
    ]
    return Measured(found.percent, "%", query, rows)


@measure("availability", _("Availability with coverage"))
def availability(evaluation: SelfEvaluation, _params: Mapping[str, Any]) -> Measured:
    """Availability of the evaluation's units over its period, from changes of state.

    No value where more than the allowed share of the time is unknown; the terms are printed.
    """
    start, end = in_period(evaluation)
    region = evaluation.region_id
    scope = sla.Scope("region", region) if region else sla.SITE
    first, last = midnight(start), midnight(end + timedelta(days=1))
    try:
        found = sla.availability(scope, first, last)
    except ValueError as error:
        raise MeasureError(gettext_noop("The period has not begun.")) from error
    terms = found.terms
    coverage = "—" if terms.coverage is None else f"{terms.coverage * 100:.2f}%"
    query = f"（应服务 {terms.base_s} 秒 − 中断 {terms.down_s} 秒）÷ 应服务 {terms.base_s} 秒，"
    query += f"监测覆盖率 {coverage}，单位 {len(found.members)} 个，{scope_text(evaluation)}"
    if found.percent is None:
        query += "；数据不足，不出具可用率"
    rows = [
        {
            "name": each.name,
            "availability": None if each.percent is None else str(each.percent),
            "down_s": each.terms.down_s,
            "coverage": None if each.terms.coverage is None else f"{each.terms.coverage:.4f}",
            "page": sla.object_url(each.scope, first, last),
        }
        for each in found.members
    ]
    return Measured(found.percent, "%", query, rows)
