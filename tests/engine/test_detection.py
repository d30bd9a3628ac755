"""The promise in real time: an outage is confirmed within 5 s at a 10 s interval."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers import require, require_root

ROOT = Path(__file__).parents[2]


@pytest.mark.peer
@pytest.mark.root
@pytest.mark.slow
def test_a_real_outage_is_confirmed_within_five_seconds() -> None:
    require_root("a network namespace of its own")
    for program in ("unshare", "ip", "nft"):
        require(program)
    command = ["unshare", "--net", sys.executable, "-m", "tests.engine.detection_lab"]
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["up_at_first"] == 61
    assert found["down_ids"] == list(range(1, 61, 2))
    assert max(found["down_after_s"]) <= 5.0
    assert min(found["since_after_s"]) >= -0.05
    assert len(found["up_again_after_s"]) == 30
    assert max(found["up_again_after_s"]) <= 3.5
