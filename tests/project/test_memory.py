"""What a process imports is what it weighs: heavy libraries come only where they are used.

An installation has six and more Python processes. A library that each of them imports at the
start costs its size that many times over; the idle demo's figure (1.5 GiB) leaves no room for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENTS = ("openpyxl", "docx", "docxtpl", "pdfplumber", "pandas", "PIL")
"""Libraries of workbooks and documents: for one import, export or report."""

COLUMNS = ("pyarrow", "clickhouse_connect", "chdb")
"""Libraries of the column store: for who reads or writes samples."""

DJANGO = "from govnet.cli import setup_django; setup_django()"


@pytest.mark.parametrize(
    ("process", "statements", "absent"),
    [
        ("supervisor", "import govnet.runtime.supervisor", (*DOCUMENTS, *COLUMNS, "numpy")),
        ("store", "import govnet.runtime.store", (*DOCUMENTS, "clickhouse_connect")),
        ("engine", f"{DJANGO}; import govnet.runtime.engine", (*DOCUMENTS, "chdb")),
        ("worker", f"{DJANGO}; import govnet.runtime.worker", (*DOCUMENTS, *COLUMNS)),
        (
            "correlator",
            f"{DJANGO}; import govnet.runtime.correlator",
            (*DOCUMENTS, *COLUMNS),
        ),
        (
            "web",
            "import govnet.wsgi; from django.urls import get_resolver; get_resolver().url_patterns",
            (*DOCUMENTS, *COLUMNS),
        ),
    ],
)
def test_a_process_does_not_import_what_it_may_never_need(
    process: str, statements: str, absent: tuple[str, ...], tmp_path: Path
) -> None:
    report = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    commands = "import govnet.cli; govnet.cli.register_commands()"
    done = subprocess.run(
        [sys.executable, "-c", f"{commands}; {statements}; {report}"],
        env={**os.environ, "GOVNET_DATA_DIR": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert sorted(imported & set(absent)) == [], process
