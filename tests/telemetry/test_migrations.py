"""Every past schema, an interrupted and a concurrent migration end where a fresh install does.

``tests/telemetry/schemas/<version>.sql`` is the schema as that version created it. After a change
raise ``SCHEMA_VERSION`` and record the new state once: ``GOVNET_RECORD_SCHEMA=1 pytest …``.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from govnet.config import Config
from govnet.telemetry.client import TelemetryUnavailableError, connect
from govnet.telemetry.migrations import Row, RunSql, migrate, parse_compact, schema_version
from govnet.telemetry.schema import (
    PROBE_RESULT,
    SCHEMA_VERSION,
    STANDARD_ROLLUPS,
    Column,
    Family,
    Measure,
    families,
    register,
)

SCHEMAS = Path(__file__).parent / "schemas"
PAST = sorted(int(path.stem) for path in SCHEMAS.glob("*.sql"))
_names = count()


def statements() -> list[str]:
    """Everything that a fresh install of today's schema creates."""
    tables = [table.create_sql() for family in families() for table in family.tables()]
    views = [view.create_sql() for family in families() for view in family.views()]
    return tables + views


class Fresh(NamedTuple):
    """What a fresh install of a schema looks like."""

    state: dict[str, str]
    recorded: list[Row]


@pytest.fixture(scope="module")
def fresh(client: Client, store: Config) -> Callable[[int], Fresh]:
    """Fresh installs by version, each made once."""

    @functools.cache
    def install(version: int) -> Fresh:
        name = f"m{next(_names)}"
        client.command(f"CREATE DATABASE {name}")
        with connect(store, database=name) as own:
            run = run_in(own)
            migrate(run, SCHEMA_BY_VERSION[version], version)
            found = Fresh(state(run, name), recorded(run))
        client.command(f"DROP DATABASE {name} SYNC")
        return found

    return install


@pytest.fixture
def database(client: Client) -> Iterator[Callable[[], str]]:
    """Makes databases; they go after the test, or hundreds of tables would fill the memory."""
    made: list[str] = []

    def create() -> str:
        made.append(f"m{next(_names)}")
        client.command(f"CREATE DATABASE {made[-1]}")
        return made[-1]

    yield create
    for name in made:
        client.command(f"DROP DATABASE {name} SYNC")


def run_in(client: Client) -> RunSql:
    """Run statements in the database of a client."""

    def run(sql: str) -> list[Row]:
        if sql.startswith("SELECT"):
            return parse_compact(client.raw_query(sql, fmt="JSONCompactEachRow"))
        client.command(sql)
        return []

    return run


@pytest.fixture
def runner(store: Config) -> Iterator[Callable[[str], RunSql]]:
    clients: list[Client] = []

    def make(database: str) -> RunSql:
        client = connect(store, database=database)
        clients.append(client)
        return run_in(client)

    yield make
    for client in clients:
        client.close()


def state(run: RunSql, database: str) -> dict[str, str]:
    """Definitions of all tables and views, free of the database's name."""
    rows = run(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()"
        " AND name NOT LIKE '.inner%' ORDER BY name"
    )
    return {str(name): _settings_sorted(str(ddl).replace(f"{database}.", "")) for name, ddl in rows}


def _settings_sorted(ddl: str) -> str:
    """A setting added later stands behind the others, which means nothing."""
    head, word, settings = ddl.partition("SETTINGS ")
    return head + word + ", ".join(sorted(settings.split(", ")))


def recorded(run: RunSql) -> list[Row]:
    return run("SELECT object, version, digest FROM schema_object FINAL ORDER BY object")


# Tomorrow's schema: a new column with a measure, a longer retention, a new family.
TOMORROW = (
    replace(
        PROBE_RESULT,
        values=(*PROBE_RESULT.values[:3], Column("ttl", "UInt8"), *PROBE_RESULT.values[3:]),
        measures=(*PROBE_RESULT.measures, Measure("ttl_min", "min", "ttl", "UInt8")),
        rollups=(replace(STANDARD_ROLLUPS[0], ttl_days=120), *STANDARD_ROLLUPS[1:]),
        _by_name={},
    ),
    *(family for family in families() if family != PROBE_RESULT),
    Family(
        name="log_count",
        keys=(Column("device_id", "UInt32"),),
        values=(Column("lines", "UInt64"),),
        measures=(Measure("lines_total", "sum", "lines", "UInt64"),),
        ttl_days=400,
    ),
)


SCHEMA_BY_VERSION = {SCHEMA_VERSION: tuple(families()), SCHEMA_VERSION + 1: TOMORROW}


def test_the_schema_is_the_one_recorded_for_its_version() -> None:
    path = SCHEMAS / f"{SCHEMA_VERSION}.sql"
    text = ";\n\n".join(statements()) + ";\n"
    if os.environ.get("GOVNET_RECORD_SCHEMA"):
        path.write_text(text)
    assert path.read_text() == text, "the schema changed: raise SCHEMA_VERSION and record it"


def test_a_second_migration_changes_nothing(
    database: Callable[[], str], runner: Callable[[str], RunSql]
) -> None:
    run = runner(database())
    assert schema_version(run) == 0
    first = migrate(run)
    assert [done.action for done in first] == ["created"] * len(statements())
    assert schema_version(run) == SCHEMA_VERSION
    assert migrate(run) == []


@pytest.mark.parametrize("version", PAST)
@pytest.mark.parametrize("new", [SCHEMA_VERSION, SCHEMA_VERSION + 1], ids=["today", "tomorrow"])
def test_a_store_of_every_past_schema_becomes_a_fresh_install(
    database: Callable[[], str],
    runner: Callable[[str], RunSql],
    fresh: Callable[[int], Fresh],
    version: int,
    new: int,
) -> None:
    past = database()
    run = runner(past)
    for sql in (SCHEMAS / f"{version}.sql").read_text().split(";\n"):
        if sql.strip():
            run(sql)
    run(
        "INSERT INTO probe_result (ts, target_id, outcome, sent, received, rtt_ms)"
        " VALUES (now64(3), 7, 0, 3, 2, 1.5)"
    )
    schema = SCHEMA_BY_VERSION[new]
    migrate(run, schema, new)
    assert Fresh(state(run, past), recorded(run)) == fresh(new)
    assert run("SELECT target_id, sent, rtt_ms FROM probe_result") == [[7, 3, 1.5]]
    for suffix in ("_1m", "_5m", "_1h"):
        assert run(f"SELECT received_total FROM probe_result{suffix}") == [[2]]
    assert migrate(run, schema, new) == []


def test_what_is_inserted_after_an_upgrade_reaches_the_new_measure(
    database: Callable[[], str], runner: Callable[[str], RunSql]
) -> None:
    run = runner(database())
    migrate(run)
    migrate(run, TOMORROW, SCHEMA_VERSION + 1)
    run(
        "INSERT INTO probe_result (ts, target_id, outcome, sent, received, ttl)"
        " VALUES (now64(3), 8, 0, 1, 1, 57)"
    )
    for suffix in ("_1m", "_5m", "_1h"):
        assert run(f"SELECT min(ttl_min) FROM probe_result{suffix}") == [[57]]


class InterruptedMigrationError(Exception):
    pass


@pytest.mark.parametrize("at", [1, 5, 14, 30, 41])
def test_an_interrupted_migration_is_finished_by_the_next(
    database: Callable[[], str],
    runner: Callable[[str], RunSql],
    fresh: Callable[[int], Fresh],
    at: int,
) -> None:
    name = database()
    run = runner(name)
    migrate(run)
    left = at

    def interrupted(sql: str) -> list[Row]:
        nonlocal left
        if not sql.startswith("SELECT"):
            left -= 1
            if left == 0:
                raise InterruptedMigrationError
        return run(sql)

    with pytest.raises(InterruptedMigrationError):
        migrate(interrupted, TOMORROW, SCHEMA_VERSION + 1)
    migrate(run, TOMORROW, SCHEMA_VERSION + 1)
    assert state(run, name) == fresh(SCHEMA_VERSION + 1).state


def test_processes_that_start_at_once_migrate_once(
    database: Callable[[], str], runner: Callable[[str], RunSql]
) -> None:
    name = database()
    runs = [runner(name) for _ in range(3)]
    errors: list[Exception] = []

    def work(run: RunSql) -> None:
        try:
            migrate(run)
        except (DatabaseError, TelemetryUnavailableError) as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert migrate(runs[0]) == []
    fresh = database()
    fresh_run = runner(fresh)
    migrate(fresh_run)
    assert state(runs[0], name) == state(fresh_run, fresh)


def test_a_family_is_registered_once_under_its_name() -> None:
    assert register(PROBE_RESULT) is PROBE_RESULT
    with pytest.raises(ValueError, match="probe_result"):
        register(replace(PROBE_RESULT, ttl_days=1, _by_name={}))


def test_a_measure_named_like_a_raw_column_is_refused() -> None:
    with pytest.raises(ValueError, match="sent"):
        replace(PROBE_RESULT, measures=(Measure("sent", "sum", "sent", "UInt64"),), _by_name={})
