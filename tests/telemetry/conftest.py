"""One real store for the tests of this directory that do not kill it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from clickhouse_connect.driver.client import Client

from govnet.config import Config
from govnet.telemetry.client import connect
from govnet.telemetry.writer import Writer
from tests.store_process import running_store

_ids = count(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    with running_store(tmp_path_factory.mktemp("installation")) as config:
        yield config


@pytest.fixture(scope="module")
def client(store: Config) -> Iterator[Client]:
    with connect(store) as client:
        yield client


@pytest.fixture(scope="module")
def writer(store: Config) -> Iterator[Writer]:
    writer = Writer("test", store, flush_seconds=30)
    yield writer
    writer.close()


@pytest.fixture
def new_id() -> Callable[[], int]:
    """Ids that no other test of the shared store uses."""
    return lambda: next(_ids)
