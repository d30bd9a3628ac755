"""Twins that an installation builds for itself; before the shared one, which they would starve."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from govnet.lab import kernel
from tests.e2e.twins import City, left_of, require_twin
from tests.running import installation, until

OWN_TWIN = """
import sys, time
from pathlib import Path
from govnet.lab.inside import own_twin
from govnet.lab.plan import demo_lines, describe
with own_twin(Path(sys.argv[1]), lambda name: describe(demo_lines(1), name)) as twin:
    print(twin.city.name, flush=True)
    time.sleep(120)
"""


def test_an_installations_own_twin_ends_with_it_however_that_ends(tmp_path: Path) -> None:
    """Two at once: one is killed, the other asked to end."""
    require_twin()
    installations = {number: tmp_path / number.name for number in (signal.SIGKILL, signal.SIGTERM)}
    running = {
        number: subprocess.Popen(
            [sys.executable, "-c", OWN_TWIN, str(place)], stdout=subprocess.PIPE, text=True
        )
        for number, place in installations.items()
    }
    try:
        names = [process.stdout.readline().strip() for process in running.values()]  # type: ignore[union-attr]  # a pipe
        assert all(map(left_of, names))
    finally:
        for number, process in running.items():
            process.send_signal(number)
            process.wait(20)
    until(lambda: not any(map(left_of, names)), 20, "everything gone")


def test_the_demo_city_of_163_units_runs_in_a_twin(tmp_path: Path) -> None:
    require_twin()
    site = installation(tmp_path)
    process = site.start("demo")
    believed = City(None, site, process)  # type: ignore[arg-type]  # the demo builds its own
    try:
        until(lambda: "process started" in site.log_tail(), 180, "a start", site.log_tail)
        until(lambda: site.status()["ok"], 180, "every process ok", site.log_tail)
        believed.wait_for(lambda states: list(states.values()).count("up") > 2 * 163, 150)
        assert "twin" in site.log_path.read_text(encoding="utf-8")
        name = kernel.names("gn-demo")[0].split("-")[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert process.returncode == 0
    assert left_of(name) == []
