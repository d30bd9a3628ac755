"""A process of the kill test: writes numbered probe results, reports what was acknowledged.

``python -m tests.telemetry.load_writer <first number> <report file>``. One line per acknowledged
range goes to the report file, synced, so that a kill -9 cannot take back what was promised.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np

from govnet.config import get_config
from govnet.telemetry.writer import Writer
from tests.telemetry.samples import probe_columns

ROWS = 200


def main() -> None:
    number, report = int(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
    writer = Writer("load", get_config(), flush_seconds=0.05)
    while True:
        ids = np.arange(number, number + ROWS, dtype=np.int64)
        writer.append("probe_result", probe_columns(np.full(ROWS, time.time()), ids))
        if writer.flush():
            os.write(report, f"{number} {number + ROWS}\n".encode())
            os.fsync(report)
        number += ROWS
        time.sleep(0.1)


if __name__ == "__main__":
    main()
