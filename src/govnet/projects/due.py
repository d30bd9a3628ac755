"""What of contracts is due: expiries, blocked instalments, unsigned acceptances, decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.core.due import DueItem, DueKind, register
from govnet.projects import gates
from govnet.projects.choices import ContractState, DeductionState, DocumentKind, MilestoneKind
from govnet.projects.models import Contract, Deduction, GateOverride, Milestone, Project
from govnet.projects.standing import contract_facts

if TYPE_CHECKING:
    from govnet.accounts.models import User

HORIZONS: Final = (7, 30, 90)
"""Days before its expiry at which a contract is told of."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """A contract that ends: ``left`` days from now, below zero when it has ended."""

    contract: Contract
    left: int
    renewal: Contract | None

    @property
    def horizon(self) -> int | None:
        """The shortest horizon that it falls into: -1 expired, 7, 30, 90; None beyond."""
        if self.left < 0:
            return -1
        return next((days for days in HORIZONS if self.left <= days), None)


def expiries(user: User, today: date, days: int = HORIZONS[-1]) -> list[Expiry]:
    """Contracts in force that end within ``days`` or have ended, the earliest first."""
    rows = _active(user).filter(
        expires_on__isnull=False, expires_on__lte=today + timedelta(days=days)
    )
    found = rows.select_related("contractor", "lot__project", "renewal").order_by("expires_on")
    return [
        Expiry(row, (row.expires_on - today).days, getattr(row, "renewal", None))
        for row in found
        if row.expires_on
    ]


def _active(user: User) -> QuerySet[Contract]:
    return Contract.objects.restrict(user).filter(state=ContractState.ACTIVE)


def _expiring(user: User, today: date) -> Iterator[DueItem]:
    for item in expiries(user, today):
        if item.renewal is None:
            contract = item.contract
            note = (
                _("expired %d days ago") % -item.left
                if item.left < 0
                else _("expires in %d days") % item.left
            )
            url = contract.get_absolute_url()
            yield DueItem(str(contract), note, url, contract.expires_on)


def _blocked(user: User, today: date) -> Iterator[DueItem]:
    due = _active(user).filter(instalments__due_on__lte=today).distinct()
    for contract in due.select_related("lot__project").prefetch_related("instalments__gates"):
        facts = contract_facts(contract)
        for row in contract.instalments.all():
            waits = row.due_on is not None and row.due_on <= today
            if not waits or not facts.balances[row.pk].payable:
                continue
            stop = gates.blocking(gates.statuses(row, facts))
            note = " ".join(f"{g.label}: {g.verdict.reason.localized()}" for g in stop)
            url = f"{contract.get_absolute_url()}#instalment-{row.pk}"
            title = f"{contract.number} {row}"
            yield DueItem(title, note or _("ready to be certified"), url, row.due_on)


_ACCEPTED: Final = {
    MilestoneKind.PRELIMINARY.value: DocumentKind.PRELIMINARY,
    MilestoneKind.FINAL.value: DocumentKind.FINAL,
}


def _unsigned(user: User, today: date) -> Iterator[DueItem]:
    """Contracts of projects whose acceptance was reached but is signed nowhere."""
    del today
    contracts = _active(user).filter(lot__project__milestones__kind__in=_ACCEPTED)
    rows = contracts.filter(lot__project__milestones__reached_on__isnull=False).distinct()
    for contract in rows.select_related("lot__project"):
        facts = contract_facts(contract)
        for milestone, kind in _ACCEPTED.items():
            day = facts.milestones.get(milestone)
            if day and not facts.signed(kind):
                label = MilestoneKind(milestone).label
                note = _("reached on %(day)s, no signed certificate") % {"day": day}
                url = contract.get_absolute_url()
                yield DueItem(f"{contract.number} {label}", note, url, day)


def _late_milestones(user: User, today: date) -> Iterator[DueItem]:
    rows = Milestone.objects.filter(
        project__in=Project.objects.restrict(user), planned_on__lt=today, reached_on=None
    )
    for row in rows.select_related("project"):
        note = _("planned, not reached")
        yield DueItem(f"{row.project}: {row}", note, row.project.get_absolute_url(), row.planned_on)


def _overrides(user: User, today: date) -> Iterator[DueItem]:
    del today
    rows = GateOverride.objects.filter(
        approved=None, gate__instalment__contract__in=Contract.objects.restrict(user)
    ).exclude(requested_by=user)
    for row in rows.select_related("gate__instalment__contract", "requested_by"):
        contract = row.gate.instalment.contract
        url = f"{contract.get_absolute_url()}#instalment-{row.gate.instalment_id}"
        title = f"{contract.number} {gates.label_of(row.gate)}"
        yield DueItem(title, row.reason, url, row.requested_at.date())


def _deductions(user: User, today: date) -> Iterable[DueItem]:
    del today
    rows = Deduction.objects.restrict(user).filter(state=DeductionState.PROPOSED)
    for row in rows.select_related("contract"):
        note = row.formula or row.reason
        yield DueItem(str(row), note, row.contract.get_absolute_url(), row.period_end)


def register_all() -> None:
    """Tell the page of due things; safe to call again."""
    view, change = "projects.view_contract", "projects.change_contract"
    for kind in (
        DueKind("expiring", gettext_lazy("Contracts that expire"), view, _expiring),
        DueKind("blocked", gettext_lazy("Instalments that are due"), view, _blocked),
        DueKind("unsigned", gettext_lazy("Acceptances not signed"), view, _unsigned),
        DueKind(
            "milestones",
            gettext_lazy("Milestones that are late"),
            "projects.view_project",
            _late_milestones,
        ),
        DueKind(
            "overrides",
            gettext_lazy("Overrides to decide"),
            "projects.approve_gateoverride",
            _overrides,
        ),
        DueKind("deductions", gettext_lazy("Deductions to decide"), change, _deductions),
    ):
        register(kind)
