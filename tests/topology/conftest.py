"""Every test reads the ledger anew: the tests' database is rolled back behind the cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from govnet.topology import services


@pytest.fixture(autouse=True)
def _fresh_graph() -> Iterator[None]:
    services.forget_graph()
    yield
    services.forget_graph()
