from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from govnet.cli import app
from govnet.lab import addresses
from govnet.lab import commands as lab_commands
from govnet.lab.description import DescriptionError, Role, read
from govnet.lab.ledger_lines import ledger_lines
from govnet.lab.plan import MOST_UNITS, demo_lines, describe, with_slow_lines
from tests.city import build_city

assert lab_commands.lab


@settings(max_examples=12)
@given(st.integers(1, MOST_UNITS))
def test_every_number_of_units_gives_a_consistent_city(units: int) -> None:
    city = describe(demo_lines(units))
    assert len(city.of_role(Role.UNIT)) == units
    for node in city.nodes:
        assert city.plugs(node.name), f"{node.name} is not connected"
    for cable in city.cables:
        assert cable.a.ipv4.network == cable.z.ipv4.network
        assert cable.a.ipv6.network == cable.z.ipv6.network
    inside = [c for c in city.cables if not {c.a.node, c.z.node} & {"isp1", "isp2", "province"}]
    assert all(end.ipv4.ip in addresses.CITY4 for c in inside for end in c.ends)
    assert all(end.ipv6.ip in addresses.CITY6 for c in inside for end in c.ends)


def test_the_default_city_has_the_layers_of_a_real_one() -> None:
    city = describe(with_slow_lines(demo_lines()))
    count = {role: len(city.of_role(role)) for role in Role}
    assert count[Role.CORE] == 2
    assert count[Role.AGGREGATION] == 3
    assert count[Role.ACCESS] == 12
    assert count[Role.UNIT] == 40
    assert len(city.cables) == 74
    uplinks = [
        sum(far.node.startswith("agg") for _, far, _ in city.plugs(node.name))
        for node in city.of_role(Role.ACCESS)
    ]
    assert (uplinks.count(1), uplinks.count(2)) == (6, 6)
    assert {c.mbps for c in city.cables if c.a.node.startswith("u")} == {10, 100, 1000}
    assert {n.area for n in city.of_role(Role.UNIT)} == {1, 2, 3}


def test_a_description_survives_its_file(tmp_path: Path) -> None:
    city = describe(demo_lines(5), "other")
    file = tmp_path / "city.yaml"
    file.write_text(city.to_yaml(), encoding="utf-8")
    assert read(file) == city
    assert "岳阳核心-1" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: core2", "name: core1", "node core1 is there twice"),
        ("name: core2", "name: Core-2", "node name 'Core-2'"),
        ("interface: to-core1", "interface: to-a-very-long-one", "15 bytes"),
        ("ipv4: 10.43.0.2", "ipv4: 10.43.0.1", "address 10.43.0.1 is there twice"),
        ("ipv4: 10.43.0.2", "ipv4: 10.43.0.300", "nodes.4.ipv4"),
        ("mbps: 1000", "mbps: fast", "mbps"),
        ("nodes:", "knots:", "knots"),
        ("nodes:", "nodes: [", "cannot be read"),
        ("name: city", "name: ../etc", "twin name"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    text = describe(demo_lines(1)).to_yaml()
    assert old in text
    file = tmp_path / "city.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DescriptionError, match=says.replace("[", r"\[")):
        read(file)


def test_plan_prints_what_up_understands(tmp_path: Path) -> None:
    file = tmp_path / "city.yaml"
    done = CliRunner().invoke(app, ["lab", "plan", "--units", "3", "-o", str(file)])
    assert done.exit_code == 0, done.output
    assert len(read(file).of_role(Role.UNIT)) == 3
    printed = CliRunner().invoke(app, ["lab", "plan", "--units", "3"])
    assert printed.output == file.read_text(encoding="utf-8")


@pytest.mark.django_db
def test_the_ledger_gives_its_units_with_their_lines() -> None:
    assert ledger_lines(10) == []
    city = build_city()
    (line,) = ledger_lines(10)
    assert (line.code, line.carrier, line.number) == ("U-E", "电信", "DX-0001")
    assert line.region_code == city.east.code
    assert line.mbps == 100
    assert ledger_lines(0) == []
    assert describe([line]).by_name["u001"].title == "东区政务中心"
