"""What changes projects and contracts: the only writers of states, plans and money.

Each function checks its own rule under a lock on the contract, so that two people who act at
once cannot pay twice. What is refused is told as ``ProjectError`` with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from govnet.core.errors import ToldError, gettext_noop
from govnet.projects import gates
from govnet.projects.arithmetic import Step, deduction, fen, table_errors
from govnet.projects.choices import (
    ContractState,
    DeductionState,
    EntryKind,
    MilestoneKind,
)
from govnet.projects.models import (
    BudgetEntry,
    Contract,
    Deduction,
    Gate,
    GateOverride,
    Instalment,
    LineItem,
    Milestone,
    Payment,
    PaymentCertificate,
    Project,
)
from govnet.projects.standing import (
    balances,
    certificate_room,
    contract_facts,
    project_budget,
)

if TYPE_CHECKING:
    from govnet.accounts.models import User
    from govnet.projects.gates import GateStatus


class ProjectError(ToldError):
    """A change that the rules of projects and contracts refuse; the message says why."""


class GateBlockedError(ProjectError):
    """An instalment whose gates are not met; ``blocking`` names each with its reason."""

    def __init__(self, blocking: Sequence[GateStatus]) -> None:
        self.blocking = tuple(blocking)
        reasons = " ".join(f"{item.label}: {item.verdict.reason.localized()}" for item in blocking)
        super().__init__(gettext_noop("The gates are not met: %(reasons)s"), reasons=reasons)


def _locked(contract: Contract) -> Contract:
    rows = Contract.objects.select_for_update(of=("self",)).select_related(
        "lot__project", "contractor", "deduction_table"
    )
    return rows.get(pk=contract.pk)


# ---- Milestones ----------------------------------------------------------------------------


@transaction.atomic
def plan_milestones(project: Project, planned: Mapping[str, date | None]) -> None:
    """Set the planned days of milestones.

    Raises:
        ProjectError: a later milestone is planned before an earlier one.
    """
    order = [kind.value for kind in MilestoneKind]
    days = [(kind, day) for kind in order if (day := planned.get(kind)) is not None]
    for (_first, before), (second, after) in pairwise(days):
        if after < before:
            raise ProjectError(
                gettext_noop("%(milestone)s is planned before the milestone that precedes it."),
                milestone=str(MilestoneKind(second).label),
            )
    for kind in order:
        if kind in planned:
            Milestone.objects.update_or_create(
                project=project, kind=kind, defaults={"planned_on": planned[kind]}
            )


@transaction.atomic
def reach_milestone(project: Project, kind: str, day: date) -> Milestone:
    """Record the day on which a milestone was reached.

    Raises:
        ProjectError: the day lies in the future, or out of order with the other milestones.
    """
    if day > timezone.localdate():
        raise ProjectError(gettext_noop("The day lies in the future."))
    order = [item.value for item in MilestoneKind]
    position = order.index(kind)
    for row in project.milestones.exclude(kind=kind):
        if row.reached_on is None:
            continue
        earlier = order.index(row.kind) < position
        if (row.reached_on > day) if earlier else (row.reached_on < day):
            raise ProjectError(
                gettext_noop("Out of order: %(milestone)s was reached on %(day)s."),
                milestone=str(MilestoneKind(row.kind).label),
                day=str(row.reached_on),
            )
    milestone, _made = Milestone.objects.get_or_create(project=project, kind=kind)
    milestone.reached_on = day
    milestone.save(update_fields=["reached_on"])
    return milestone


# ---- Budget --------------------------------------------------------------------------------


@transaction.atomic
def carry_over(project: Project, year: int, source: str, reason: str, user: User | None) -> Decimal:
    """Move what a year left of a source into the next year; two entries that add up to zero.

    Raises:
        ProjectError: the year left nothing, or no reason is given.
    """
    if not reason.strip():
        raise ProjectError(gettext_noop("Say why: an auditor will ask."))
    left = project_budget(project).total(year, source).available
    if left <= 0:
        raise ProjectError(
            gettext_noop("%(year)d left nothing of this source to carry over."), year=year
        )
    for where, amount in ((year, -left), (year + 1, left)):
        BudgetEntry.objects.create(
            project=project,
            year=where,
            source=source,
            kind=EntryKind.CARRIED,
            amount=amount,
            booked_on=timezone.localdate(),
            reason=reason.strip(),
            entered_by=user,
        )
    return left


# ---- Contracts -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlannedInstalment:
    """An instalment as it is planned; gates are pairs of kind and argument."""

    name: str
    amount: Decimal
    due_on: date | None = None
    retention: bool = False
    gates: tuple[tuple[str, str], ...] = field(default=())


@transaction.atomic
def plan_instalments(contract: Contract, plan: Sequence[PlannedInstalment]) -> list[Instalment]:
    """Replace the instalments of a draft; they must add up to the contract's amount.

    Raises:
        ProjectError: it is no draft, the sum differs, or a gate's argument makes no sense.
    """
    contract = _locked(contract)
    if contract.state != ContractState.DRAFT:
        raise ProjectError(gettext_noop("Only a draft's instalments can be changed."))
    _check_sum(contract, [row.amount for row in plan])
    contract.instalments.all().delete()
    made = []
    for number, row in enumerate(plan, start=1):
        instalment = Instalment.objects.create(
            contract=contract,
            number=number,
            name=row.name,
            amount=row.amount,
            due_on=row.due_on,
            retention=row.retention,
        )
        for kind, argument in row.gates:
            _add_gate(instalment, kind, argument)
        made.append(instalment)
    return made


def _check_sum(contract: Contract, amounts: Iterable[Decimal]) -> None:
    total = sum(amounts, Decimal(0))
    if total != contract.amount:
        raise ProjectError(
            gettext_noop(
                "The instalments add up to %(total)s yuan, the contract is over %(amount)s yuan:"
                " the difference is %(difference)s."
            ),
            total=f"{total:,.2f}",
            amount=f"{contract.amount:,.2f}",
            difference=f"{contract.amount - total:,.2f}",
        )


def _add_gate(instalment: Instalment, kind: str, argument: str) -> None:
    known = gates.GATES.get(kind)
    if known is None or not known.accepts(argument):
        raise ProjectError(
            gettext_noop("A gate of the kind “%(kind)s” cannot have “%(argument)s”."),
            kind=str(known.label) if known else kind,
            argument=argument,
        )
    Gate.objects.create(instalment=instalment, kind=kind, argument=argument)


def _move(contract: Contract, allowed: Iterable[str], new: ContractState, reason: str) -> Contract:
    if contract.state not in allowed:
        raise ProjectError(
            gettext_noop("The contract is “%(state)s”: this cannot be done now."),
            state=str(contract.get_state_display()),
        )
    contract.state, contract.state_reason = new, reason
    contract.save(update_fields=["state", "state_reason", "updated_at"])
    return contract


@transaction.atomic
def put_in_force(contract: Contract) -> Contract:
    """A draft becomes a contract: from now on its amounts stay as they are.

    Raises:
        ProjectError: it is no draft, it was not signed, or its instalments do not add up.
    """
    contract = _locked(contract)
    if contract.signed_on is None:
        raise ProjectError(gettext_noop("Enter the day on which the contract was signed."))
    _check_sum(contract, contract.instalments.values_list("amount", flat=True))
    return _move(contract, {ContractState.DRAFT}, ContractState.ACTIVE, "")


@transaction.atomic
def back_to_draft(contract: Contract, reason: str) -> Contract:
    """Open a contract for correction, while no money rests on it.

    Raises:
        ProjectError: there are certificates, deductions or overrides, or no reason is given.
    """
    contract = _locked(contract)
    _need_reason(reason)
    overrides = GateOverride.objects.filter(gate__instalment__contract=contract)
    if contract.certificates.exists() or contract.deductions.exists() or overrides.exists():
        raise ProjectError(
            gettext_noop("Certificates, deductions or overrides rest on it: it stays as it is.")
        )
    return _move(contract, {ContractState.ACTIVE}, ContractState.DRAFT, reason)


@transaction.atomic
def settle(contract: Contract) -> Contract:
    """Close a contract of which nothing is left to pay.

    Raises:
        ProjectError: something is left.
    """
    contract = _locked(contract)
    left = sum((b.outstanding for b in balances(contract).values()), Decimal(0))
    if left:
        raise ProjectError(
            gettext_noop("%(left)s yuan are neither paid nor deducted."), left=f"{left:,.2f}"
        )
    return _move(contract, {ContractState.ACTIVE}, ContractState.CLOSED, "")


@transaction.atomic
def terminate(contract: Contract, reason: str) -> Contract:
    """End a contract early; nothing can be certified any more.

    Raises:
        ProjectError: it is not in force, or no reason is given.
    """
    _need_reason(reason)
    return _move(_locked(contract), {ContractState.ACTIVE}, ContractState.TERMINATED, reason)


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise ProjectError(gettext_noop("Give the reason."))


@transaction.atomic
def renew(
    contract: Contract, number: str, starts_on: date, expires_on: date, amount: Decimal
) -> Contract:
    """A draft that follows a contract, with its lines, table and monthly fee.

    Raises:
        ProjectError: it was renewed already, or the dates are out of order.
    """
    contract = _locked(contract)
    if Contract.objects.filter(renewed_from=contract).exists():
        raise ProjectError(gettext_noop("The contract was renewed already."))
    if Contract.objects.filter(number=number).exists():
        raise ProjectError(gettext_noop("There is a contract with this number."))
    if expires_on < starts_on or (contract.starts_on and starts_on <= contract.starts_on):
        raise ProjectError(gettext_noop("The dates are out of order."))
    new = Contract.objects.create(
        number=number,
        name=contract.name,
        lot=contract.lot,
        contractor=contract.contractor,
        amount=fen(amount),
        starts_on=starts_on,
        expires_on=expires_on,
        monthly_fee=contract.monthly_fee,
        deduction_table=contract.deduction_table,
        renewed_from=contract,
    )
    for line in contract.lines.all():
        LineItem.objects.create(
            contract=new,
            name=line.name,
            quantity=line.quantity,
            unit_price=line.unit_price,
            circuit=line.circuit,
            device=line.device,
            unit=line.unit,
        )
    return new


# ---- Gates ---------------------------------------------------------------------------------


@transaction.atomic
def request_override(gate: Gate, reason: str, user: User) -> GateOverride:
    """Ask that a gate be passed though it is not met.

    Raises:
        ProjectError: it is met, a request waits already, or no reason is given.
    """
    _need_reason(reason)
    contract = _locked(gate.instalment.contract)
    found = gates.status(gate, gate.instalment, contract_facts(contract))
    if found.passed:
        raise ProjectError(gettext_noop("The gate is not in the way."))
    if gate.overrides.filter(approved=None).exists():
        raise ProjectError(gettext_noop("A request for this gate waits already."))
    return GateOverride.objects.create(
        gate=gate,
        reason=reason.strip(),
        unmet=found.verdict.reason.localized()[:300],
        requested_by=user,
    )


@transaction.atomic
def decide_override(override: GateOverride, user: User, *, approve: bool) -> GateOverride:
    """Approve or refuse an override; never the person who asked for it.

    Raises:
        ProjectError: the same person, or it was decided already.
    """
    _locked(override.gate.instalment.contract)
    override = GateOverride.objects.get(pk=override.pk)
    if override.approved is not None:
        raise ProjectError(gettext_noop("It was decided already."))
    # A deleted requester cannot be told from anybody: nobody may decide then.
    if override.requested_by_id in {None, user.pk}:
        raise ProjectError(
            gettext_noop("Whoever asked cannot approve: a second person must decide.")
        )
    override.decided_by, override.approved = user, approve
    override.decided_at = timezone.now()
    override.save(update_fields=["decided_by", "approved", "decided_at"])
    return override


# ---- Deductions ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SlaFigure:
    """An availability that a deduction may rest on, as a frozen statement gives it.

    Attributes:
        start: first day of the period.
        end: last day.
        months: how many monthly fees the period holds.
        availability: percent, never rounded up; None where the data do not suffice.
        source: what identifies the frozen statement, JSON-ready.
    """

    start: date
    end: date
    months: int
    availability: Decimal | None
    source: Mapping[str, Any]


@transaction.atomic
def propose_deduction(
    contract: Contract, instalment: Instalment, figure: SlaFigure, user: User | None
) -> Deduction | None:
    """Compute the deduction of a period from a statement and keep all that it follows from.

    Returns:
        the proposed deduction; None when the table asks for none.

    Raises:
        ProjectError: table, fee or data are missing, or the period was deducted already.
    """
    contract = _locked(contract)
    if contract.deduction_table is None or contract.monthly_fee is None:
        raise ProjectError(gettext_noop("The contract names no deduction table or no monthly fee."))
    if figure.availability is None:
        raise ProjectError(
            gettext_noop("The statement has no percentage: its data do not suffice.")
        )
    _refuse_second(contract, figure)
    steps = [Step(row.below, row.rate) for row in contract.deduction_table.steps.all()]
    if table_errors(steps):
        raise ProjectError(
            gettext_noop("By the deduction table a worse availability would cost less.")
        )
    fee = contract.monthly_fee * figure.months
    found = deduction(fee, figure.availability, steps)
    if not found.amount:
        return None
    inputs = {
        "availability": str(figure.availability),
        "fee": str(fee),
        "months": figure.months,
        "table": contract.deduction_table.name,
        "steps": [[str(step.below), str(step.rate)] for step in steps],
        "statement": dict(figure.source),
    }
    return _deduct(
        contract,
        instalment,
        found.amount,
        user,
        period_start=figure.start,
        period_end=figure.end,
        formula=found.formula,
        inputs=inputs,
        digest=sha256(
            json.dumps([inputs, found.formula], sort_keys=True, ensure_ascii=False).encode()
        ).hexdigest(),
    )


def _refuse_second(contract: Contract, figure: SlaFigure) -> None:
    others = contract.deductions.exclude(state=DeductionState.WAIVED)
    overlap = others.filter(period_start__lte=figure.end, period_end__gte=figure.start).first()
    if overlap is not None:
        raise ProjectError(
            gettext_noop("%(start)s to %(end)s was deducted already."),
            start=str(overlap.period_start),
            end=str(overlap.period_end),
        )


@transaction.atomic
def deduct_by_hand(
    contract: Contract, instalment: Instalment, amount: Decimal, reason: str, user: User | None
) -> Deduction:
    """A deduction that follows from the contract's words and not from availability.

    Raises:
        ProjectError: no reason, or more than the instalment still holds.
    """
    _need_reason(reason)
    return _deduct(_locked(contract), instalment, fen(amount), user, reason=reason.strip())


def _deduct(
    contract: Contract,
    instalment: Instalment,
    amount: Decimal,
    user: User | None,
    **fields: Any,  # noqa: ANN401  # columns
) -> Deduction:
    if contract.state != ContractState.ACTIVE or instalment.contract_id != contract.pk:
        raise ProjectError(gettext_noop("Only an instalment of a contract in force can be cut."))
    _refuse_more_than(instalment, amount)
    return Deduction.objects.create(
        contract=contract, instalment=instalment, amount=amount, proposed_by=user, **fields
    )


def _refuse_more_than(instalment: Instalment, amount: Decimal) -> None:
    room = balances(instalment.contract)[instalment.pk].room_for_deduction()
    if amount > room:
        raise ProjectError(
            gettext_noop("The instalment holds only %(room)s yuan that are not certified."),
            room=f"{room:,.2f}",
        )


@transaction.atomic
def decide_deduction(
    found: Deduction, user: User | None, *, confirm: bool, reason: str = ""
) -> Deduction:
    """Confirm a proposed deduction, or waive it with a reason.

    Raises:
        ProjectError: it was decided already, or it is waived without a reason.
    """
    _locked(found.contract)
    found = Deduction.objects.select_related("instalment__contract").get(pk=found.pk)
    if found.state != DeductionState.PROPOSED:
        raise ProjectError(gettext_noop("It was decided already."))
    if confirm:
        _refuse_more_than(found.instalment, found.amount)
        found.state = DeductionState.CONFIRMED
    else:
        _need_reason(reason)
        found.state = DeductionState.WAIVED
        found.reason = f"{found.reason} {reason}".strip()
    found.decided_by = user
    found.save(update_fields=["state", "reason", "decided_by"])
    return found


# ---- Payments ------------------------------------------------------------------------------


@transaction.atomic
def certify(instalment: Instalment, user: User | None) -> PaymentCertificate:
    """Issue the payment certificate of an instalment: all that may still be paid of it.

    Raises:
        GateBlockedError: a gate is not met and not overridden.
        ProjectError: the contract is not in force, a deduction waits for its decision, or
            nothing is left to pay.
    """
    from govnet.projects.certificate import numbers  # noqa: PLC0415  # it prints what is here

    contract = _locked(instalment.contract)
    if contract.state != ContractState.ACTIVE:
        raise ProjectError(gettext_noop("Only a contract in force is paid."))
    if instalment.deductions.filter(state=DeductionState.PROPOSED).exists():
        raise ProjectError(gettext_noop("A deduction waits for its decision."))
    facts = contract_facts(contract)
    found = gates.statuses(instalment, facts)
    blocking = gates.blocking(found)
    if blocking:
        raise GateBlockedError(blocking)
    amount = facts.balances[instalment.pk].payable
    if not amount:
        raise ProjectError(gettext_noop("Nothing is left to pay of this instalment."))
    serial = contract.certificates.count() + 1
    printed = numbers(contract, instalment, facts, found, serial)
    return PaymentCertificate.objects.create(
        contract=contract,
        instalment=instalment,
        number=printed["number"],
        amount=amount,
        numbers=printed,
        digest=sha256(json.dumps(printed, sort_keys=True, ensure_ascii=False).encode()).hexdigest(),
        issued_by=user,
    )


@transaction.atomic
def void_certificate(certificate: PaymentCertificate, reason: str) -> PaymentCertificate:
    """Take back a certificate on which nothing was paid.

    Raises:
        ProjectError: something was paid, or no reason is given.
    """
    _need_reason(reason)
    _locked(certificate.contract)
    if certificate.payments.exists():
        raise ProjectError(gettext_noop("Money was paid on this certificate."))
    certificate.void_reason = reason.strip()
    certificate.save(update_fields=["void_reason"])
    return certificate


@transaction.atomic
def pay(
    certificate: PaymentCertificate,
    amount: Decimal,
    *,
    paid_on: date,
    voucher: str,
    content: str,
    source: str,
    user: User | None,
) -> Payment:
    """Record a payment on a certificate.

    Raises:
        ProjectError: more than the certificate allows, a day in the future, or no voucher.
    """
    contract = _locked(certificate.contract)
    certificate = PaymentCertificate.objects.get(pk=certificate.pk)
    amount = fen(amount)
    room = certificate_room(certificate)
    if amount <= 0 or amount > room:
        raise ProjectError(
            gettext_noop("The certificate allows %(room)s yuan and no more."), room=f"{room:,.2f}"
        )
    if paid_on > timezone.localdate():
        raise ProjectError(gettext_noop("The day lies in the future."))
    if not voucher.strip():
        raise ProjectError(gettext_noop("Enter the voucher number of the accounts."))
    return Payment.objects.create(
        contract=contract,
        certificate=certificate,
        amount=amount,
        paid_on=paid_on,
        voucher=voucher.strip(),
        content=content.strip(),
        source=source,
        entered_by=user,
    )
