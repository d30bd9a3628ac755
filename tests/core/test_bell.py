"""One process rings at another."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from govnet.config import Config
from govnet.core import bell


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bell, "get_config", lambda: Config(data_dir=tmp_path))
    return tmp_path


def test_it_wakes_who_waits_and_then_is_quiet(place: Path) -> None:
    ours = bell.Bell(place, "engine")
    for _ in range(3):
        bell.ring("engine")
    began = time.monotonic()
    ours.wait(10)
    assert time.monotonic() - began < 5
    ours.wait(0.2)  # all three were heard
    assert 0.2 <= time.monotonic() - began < 5
    ours.close()


def test_nobody_waits_who_rings(place: Path) -> None:
    bell.ring("correlator")  # never there
    ours = bell.Bell(place, "correlator")
    for _ in range(100_000):  # more than a pipe holds
        ours.ring()
    bell.ring("correlator")
    ours.close()
    bell.ring("correlator")  # no longer there
    assert (place / "correlator.bell").stat().st_mode & 0o777 == 0o600
    bell.Bell(place, "correlator").close()  # the next process finds the pipe
