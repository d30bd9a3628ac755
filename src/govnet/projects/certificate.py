"""The payment certificate: numbers frozen at its issue, printed as Word and PDF."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone, translation

from govnet.core.office import as_docx, as_pdf, fill
from govnet.projects.arithmetic import HUNDRED, fen
from govnet.projects.capital import capital
from govnet.projects.choices import DeductionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from govnet.projects.gates import GateStatus
    from govnet.projects.models import Contract, Instalment, PaymentCertificate
    from govnet.projects.standing import ContractFacts

TEMPLATE = "payment-certificate.docx"


def numbers(
    contract: Contract,
    instalment: Instalment,
    facts: ContractFacts,
    gates: Sequence[GateStatus],
    serial: int,
) -> dict[str, Any]:
    """Everything that the certificate prints, as JSON-ready text in Chinese."""
    balance = facts.balances[instalment.pk]
    paid_before = sum((b.paid for b in facts.balances.values()), Decimal(0))
    payable = balance.payable
    with translation.override("zh-hans"):
        return {
            "number": f"{contract.number}-{serial:02d}",
            "date": _day(timezone.localdate()),
            "project": contract.lot.project.name,
            "project_code": contract.lot.project.code,
            "project_unit": contract.lot.project.unit_name,
            "lot": str(contract.lot),
            "contract_number": contract.number,
            "contract_name": contract.name,
            "contractor": contract.contractor.name,
            "contract_amount": yuan(contract.amount),
            "instalment": str(instalment),
            "instalment_amount": yuan(instalment.amount),
            "instalment_share": share(instalment.amount, contract.amount),
            "certified_before": yuan(balance.certified),
            "deducted": yuan(balance.deducted),
            "payable": yuan(payable),
            "payable_capital": capital(payable),
            "paid_before": yuan(paid_before),
            "paid_before_share": share(paid_before, contract.amount),
            "paid_after": yuan(paid_before + payable),
            "paid_after_share": share(paid_before + payable, contract.amount),
            "gates": list(_gates(gates)),
            "deductions": list(_deductions(instalment)),
            "payments": [
                {
                    "paid_on": str(row.paid_on),
                    "voucher": row.voucher,
                    "content": row.content,
                    "amount": yuan(row.amount),
                }
                for row in contract.payments.all()
            ],
        }


def _gates(found: Iterable[GateStatus]) -> Iterable[dict[str, str]]:
    for item in found:
        override = item.override if not item.verdict.met else None
        yield {
            "gate": _name(item),
            "met": "✔" if item.verdict.met else "▲",
            "reason": item.verdict.reason.localized(),
            "override": override.reason if override else "",
            "override_by": f"{override.requested_by} / {override.decided_by}" if override else "",
        }


def _name(item: GateStatus) -> str:
    from govnet.projects.gates import label_of  # noqa: PLC0415  # in the certificate's language

    return label_of(item.gate)


def _deductions(instalment: Instalment) -> Iterable[dict[str, str]]:
    for row in instalment.deductions.filter(state=DeductionState.CONFIRMED):
        period = f"{row.period_start} – {row.period_end}" if row.period_start else ""
        yield {
            "period": period,
            "why": row.formula or row.reason,
            "amount": yuan(row.amount),
        }


def yuan(amount: Decimal) -> str:
    """An amount in 元 as accounts print it: 2,070,000.00."""
    return f"{amount:,.2f}"


def share(part: Decimal, whole: Decimal) -> str:
    """A part of an amount as percent with two decimals."""
    return f"{fen(part / whole * HUNDRED)}%" if whole else ""


def _day(day: date) -> str:
    return f"{day:%Y-%m-%d}"


def render_docx(certificate: PaymentCertificate) -> bytes:
    """The certificate as a Word file, from its frozen numbers alone."""
    printed = {
        **certificate.numbers,
        "digest": certificate.digest[:16],
        "void": certificate.void_reason,
    }
    return as_docx(fill(_template(), printed))


def render_pdf(certificate: PaymentCertificate) -> bytes:
    """The certificate as PDF.

    Raises:
        PrintingError: LibreOffice is missing or failed.
    """
    return as_pdf(render_docx(certificate))


def _template() -> bytes:
    """The officer's own template where there is one, else the shipped one."""
    own = Path(settings.MEDIA_ROOT) / "templates" / TEMPLATE
    if own.is_file():
        return own.read_bytes()
    return (resources.files("govnet.projects") / "word" / TEMPLATE).read_bytes()
