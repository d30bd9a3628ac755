"""A whole GovNet for one test: ``govnet up`` on free ports with a data directory of its own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from govnet.config import Config
from govnet.runtime.status import as_json, ask_all
from govnet.telemetry.client import DATABASE, USER
from tests.peers import free_port

PORTS = (
    "WEB_PORT",
    "STORE_PORT",
    "ENGINE_HEALTH_PORT",
    "WORKER_HEALTH_PORT",
    "WEB_HEALTH_PORT",
    "RECEIVER_HEALTH_PORT",
    "CORRELATOR_HEALTH_PORT",
)


def until(
    condition: Callable[[], object], seconds: float, what: str, explain: Callable[[], str] = str
) -> None:
    """Wait for something to become true; fail with what was waited for and an explanation."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}\n{explain()}")
        time.sleep(0.1)


@dataclass
class Installation:
    """Settings of a GovNet, and commands run in it."""

    data_dir: Path
    env: dict[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        """Address of the pages, without a slash at the end."""
        return f"http://127.0.0.1:{self.env['GOVNET_WEB_PORT']}"

    def port(self, name: str) -> int:
        """A port by the name of its setting, for example "engine_health_port"."""
        return int(self.env[f"GOVNET_{name.upper()}"])

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one ``govnet`` command and wait for it."""
        return subprocess.run(
            [sys.executable, "-m", "govnet", *arguments],
            env=self.env,
            check=check,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one ``govnet`` command; its log is appended to ``govnet.log``."""
        with self.log_path.open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "govnet", *arguments],
                env=self.env,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def django(self, code: str) -> str:
        """Run Python with Django set up in this installation; returns what it prints."""
        done = subprocess.run(
            [sys.executable, "-c", f"from govnet.cli import setup_django; setup_django()\n{code}"],
            env=self.env,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not done.returncode, done.stderr
        return done.stdout

    def sql(self, query: str) -> list[list[Any]]:
        """Ask this installation's column store; returns the rows."""
        secrets = json.loads((self.data_dir / "secrets.json").read_text())
        answer = httpx.post(
            f"http://127.0.0.1:{self.port('store_port')}/",
            params={"database": DATABASE, "default_format": "JSONCompactEachRow"},
            content=query,
            auth=(USER, secrets["telemetry_token"]),
            timeout=30,
            trust_env=False,
        )
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask this installation's SQLite database; far quicker than ``django``."""
        with closing(sqlite3.connect(self.data_dir / "govnet.sqlite3", timeout=20)) as database:
            return database.execute(query, parameters).fetchall()

    def status(self) -> dict[str, Any]:
        """What ``govnet status --json`` prints, asked without starting it."""
        settings = {
            key.removeprefix("GOVNET_").lower(): value
            for key, value in self.env.items()
            if key.startswith("GOVNET_")
        }
        return dict(as_json(ask_all(Config(**settings))))  # type: ignore[arg-type]  # strings

    @property
    def log_path(self) -> Path:
        """Where everything that was started writes its log."""
        return self.data_dir.parent / "govnet.log"

    def log_tail(self) -> str:
        """The end of the log, for the message of a failed test."""
        return self.log_path.read_text()[-6000:] if self.log_path.exists() else ""


def installation(tmp_path: Path, **env: str) -> Installation:
    """Settings for a GovNet of its own: free ports, a fresh data directory."""
    ports = {f"GOVNET_{name}": str(free_port()) for name in PORTS}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GOVNET_")}
    data_dir = tmp_path / "data"
    return Installation(data_dir, {**kept, "GOVNET_DATA_DIR": str(data_dir), **ports, **env})


@dataclass
class Running(Installation):
    """A GovNet that runs."""

    supervisor: subprocess.Popen[str] = field(kw_only=True, repr=False)

    def processes(self) -> list[psutil.Process]:
        """Everything that the supervisor started, at any depth."""
        return psutil.Process(self.supervisor.pid).children(recursive=True)

    def pid(self, name: str) -> int:
        """Process id of one process as its health port tells it."""
        return int(self.status()["processes"][name]["pid"])

    def wait_ok(self, seconds: float = 150) -> None:
        """Wait until every process says that it is ok."""
        until(
            lambda: self.supervisor.poll() is not None or self.status()["ok"],
            seconds,
            "every process ok",
            lambda: f"{self.status()}\n{self.log_tail()}",
        )
        assert self.supervisor.poll() is None, f"govnet up ended\n{self.log_tail()}"

    def stop(self, seconds: float = 10) -> float:
        """Ask it to stop; returns how many seconds that took."""
        started = time.monotonic()
        self.supervisor.send_signal(signal.SIGTERM)
        self.supervisor.wait(seconds)
        return time.monotonic() - started


@contextmanager
def running_govnet(
    tmp_path: Path, before: Callable[[Installation], object] | None = None, **env: str
) -> Iterator[Running]:
    """Run ``govnet up`` while the block runs; every process is ok when it is entered.

    Args:
        tmp_path: gets ``data/`` and ``govnet.log``.
        before: fills the prepared database before the processes start.
        env: further environment, for example ``GOVNET_LOG_FORMAT="json"``.
    """
    settings = installation(tmp_path, **env)
    if before is not None:
        settings.run("prepare")
        before(settings)
    running = Running(settings.data_dir, settings.env, supervisor=settings.start("up"))
    try:
        running.wait_ok()
        yield running
    finally:
        if running.supervisor.poll() is None:
            left = running.processes()
            try:
                running.stop()
            except subprocess.TimeoutExpired:
                running.supervisor.kill()
                running.supervisor.wait()
                for process in left:
                    if process.is_running():
                        process.kill()
