"""The longest prefix, against asking every prefix in turn."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govnet.traffic import prefixes
from govnet.traffic.prefixes import Network, PrefixTable


def octets(text: str) -> bytes:
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def find(table: PrefixTable, *addresses: str) -> list[int]:
    column = np.frombuffer(b"".join(map(octets, addresses)), "V16")
    return [int(entry) for entry in table.find(column)]


def one_by_one(entries: Mapping[Network, int], address: str) -> int:
    found = [net for net in entries if ipaddress.ip_address(address) in net]
    return entries[max(found, key=lambda net: net.prefixlen)] if found else 0


@st.composite
def networks(draw: st.DrawFn, version: int) -> Network:
    bits, kind = (32, ipaddress.IPv4Network) if version == 4 else (128, ipaddress.IPv6Network)
    length = draw(st.integers(0, bits))
    # Few upper bits differ, so that prefixes nest.
    value = draw(st.integers(0, 7)) << (bits - 3) | draw(st.integers(0, 2**20 - 1))
    return kind((value >> (bits - length) << (bits - length) if length else 0, length))


@pytest.mark.parametrize("divided", [0, prefixes.MAX_DIVIDED])
@settings(max_examples=60)
@given(data=st.data())
def test_nested_prefixes(divided: int, data: st.DataObject) -> None:
    both = st.one_of(networks(4), networks(6))
    entries = dict(enumerate(data.draw(st.sets(both, max_size=12)), 1))
    table: dict[Network, int] = {net: number for number, net in entries.items()}
    asked = [str(a) for net in table for a in (net.network_address, net.broadcast_address)]
    asked += [
        str(net.broadcast_address + 1) for net in table if int(net.broadcast_address) + 1 < 2**32
    ]
    asked += ["0.0.0.0", "255.255.255.255", "::", "10.0.0.1", "2001:db8::1"]
    mapped = [a for a in asked if getattr(ipaddress.ip_address(a), "ipv4_mapped", None)]
    asked = [a for a in asked if a not in mapped]  # those are IPv4, whatever prefix holds them
    with pytest.MonkeyPatch.context() as monkeypatch:  # an example may end while it is drawn
        monkeypatch.setattr(prefixes, "MAX_DIVIDED", divided)
        assert find(PrefixTable(table), *asked) == [one_by_one(table, a) for a in asked]


def test_a_large_table_is_searched_and_a_small_one_is_direct() -> None:
    many: dict[Network, int] = {
        ipaddress.IPv4Network((n << 16 | 256, 24)): n + 1 for n in range(prefixes.MAX_DIVIDED + 1)
    }
    table = PrefixTable(many)
    assert find(table, "0.5.1.9", "0.5.2.9", "0.128.1.0") == [6, 0, 129]


def test_no_prefix_at_all() -> None:
    assert find(PrefixTable({}), "10.0.0.1", "2001:db8::1") == [0, 0]
