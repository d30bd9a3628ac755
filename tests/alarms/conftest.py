"""The city of the alarm tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from govnet.topology import services as topology
from tests.city import City, build_city


@pytest.fixture
def city(db: None) -> City:
    return build_city()


@pytest.fixture(autouse=True)
def _fresh_graph() -> Iterator[None]:
    """The tests' database is rolled back behind the graph that is kept."""
    topology.forget_graph()
    yield
    topology.forget_graph()
