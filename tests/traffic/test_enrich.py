"""Unit, direction, circuit, application, sampling and time of flows."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils.translation import override

from govnet.engine.flow.columns import DTYPES, Flows
from govnet.telemetry.columns import to_batch
from govnet.telemetry.schema import INTERNAL, INWARD, OUTWARD, TRANSIT
from govnet.traffic.applications import Classifier, RulesError, name_of, rules_of, shipped_rules
from govnet.traffic.enrich import Enricher, Ledger, Line, Place
from govnet.traffic.prefixes import Network, PrefixTable

RECEIVED = 1_790_000_000_000
BLOCKS: dict[Network, Place] = {
    ipaddress.ip_network("10.0.0.0/8"): Place(),
    ipaddress.ip_network("10.1.0.0/16"): Place(unit_id=1),
    ipaddress.ip_network("10.1.2.3/32"): Place(unit_id=1, access_point_id=11),
    ipaddress.ip_network("10.2.0.0/16"): Place(unit_id=2),
    ipaddress.ip_network("2001:db8:2::/48"): Place(unit_id=2),
}
LINES = {
    (5, 1): Line(circuit_id=101, carrier_id=9, is_egress=True),
    (5, 2): Line(circuit_id=102, carrier_id=8, is_egress=False),
}


def address(text: str) -> bytes:
    found = ipaddress.ip_address(text)
    return found.packed if found.version == 6 else bytes(10) + b"\xff\xff" + found.packed


def flow(src: str, dst: str, **more: int) -> Flows:
    values: dict[str, Any] = dict.fromkeys(DTYPES, 0)
    values |= {"received_ms": RECEIVED, "end_ms": RECEIVED - 500, "protocol": 6, "sampling": 1}
    values |= {"bytes": 1000, "packets": 2, "dst_port": 443, "src_port": 50_000, **more}
    columns: Flows = {
        name: np.array([values[name]], dtype)
        for name, dtype in DTYPES.items()
        if name not in {"src", "dst"}
    }
    columns["src"], columns["dst"] = (np.frombuffer(address(a), "V16") for a in (src, dst))
    return columns


def enriched(flows: Flows, ledger: Ledger | None = None, exporter: int = 5) -> dict[str, Any]:
    enricher = Enricher(ledger or Ledger(blocks=BLOCKS, lines=LINES))
    columns = enricher.columns(flows, np.array([exporter], np.uint32))
    to_batch("flow", columns)  # every column of the table, of a type that fits
    return {name: column[0] for name, column in columns.items()}


@pytest.mark.parametrize(
    ("src", "dst", "direction", "unit", "peer", "point"),
    [
        ("10.1.2.3", "203.0.113.9", OUTWARD, 1, 0, 11),
        ("203.0.113.9", "10.1.9.9", INWARD, 1, 0, 0),
        ("10.1.2.3", "10.2.0.1", INTERNAL, 1, 2, 11),
        ("10.9.9.9", "203.0.113.9", OUTWARD, 0, 0, 0),
        ("192.0.2.1", "203.0.113.9", TRANSIT, 0, 0, 0),
        ("2001:db8:2::1", "2001:db8:3::1", OUTWARD, 2, 0, 0),
    ],
)
def test_whose_flow_it_is(
    src: str, dst: str, direction: int, unit: int, peer: int, point: int
) -> None:
    row = enriched(flow(src, dst))
    found = (row["direction"], row["unit_id"], row["peer_unit_id"], row["access_point_id"])
    assert found == (direction, unit, peer, point)


@pytest.mark.parametrize(
    ("in_if", "out_if", "circuit", "carrier"),
    [(2, 1, 101, 9), (1, 2, 101, 9), (2, 7, 102, 8), (7, 2, 102, 8), (7, 8, 0, 0)],
)
def test_the_egress_circuit_comes_before_another(
    in_if: int, out_if: int, circuit: int, carrier: int
) -> None:
    row = enriched(flow("10.1.2.3", "203.0.113.9", in_if=in_if, out_if=out_if))
    assert (row["circuit_id"], row["carrier_id"]) == (circuit, carrier)


def test_an_interface_of_another_exporter_is_another() -> None:
    row = enriched(flow("10.1.2.3", "203.0.113.9", out_if=1), exporter=6)
    assert row["circuit_id"] == 0


def test_octets_are_scaled_by_sampling_and_an_override_wins() -> None:
    told = flow("10.1.2.3", "203.0.113.9", sampling=100)
    row = enriched(told)
    assert (row["bytes"], row["packets"], row["sampling"]) == (100_000, 200, 100)
    row = enriched(told, Ledger(sampling={5: 10}))
    assert (row["bytes"], row["packets"], row["sampling"]) == (10_000, 20, 10)


def test_a_lie_about_octets_does_not_overflow() -> None:
    row = enriched(flow("10.1.2.3", "203.0.113.9", bytes=2**64 - 1, sampling=2**24))
    assert row["bytes"] == 2**63


@pytest.mark.parametrize(
    ("end_ms", "taken"),
    [
        (RECEIVED - 60_000, RECEIVED - 60_000),
        (RECEIVED + 1_000, RECEIVED + 1_000),
        (RECEIVED - 7_200_000, RECEIVED),
        (RECEIVED + 60_000, RECEIVED),
        (-1, RECEIVED),
    ],
)
def test_a_clock_that_is_wrong_is_not_believed(end_ms: int, taken: int) -> None:
    row = enriched(flow("10.1.2.3", "203.0.113.9", end_ms=end_ms))
    assert int(row["ts"].astype("datetime64[ms]").astype(np.int64)) == taken


def test_country_and_system_come_from_files_only() -> None:
    ledger = Ledger(
        blocks=BLOCKS,
        countries=PrefixTable({ipaddress.ip_network("203.0.113.0/24"): ord("C") << 8 | ord("N")}),
        systems=PrefixTable({ipaddress.ip_network("203.0.113.0/24"): 4134}),
    )
    row = enriched(flow("10.1.2.3", "203.0.113.9", src_as=65001), ledger)
    assert (row["country"], row["src_as"], row["dst_as"]) == (0x434E, 65001, 4134)
    assert enriched(flow("10.1.2.3", "203.0.113.9"))["country"] == 0


def classify(protocol: int, src_port: int, dst_port: int) -> str:
    found = Classifier.of(shipped_rules()).classify(
        np.array([protocol], np.uint8),
        np.array([src_port], np.uint16),
        np.array([dst_port], np.uint16),
    )
    return name_of(int(found[0]), shipped_rules())


@pytest.mark.parametrize(
    ("protocol", "src_port", "dst_port", "name"),
    [
        (6, 50_000, 443, "HTTPS"),
        (6, 443, 50_000, "HTTPS"),
        (17, 50_000, 443, "QUIC"),
        (17, 53, 5060, "DNS"),
        (6, 5905, 1024, "Remote desktop"),
        (1, 0, 2048, "ICMP"),
        (47, 0, 0, "Tunnel"),
        (6, 50_000, 50_001, ""),
        (6, 0, 0, ""),
    ],
)
def test_applications(protocol: int, src_port: int, dst_port: int, name: str) -> None:
    with override("en"):
        assert classify(protocol, src_port, dst_port) == name


def test_a_sites_own_rules_come_first(tmp_path: Path) -> None:
    own = tmp_path / "applications.yaml"
    own.write_text("- {number: 10000, name: 12345 hotline, protocol: [tcp], ports: [443]}\n")
    found = Classifier.of(rules_of(tmp_path)).classify(
        np.array([6], np.uint8), np.array([50_000], np.uint16), np.array([443], np.uint16)
    )
    assert found.tolist() == [10_000]


@pytest.mark.parametrize(
    "text",
    [
        "- {number: 1, name: x, protocol: [tcp], ports: [1]}",
        "- {number: 10000, name: x, protocol: [smoke], ports: [1]}",
        "- {number: 10000, name: x, protocol: [tcp], ports: [70000]}",
        "- {number: 10000, name: x, protocol: [tcp], ports: [9-1]}",
        "- {number: 10000, protocol: [tcp]}",
        "}",
    ],
)
def test_wrong_rules_are_refused_with_a_reason(tmp_path: Path, text: str) -> None:
    (tmp_path / "applications.yaml").write_text(text)
    with pytest.raises(RulesError, match=r"applications\.yaml"):
        rules_of(tmp_path)


def test_numbers_of_the_shipped_rules_are_given_once() -> None:
    numbers = [rule.number for rule in shipped_rules()]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < 10_000
