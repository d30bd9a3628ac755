"""The ledger's lists show what monitoring knows: state first, traffic, use of a circuit."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from govnet.accounts.models import User
from govnet.engine.result import State
from govnet.inventory.models import (
    AccessPoint,
    BandwidthChange,
    Carrier,
    Circuit,
    CircuitKind,
    Device,
    DeviceLayer,
    Port,
    Region,
    RegionLevel,
    Unit,
)
from govnet.monitor.models import PortState, Target, TargetState

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator", password="a-long-passphrase"))
    return client


def _unit(region: Region, code: str, state: State | None) -> Unit:
    unit = Unit.objects.create(code=code, name=code, region=region, level=RegionLevel.CITY)
    point = AccessPoint.objects.create(code=f"{code}-ap", name=code, unit=unit)
    if state is not None:
        target = Target.objects.create(
            name=code, kind="icmp", address="127.0.0.1", access_point=point
        )
        TargetState.objects.update_or_create(target=target, defaults={"state": state.value})
    return unit


@pytest.fixture
def region() -> Region:
    return Region.objects.create(code="430600", name="岳阳市", level=RegionLevel.CITY)


def test_units_show_their_state_and_sort_the_worst_first(signed_in: Client, region: Region) -> None:
    for code, state in (("good", State.UP), ("bad", State.DOWN), ("unseen", None)):
        _unit(region, code, state)
    page = signed_in.get(reverse("inventory:unit_list"), {"sort": "-state"})
    body = page.content.decode()
    assert body.index("bad</a>") < body.index("good</a>") < body.index("unseen</a>")
    assert "state-down" in body
    assert "state-unknown" in body


def test_units_are_filtered_by_state(signed_in: Client, region: Region) -> None:
    _unit(region, "good", State.UP)
    _unit(region, "bad", State.DOWN)
    body = signed_in.get(reverse("inventory:unit_list"), {"state": "down"}).content.decode()
    assert "bad</a>" in body
    assert "good</a>" not in body


def test_a_circuit_shows_its_busier_direction_against_the_contracted_rate(
    signed_in: Client, region: Region
) -> None:
    device = Device.objects.create(name="agg", layer=DeviceLayer.AGGREGATION, region=region)
    port = Port.objects.create(device=device, name="GE1/0/1", if_index=1)
    PortState.objects.update_or_create(
        port=port, defaults={"in_bps": 80e6, "out_bps": 5e6, "speed_mbps": 1000}
    )
    circuit = Circuit.objects.create(
        number="YS-1", carrier=Carrier.objects.create(name="电信"), z_port=port
    )
    BandwidthChange.objects.create(circuit=circuit, effective_on=date(2019, 12, 1), mbps=100)
    body = signed_in.get(reverse("inventory:circuit_list")).content.decode()
    assert "80.00%" in body  # not 8 %: the port is GE, the contract is 100M


def test_a_circuit_without_traffic_shows_a_dash(signed_in: Client) -> None:
    Circuit.objects.create(number="YS-2", carrier=Carrier.objects.create(name="移动"))
    body = signed_in.get(reverse("inventory:circuit_list")).content.decode()
    assert "YS-2" in body
    assert "0.00%" not in body


def test_ports_show_their_traffic(signed_in: Client, region: Region) -> None:
    device = Device.objects.create(name="agg", layer=DeviceLayer.AGGREGATION, region=region)
    port = Port.objects.create(device=device, name="GE1/0/1", if_index=1)
    PortState.objects.update_or_create(port=port, defaults={"in_bps": 12_340_000.0})
    body = signed_in.get(reverse("inventory:port_list")).content.decode()
    assert "12.34 Mbit/s" in body


def test_an_access_circuit_shows_what_the_unit_receives_as_in(
    signed_in: Client, region: Region
) -> None:
    device = Device.objects.create(name="agg", layer=DeviceLayer.AGGREGATION, region=region)
    port = Port.objects.create(device=device, name="GE1/0/1", if_index=1)
    PortState.objects.update_or_create(port=port, defaults={"in_bps": 2e6, "out_bps": 70e6})
    point = AccessPoint.objects.create(code="ap", name="ap", unit=_unit(region, "u", None))
    carrier = Carrier.objects.create(name="电信")
    access = Circuit.objects.create(
        number="A", carrier=carrier, z_port=port, access_point=point, kind=CircuitKind.ACCESS
    )
    egress = Circuit.objects.create(
        number="E", carrier=carrier, a_port=port, kind=CircuitKind.EGRESS
    )
    for circuit in (access, egress):
        BandwidthChange.objects.create(circuit=circuit, effective_on=date(2019, 12, 1), mbps=100)
    page = signed_in.get(reverse("inventory:circuit_list"))
    rows = {row.record.number: row.record for row in page.context["table"].rows}
    assert (rows["A"].in_bps, rows["A"].out_bps) == (70e6, 2e6)
    assert (rows["E"].in_bps, rows["E"].out_bps) == (2e6, 70e6)
    assert rows["A"].use_percent == rows["E"].use_percent == 70.0
