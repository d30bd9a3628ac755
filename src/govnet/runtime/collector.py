"""Python's cyclic garbage collector in a process that makes many short-lived objects.

Left alone it looks through every object that the imports made, again and again: a seventh of the
CPU of SNMP polling, and pauses of the event loop. Nearly everything that probes make is freed by
its reference count; what is left is cycles of a failed probe's traceback, and they are small.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 10_000
"""New container objects that start a collection of the youngest (Python's default: 700). The
most that cyclic garbage can wait before it is looked for: a few MiB."""

OLDER: Final = (20, 50)
"""Collections of a generation that start one of the next older."""


def calm_collector() -> None:
    """Never look again through what exists by now, and seldom through what comes.

    To be called when imports and set-up are done.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *OLDER)
