"""Memory of a process that makes many short-lived objects: garbage collector and allocator.

Left alone, Python's cyclic collector looks through every object that the imports made, again and
again: a seventh of the CPU of SNMP polling, and pauses of the event loop. Nearly everything that
probes make is freed by its reference count; what is left is cycles of a failed probe's traceback,
and they are small.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Final

YOUNG: Final = 10_000
"""New container objects that start a collection of the youngest (Python's default: 700). The
most that cyclic garbage can wait before it is looked for: a few MiB."""

OLDER: Final = (20, 50)
"""Collections of a generation that start one of the next older."""

KEPT_BYTES: Final = 16 * 2**20
"""Free memory that an arena keeps, rather than give it back to the kernel and ask again."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


def calm_collector() -> None:
    """Never look again through what exists by now, and seldom through what comes.

    To be called when imports and set-up are done.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *OLDER)


def keep_memory() -> None:
    """Use the memory of freed arrays again, without the kernel.

    Columns of a few hundred KiB come and go many times a second; by glibc's defaults each is
    mapped anew and its pages cleared, a quarter of the CPU of receiving flows. Another C library
    is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
