"""The garbage collector of a polling process."""

from __future__ import annotations

import subprocess
import sys

_CYCLES = """
import gc
from govnet.runtime.collector import calm_collector

calm_collector()
assert gc.get_freeze_count() > 1000, "what exists is no longer looked through"
seen = []
gc.callbacks.append(lambda phase, info: seen.append((phase, info["collected"])))
alive = [[] for _ in range(500)]
assert not seen, "a few new objects start nothing"
for _ in range(200_000):
    cycle = []
    cycle.append(cycle)
collected = sum(count for phase, count in seen if phase == "stop")
print(collected)
"""


def test_cycles_are_still_freed_though_seldom_looked_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CYCLES], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 180_000
