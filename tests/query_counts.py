"""How many SQL queries a page needs is a committed baseline, and must not grow with its rows.

``GOVNET_RECORD_QUERY_COUNTS=1`` writes the counts found into ``tests/query_counts.json``.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

BASELINE = Path(__file__).with_name("query_counts.json")


@contextmanager
def compare(name: str) -> Iterator[None]:
    """Fail when the block needs another number of queries than the baseline says.

    Args:
        name: key of the baseline, for example a URL name.
    """
    with CaptureQueriesContext(connection) as captured:
        yield
    found = len(captured)
    if os.environ.get("GOVNET_RECORD_QUERY_COUNTS"):
        _record(name, found)
        return
    expected = json.loads(BASELINE.read_text(encoding="utf-8")).get(name)
    if found != expected:
        queries = "\n".join(query["sql"][:300] for query in captured.captured_queries)
        pytest.fail(
            f"{name}: {found} queries, the baseline says {expected}. If that is right, run"
            f" the test with GOVNET_RECORD_QUERY_COUNTS=1.\n{queries}"
        )


def _record(name: str, found: int) -> None:
    BASELINE.touch(exist_ok=True)
    with BASELINE.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        counts = json.loads(file.read() or "{}")
        counts[name] = found
        file.seek(0)
        file.truncate()
        file.write(json.dumps(dict(sorted(counts.items())), indent=1) + "\n")
