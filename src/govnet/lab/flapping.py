"""Cuts and mends one cable in turn for a bounded time; a process of the fault ``flap``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from govnet.lab.cables import Cables


def flap(cables: Cables, name: str, down_s: float, up_s: float, seconds: float) -> None:
    """Come and go until the time is over; whole at the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        cables.cut(name)
        time.sleep(down_s)
        cables.cut(name, cut=False)
        time.sleep(up_s)


if __name__ == "__main__":
    _, socket, cable, down, up, total = sys.argv
    flap(Cables(Path(socket)), cable, float(down), float(up), float(total))
