"""Run in a network namespace of its own: real echoes, a real fault, real time.

Prints, as JSON, what the tracker confirmed after a packet filter began to drop the echoes of
half the targets, and after it let them through again.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

from govnet.engine.probes.registry import ProbeRegistry
from govnet.engine.result import ProbeKind, Result, State, Target
from govnet.engine.scheduler import Scheduler
from govnet.engine.state import Change, Moment, StateTracker

TARGETS = 60
FILTER = """
table inet lab {
  set dead { type ipv4_addr; flags interval; }
  chain input { type filter hook input priority 0; ip daddr @dead icmp type echo-request drop; }
}
"""


def nft(*words: str, text: str = "") -> None:
    subprocess.run(["nft", *words], input=text, text=True, check=True)


async def main() -> dict[str, object]:
    targets = [Target(i, ProbeKind.ICMP, f"127.9.{i % 2}.{i}") for i in range(1, TARGETS + 1)]
    targets += [Target(900, ProbeKind.ICMP, "127.0.0.1", reference=True)]
    tracker, changes = StateTracker(), list[Change]()
    probes = ProbeRegistry()
    await probes.start()

    def on_result(result: Result) -> None:
        changes.extend(tracker.observe(result, Moment.now()))
        after_s = tracker.recheck_after(result.target_id)
        if after_s is not None:
            scheduler.hurry(result.target_id, after_s)

    scheduler = Scheduler(probes.probe, on_result)
    tracker.set_targets(targets, Moment.now())
    scheduler.set_targets(targets)
    scheduler.start()
    await asyncio.sleep(3.0)
    nft("add", "element", "inet", "lab", "dead", "{ 127.9.1.0/24 }")
    fault = time.time()
    await asyncio.sleep(6.0)
    nft("flush", "set", "inet", "lab", "dead")
    repair = time.time()
    await asyncio.sleep(4.0)
    await scheduler.stop()
    await probes.close()
    return {
        "up_at_first": sum(c.new is State.UP and c.confirmed_ts < fault for c in changes),
        "down_after_s": [c.confirmed_ts - fault for c in changes if c.new is State.DOWN],
        "since_after_s": [c.since - fault for c in changes if c.new is State.DOWN],
        "down_ids": sorted(c.target_id for c in changes if c.new is State.DOWN),
        "up_again_after_s": [
            c.confirmed_ts - repair for c in changes if c.old is State.DOWN and c.new is State.UP
        ],
    }


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    nft("-f", "-", text=FILTER)
    json.dump(asyncio.run(main()), sys.stdout)
