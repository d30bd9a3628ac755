from __future__ import annotations

import re
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "govnet"

# What only SQL for the column store says; the SQL database is reached by the ORM alone.
CLICKHOUSE_SQL = re.compile(
    r"\b(MergeTree|toStartOf\w+|toDateTime64|LowCardinality|sumMerge|countMerge|argMax"
    r"|SELECT\b[^\"']*\bFROM\s+(probe_result|interface_sample|device_sample))\b"
)


def test_nobody_imports_what_is_not_theirs() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml")) == EXIT_STATUS_SUCCESS


def test_only_telemetry_holds_sql_of_the_column_store() -> None:
    elsewhere = [
        str(path.relative_to(ROOT))
        for path in SOURCE.rglob("*.py")
        if "telemetry" not in path.relative_to(SOURCE).parts
        and path != SOURCE / "runtime" / "store.py"  # the process that is the store
        and CLICKHOUSE_SQL.search(path.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []


def test_the_search_for_sql_would_find_some() -> None:
    found = [p for p in (SOURCE / "telemetry").glob("*.py") if CLICKHOUSE_SQL.search(p.read_text())]
    assert found
