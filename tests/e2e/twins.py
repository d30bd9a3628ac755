"""A city twin with GovNet inside, and what both say: for the end-to-end tests."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from govnet.lab import kernel
from govnet.lab.daemons.registry import missing_packages
from govnet.lab.description import PREFIX
from govnet.lab.twin import STATE, Twin
from tests.peers import require_root
from tests.running import Installation, installation, until

STATES = """
SELECT t.name, coalesce(s.state, 'unmeasured') FROM monitor_target t
LEFT JOIN monitor_targetstate s ON s.target_id = t.id WHERE NOT t.withdrawn
"""


def require_twin() -> None:
    """Skip where no twin can be built; fail on CI."""
    require_root("network namespaces of a city twin")
    missing = kernel.missing_privileges() + missing_packages()
    if missing and os.environ.get("CI"):
        pytest.fail(f"no twin: {missing}")
    if missing:
        pytest.skip(f"no twin: {missing}")


def left_of(name: str) -> list[str]:
    """What of a twin is still on this machine."""
    namespaces = kernel.names(f"{PREFIX}-{name}-")
    files = [str(STATE / name)] if (STATE / name).exists() else []
    return [*namespaces, *files]


@dataclass
class City:
    """A twin, and the GovNet that runs inside it."""

    twin: Twin
    govnet: Installation
    process: subprocess.Popen[str]

    def states(self) -> dict[str, str]:
        """What GovNet believes: target name to state."""
        return {str(name): str(state) for name, state in self.govnet.rows(STATES)}

    def wait_for(self, believed: Callable[[dict[str, str]], bool], seconds: float) -> None:
        """Wait until what GovNet believes is so."""
        until(lambda: believed(self.states()), seconds, "what GovNet believes", self.explain)

    def explain(self) -> str:
        """What is not up, and the end of the log."""
        try:
            other = {name: state for name, state in self.states().items() if state != "up"}
        except Exception as error:  # noqa: BLE001  # only for the message of a failed test
            other = {"database": str(error)}
        return f"{other}\n{self.govnet.log_tail()}"


@contextmanager
def a_twin(site: Installation, name: str, units: int) -> Iterator[Twin]:
    """A twin that is there while the block runs."""
    site.run("lab", "up", "--name", name, "--units", str(units))
    try:
        yield Twin.running(name)
    finally:
        site.run("lab", "down", "--name", name)


@contextmanager
def a_city(tmp_path: Path, name: str, units: int) -> Iterator[City]:
    """A twin with GovNet inside; every process is ok when the block is entered."""
    site = installation(tmp_path)
    with a_twin(site, name, units) as twin:
        process = site.start("lab", "serve", "--name", name)
        try:
            until(
                lambda: process.poll() is not None or site.status()["ok"],
                300,
                "GovNet in the twin",
                site.log_tail,
            )
            assert process.poll() is None, site.log_tail()
            yield City(twin, site, process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(20)
