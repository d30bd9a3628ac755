"""Writes ``docs/reference/metrics.md`` from the source; run it as a module."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "metrics.md"
DECLARED = re.compile(
    r'\b(Counter|Gauge|Histogram|Summary)\(\s*"(govnet_[a-z0-9_]+)",\s*"([^"]+)"'
    r"(?:,\s*\[([^\]]*)\])?",
    re.DOTALL,
)
AREAS = {
    "engine": "Engine: scheduling, probes and states",
    "icmp": "Engine: ICMP",
    "snmp": "Engine: SNMP",
    "monitor": "Monitor state",
    "telemetry": "Telemetry writer (engine)",
    "store": "Embedded store",
    "web": "Web",
    "core": "Imports and exports (web, worker)",
    "worker": "Worker",
    "correlator": "Correlator",
    "alarms": "Alarms (correlator, web)",
    "evaluation": "Evaluation (web, worker)",
}
INTRODUCTION = """# Metrics

Prometheus text at `/metrics` of each process's loopback port ([settings](settings.md)). Names follow `govnet_<area>_<what>_<unit>`; counters end in `_total` and count since the process started. Python's own process metrics (memory, CPU, file descriptors) are there too. This page is made from the source by `python -m tests.runtime.metrics_page`; a test keeps it complete.
"""  # noqa: E501  # one paragraph of Markdown


class Metric(NamedTuple):
    name: str
    kind: str
    labels: str
    meaning: str


def metrics() -> list[Metric]:
    """Every metric that the source declares."""
    found = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for kind, name, meaning, labels in DECLARED.findall(path.read_text(encoding="utf-8")):
            names = ", ".join(re.findall(r'"([^"]+)"', labels)) or "-"
            found[name] = Metric(name, kind.lower(), names, meaning)
    return [found[name] for name in sorted(found)]


def page() -> str:
    """The page as it should be."""
    parts = [INTRODUCTION]
    known = metrics()
    others = sorted({metric.name.split("_")[1] for metric in known} - AREAS.keys())
    areas = {**AREAS, **{area: area for area in others}}
    for area, title in areas.items():
        rows = [m for m in known if m.name.startswith(f"govnet_{area}_")]
        if rows:
            lines = [f"| `{m.name}` | {m.kind} | {m.labels} | {m.meaning} |" for m in rows]
            head = [f"## {title}", "", "| metric | kind | labels | meaning |", "|---|---|---|---|"]
            parts.append("\n".join([*head, *lines]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
