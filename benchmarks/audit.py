"""Audit speed: reports a second over worker processes, memory of the largest process.

Run: ``uv run python -m benchmarks.audit``. The reports are the two seed reports and copies of
them with changed figures, one page each as text and as Word documents.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from pathlib import Path

import docx

from govnet.cli import setup_django
from govnet.evaluation.audit.document import Cell
from govnet.evaluation.audit.readers.detect import read_document
from govnet.evaluation.audit.runner import audit_files

SEEDS_FOLDER = Path(__file__).parent.parent / "src/govnet/evaluation/seeds"
OUT = Path(__file__).parent / "out"
JOBS = 2


def _texts(folder: Path, count: int) -> list[Path]:
    source = (SEEDS_FOLDER / "xiangyin-2022.txt").read_text(encoding="utf-8")
    paths = []
    for number in range(count):
        path = folder / f"{number:05}.txt"
        path.write_text(
            source.replace("206.2", f"{200 + number % 50}.{number % 10}"), encoding="utf-8"
        )
        paths.append(path)
    return paths


def _documents(folder: Path, count: int) -> list[Path]:
    source = read_document(SEEDS_FOLDER / "yueyang-2020.txt")
    target = docx.Document()
    for block in source.blocks:
        if isinstance(block, Cell):
            target.add_paragraph(block.text)
            continue
        table = target.add_table(rows=len(block.rows), cols=max(map(len, block.rows)))
        for cells, row in zip(table.rows, block.rows, strict=True):
            for cell, text in zip(cells.cells, row, strict=False):
                cell.text = text.text
    first = folder / "first.docx"
    target.save(str(first))
    paths = []
    for number in range(count):
        path = folder / f"{number:05}.docx"
        path.write_bytes(first.read_bytes())
        paths.append(path)
    return paths


def _export_seconds(folder: Path) -> float:
    """Issue 岳阳's report as Word, numbers stored and file rendered: the slowest of five."""
    os.environ["GOVNET_DATA_DIR"] = str(folder / "data")
    setup_django()
    from django.core.management import call_command  # noqa: PLC0415  # models need Django set up

    from govnet.evaluation.printing import issue  # noqa: PLC0415
    from govnet.evaluation.seeds import load  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    evaluation = load()[0]
    times = []
    for _ in range(5):
        start = time.perf_counter()
        issue(evaluation)
        times.append(time.perf_counter() - start)
    return max(times)


def _rate(paths: list[Path]) -> float:
    start = time.perf_counter()
    read = sum(1 for result in audit_files(paths, JOBS) if not result.unread)
    assert read == len(paths), f"only {read} of {len(paths)} were read"
    return len(paths) / (time.perf_counter() - start)


def _line(label: str, value: float, target: str, *, met: bool) -> str:
    return f"{label:36} {value:8.1f}   target {target:8}   {'PASS' if met else 'FAIL'}"


def run(*, full: bool = False) -> bool:
    """Measure and print; True when every target of the issue is met."""
    figures: list[tuple[str, float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures.append(("1,000 one-page texts, reports/s", _rate(_texts(folder, 1000)), 100))
        figures.append(("200 docx, reports/s", _rate(_documents(folder, 200)), 20))
        if full:
            figures.append(("10,000 texts, reports/s", _rate(_texts(folder, 10_000)), 100))
        export = _export_seconds(folder)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    for label, value, target in figures:
        print(_line(label, value, f"≥ {target:.0f}", met=value >= target))
    print(_line("largest worker, MiB", peak, "≤ 1024", met=peak <= 1024))
    print(_line("Word report, s", export, "≤ 3", met=export <= 3))
    OUT.mkdir(exist_ok=True)
    rows = {label: value for label, value, _ in figures}
    rows |= {"peak_mib": peak, "export_seconds": export}
    (OUT / "audit.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return peak <= 1024 and export <= 3 and all(value >= target for _, value, target in figures)


if __name__ == "__main__":
    raise SystemExit(0 if run(full=True) else 1)
