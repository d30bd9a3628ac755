"""One of several processes that all try to write the same changes of state."""

from __future__ import annotations

import random
import sys
import time

from govnet.cli import setup_django

TARGETS = 40


def main() -> None:
    """Wait for the common start, try every change, print how many it won and all flips."""
    setup_django()
    from govnet.engine.result import State  # noqa: PLC0415
    from govnet.engine.state import Change  # noqa: PLC0415
    from govnet.monitor.models import Flip, Target  # noqa: PLC0415
    from govnet.monitor.services import apply_change  # noqa: PLC0415

    ids = list(Target.objects.order_by("pk").values_list("pk", flat=True))
    print("ready", flush=True)
    start = float(sys.stdin.readline())
    time.sleep(max(start - time.time(), 0))
    # Each in its own order: in the same one the first to start stays ahead of the others.
    random.shuffle(ids)
    won = 0
    for pk in ids:
        won += apply_change(Change(pk, State.UNKNOWN, State.DOWN, start, start + 1, "timeout"))
        time.sleep(0.02)  # or the first is through before a busy machine lets the others begin
    print(won, Flip.objects.count(), flush=True)


if __name__ == "__main__":
    main()
