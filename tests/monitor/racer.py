"""One of several processes that all try to write the same changes of state."""

from __future__ import annotations

import sys
import time

from govnet.cli import setup_django

TARGETS = 40


def main() -> None:
    """Wait for the common start, try every change, print how many were won."""
    setup_django()
    from govnet.engine.result import State  # noqa: PLC0415
    from govnet.engine.state import Change  # noqa: PLC0415
    from govnet.monitor.models import Target  # noqa: PLC0415
    from govnet.monitor.services import apply_change  # noqa: PLC0415

    ids = list(Target.objects.order_by("pk").values_list("pk", flat=True))
    print("ready", flush=True)
    start = float(sys.stdin.readline())
    time.sleep(max(start - time.time(), 0))
    won = 0
    for pk in ids:
        won += apply_change(Change(pk, State.UNKNOWN, State.DOWN, start, start + 1, "timeout"))
        # On a busy machine the first process would else be through before the others begin.
        time.sleep(0.02)
    print(won, flush=True)


if __name__ == "__main__":
    main()
