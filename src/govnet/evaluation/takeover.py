"""Funds and spending of a self-evaluation, taken over from its project's accounts."""

from __future__ import annotations

from django.db import transaction

from govnet.core.errors import gettext_noop
from govnet.evaluation.measures import MeasureError
from govnet.evaluation.models import Fund, SelfEvaluation, SourceChoices, SpendingLine
from govnet.projects.arithmetic import YearBudget
from govnet.projects.choices import EntryKind, Source
from govnet.projects.standing import project_budget, project_payments


@transaction.atomic
def take_over(evaluation: SelfEvaluation) -> int:
    """Replace funds and spending lines by those of the project; the form prints them.

    Returns:
        how many spending lines there are.

    Raises:
        MeasureError: no project is named.
    """
    project = evaluation.project
    if project is None:
        raise MeasureError(gettext_noop("The self-evaluation names no project of the ledger."))
    budget = project_budget(project)
    evaluation.funds.all().delete()
    _fund(evaluation, SourceChoices.TOTAL, budget.total())
    for source in budget.sources:
        _fund(evaluation, SourceChoices(Source(source).value), budget.total(source=source))
    lines = [(p.content, p.amount, p.voucher) for p in project_payments(project)]
    direct = project.budget.filter(kind=EntryKind.SPENT)
    lines += [(e.reason or e.reference, e.amount, e.reference) for e in direct]
    evaluation.spending.all().delete()
    SpendingLine.objects.bulk_create(
        SpendingLine(
            evaluation=evaluation, position=n, content=content, amount=amount, voucher=voucher
        )
        for n, (content, amount, voucher) in enumerate(lines)
    )
    return len(lines)


def _fund(evaluation: SelfEvaluation, source: SourceChoices, figures: YearBudget) -> None:
    Fund.objects.create(
        evaluation=evaluation,
        source=source,
        planned=figures.planned,
        adjusted=figures.budget if figures.adjusted else None,
        arrived=figures.arrived,
        spent=figures.spent,
        balance=figures.balance,
        carried_over=figures.carried or None,
    )
