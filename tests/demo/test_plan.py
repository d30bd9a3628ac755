from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Network

from govnet.demo.plan import EXPANSION, MOBILE, MOBILE_UNITS, City

CITY = City()


def test_the_city_has_the_size_of_the_report() -> None:
    units = CITY.units
    assert len(units) == 163
    assert sum(unit.upgraded_on is None for unit in units) == 60
    assert Counter(unit.mbps for unit in units) == {1000: 30, 100: 133}
    assert {unit.mbps for unit in units if unit.xueliang} == {1000}
    assert {unit.area for unit in units} == {1, 2, 3}
    assert sum(unit.carrier == MOBILE for unit in units) == MOBILE_UNITS


def test_new_units_were_opened_and_old_ones_upgraded_within_the_expansion() -> None:
    first, last = EXPANSION
    for unit in CITY.units:
        day = unit.upgraded_on or unit.opened_on
        assert first <= day <= last
        assert unit.opened_on.year == 2011 or unit.upgraded_on is None


def test_names_codes_and_addresses_are_unique_and_inside_the_network() -> None:
    network = IPv4Network("127.61.0.0/16")
    city = City(network)
    addresses = [unit.address for unit in city.units]
    addresses += [device.address for device in city.devices]
    addresses += [application.address for application in city.applications]
    addresses.append(city.resolver)
    assert len(set(addresses)) == len(addresses)
    assert all(address in network for address in addresses)
    assert len({unit.name for unit in city.units}) == 163
    assert len({unit.code for unit in city.units}) == 163


def test_two_plans_agree_without_talking_to_each_other() -> None:
    assert City().units == City().units
    assert City().devices == City().devices


def test_every_circuit_ends_on_a_port_that_exists() -> None:
    ports = {(device.name, port.name) for device in CITY.devices for port in device.ports}
    assert set(CITY.unit_ports) == {unit.code for unit in CITY.units}
    assert set(CITY.unit_ports.values()) <= ports
    for link in CITY.links:
        assert link.a_end in ports
        assert link.z_end is None or link.z_end in ports


def test_no_unit_sends_more_than_its_contracted_bandwidth() -> None:
    for unit in CITY.units:
        assert 0 < unit.in_peak_mbps * 1.05 < unit.mbps
        assert 0 < unit.out_peak_mbps * 1.05 < unit.mbps
    for device in CITY.devices:
        for port in device.ports:
            assert port.in_peak_mbps * 1.05 < port.mbps
            assert port.out_peak_mbps * 1.05 < port.mbps
