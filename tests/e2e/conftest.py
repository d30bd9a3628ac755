from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.twins import City, a_city, require_twin

UNITS = 40


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What every test of a whole city needs."""
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):  # noqa: PTH120
            for mark in ("root", "peer", "slow"):
                item.add_marker(mark)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A twin of 40 units with GovNet inside; who breaks something heals it.

    Files run in the order of their names: what needs the city as it was built comes first, and
    what breaks the same lines again and again last, since their alarms then count as flapping.
    """
    require_twin()
    with a_city(tmp_path_factory.mktemp("twin"), f"e{os.getpid()}", UNITS) as found:
        yield found
