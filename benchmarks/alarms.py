"""Detection and notices for the faults of the twin's scenarios, beside Debian's icinga2.

Run as root: ``uv run python -m benchmarks.alarms [scenario ...]``. GovNet and icinga2 watch the
same twin of 40 units from the same operations room, both every 10 s. Each fault of a scenario
stays until both have told of it, or for 45 s, and then for a while more, so that late notices
count; a step that heals waits until all is well. Counted are notices of problems.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.e2e.notices import notices_heard
from tests.e2e.twins import City, a_city

from benchmarks.icinga import PROGRAM, Icinga, icinga
from govnet.lab import faults, kernel
from govnet.lab.daemons.registry import missing_packages
from govnet.lab.director import shipped
from govnet.lab.scenario import Scenario, truth_now

OUT = Path(__file__).parent / "out"
UNITS = 40
PATIENCE_S = 45.0
LATE_S = 15.0
LIMIT_S = 15.0
TRAP_LIMIT_S = 5.0
"""Of a line that is cut: the port at one end of it sends a trap."""

AVERAGED = "line"
"""A line that loses some: loss is averaged over fifty requests, one in 1.25 s, and not sudden."""

CLAIM_NOTHING = frozenset({"syn-flood", "amplification", "scan", "flap"})
"""Faults after which nobody can say what should be told."""

INTERVAL_S = 10
ACTIVE = "SELECT object_name FROM alarms_alarm WHERE state IN ('raised', 'acknowledged')"
RAISED = """
SELECT (julianday(min(raised_at)) - 2440587.5) * 86400 FROM alarms_alarm
WHERE root_id IS NULL AND raised_at >= datetime(?, 'unixepoch')
"""


@dataclass(frozen=True)
class Measured:
    """What became of one fault; seconds from it, None where nothing came.

    Attributes:
        fault: kind and target.
        broken: what it truly affects, as GovNet measures it.
        visible_s: until the first alarm stood in the list.
        told_s: until the first notice of GovNet arrived.
        notices: how many came.
        peer_told_s: the same of icinga2.
        peer_notices: the same.
    """

    scenario: str
    fault: str
    broken: int
    visible_s: float | None
    told_s: float | None
    notices: int
    peer_told_s: float | None
    peer_notices: int

    @property
    def kind(self) -> str:
        """Of the fault."""
        return self.fault.partition(" ")[0]


Told = list[tuple[float, str]]
"""Problems that GovNet told: when they arrived, and the object."""


@dataclass
class Watch:
    """The twin and both who watch it."""

    city: City
    told: Told
    peer: Icinga

    def quiet(self) -> None:
        """Mend everything and wait until nobody sees anything any more."""
        faults.heal(self.city.twin)
        _wait(lambda: not self.city.govnet.rows(ACTIVE), 180)
        _wait(lambda: set(self.city.states().values()) == {"up"}, 120)
        time.sleep(LATE_S)  # icinga2 asks again within 10 s

    def measure(self, scenario: str, kind: str, target: str, options: dict[str, Any]) -> Measured:
        """Inject one fault and wait for what is told of it."""
        before = set(truth_now(self.city.twin).affected)
        self.told.clear()
        begun = time.time()
        faults.inject(self.city.twin, kind, target, options)

        def both() -> bool:
            return bool(self.told) and bool(self.peer.notices(begun))

        _wait(both, PATIENCE_S)
        time.sleep(LATE_S)
        ours, theirs = list(self.told), self.peer.notices(begun)
        seen = self.city.govnet.rows(RAISED, begun)[0][0]
        return Measured(
            scenario,
            f"{kind} {target}",
            len(set(truth_now(self.city.twin).affected) - before),
            seen - begun if seen else None,
            ours[0][0] - begun if ours else None,
            len(ours),
            theirs[0][0] - begun if theirs else None,
            len(theirs),
        )


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.25)
    return True


def play(watch: Watch, scenario: Scenario) -> Iterator[Measured]:
    """The faults of a scenario in its order; those that break nothing are left out."""
    watch.quiet()
    for step in scenario.steps:
        if step.heal:
            watch.quiet()
        elif step.fault and step.fault not in CLAIM_NOTHING:
            yield watch.measure(scenario.name, step.fault, step.target, dict(step.options))
    watch.quiet()


def judged(rows: list[Measured]) -> list[dict[str, Any]]:
    """The figures with a target: notices of each fault, and how soon alarms stand in the list."""
    found = []
    for row in rows:
        text = (
            f"{row.scenario}, {row.fault}: notices; told after {_seconds(row.told_s)},"
            f" icinga2 {row.peer_notices} after {_seconds(row.peer_told_s)}"
        )
        # What the peer does not see at all may be told once.
        found.append(_figure(text, row.notices, max(row.peer_notices, 1)))
    sudden = [row for row in rows if row.kind != AVERAGED]
    cuts = [row.visible_s for row in sudden if row.kind == "cut"]
    for name, times, limit in (
        ("fault to alarm in the list, p95", [row.visible_s for row in sudden], LIMIT_S),
        ("fault to notice, p95", [row.told_s for row in sudden], LIMIT_S),
        ("cut of a line to alarm in the list, p95", cuts, TRAP_LIMIT_S),
    ):
        known = sorted(at for at in times if at is not None)
        if len(known) > 1:
            p95 = statistics.quantiles(known, n=20, method="inclusive")[-1]
            found.append(_figure(name, p95, limit, "s"))
    return found


def _figure(text: str, value: float, limit: float, unit: str = "") -> dict[str, Any]:
    verdict = "PASS" if value <= limit else "FAIL"
    return {"text": text, "value": value, "limit": limit, "unit": unit, "verdict": verdict}


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def measured(names: list[str]) -> Iterator[Measured]:
    """Everything, printed as it comes."""
    known = shipped()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        told: Told = []

        def hear(name: str, state: str) -> None:
            if state == "raised":
                told.append((time.time(), name))

        with (
            a_city(folder, f"b{os.getpid()}", UNITS) as city,
            notices_heard(city, INTERVAL_S, hear),
        ):
            _wait(lambda: set(city.states().values()) == {"up"}, 180)
            with icinga(city.twin, folder) as peer:
                for name in names or known:
                    for row in play(Watch(city, told, peer), known[name]):
                        print(
                            f"{row.scenario} {row.fault:20} {row.broken:3} broken  "
                            f"GovNet seen {_seconds(row.visible_s):>7}"
                            f" told {_seconds(row.told_s):>7} {row.notices:2} notices  icinga2"
                            f" told {_seconds(row.peer_told_s):>7} {row.peer_notices:2} notices",
                            flush=True,
                        )
                        yield row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="*", choices=[[], *shipped()])
    names = parser.parse_args().scenario
    missing = kernel.missing_privileges() + missing_packages()
    missing += [] if PROGRAM.exists() else ["icinga2"]
    OUT.mkdir(exist_ok=True)
    if missing:
        print(f"NOT MEASURED: {', '.join(missing)}")
        figures = [{"text": "alarms beside icinga2", "verdict": "NOT MEASURED"}]
        (OUT / "alarms.json").write_text(json.dumps(figures), encoding="utf-8")
        return 0
    rows = list(measured(names))
    figures = judged(rows)
    for figure in figures:
        print(f"{figure['verdict']}  {figure['text']}: {figure['value']:.2f}")
    stored = {"faults": [asdict(row) for row in rows], "figures": figures}
    text = json.dumps(stored, indent=2, ensure_ascii=False)
    (OUT / "alarms.json").write_text(text, encoding="utf-8")
    return int(any(figure["verdict"] == "FAIL" for figure in figures))


if __name__ == "__main__":
    raise SystemExit(main())
