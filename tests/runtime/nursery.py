"""Starts a real process of GovNet again and again, quickly.

``python -m tests.runtime.nursery engine`` (or ``store``) imports once what takes long; each line
on its input forks a process that runs exactly what ``govnet engine`` runs from there on. Twenty
starts of an interpreter would be most of the time of a test that kills twenty times.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

from govnet.cli import setup_django
from govnet.config import get_config
from govnet.runtime.logs import configure_logging
from govnet.runtime.supervisor import end_with_parent


def warm_engine() -> None:
    setup_django()
    import govnet.runtime.engine  # noqa: F401, PLC0415  # needs Django


def warm_store() -> None:
    """Everything but chdb itself, which starts threads as soon as it is imported."""
    import numpy as np  # noqa: F401, PLC0415
    import pyarrow as pa  # noqa: F401, PLC0415
    import uvicorn  # noqa: F401, PLC0415
    from starlette.applications import Starlette  # noqa: F401, PLC0415

    import govnet.runtime.health  # noqa: PLC0415
    import govnet.telemetry.deduplication  # noqa: PLC0415
    import govnet.telemetry.migrations  # noqa: F401, PLC0415


def become_engine() -> int:
    from govnet.runtime.engine import run_engine  # noqa: PLC0415  # needs Django

    return run_engine(get_config())


def become_store() -> int:
    from govnet.runtime.store import run_store  # noqa: PLC0415  # starts chdb's threads

    return run_store(get_config())


PROCESSES: Final[dict[str, tuple[Callable[[], None], Callable[[], int]]]] = {
    "engine": (warm_engine, become_engine),
    "store": (warm_store, become_store),
}
"""What is imported before the fork, and what runs after it."""


def child(name: str, become: Callable[[], int]) -> None:
    code = 1
    try:
        end_with_parent()
        os.dup2(2, 1)  # the log goes where errors go; the other pipe is the nursery's
        configure_logging(name)
        code = become()
    finally:
        os._exit(code)


def main(name: str) -> None:
    """Fork at each line; say the process's id, and its exit status when it has ended."""
    warm, become = PROCESSES[name]
    warm()
    for _line in sys.stdin:
        pid = os.fork()
        if not pid:
            child(name, become)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
