"""Rings at another process of this installation, so that it looks before its time by the clock.

A ring says nothing but "look": what there is to see is in the database. One that comes to nobody
costs the wait until the next look and nothing else. A named pipe: it has the mode of a file, no
limit on its path, and nobody waits at either end.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Final

from govnet.config import get_config

CORRELATOR: Final = "correlator"
ENGINE: Final = "engine"

_ROOM: Final = 65_536


def _path(data_dir: Path, name: str) -> Path:
    return data_dir / f"{name}.bell"


class Bell:
    """The bell of a process, by its name; there for as long as the object."""

    def __init__(self, data_dir: Path, name: str) -> None:
        path = _path(data_dir, name)
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # Open for both: with no other writer a reader would be told the end again and again.
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """For who waits for several things."""
        return self._pipe

    def wait(self, seconds: float) -> None:
        """Wait until it rings, or for so long."""
        waiting = select.poll()
        waiting.register(self._pipe, select.POLLIN)
        waiting.poll(seconds * 1000)
        self.hush()

    def hush(self) -> None:
        """All that rang is heard."""
        with suppress(BlockingIOError):
            os.read(self._pipe, _ROOM)

    def ring(self) -> None:
        """Ring at oneself; may be called in a signal handler."""
        with suppress(BlockingIOError):  # it rings already
            os.write(self._pipe, b"\0")

    def close(self) -> None:
        """Take it down."""
        os.close(self._pipe)


def ring(name: str) -> None:
    """Ring at a process of this installation; whether it runs is its own affair."""
    try:
        pipe = os.open(_path(get_config().data_dir, name), os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        with suppress(BlockingIOError):
            os.write(pipe, b"\0")
    finally:
        os.close(pipe)
