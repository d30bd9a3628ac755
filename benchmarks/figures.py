"""What benchmarks judged, found again in what they stored, and the page that shows it."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

OUT: Final = Path(__file__).parent / "out"
VERDICTS: Final = frozenset({"PASS", "FAIL", "NOT MEASURED"})
LIBRARIES: Final = ("django", "numpy", "pyarrow", "chdb-core")
PEERS: Final[Mapping[str, Sequence[str]]] = {
    "icmp": ("fping",),
    "snmp": ("prometheus-snmp-exporter", "zabbix-proxy-sqlite3", "snmp"),
    "flows": ("nfdump", "pmacct"),
    "syslog": ("rsyslog",),
    "alarms": ("icinga2-bin",),
}
"""Debian packages of the programs that a benchmark measures beside."""

HEAD: Final = (
    "# Benchmarks\n\n"
    "`make bench` measures GovNet beside the reference programs and writes this page; "
    "`python -m benchmarks flows --write docs/reference/benchmarks.md` renews one section. "
    "Each section says when and on what machine it was measured. On a machine that does other "
    "work at the same time, trust CPU time and ratios rather than wall times. A figure without "
    "its reference program is *not measured*, never passed.\n"
)


@dataclass(frozen=True)
class Figure:
    """One judged figure.

    Attributes:
        text: what it is.
        value: what was measured; None when that stands in the text, or nothing was.
        limit: what it must not exceed.
        unit: of both.
        verdict: one of ``VERDICTS``.
    """

    text: str
    value: float | None
    limit: float | None
    unit: str
    verdict: str

    @property
    def line(self) -> str:
        """For the terminal."""
        if self.value is None or self.limit is None:
            return f"{self.verdict:<13} {self.text}"
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.verdict:<13} {self.text}: {number(self.value)}{unit}"
            f" (target <= {number(self.limit)}{unit})"
        )

    @property
    def row(self) -> str:
        """For the page."""
        unit = f" {self.unit}" if self.unit else ""
        shown = [
            "" if one is None else f"{mark}{number(one)}{unit}"
            for mark, one in (("", self.value), ("≤ ", self.limit))
        ]
        verdict = {"PASS": "pass", "FAIL": "**fail**"}.get(self.verdict, "not measured")
        return f"| {self.text.replace('|', '/')} | {shown[0]} | {shown[1]} | {verdict} |"


def number(value: float) -> str:
    """Three figures, with separators."""
    if value and abs(value) < 0.001:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def stored_figures(name: str, since: float) -> list[Figure]:
    """Every figure that a benchmark judged since then."""
    path = OUT / f"{name}.json"
    if not path.exists() or path.stat().st_mtime < since:
        return []
    return list(judged(json.loads(path.read_text(encoding="utf-8"))))


def judged(stored: object) -> Iterator[Figure]:
    """Walk a stored result for what carries a verdict."""
    if isinstance(stored, list):
        for item in stored:
            yield from judged(item)
    elif isinstance(stored, dict) and stored.get("verdict") in VERDICTS:
        value, limit = (_float(stored.get(name)) for name in ("value", "limit"))
        text = str(stored.get("text") or stored.get("name"))
        yield Figure(text, value, limit, str(stored.get("unit") or ""), str(stored["verdict"]))
    elif isinstance(stored, dict):
        for item in stored.values():
            yield from judged(item)


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


# --- the page -------------------------------------------------------------------------------


def section(name: str, code: int, seconds: float, figures: Sequence[Figure]) -> str:
    """One benchmark's part of the page, without its heading."""
    ended = "" if figures else f"\nIt did not end well (code {code}) and judged nothing.\n"
    table = ["| figure | measured | limit | verdict |", "|---|---|---|---|"]
    rows = "\n".join([*table, *(figure.row for figure in figures)]) if figures else ""
    told = f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {seconds:.0f} s; {machine()}"
    return f"\n{told}; {versions(PEERS.get(name, ()))}.\n{ended}\n{rows}\n"


def machine() -> str:
    """Processor, memory, kernel, and how busy it is."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Linux {platform.release()},"
        f" load {os.getloadavg()[2]:.1f} (15 min)"
    )


def versions(packages: Sequence[str]) -> str:
    """Of Python, our libraries and the programs measured beside."""
    found = [f"Python {platform.python_version()}"]
    found += [f"{name} {version(name)}" for name in LIBRARIES]
    found += [f"{name} {told}" if (told := _package(name)) else f"no {name}" for name in packages]
    return ", ".join(found)


def _package(name: str) -> str:
    """Version of an installed package, or of one that a benchmark only unpacked."""
    queries = [["dpkg-query", "-W", "-f", "${Version}", name]]
    unpacked = (OUT / "peers").glob(f"{name}_*.deb")
    queries += [["dpkg-deb", "-f", str(path), "Version"] for path in unpacked]
    for asked in queries:
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
        if told.returncode == 0 and told.stdout.strip():
            return told.stdout.strip()
    return ""


def write_page(path: Path, renewed: Mapping[str, str], order: Sequence[str]) -> None:
    """Put the renewed sections onto the page; what was not measured now stays as it was."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    parts = re.split(r"^## (\w+)\n", old, flags=re.MULTILINE)[1:]
    kept = dict(zip(parts[::2], parts[1::2], strict=True)) | dict(renewed)
    names = [name for name in order if name in kept]
    text = HEAD + "".join(f"\n## {name}\n{kept[name].rstrip()}\n" for name in names)
    path.write_text(text, encoding="utf-8")
