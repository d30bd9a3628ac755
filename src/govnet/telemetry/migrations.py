# ruff: noqa: S608 -- every name in these statements is declared in the schema
"""Bring a column store to the declared schema: check, then act, and record what was done.

Every step looks at what the store holds and changes only what differs, so a migration can be
interrupted at any point, run twice or run by two processes at once and ends in the same state.
The table ``schema_object`` records, per table and view, the schema version and the fingerprint of
the definition last applied; ``schema_version()`` is the highest of them. A store written by a
newer GovNet is refused rather than damaged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from govnet.telemetry.schema import SCHEMA_VERSION, Family, Table, View, digest, families

log = structlog.get_logger()

Row = list[object]
RunSql = Callable[[str], list[Row]]
"""Runs one statement and returns its rows; the embedded store and a remote one each have one."""

RECORD_TABLE = "schema_object"
_CREATE_RECORD = f"""CREATE TABLE IF NOT EXISTS {RECORD_TABLE} (
    object String, version UInt32, digest String, applied_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(applied_at) ORDER BY object"""


class SchemaTooNewError(Exception):
    """The store was written by a newer GovNet; the message says what to do."""


@dataclass(frozen=True)
class Applied:
    """One thing that a migration did."""

    object: str
    action: str


def parse_compact(body: bytes) -> list[Row]:
    """Rows of an answer in ClickHouse's ``JSONCompactEachRow`` format."""
    return [json.loads(line) for line in body.splitlines() if line]


def schema_version(run: RunSql) -> int:
    """The schema version recorded in the store; 0 for an empty store."""
    run(_CREATE_RECORD)
    value = run(f"SELECT max(version) FROM {RECORD_TABLE}")[0][0]
    return int(str(value))


def migrate(
    run: RunSql, schema: Iterable[Family] | None = None, version: int = SCHEMA_VERSION
) -> list[Applied]:
    """Bring the current database of ``run`` to the declared schema.

    Args:
        run: executes one SQL statement.
        schema: the families; those registered unless given.
        version: the schema version that they make up.

    Returns:
        What was changed, in order; empty when nothing had to be.

    Raises:
        SchemaTooNewError: the store holds a newer schema.
    """
    found = schema_version(run)
    if found > version:
        raise SchemaTooNewError(
            f"The telemetry store has schema version {found}, this GovNet knows {version}."
            " Install the newer GovNet again, or point GOVNET_DATA_DIR (GOVNET_TELEMETRY_URL)"
            " at another store."
        )
    migration = _Migration(run, version)
    for family in families() if schema is None else schema:
        migration.family(family)
    if not found:
        log.info("telemetry schema created", objects=len(migration.applied), version=version)
    else:
        for done in migration.applied:
            log.info("telemetry schema changed", object=done.object, action=done.action)
    return migration.applied


class _Migration:
    def __init__(self, run: RunSql, version: int) -> None:
        self._run = run
        self._version = version
        self._recorded = {
            str(name): str(value)
            for name, value in run(f"SELECT object, digest FROM {RECORD_TABLE} FINAL")
        }
        self._existing = {
            str(name)
            for (name,) in run("SELECT name FROM system.tables WHERE database = currentDatabase()")
        }
        self.applied: list[Applied] = []

    def family(self, family: Family) -> None:
        """Tables before views, so that a view never names a column that is not there yet."""
        for table in family.tables():
            self._table(table)
        for view in family.views():
            self._view(view)

    def _table(self, table: Table) -> None:
        sql = table.create_sql()
        if table.name not in self._existing:
            self._run(sql)
            self._done(table.name, sql, "created")
        elif self._recorded.get(table.name) != digest(sql):
            self._alter(table)
            self._done(table.name, sql, "brought up to date")

    def _alter(self, table: Table) -> None:
        present = {str(name): str(kind) for name, kind in self._run(_columns_sql(table.name))}
        previous = ""
        for column in table.columns:
            position = f"AFTER `{previous}`" if previous else "FIRST"
            if column.name not in present:
                self._run(
                    f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS {column.ddl()} {position}"
                )
            elif column.name not in table.order_by:
                self._run(f"ALTER TABLE {table.name} MODIFY COLUMN {column.ddl()}")
            previous = column.name
        for index in table.indexes:
            self._run(f"ALTER TABLE {table.name} ADD INDEX IF NOT EXISTS {index}")
        # Expiry is left to the next merge: rewriting every part would make an upgrade an outage.
        self._run(
            f"ALTER TABLE {table.name} MODIFY TTL {table.ttl}"
            " SETTINGS materialize_ttl_after_modify = 0"
        )
        for name, value in table.settings().items():
            self._run(f"ALTER TABLE {table.name} MODIFY SETTING {name} = {value}")

    def _view(self, view: View) -> None:
        sql = view.create_sql()
        if view.name not in self._existing:
            self._run(sql)
            self._done(view.name, sql, "created")
        elif self._recorded.get(view.name) != digest(sql):
            self._run(view.modify_sql())
            self._done(view.name, sql, "brought up to date")

    def _done(self, name: str, sql: str, action: str) -> None:
        self._run(
            f"INSERT INTO {RECORD_TABLE} SELECT '{name}', {self._version}, '{digest(sql)}',"
            " now64(3, 'UTC')"
        )
        self.applied.append(Applied(name, action))


def _columns_sql(table: str) -> str:
    return (
        "SELECT name, type FROM system.columns"
        f" WHERE database = currentDatabase() AND table = '{table}' ORDER BY position"
    )
