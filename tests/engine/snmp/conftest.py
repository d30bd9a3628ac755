"""Fixtures: a poller, a real snmpd, a scriptable agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from govnet.engine.snmp import SnmpPoller
from tests.engine.snmp.agent import FakeAgent
from tests.peers_snmpd import Snmpd, running_snmpd


@pytest.fixture(scope="session")
def snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    """One real agent for the tests of a session; do not stop it."""
    with running_snmpd(tmp_path_factory.mktemp("snmpd")) as agent:
        yield agent


@pytest.fixture
async def poller() -> AsyncIterator[SnmpPoller]:
    poller = SnmpPoller()
    await poller.start()
    yield poller
    await poller.close()


@pytest.fixture
async def agent() -> AsyncIterator[FakeAgent]:
    agent = FakeAgent()
    await agent.start()
    yield agent
    agent.close()
