"""The structured log: one shape for every source, and no secret in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = """
import logging, threading
import structlog
from govnet.config import get_secrets
from govnet.runtime.logs import configure_logging
configure_logging("engine")
log = structlog.get_logger()
log.info("polled", device=7, community="public-ro", nested={"auth_key": "hunter2", "rows": [
    {"password": "hunter3"}]})
logging.getLogger("some.library").warning("said %s", "something", extra={"token": "hunter4"})
try:
    key = "-".join(["hunter", "five"])
    raise ValueError("cannot reach http://:%s@127.0.0.1/" % get_secrets().telemetry_token)
except ValueError:
    log.exception("insert failed")
    logging.getLogger("django.request").error("Internal Server Error", exc_info=True)
threading.Thread(target=lambda: 1 / 0).start()
"""


def run(tmp_path: Path, log_format: str) -> str:
    env = {
        **os.environ,
        "GOVNET_DATA_DIR": str(tmp_path),
        "GOVNET_LOG_FORMAT": log_format,
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True
    )
    return done.stderr


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_source_ends_in_the_same_json_log_with_the_process_name(tmp_path: Path) -> None:
    events = lines(run(tmp_path, "json"))
    assert [event["event"] for event in events] == [
        "polled",
        "said something",
        "insert failed",
        "Internal Server Error",
        "uncaught exception in a thread",
    ]
    assert {event["process"] for event in events} == {"engine"}
    assert all(event["timestamp"].endswith("Z") for event in events)


def test_tracebacks_are_kept_whoever_logs_them(tmp_path: Path) -> None:
    for log_format in ("json", "console"):
        text = run(tmp_path, log_format)
        assert text.count("ValueError: cannot reach") == 2, text
        assert "ZeroDivisionError" in text


def test_no_secret_is_ever_logged(tmp_path: Path) -> None:
    for log_format in ("json", "console"):
        text = run(tmp_path, log_format)
        token = json.loads((tmp_path / "secrets.json").read_text())["telemetry_token"]
        for secret in ("public-ro", "hunter2", "hunter3", "hunter4", "hunter-five", token):
            assert secret not in text
        assert "***" in text
