"""The spellings of an interface's name are one interface, and two interfaces stay two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.inventory.interface_names import canonical


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("GE0/0/1", "GigabitEthernet0/0/1"),  # 华为
        ("XGE0/0/1", "XGigabitEthernet0/0/1"),
        ("100GE1/0/1", "HundredGigE1/0/1"),
        ("Vlanif100", "Vlan-interface100"),
        ("XGE1/0/49", "Ten-GigabitEthernet1/0/49"),  # H3C
        ("FGE1/0/53", "FortyGigE1/0/53"),
        ("BAGG1", "Bridge-Aggregation1"),
        ("MGE0/0/0", "M-GigabitEthernet0/0/0"),
        ("Gi0/1", "GigabitEthernet 0/1"),  # 锐捷 writes a space
        ("Te0/25", "TenGigabitEthernet 0/25"),
        ("Ag1", "AggregatePort 1"),
        ("Gi1/0/1.100", "GigabitEthernet1/0/1.100"),  # Cisco
        ("Po10", "Port-channel10"),
        ("Twe1/0/1", "TwentyFiveGigE1/0/1"),
        ("Fa0/24", "FastEthernet0/24"),
        ("eth-trunk1", "Eth-Trunk 1"),
    ],
)
def test_short_and_full_are_one(short: str, full: str) -> None:
    assert canonical(short) == canonical(full)
    assert canonical(short.upper()) == canonical(full.lower())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GE0/0/1", "XGE0/0/1"),
        ("GE0/0/1", "GE0/0/11"),
        ("GE1/0/1", "GE1/0/1.1"),
        ("GE0/0/1", "MGE0/0/1"),
        ("Eth-Trunk1", "Ethernet1"),
        ("FGE1/0/1", "FE1/0/1"),
        ("10GE1/0/1", "100GE1/0/1"),
        ("Vlanif1", "LoopBack1"),
        ("Tunnel1", "Te1"),
        ("port 1", "port 2"),
    ],
)
def test_different_interfaces_stay_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@given(st.text(max_size=40))
def test_any_name_has_one_form_and_keeps_it(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)


@given(
    st.sampled_from(["GE", "Gi", "XGE", "Eth", "unknown"]),
    st.lists(st.integers(0, 99), min_size=1, max_size=4),
)
def test_the_number_is_never_lost(kind: str, numbers: list[int]) -> None:
    number = "/".join(map(str, numbers))
    assert canonical(kind + number).endswith(number)
