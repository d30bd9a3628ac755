"""Rows of many polls find the ports of the ledger."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.lines import PortLink
from govnet.engine.snmp.model import DevicePoll, InterfaceTable
from govnet.engine.snmp.rates import Deltas
from govnet.runtime.polls import PortIndex, port_links, port_readings

IDS = st.integers(0, 2**32 - 1)


@given(
    st.dictionaries(st.tuples(IDS, IDS), st.integers(1, 2**31), max_size=20),
    st.lists(st.tuples(IDS, IDS), max_size=20),
)
def test_every_row_of_a_known_port_is_found_and_no_other(
    ports: dict[tuple[int, int], int], strangers: list[tuple[int, int]]
) -> None:
    rows = [*ports, *strangers]
    devices = np.array([device for device, _ in rows], np.uint32)
    indexes = np.array([index for _, index in rows], np.uint32)
    found, ids = PortIndex(ports).find(devices, indexes)
    expected = {place: ports[row] for place, row in enumerate(rows) if row in ports}
    assert dict(zip(found.tolist(), ids.tolist(), strict=True)) == expected


def columns(**given: list[float]) -> Deltas:
    base = {
        "ts": [1_700_000_000_000],
        "device_id": [7],
        "if_index": [3],
        "seconds": [10.0],
        "in_octets": [1_250_000],
        "out_octets": [0],
        "oper_up": [1],
        "speed_mbps": [1000],
    }
    merged = {**base, **given}
    return Deltas(interface={name: np.array(values) for name, values in merged.items()})


def test_a_rate_is_octets_by_the_agents_own_seconds() -> None:
    (reading,) = port_readings(columns(), PortIndex({(7, 3): 42}))
    assert (reading.port_id, reading.in_bps, reading.out_bps) == (42, 1e6, 0.0)
    assert reading.ts == 1_700_000_000
    assert (reading.oper_up, reading.speed_mbps) == (True, 1000)


def test_links_of_ports_are_read_by_both_statuses() -> None:
    table = InterfaceTable(
        np.array([3, 4, 5, 6], np.uint32),
        ("oper_status",),
        np.array([[1], [2], [2], [4]], np.uint64),
        np.ones((4, 1), np.bool_),
        admin_status=np.array([1, 1, 2, 1], np.uint32),
    )
    poll = DevicePoll(7, 0.0, 0.0, interfaces=table)
    said = port_links(poll, {3: 30, 4: 40, 5: 50, 6: 60, 9: 90})
    assert said == {30: PortLink.UP, 40: PortLink.DOWN, 50: PortLink.SHUT}
    assert port_links(DevicePoll(7, 0.0, 0.0), {3: 30}) == {}


@pytest.mark.filterwarnings("error")
def test_without_a_valid_delta_there_is_no_rate_rather_than_zero() -> None:
    (reading,) = port_readings(columns(seconds=[0.0], in_octets=[0]), PortIndex({(7, 3): 42}))
    assert (reading.in_bps, reading.out_bps) == (None, None)
