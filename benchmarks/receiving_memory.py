"""Memory of the receiver under a steady load: ``uv run python -m benchmarks.receiving_memory``.

NetFlow v9 at 192,000 records a second into the store for ten minutes; the receiver's resident
memory is read every 5 s. What it took in the first minute is warm-up; *flat* compares the highest
of the rest's second half with the highest of its first. About 2 GB of disk, given back.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path

from tests.peers import free_port
from tests.store_process import store_process

from benchmarks.flows import OUT, datagrams, template
from benchmarks.receiving import HOST, MIB, Verdict, our_receiver, send

PERIOD_S = 5.0


def resident(seconds: float, rate: float) -> list[float]:
    """MiB of the receiver, one value every ``PERIOD_S``, while datagrams come."""
    seen: list[float] = []
    done = threading.Event()
    with (
        tempfile.TemporaryDirectory() as root,
        store_process(Path(root) / "store", store_memory_mib=2048) as store,
    ):
        port = free_port(socket.SOCK_DGRAM, HOST)
        with our_receiver(store.config, netflow=port) as process:

            def watch() -> None:
                while not done.wait(PERIOD_S):
                    seen.append(process.memory_info().rss / MIB)
                    if len(seen) % 12 == 0:
                        print(f"  {len(seen) * PERIOD_S:.0f} s: {seen[-1]:.0f} MiB", flush=True)

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                send(port, datagrams(20_000), rate, seconds, first=template())
            finally:
                done.set()
                watcher.join()
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=8_000, help="datagrams a second")
    args = parser.parse_args()
    seen = resident(args.seconds, args.rate)
    steady = seen[min(int(60 / PERIOD_S), len(seen) // 3) :]
    middle = len(steady) // 2
    growth = max(steady[middle:]) / max(steady[:middle]) - 1
    verdicts = [
        Verdict("memory", f"MiB of the receiver, {args.seconds:.0f} s of flows", max(seen), 400),
        Verdict("flat", "growth of its memory, second half against first", growth, 0.05),
    ]
    for one in verdicts:
        print(f"{one.verdict:<13} {one.text}: {one.value:.3f} (target <= {one.limit:.3f})")
    OUT.mkdir(exist_ok=True)
    stored = [{**asdict(one), "verdict": one.verdict} for one in verdicts]
    (OUT / "receiving_memory.json").write_text(json.dumps({"verdicts": stored}, indent=1))
    return int(any(one.verdict == "FAIL" for one in verdicts))


if __name__ == "__main__":
    sys.exit(main())
