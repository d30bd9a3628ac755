"""A real store process for tests: ``with running_store(tmp_path) as config: ...``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from govnet.config import Config, get_config, get_secrets
from govnet.telemetry.client import forget_client

_MAIN = """
from govnet.config import get_config
from govnet.runtime.store import run_store
raise SystemExit(run_store(get_config()))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def installation(data_dir: Path, **settings: object) -> Iterator[Config]:
    """Make ``get_config()`` and ``get_secrets()`` speak of an installation below ``data_dir``."""
    chosen = {"data_dir": data_dir, "store_port": free_port(), **settings}
    names = {f"GOVNET_{key.upper()}": str(value) for key, value in chosen.items()}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    _forget()
    try:
        yield get_config()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _forget()


def _forget() -> None:
    get_config.cache_clear()
    get_secrets.cache_clear()
    forget_client()


class StoreProcess:
    """The store of the current installation as a child process that can be killed."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = config.data_dir / "store.log"

    def command(self) -> list[str]:
        return [sys.executable, "-c", _MAIN]

    def start(self, timeout: float = 120.0) -> None:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        self.wait_ready(timeout)

    def wait_ready(self, timeout: float = 120.0) -> None:
        assert self.process is not None
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the store ended: {self.log_path.read_text()[-3000:]}")
            try:
                if httpx.get(f"{self.config.telemetry_endpoint}ping", timeout=1).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise RuntimeError(f"the store did not start: {self.log_path.read_text()[-3000:]}")

    def kill(self) -> None:
        """kill -9 and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self, timeout: float = 10.0) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise


@contextmanager
def store_process(data_dir: Path, **settings: object) -> Iterator[StoreProcess]:
    """An installation with a running store that the test may kill, stop and start."""
    with installation(data_dir, **settings) as config:
        data_dir.mkdir(parents=True, exist_ok=True)
        store = StoreProcess(config)
        store.start()
        try:
            yield store
        finally:
            if store.process is not None and store.process.poll() is None:
                store.stop()


@contextmanager
def running_store(data_dir: Path, **settings: object) -> Iterator[Config]:
    """An installation with a running store; the value is its ``Config``."""
    with store_process(data_dir, **settings) as store:
        yield store.config
