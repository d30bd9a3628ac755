"""Starts the real engine again and again, each in a process of its own, quickly.

``python -m tests.runtime.nursery`` imports everything once; each line on its input forks a
process that runs exactly what ``govnet engine`` runs from there on. Twenty starts of an
interpreter with Django would be most of the time of a test that kills twenty times.
"""

from __future__ import annotations

import os
import sys

from govnet.cli import setup_django
from govnet.config import get_config
from govnet.runtime.logs import configure_logging
from govnet.runtime.supervisor import end_with_parent


def become_engine() -> int:
    from govnet.runtime.engine import run_engine  # noqa: PLC0415  # needs Django

    end_with_parent()
    os.dup2(2, 1)  # the log goes where errors go; the other pipe is the nursery's
    configure_logging("engine")
    return run_engine(get_config())


def main() -> None:
    """Fork at each line; say the process's id, and its exit status when it has ended."""
    setup_django()
    import govnet.runtime.engine  # noqa: F401, PLC0415  # needs Django

    for _line in sys.stdin:
        pid = os.fork()
        if not pid:
            code = 1
            try:
                code = become_engine()
            finally:
                os._exit(code)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
