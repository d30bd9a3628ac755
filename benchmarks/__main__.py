"""Every benchmark, one after the other, and a summary: ``make bench``.

Each is a module of its own that prints its table, stores its figures under ``benchmarks/out``
and ends with 0 when every target was met. Arguments choose some: ``python -m benchmarks idle``.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ALL = (
    "icmp",
    "snmp",
    "telemetry",
    "flows",
    "pages",
    "audit",
    "availability",
    "topology",
    "idle",
)
OUT = Path(__file__).parent / "out"
VERDICTS = frozenset({"PASS", "FAIL", "NOT MEASURED"})


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


def stored_verdicts(name: str, since: float) -> list[str]:
    """Every judged figure that this run stored, one line each."""
    path = OUT / f"{name}.json"
    if not path.exists() or path.stat().st_mtime < since:
        return []
    stored = json.loads(path.read_text(encoding="utf-8"))
    return [f"    {line}" for line in judged(stored)]


def judged(stored: object) -> Iterator[str]:
    """Walk a stored result for what carries a verdict."""
    if isinstance(stored, list):
        for item in stored:
            yield from judged(item)
    elif isinstance(stored, dict) and stored.get("verdict") in VERDICTS:
        text = str(stored.get("text") or stored.get("name"))
        if isinstance(stored.get("value"), float) and stored.get("limit") is not None:
            text += f": {stored['value']:.3f} (target <= {stored['limit']:g})"
        yield f"{stored['verdict']:<13} {text}"
    elif isinstance(stored, dict):
        for item in stored.values():
            yield from judged(item)


def main(names: list[str]) -> int:
    unknown = set(names) - set(ALL)
    if unknown:
        print(f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(ALL)}.")
        return 2
    since = time.time()
    wanted = names or [n for n in ALL if importlib.util.find_spec(f"benchmarks.{n}")]
    runs = [run(name) for name in wanted]
    print("\n=== summary")
    for done in runs:
        print(f"{done.verdict}  {done.name:12} {done.seconds:7.0f} s")
        for line in stored_verdicts(done.name, since):
            print(line)
    return int(any(done.code for done in runs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
