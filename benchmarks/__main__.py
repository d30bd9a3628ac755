"""Every benchmark, one after the other, and a summary: ``make bench``.

Each is a module of its own that prints its table, stores its figures under ``benchmarks/out``
and ends with 0 when every target was met. Arguments choose some: ``python -m benchmarks idle``;
``--write docs/reference/benchmarks.md`` renews their sections of that page.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import section, stored_figures, write_page

ALL = (
    "icmp",
    "snmp",
    "telemetry",
    "flows",
    "receiving_memory",
    "syslog",
    "pages",
    "alarms",
    "audit",
    "availability",
    "sla",
    "topology",
    "twin",
    "idle",
)


@dataclass(frozen=True)
class Run:
    """How one benchmark ended."""

    name: str
    code: int
    seconds: float

    @property
    def verdict(self) -> str:
        """One word."""
        return "PASS" if self.code == 0 else "FAIL"


def run(name: str) -> Run:
    print(f"\n=== {name}", flush=True)
    started = time.monotonic()
    # A process of its own: one benchmark's memory and event loop are not another's.
    done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)
    return Run(name, done.returncode, time.monotonic() - started)


def main() -> int:
    there = [name for name in ALL if importlib.util.find_spec(f"benchmarks.{name}")]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*there, []], help="some; all by default")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="renew a page of figures")
    options = parser.parse_args()
    since, sections = time.time(), {}
    runs = []
    for name in options.names or there:
        done = run(name)
        runs.append(done)
        figures = stored_figures(name, since)
        sections[name] = section(name, done.code, done.seconds, figures)
        if options.write:  # at once: what comes next may take an hour
            write_page(options.write, sections, ALL)
    print("\n=== summary")
    for done in runs:
        print(f"{done.verdict}  {done.name:12} {done.seconds:7.0f} s")
        for figure in stored_figures(done.name, since):
            print(f"    {figure.line}")
    return int(any(done.code for done in runs))


if __name__ == "__main__":
    sys.exit(main())
