"""Routing neighbours as a router itself tells of them."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from govnet.engine.snmp import SnmpPoller
from govnet.engine.snmp.ber import Tag
from govnet.engine.snmp.model import SnmpError
from govnet.engine.snmp.routing import (
    BGP_PEERS,
    OSPF3_NEIGHBOURS,
    OSPF_NEIGHBOURS,
    RUNNING,
    read_routing_neighbours,
)
from tests.engine.snmp.agent import FakeAgent, Mib

ON = (int(Tag.INTEGER), b"\x01")


def state(value: int) -> tuple[int, bytes]:
    return int(Tag.INTEGER), bytes([value])


def ospf(address: str, router: str, now: int) -> Mib:
    return {
        f"{OSPF_NEIGHBOURS}.3.{address}.0": (int(Tag.IP_ADDRESS), IPv4Address(router).packed),
        f"{OSPF_NEIGHBOURS}.6.{address}.0": state(now),
    }


async def test_a_router_is_adjacent_when_all_its_adjacencies_are_full(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib |= {RUNNING[0]: ON, **ospf("192.0.2.1", "10.0.0.1", 8)}
    agent.mib |= ospf("192.0.2.5", "10.0.0.2", 8) | ospf("192.0.2.9", "10.0.0.2", 4)
    found = await read_routing_neighbours(poller, agent.device())
    assert found.has_ospf("10.0.0.1")
    assert found.has_ospf("192.0.2.1")
    assert not found.has_ospf("10.0.0.2")  # one of two lines between them
    assert found.has_ospf("192.0.2.5")
    assert not found.has_ospf("10.0.0.3")
    assert not found.has_bgp("10.0.0.1")


async def test_a_router_that_speaks_both_versions_has_a_neighbour_in_both(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    """A message names a router and not the version: its table of version 3 may be empty."""
    agent.mib |= {RUNNING[0]: ON, RUNNING[1]: ON, **ospf("192.0.2.1", "10.0.0.1", 8)}
    assert not (await read_routing_neighbours(poller, agent.device())).has_ospf("10.0.0.1")
    agent.mib[f"{OSPF3_NEIGHBOURS}.8.7.0.{10 << 24 | 1}"] = state(8)
    assert (await read_routing_neighbours(poller, agent.device())).has_ospf("10.0.0.1")


async def test_a_bgp_peer_is_there_when_its_session_is_established(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib |= {f"{BGP_PEERS}.2.192.0.2.1": state(6), f"{BGP_PEERS}.2.192.0.2.2": state(3)}
    found = await read_routing_neighbours(poller, agent.device())
    assert [found.has_bgp(f"192.0.2.{n}") for n in (1, 2, 3)] == [True, False, False]
    assert not found.has_ospf("192.0.2.1")


async def test_who_does_not_answer_says_nothing(poller: SnmpPoller, agent: FakeAgent) -> None:
    device = agent.device()
    agent.lose = 1000
    with pytest.raises(SnmpError):
        await read_routing_neighbours(poller, device)
