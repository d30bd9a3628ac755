"""Proof of a circuit's bandwidth tier: measured over the line, kept as evidence.

An operation of an acceptance or a re-test, asked for by a person: it loads the line for some
seconds each way. At the far end, at the access point's address, ``iperf3 -s`` runs meanwhile.
"""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest
from django.utils import timezone

from govnet.accounts.models import User
from govnet.core import panels
from govnet.engine.throughput import PORT, PROVEN_SHARE, ThroughputError, measure
from govnet.inventory.models import Circuit
from govnet.monitor.models import ProofOutcome, TierProof

SHOWN = 5


class ProofError(Exception):
    """A circuit's rate cannot be measured at all; the text is a sentence."""


def prove(
    circuit: Circuit, by: User | None = None, *, seconds: int = 5, port: int = PORT
) -> TierProof:
    """Measure a circuit now and keep the result, also when nothing could be measured.

    Raises:
        ProofError: the circuit has no access point with an address, or no contracted rate.
        ValueError: the time is out of bounds.
    """
    address, contracted = _what_to_measure(circuit)
    proof = TierProof(
        circuit=circuit,
        measured_at=timezone.now(),
        measured_by=by,
        address=address,
        contracted_mbps=contracted,
    )
    try:
        found = measure(address, contracted, seconds=seconds, port=port)
    except ThroughputError as error:
        proof.outcome, proof.reason = ProofOutcome.NOT_MEASURED, str(error)[:300]
    else:
        proof.up_mbps, proof.down_mbps, proof.method = found.up_mbps, found.down_mbps, found.method
        proof.outcome = verdict(found.up_mbps, found.down_mbps, contracted)
        proof.detail = asdict(found)
    proof.save(force_insert=True)
    return proof


def verdict(up_mbps: float, down_mbps: float, contracted_mbps: int) -> ProofOutcome:
    """Both directions reach ``PROVEN_SHARE`` of the contracted rate, or not."""
    proven = min(up_mbps, down_mbps) >= PROVEN_SHARE * contracted_mbps
    return ProofOutcome.PROVEN if proven else ProofOutcome.NOT_PROVEN


def _what_to_measure(circuit: Circuit) -> tuple[str, int]:
    point = circuit.access_point
    address = (point.ipv4 or point.ipv6) if point else None
    if not address:
        raise ProofError(f"{circuit.number} leads to no access point with an address.")
    contracted = (
        Circuit.objects.with_bandwidth()
        .filter(pk=circuit.pk)
        .values_list("contracted_mbps", flat=True)  # type: ignore[misc]  # with_bandwidth adds it
        .get()
    )
    if not contracted:
        raise ProofError(f"{circuit.number} has no contracted bandwidth in force.")
    return address, int(contracted)


def _panel(request: HttpRequest, circuit: Circuit) -> dict[str, object] | None:
    if not request.user.has_perm("monitor.view_tierproof"):
        return None
    proofs = TierProof.objects.restrict(request.user).filter(circuit=circuit)
    return {"proofs": proofs.select_related("measured_by")[:SHOWN]} if proofs.exists() else None


def register() -> None:
    """Show the latest proofs on a circuit's page."""
    panels.register(Circuit, template="monitor/tier_proofs.html", context=_panel, order=5)
