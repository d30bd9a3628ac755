"""What work orders mean for contracts: nothing is paid while the contractor's orders are late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from govnet.core.errors import Note, gettext_noop
from govnet.operations.overdue import running_over
from govnet.projects import gates

if TYPE_CHECKING:
    from govnet.projects.gates import Verdict
    from govnet.projects.models import Instalment
    from govnet.projects.standing import ContractFacts


def _check(facts: ContractFacts, instalment: Instalment, argument: str) -> Verdict:
    """No open order of the contractor has a clock that ran over."""
    del instalment, argument
    company = facts.contract.contractor_id
    late = {order.number for order, _limit, _clock in running_over(company)}
    if not late:
        return gates.Verdict(True, Note(gettext_noop("No work order of the contractor is late.")))
    values: dict[str, str | float] = {"orders": ", ".join(sorted(late)[:5]), "count": len(late)}
    note = gettext_noop("%(count)d work orders of the contractor are late: %(orders)s")
    return gates.Verdict(False, Note(note, values))


def register() -> None:
    """Offer the gate; safe to call again."""
    gates.register(gates.GateKind("orders", _("No overdue work order of the contractor"), _check))
