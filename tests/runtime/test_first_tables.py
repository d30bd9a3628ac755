"""The tables made at once are those that the migrations arrive at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from govnet.runtime.first_tables import create_tables

pytestmark = pytest.mark.django_db


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[BaseDatabaseWrapper]:
    usual = connections["default"]  # not the proxy
    made = type(usual)({**usual.settings_dict, "NAME": tmp_path / "empty"}, "empty")
    connections["empty"] = made
    yield made
    made.close()
    del connections["empty"]


def schema(database: BaseDatabaseWrapper) -> dict[str, Any]:
    """Tables, each with its columns, foreign keys, indexes and checks, whatever their order."""
    with database.cursor() as cursor:

        def rows(query: str) -> list[tuple[Any, ...]]:
            return list(cursor.execute(query).fetchall())

        def indexed(name: str) -> tuple[Any, ...]:
            return tuple(row[2] for row in rows(f'PRAGMA index_info("{name}")'))

        tables = rows("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        return {
            table: (
                {(r[1], r[2].lower(), r[3], r[5]) for r in rows(f'PRAGMA table_info("{table}")')},
                {r[2:5] for r in rows(f'PRAGMA foreign_key_list("{table}")')},
                sorted((r[2], r[4], indexed(r[1])) for r in rows(f'PRAGMA index_list("{table}")')),
                set(re.findall(r'CONSTRAINT "(\w+)" CHECK', sql)),
            )
            for table, sql in tables
            if not table.startswith("sqlite_")
        }


def test_they_are_those_of_the_migrations(empty: BaseDatabaseWrapper) -> None:
    assert create_tables(empty)
    made, migrated = schema(empty), schema(connection)
    assert made.keys() == migrated.keys()
    assert made == migrated


def test_every_migration_counts_as_applied(empty: BaseDatabaseWrapper) -> None:
    create_tables(empty)
    loader = MigrationLoader(empty)
    assert set(loader.applied_migrations) == set(loader.disk_migrations)


def test_what_has_a_table_is_left_alone(empty: BaseDatabaseWrapper) -> None:
    with empty.cursor() as cursor:
        cursor.execute("CREATE TABLE mine (x int)")
    assert not create_tables(empty)
    assert empty.introspection.table_names() == ["mine"]


def test_interrupted_it_leaves_the_database_empty(
    empty: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("govnet.runtime.first_tables.MigrationLoader", interrupted)
        with pytest.raises(KeyboardInterrupt):
            create_tables(empty)
    assert empty.introspection.table_names() == []
    assert create_tables(empty)
