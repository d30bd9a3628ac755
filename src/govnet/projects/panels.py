"""What stands on the pages of projects and contracts beside their fields."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from govnet.core import panels
from govnet.core.views.base import signed_in
from govnet.projects import forms, gates, service_levels
from govnet.projects.arithmetic import Step, deduction
from govnet.projects.choices import ContractState, DeductionState, Source
from govnet.projects.gantt import gantt
from govnet.projects.models import Contract, DeductionTable, Document, GateOverride, Project
from govnet.projects.standing import (
    ZERO,
    certificate_room,
    contract_facts,
    contract_total,
    milestones,
    project_budget,
    project_payments,
)


def project_panel(request: HttpRequest, project: Project) -> Mapping[str, Any]:
    """Milestones, budget, spending, documents."""
    budget = project_budget(project)
    rows = milestones(project)
    total = budget.total()
    paid = project_payments(project).select_related("contract", "certificate")
    return {
        "milestones": rows,
        "gantt": gantt(rows, timezone.localdate()),
        "budget": budget,
        "years": [
            (
                year,
                [
                    (Source(row.source).label, row.figures)
                    for row in budget.rows
                    if row.year == year
                ],
            )
            for year in budget.years
        ],
        "sources": [(Source(s).label, budget.total(source=s)) for s in budget.sources],
        "total": total,
        "contracted": contract_total(project),
        "payments": paid,
        "entries": project.budget.select_related("entered_by"),
        "documents": project.documents.select_related("uploaded_by", "contract"),
        "upload_form": forms.UploadForm(auto_id="upload_%s"),
        "may_change": request.user.has_perm("projects.change_project"),
    }


def contract_panel(request: HttpRequest, contract: Contract) -> Mapping[str, Any]:
    """Money, instalments with their gates, deductions, certificates, payments, documents."""
    user = signed_in(request)
    facts = contract_facts(contract)
    rows = [
        (row, facts.balances[row.pk], found, not gates.blocking(found))
        for row in contract.instalments.prefetch_related("gates")
        for found in (gates.statuses(row, facts),)
    ]
    balances = facts.balances.values()
    waiting = GateOverride.objects.filter(approved=None, gate__instalment__contract=contract)
    certificates = contract.certificates.select_related("instalment", "issued_by").prefetch_related(
        "payments"
    )
    return {
        "contract": contract,
        "instalments": rows,
        "paid": sum((b.paid for b in balances), ZERO),
        "deducted": sum((b.deducted for b in balances), ZERO),
        "outstanding": sum((b.outstanding for b in balances), ZERO),
        "planned": sum((row.amount for row, *_rest in rows), ZERO),
        "retained": sum((row.amount for row, *_rest in rows if row.retention), ZERO),
        "lines_total": sum((line.total for line in contract.lines.all()), Decimal(0)),
        "waiting": {o.gate_id: o for o in waiting.select_related("requested_by")},
        "months": service_levels.months(contract),
        "deductions": contract.deductions.select_related("instalment", "decided_by"),
        "certificates": [(row, certificate_room(row)) for row in certificates],
        "payments": contract.payments.select_related("certificate"),
        "documents": Document.objects.restrict(user)
        .filter(Q(contract=contract))
        .select_related("uploaded_by"),
        "upload_form": forms.UploadForm(auto_id="upload_%s"),
        "draft": contract.state == ContractState.DRAFT,
        "active": contract.state == ContractState.ACTIVE,
        "proposed": DeductionState.PROPOSED.value,
        "may_change": user.has_perm("projects.change_contract"),
        "may_approve": user.has_perm("projects.approve_gateoverride"),
    }


def table_panel(_request: HttpRequest, table: DeductionTable) -> Mapping[str, Any] | None:
    """An example of what the table deducts."""
    steps = [Step(row.below, row.rate) for row in table.steps.all()]
    if not steps:
        return None
    fee = Decimal(100_000)
    figures = sorted(
        {Decimal(100), *(step.below - Decimal("0.01") for step in steps)}, reverse=True
    )
    return {"fee": fee, "examples": [deduction(fee, figure, steps) for figure in figures]}


def register_all() -> None:
    """Put the panels on their pages; safe to call again."""
    panels.register(
        Project, template="projects/project_panel.html", context=project_panel, order=-1
    )
    panels.register(
        Contract, template="projects/contract_panel.html", context=contract_panel, order=-1
    )
    panels.register(DeductionTable, template="projects/table_panel.html", context=table_panel)
