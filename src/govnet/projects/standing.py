"""Where a contract and a project stand, read with a few queries and computed, never stored."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.utils import timezone

from govnet.projects.arithmetic import Balance, YearBudget
from govnet.projects.choices import ContractState, DeductionState, EntryKind, MilestoneKind, Source
from govnet.projects.models import (
    BudgetEntry,
    Contract,
    Document,
    GateOverride,
    Milestone,
    Payment,
    PaymentCertificate,
    Project,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What the gates of a contract look at, read once.

    Attributes:
        milestones: the project's milestones that were reached, with their days.
        documents: kind and signing day of the contract's and the project's documents.
        balances: by instalment id.
        overrides: approved overrides by gate id.
    """

    contract: Contract
    today: date
    milestones: dict[str, date]
    documents: list[tuple[str, date | None]]
    balances: dict[int, Balance]
    overrides: dict[int, GateOverride]

    def signed(self, kind: str) -> date | None:
        """The first day on which a document of a kind was signed."""
        return min((day for k, day in self.documents if k == kind and day), default=None)

    def has(self, kind: str) -> bool:
        """Whether a document of a kind is there."""
        return any(k == kind for k, _day in self.documents)


def contract_facts(contract: Contract) -> ContractFacts:
    """Read the facts of one contract; the number of queries does not depend on its size."""
    project_id = contract.lot.project_id
    milestones = Milestone.objects.filter(project=project_id, reached_on__isnull=False)
    documents = Document.objects.filter(Q(contract=contract) | Q(project=project_id, contract=None))
    overrides = GateOverride.objects.filter(gate__instalment__contract=contract, approved=True)
    return ContractFacts(
        contract,
        timezone.localdate(),
        {m.kind: m.reached_on for m in milestones if m.reached_on},
        list(documents.values_list("kind", "signed_on")),
        balances(contract),
        {o.gate_id: o for o in overrides.select_related("requested_by", "decided_by")},
    )


def balances(contract: Contract) -> dict[int, Balance]:
    """What each instalment of a contract still allows to be paid."""
    deducted = _sums(
        contract.deductions.filter(state=DeductionState.CONFIRMED).values_list(
            "instalment", "amount"
        )
    )
    certified = _sums(
        contract.certificates.filter(void_reason="").values_list("instalment", "amount")
    )
    paid = _sums(contract.payments.values_list("certificate__instalment", "amount"))
    return {
        row.pk: Balance(row.amount, deducted[row.pk], certified[row.pk], paid[row.pk])
        for row in contract.instalments.all()
    }


def _sums(rows: Iterable[tuple[int, Decimal]]) -> defaultdict[int, Decimal]:
    # Summed here and not in SQL: SQLite adds decimals as floats.
    sums: defaultdict[int, Decimal] = defaultdict(Decimal)
    for key, amount in rows:
        sums[key] += amount
    return sums


def certificate_room(certificate: PaymentCertificate) -> Decimal:
    """What a certificate still allows to be paid."""
    paid = sum((payment.amount for payment in certificate.payments.all()), ZERO)
    return ZERO if certificate.void_reason else certificate.amount - paid


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A year and source of a project's budget."""

    year: int
    source: str
    figures: YearBudget


@dataclass(frozen=True, slots=True)
class ProjectBudget:
    """A project's budget by year and source, by source, and in total."""

    rows: list[BudgetRow]

    def total(self, year: int | None = None, source: str | None = None) -> YearBudget:
        """The sum of the rows of a year, a source, both, or all."""
        chosen = (
            row.figures
            for row in self.rows
            if (year is None or row.year == year) and (source is None or row.source == source)
        )
        return sum(chosen, YearBudget())

    @property
    def years(self) -> list[int]:
        """Years with any row."""
        return sorted({row.year for row in self.rows})

    @property
    def sources(self) -> list[str]:
        """Sources with any row, in the order of the form."""
        used = {row.source for row in self.rows}
        return [source for source in Source.values if source in used]


_FIELDS = {
    EntryKind.PLANNED: "planned",
    EntryKind.ADJUSTED: "adjusted",
    EntryKind.ARRIVED: "arrived",
    EntryKind.CARRIED: "carried",
    EntryKind.SPENT: "spent",
}


def project_budget(project: Project) -> ProjectBudget:
    """Planned, arrived, spent and balance by year and source; payments are spending."""
    cells: defaultdict[tuple[int, str], YearBudget] = defaultdict(YearBudget)
    entries = BudgetEntry.objects.filter(project=project)
    for year, source, kind, amount in entries.values_list("year", "source", "kind", "amount"):
        cells[year, source] += YearBudget(**{_FIELDS[EntryKind(kind)]: amount})
    for source, day, amount in project_payments(project).values_list("source", "paid_on", "amount"):
        cells[day.year, source] += YearBudget(spent=amount)
    order = Source.values
    keys = sorted(cells, key=lambda key: (key[0], order.index(key[1])))
    return ProjectBudget([BudgetRow(year, source, cells[year, source]) for year, source in keys])


def project_payments(project: Project) -> QuerySet[Payment]:
    """The payments of a project's contracts, in order of payment."""
    return Payment.objects.filter(contract__lot__project=project).order_by("paid_on", "pk")


def contract_total(project: Project) -> Decimal:
    """What the project's contracts add up to; drafts are no contracts yet."""
    contracts = Contract.objects.filter(lot__project=project).exclude(state=ContractState.DRAFT)
    return sum(contracts.values_list("amount", flat=True), ZERO)


def milestones(project: Project) -> list[Milestone]:
    """The seven milestones in order; those without a row are blank."""
    there = {row.kind: row for row in project.milestones.all()}
    return [there.get(kind) or Milestone(project=project, kind=kind) for kind in MilestoneKind]
