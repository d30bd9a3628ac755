"""At most one of each process per data directory; a lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from govnet.config import open_data_dir


class AlreadyRunningError(Exception):
    """Another process holds the lock; the message says which and what to do."""


@contextmanager
def only_one(data_dir: Path, name: str) -> Iterator[None]:
    """Hold ``<data_dir>/<name>.lock`` while the block runs.

    ``flock`` and not a PID file: the kernel releases it however the holder ends, so a
    kill -9 or a power cut never leaves a stale lock.

    Raises:
        AlreadyRunningError: another process holds it.
        ConfigError: the directory cannot be used.
    """
    path = open_data_dir(data_dir) / f"{name}.lock"
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise AlreadyRunningError(
                f"`govnet {name}` already runs on {data_dir} (process {holder})."
                " Stop it, or set GOVNET_DATA_DIR to another directory."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
