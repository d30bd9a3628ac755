"""What availability statements mean for contracts: a scope, a gate, deductions.

A contract's objects are those that its lines name and the circuits whose contract number in
the ledger is the contract's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from govnet.core.errors import Note, gettext_noop
from govnet.inventory.models import Circuit, LifeCycle
from govnet.projects import gates, services
from govnet.projects.choices import DeductionState
from govnet.projects.models import Contract, Deduction, Instalment, LineItem
from govnet.projects.services import ProjectError, SlaFigure
from govnet.sla.figures import percent_of
from govnet.sla.services import Scope, ScopeKind, register_scope, statements_of
from govnet.sla.statements import terms_of

if TYPE_CHECKING:
    from govnet.accounts.models import User
    from govnet.projects.gates import Verdict
    from govnet.projects.standing import ContractFacts
    from govnet.sla.models import Statement

KEY = "contract"
MONTHS = {"month": 1, "quarter": 3, "year": 12}


def circuits_of(contracts: Iterable[int]) -> dict[int, set[int]]:
    """Circuits of contracts: on their lines, or with their number in the ledger."""
    numbers = dict(Contract.objects.filter(pk__in=contracts).values_list("number", "pk"))
    found: dict[int, set[int]] = {pk: set() for pk in numbers.values()}
    lines = LineItem.objects.filter(contract__in=found, circuit__isnull=False)
    for contract, circuit in lines.values_list("contract", "circuit"):
        found[contract].add(circuit)
    named = Circuit.objects.filter(contract_number__in=numbers).exclude(status=LifeCycle.WITHDRAWN)
    for number, circuit in named.values_list("contract_number", "pk"):
        found[numbers[number]].add(circuit)
    return found


def members(contract_id: int) -> list[Scope]:
    """Circuits and units that a contract pays for."""
    lines = LineItem.objects.filter(contract=contract_id, unit__isnull=False)
    units = set(lines.values_list("unit", flat=True))
    circuits = circuits_of([contract_id])[contract_id]
    return [
        *(Scope("circuit", pk) for pk in sorted(circuits)),
        *(Scope("unit", pk) for pk in sorted(units)),
    ]


def _owners(contract: Contract) -> dict[str, Any]:
    return {"contractor": contract.contractor, "region": contract.lot.project.region}


@dataclass(frozen=True, slots=True)
class Month:
    """A statement in force about a contract, as its page shows it."""

    statement: Statement
    availability: Decimal | None
    coverage: float | None
    deduction: Deduction | None


def in_force(contract: Contract) -> list[Statement]:
    """The newest version of each of a contract's statements, oldest period first."""
    rows = statements_of(Scope(KEY, contract.pk)).defer("inputs")
    return list(rows.filter(amended_by=None).order_by("first_day", "period"))


def availability_of(statement: Statement) -> Decimal | None:
    """Percent as the statement prints it, cut off at four decimals; None: insufficient data.

    A threshold has at most four decimals, so what is cut off decides nothing.
    """
    return percent_of(terms_of(statement.figures["head"]))


def months(contract: Contract) -> list[Month]:
    """A contract's statements with what was deducted for them, the newest first."""
    rows = contract.deductions.exclude(state=DeductionState.WAIVED)
    found = {(row.period_start, row.period_end): row for row in rows}
    return [
        Month(
            each,
            availability_of(each),
            terms_of(each.figures["head"]).coverage,
            found.get((each.first_day, each.last_day)),
        )
        for each in reversed(in_force(contract))
    ]


def figure_of(statement: Statement) -> SlaFigure:
    """What a deduction rests on: the statement by its id, version and hash."""
    return SlaFigure(
        statement.first_day,
        statement.last_day,
        MONTHS[statement.period],
        availability_of(statement),
        {"id": statement.pk, "version": statement.version, "digest": statement.digest},
    )


def deduct(statement: Statement, instalment: Instalment, user: User | None) -> Deduction | None:
    """Propose the deduction of a statement's period.

    Raises:
        ProjectError: the statement is about another contract, a newer version is in force, or
            the rules of deductions refuse it.
    """
    contract = instalment.contract
    if (statement.scope_kind, statement.scope_id) != (KEY, contract.pk):
        raise ProjectError(gettext_noop("The statement is not about this contract."))
    if statement not in in_force(contract):
        raise ProjectError(gettext_noop("A newer version of this statement is in force."))
    return services.propose_deduction(contract, instalment, figure_of(statement), user)


# ---- Gate ----------------------------------------------------------------------------------


def _check(facts: ContractFacts, instalment: Instalment, argument: str) -> Verdict:
    """Every statement since the instalment before, up to this one's day, reaches the bar."""
    contract, wanted = facts.contract, Decimal(argument)
    earlier = [
        row.due_on
        for row in contract.instalments.all()
        if row.number < instalment.number and row.due_on
    ]
    since = max(earlier, default=contract.starts_on)
    until = instalment.due_on or facts.today
    found = [
        each
        for each in in_force(contract)
        if each.last_day <= until and (since is None or each.first_day >= since)
    ]
    if not found:
        return gates.Verdict(
            False, Note(gettext_noop("No availability statement of this period was issued."))
        )
    return _verdict(found, wanted)


def _verdict(found: Iterable[Statement], wanted: Decimal) -> Verdict:
    worst: Decimal | None = None
    for each in found:
        reached = availability_of(each)
        values = {"period": f"{each.first_day:%Y-%m-%d}", "wanted": str(wanted)}
        if reached is None:
            note = gettext_noop("%(period)s: the data do not suffice for a percentage.")
            return gates.Verdict(False, Note(note, values))
        if reached < wanted:
            note = gettext_noop("%(period)s: %(reached)s%% is below %(wanted)s%%.")
            return gates.Verdict(False, Note(note, values | {"reached": _shown(reached)}))
        worst = reached if worst is None else min(worst, reached)
    note = gettext_noop("At least %(reached)s%% in every statement.")
    return gates.Verdict(True, Note(note, {"reached": _shown(worst or wanted)}))


def _shown(value: Decimal) -> str:
    return f"{value:.4f}"


def is_percentage(text: str) -> bool:
    """Whether a text is a percentage."""
    try:
        return 0 <= Decimal(text) <= 100
    except InvalidOperation:
        return False


def register_all() -> None:
    """Tell service levels of contracts, and gates of availability; safe to call again."""
    register_scope(ScopeKind(KEY, _("Contract"), Contract, members, owners=_owners))
    gates.register(
        gates.GateKind("availability", _("Availability at least (%)"), _check, valid=is_percentage)
    )
