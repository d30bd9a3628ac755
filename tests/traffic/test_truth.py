"""Flows against SNMP: who is judged wrong, told once, and shown on the exporter's page."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone, translation

from govnet.alarms import services
from govnet.inventory.models import Device, Port, Region
from govnet.runtime import periodic
from govnet.telemetry.client import TelemetryUnavailableError
from govnet.telemetry.flow_queries import InterfaceCheck, Octets
from govnet.traffic import truth
from govnet.traffic.models import FlowExporter
from tests.people import person

HOUR = 1e9
NOTHING = Octets(0, HOUR)


def checks(*sides: tuple[float, float | None]) -> list[InterfaceCheck]:
    return [InterfaceCheck(1, n, Octets(*side), NOTHING) for n, side in enumerate(sides, 1)]


@pytest.mark.parametrize(
    ("sides", "sampling", "agrees"),
    [
        ([(0.97 * HOUR, HOUR)], 1, True),
        ([(2 * HOUR, HOUR)], 1, False),  # metered twice
        ([(HOUR / 1000, HOUR)], 1, False),  # samples 1:1000 and does not say so
        ([(HOUR, HOUR / 1000)], 1000, False),  # says 1:1000 and does not sample
        ([(0.2 * HOUR, HOUR), (HOUR, HOUR)], 1, True),  # one interface is metered in part
        ([(3 * HOUR, HOUR), (HOUR, HOUR)], 1, False),
        ([(0, HOUR)], 1, None),  # not metered
        ([(HOUR, None)], 1, None),  # not polled
        ([(1_000, 9e6)], 1, None),  # too little
        ([(3e8, 9e8)], 1000, None),  # too few samples
        ([], 1, None),
    ],
)
def test_who_is_wrong(sides: list[tuple[float, float]], sampling: int, agrees: bool | None) -> None:
    found = truth.deciding(truth.sides(checks(*sides), sampling))
    assert (found and found.agrees) == agrees


@pytest.fixture
def exporter(db: None) -> FlowExporter:
    region = Region.objects.create(code="430600", name="city", level="city")
    device = Device.objects.create(name="router", layer="egress", region=region)
    Port.objects.create(device=device, name="GE0/0/1", if_index=1)
    return FlowExporter.objects.create(address="10.0.0.1", device=device)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, exporter: FlowExporter) -> list[tuple[float, float]]:
    """What the store would answer; to be changed."""
    sides = [(10 * HOUR, HOUR)]
    monkeypatch.setattr(truth, "shared_client", lambda config: None)
    monkeypatch.setattr(
        truth,
        "interface_checks",
        lambda *_: [InterfaceCheck(exporter.pk, c.if_index, c.into, c.out) for c in checks(*sides)],
    )
    return sides


def test_a_disagreement_is_told_once_and_so_is_its_end(
    exporter: FlowExporter, told: list[tuple[float, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        services,
        "report_event",
        lambda kind, about, *, raised, source, evidence: reported.append(
            (kind, about, raised, evidence["text"])
        ),
    )
    assert periodic._check_flows() == 1
    assert periodic._check_flows() == 0
    text = "10.0.0.1 GE0/0/1 in: 10.000 GB by flows, 1.000 GB by SNMP, ratio 10"
    assert reported == [("flow_untrue", exporter.device, True, text)]
    told[0] = (0, HOUR)  # nothing to judge by: as before
    assert periodic._check_flows() == 0
    told[0] = (HOUR, HOUR)
    assert periodic._check_flows() == 1
    assert reported[-1][2] is False
    exporter.refresh_from_db()
    assert not exporter.untrue


@pytest.mark.usefixtures("told")
def test_the_page_shows_both_figures(
    exporter: FlowExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    user = person("owner", "network_engineer", whole_site=True)
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    address = exporter.get_absolute_url()
    with translation.override("en"):
        page = client.get(address).content.decode()
    assert "GE0/0/1" in page
    assert "10.00" in page

    def away(*_: object) -> None:
        raise TelemetryUnavailableError("away")

    monkeypatch.setattr(truth, "interface_checks", away)
    assert client.get(address).status_code == 200
    assert periodic._check_flows() == 0
    FlowExporter.objects.update(device=None)
    assert truth.truth_changes(timezone.now()) == []
