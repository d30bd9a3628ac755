"""A PostgreSQL cluster of its own for one test, on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.peers import free_port


def _program(name: str) -> str:
    found = shutil.which(name)
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found or versions:
        return found or str(versions[-1])
    reason = "PostgreSQL is not installed: apt-get install postgresql"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running_postgres() -> Iterator[str]:
    """Yield the URL of an empty database; PostgreSQL refuses root, so root lends it a user."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    directory = Path(mkdtemp(prefix="govnet-pg-"))  # short: a socket path has 107 characters
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data = str(directory / "data")
    port = free_port()
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory}"
        " -c fsync=off"
    )

    def run(*command: str) -> None:
        subprocess.run(
            [*as_user, *command], check=True, cwd=directory, stdout=subprocess.DEVNULL, timeout=60
        )

    try:
        run(initdb, "-D", data, "-U", "govnet", "--auth=trust", "--no-sync", "-E", "UTF8")
        run(pg_ctl, "-D", data, "-w", "-o", options, "-l", str(directory / "log"), "start")
        try:
            yield f"postgresql://govnet@127.0.0.1:{port}/postgres"
        finally:
            run(pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
