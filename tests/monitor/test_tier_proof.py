"""A line's rate is what a transfer over it says: real iperf3 over a shaped cable."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from django.test import Client

from govnet.engine.throughput import Throughput, proven_tier
from govnet.inventory.models import BandwidthChange, Circuit
from govnet.lab import kernel
from govnet.lab.cables import Cable, Cables, End
from govnet.monitor.models import ProofOutcome, TierProof
from govnet.monitor.tier_proof import ProofError, prove, verdict
from tests.lab.namespaces import ip, namespaces
from tests.monitor import ledger
from tests.peers import require
from tests.people import person

pytestmark = pytest.mark.django_db
HERE, THERE = "10.211.78.1", "10.211.78.2"


def contracted(mbps: int, number: str = "C1", ipv4: str = THERE) -> Circuit:
    circuit = ledger.circuit(number, ledger.access_point(f"AP-{number}", ipv4=ipv4))
    BandwidthChange.objects.create(circuit=circuit, effective_on=date(2020, 1, 1), mbps=mbps)
    return circuit


@contextmanager
def iperf_server(namespace: str) -> Iterator[None]:
    command = ["ip", "netns", "exec", namespace, require("iperf3"), "-s"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cables, str]]:
    """A cable from here to a unit that runs iperf3; and the namespace at this end."""
    folder = tmp_path_factory.mktemp("line")
    with namespaces("ph", "pu") as (here, unit):
        cables, _ = Cables.start(folder / "control", folder / "log")
        try:
            cables.add([Cable("line", End(here, "e0"), End(unit, "e0"))])
            for name, address in ((here, HERE), (unit, THERE)):
                ip("-n", name, "addr", "add", f"{address}/24", "dev", "e0")
                ip("-n", name, "link", "set", "e0", "up")
            with iperf_server(unit):
                yield cables, here
        finally:
            cables.stop()


@pytest.mark.root
@pytest.mark.peer
@pytest.mark.parametrize(
    ("real", "paid", "outcome"),
    [
        (10, 10, ProofOutcome.PROVEN),
        (10, 100, ProofOutcome.NOT_PROVEN),
        (100, 100, ProofOutcome.PROVEN),
        (100, 1000, ProofOutcome.NOT_PROVEN),
    ],
)
def test_a_slow_line_sold_as_a_fast_one_is_told(
    line: tuple[Cables, str], real: int, paid: int, outcome: ProofOutcome
) -> None:
    cables, here = line
    cables.set_rate("line", real)
    with kernel.inside(here):
        circuit = contracted(paid)
        for _ in range(4):  # busy processors can only take from the rate
            proof = prove(circuit, seconds=2)
            if proof.outcome == outcome:
                break
    proof.refresh_from_db()
    assert proof.outcome == outcome
    assert proof.up_mbps is not None
    assert proof.down_mbps is not None
    assert 0.85 * real < min(proof.up_mbps, proof.down_mbps)
    assert max(proof.up_mbps, proof.down_mbps) <= real
    assert (proof.contracted_mbps, proof.address) == (paid, THERE)
    assert proof.method.startswith("iperf 3")
    assert len(proof.detail["intervals"]["up"]) == 2


def test_a_line_where_nobody_answers_is_not_measured_rather_than_slow() -> None:
    require("iperf3")
    proof = prove(contracted(10, ipv4="127.88.0.7"), port=1, seconds=1)
    assert proof.outcome == ProofOutcome.NOT_MEASURED
    assert proof.up_mbps is None
    assert "iperf3" in proof.reason


def test_what_cannot_be_measured_is_refused_and_leaves_no_row() -> None:
    with pytest.raises(ProofError, match="no access point"):
        prove(ledger.circuit("C1"))
    with pytest.raises(ProofError, match="no contracted"):
        prove(ledger.circuit("C2", ledger.access_point("AP2")))
    with pytest.raises(ValueError, match="30 s"):
        prove(contracted(10, "C3", "127.88.0.8"), seconds=31)
    assert not TierProof.objects.exists()


def test_the_slower_direction_decides() -> None:
    assert verdict(90, 94, 100) == ProofOutcome.PROVEN
    assert verdict(94, 89.9, 100) == ProofOutcome.NOT_PROVEN
    both = {"method": "", "seconds": 1, "intervals": {}, "retransmits": {}}
    assert proven_tier(Throughput(940, 93, **both)) == 100  # type: ignore[arg-type]
    assert proven_tier(Throughput(8, 93, **both)) is None  # type: ignore[arg-type]


def test_a_proof_is_seen_by_who_sees_its_circuit(client: Client) -> None:
    require("iperf3")
    circuit = contracted(10, ipv4="127.88.0.9")
    prove(circuit, port=1, seconds=1)
    assert circuit.access_point is not None
    people = {
        "owner": person("owner", "network_engineer", whole_site=True),
        "colleague": person("colleague", "unit_contact", units=[circuit.access_point.unit]),
        "stranger": person("stranger", "unit_contact", units=[ledger.unit("other")]),
    }
    for name, user in people.items():
        assert TierProof.objects.restrict(user).exists() == (name != "stranger")
        client.force_login(user)
        page = client.get(circuit.get_absolute_url())
        assert page.status_code == (404 if name == "stranger" else 200)
        assert ("带宽验证" in page.content.decode()) == (name != "stranger")
