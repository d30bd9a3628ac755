"""An installation whose store and engine a test starts, stops and kills one by one."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.running import Installation, installation

IMPORTS = """
import json
from govnet.inventory.models import *
from govnet.monitor.models import *
from tests.monitor import ledger
"""
"""What code given to ``Machine.django`` begins with."""


class Flipped(NamedTuple):
    old: str
    new: str
    since: float
    confirmed: float


class Machine(Installation):
    """An installation whose store and engine a test starts and kills."""

    children: dict[str, subprocess.Popen[str]]

    def launch(self, name: str) -> None:
        self.children[name] = self.start(name)

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        self.children[name].send_signal(number)
        return self.children[name].wait(15)

    def measuring(self) -> bool:
        engine = self.status()["processes"]["engine"]
        return bool(engine["ok"] and engine["counters"]["targets"])

    def state(self, name: str) -> dict[str, Any]:
        query = (
            "SELECT state, rtt_ms, reason FROM monitor_targetstate"
            " JOIN monitor_target ON id = target_id WHERE name = ?"
        )
        found = self.rows(query, name)
        return dict(zip(("state", "rtt", "reason"), found[0], strict=True)) if found else {}

    def is_state(self, name: str, state: str) -> bool:
        return self.state(name).get("state") == state

    def flips(self, name: str) -> list[Flipped]:
        """From, to, since and confirmed (seconds since the epoch) in order."""
        query = (
            "SELECT old_state, new_state, at, confirmed_at FROM monitor_flip"
            " JOIN monitor_target t ON t.id = target_id WHERE name = ? ORDER BY monitor_flip.id"
        )
        return [
            Flipped(old, new, _epoch(at), _epoch(confirmed))
            for old, new, at, confirmed in self.rows(query, name)
        ]


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@contextmanager
def machine(tmp_path: Path, **env: str) -> Iterator[Machine]:
    settings = installation(tmp_path, PYTHONPATH=str(Path(__file__).parents[2]), **env)
    made = Machine(settings.data_dir, settings.env)
    made.children = {}
    made.run("migrate")
    try:
        yield made
    finally:
        for child in made.children.values():
            if child.poll() is None:
                child.kill()
                child.wait()
