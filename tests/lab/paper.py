"""A twin that is only a description and files: nothing runs, and faults break nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from govnet.lab import twin as twins
from govnet.lab.faults import KINDS
from govnet.lab.plan import demo_lines, describe
from govnet.lab.twin import Twin

UNITS = 12


def paper_twin(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Twin:
    """Its files are below ``directory``; injecting and healing only keep the record."""
    monkeypatch.setattr(twins, "STATE", directory / "lab")
    for kind in KINDS.values():
        monkeypatch.setattr(kind, "inject", lambda self, twin: None)
        monkeypatch.setattr(kind, "heal", lambda self, twin: None)
    twin = Twin(describe(demo_lines(UNITS), "paper"))
    twin.directory.mkdir(parents=True)
    (twin.directory / "twin.yaml").write_text(twin.city.to_yaml(), encoding="utf-8")
    return twin
