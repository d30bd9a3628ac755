"""Availability: a year of a city's changes of state, and one unit's month.

Run: ``uv run python -m benchmarks.availability``. 2,000 access points with one target each and
500 changes of state a target over one year, in SQLite. Judged: the yearly statement of the
whole site, from the changes to the frozen inputs and their hash (at most 5 s and 500 MiB), the
month of one unit (at most 50 ms). The process has one thread, so its CPU seconds are its wall
clock on a machine of its own.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from govnet.cli import setup_django

OUT = Path(__file__).parent / "out"
TARGETS = 2_000
FLIPS = 500
YEAR = datetime(2025, 1, 1, tzinfo=UTC)
MIB_MAX = 500.0


def _seed() -> None:
    """The ledger and the changes of state: random, the same every time."""
    from govnet.inventory.models import (  # noqa: PLC0415  # models need Django set up
        AccessPoint,
        Region,
        RegionLevel,
        Unit,
    )
    from govnet.monitor.models import Target  # noqa: PLC0415

    region = Region.objects.create(code="430600", name="岳阳市", level=RegionLevel.CITY)
    units = Unit.objects.bulk_create(
        Unit(code=f"U{n}", name=f"单位{n}", region=region, level="city")
        for n in range(TARGETS // 2)
    )
    points = AccessPoint.objects.bulk_create(
        AccessPoint(code=f"AP{n}", name=f"接入点{n}", unit=units[n // 2]) for n in range(TARGETS)
    )
    targets = Target.objects.bulk_create(
        Target(name=f"T{n}", kind="icmp", address="127.0.0.1", access_point=points[n])
        for n in range(TARGETS)
    )
    _flips([target.pk for target in targets])


def _flips(targets: list[int]) -> None:
    from django.db import connection  # noqa: PLC0415

    random = np.random.default_rng(6)
    insert = (
        "INSERT INTO monitor_flip (target_id, old_state, new_state, at, confirmed_at, reason,"
        " detail) VALUES (?, ?, ?, ?, ?, ?, '{}')"
    )
    with connection.cursor() as cursor:
        raw = cursor.connection
        for target in targets:
            moments = np.sort(random.integers(0, 365 * 86400, FLIPS))
            moments[0] = 0  # measured from the first second on
            rows = []
            for place, second in enumerate(moments.tolist()):
                new, old = ("up", "down") if place % 2 == 0 else ("down", "up")
                at = (YEAR + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S.%f")
                rows.append((target, old, new, at, at, "" if new == "up" else "timeout"))
            raw.executemany(insert, rows)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _year() -> tuple[float, float]:
    """Wall and CPU seconds for the yearly statement of the whole site, issued anew."""
    from govnet.sla.models import PeriodKind, Statement  # noqa: PLC0415
    from govnet.sla.periods import Period  # noqa: PLC0415
    from govnet.sla.services import SITE  # noqa: PLC0415
    from govnet.sla.statements import issue  # noqa: PLC0415

    Statement.objects.all().delete()
    wall, cpu = time.perf_counter(), time.process_time()
    made, new = issue(SITE, Period(PeriodKind.YEAR, YEAR.date()))
    spent = time.perf_counter() - wall, time.process_time() - cpu
    assert new
    assert len(made.figures["rows"]) == TARGETS // 2
    assert sum(len(each["at"]) for each in made.opened_inputs()["targets"].values()) > 990_000
    return spent


def _unit_month_ms() -> float:
    """Median of ten units' months, each worked out alone, in milliseconds."""
    from govnet.inventory.models import Unit  # noqa: PLC0415
    from govnet.sla.services import Scope, availability  # noqa: PLC0415

    start = YEAR + timedelta(days=90)
    times = []
    for pk in Unit.objects.values_list("pk", flat=True)[:10]:
        began = time.perf_counter()
        availability(Scope("unit", pk), start, start + timedelta(days=30))
        times.append(time.perf_counter() - began)
    return float(np.median(times)) * 1000


def run() -> bool:
    """Measure and print; True when every target of the issue is met."""
    with tempfile.TemporaryDirectory() as name:
        os.environ["GOVNET_DATA_DIR"] = name
        setup_django()
        from django.core.management import call_command  # noqa: PLC0415

        call_command("migrate", interactive=False, verbosity=0)
        _seed()
        before = _peak_mib()
        rounds = [_year() for _ in range(3)]
        month = _unit_month_ms()
    wall, cpu = (float(np.median([each[place] for each in rounds])) for place in (0, 1))
    figures = [
        ("yearly statement of 2,000 targets, 1 M changes (CPU s)", cpu, 5.0),
        ("one month of one unit (ms)", month, 50.0),
        ("peak memory of the process (MiB)", _peak_mib(), MIB_MAX),
    ]
    rows = [
        {"text": text, "value": value, "limit": limit, "verdict": _verdict(value, limit)}
        for text, value, limit in figures
    ]
    for row in rows:
        value, limit = f"{row['value']:8.1f}", f"target ≤ {row['limit']:g}"
        print(f"{row['text']:56} {value}   {limit}   {row['verdict']}")
    print(f"wall clock of the year {wall:.2f} s; memory before it {before:.0f} MiB")
    OUT.mkdir(exist_ok=True)
    stored = {"rows": rows, "year_wall_s": wall, "before_mib": before}
    (OUT / "availability.json").write_text(json.dumps(stored, indent=1), encoding="utf-8")
    return all(row["verdict"] == "PASS" for row in rows)


def _verdict(value: float, limit: float) -> str:
    return "PASS" if value <= limit else "FAIL"


if __name__ == "__main__":
    raise SystemExit(0 if run() else 1)
