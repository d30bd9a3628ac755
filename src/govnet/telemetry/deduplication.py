"""Repair of the embedded store's deduplication logs after it was killed.

A plain MergeTree table writes an inserted block's id to its deduplication log *before* it renames
the finished part into place (seen with strace on ClickHouse 26.9: a write to
``deduplication_log_1.txt``, then the rename of ``tmp_insert_…``). Killed between the two, the table
remembers a block that it does not have; the writer's retry would be answered "already stored" and
its samples be lost. So before the store opens its tables, every remembered block whose part is not
on disk is forgotten; a line torn by a power cut is cut off.

The file format is ClickHouse's: ``<1 = added, 2 = dropped> TAB <part name> TAB <block id> LF``.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path

import structlog

log = structlog.get_logger()

_PART = re.compile(r"([0-9A-Za-z]+)_(\d+)_(\d+)_(\d+)(?:_\d+)?\Z")
_LOG = re.compile(r"deduplication_log_(\d+)\.txt\Z")
_ADDED, _DROPPED = "1", "2"


class _Coverage:
    """Which block numbers the parts of one table hold, per partition."""

    def __init__(self, names: Iterable[str]) -> None:
        spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for name in names:
            if match := _PART.match(name):
                spans[match[1]].append((int(match[2]), int(match[3])))
        self._first = {key: [first for first, _ in sorted(span)] for key, span in spans.items()}
        self._last_so_far = {
            key: list(accumulate((last for _, last in sorted(span)), max))
            for key, span in spans.items()
        }

    def holds(self, part: str) -> bool:
        """Whether a part, or one that it was merged into, is there; unreadable names are."""
        match = _PART.match(part)
        if not match:
            return True
        partition, block = match[1], int(match[3])
        index = bisect_right(self._first.get(partition, []), block) - 1
        return index >= 0 and self._last_so_far[partition][index] >= block


def logs_of_table(table: Path) -> list[Path]:
    """The deduplication logs of one table directory, oldest first."""
    numbered = [
        (int(match[1]), path)
        for path in (table / "deduplication_logs").glob("deduplication_log_*.txt")
        if (match := _LOG.match(path.name))
    ]
    return [path for _, path in sorted(numbered)]


def _whole_lines(path: Path) -> Iterator[list[str]]:
    """The records of a log; a torn tail is cut off the file."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        log.warning("torn deduplication record cut off", path=str(path), bytes=len(data) - whole)
        with path.open("r+b") as file:
            file.truncate(whole)
    for line in data[:whole].decode("ascii", "replace").splitlines():
        fields = line.split("\t")
        if len(fields) == 3:
            yield fields


def _remembered(logs: list[Path]) -> dict[str, str]:
    """Block id to part name, as the table will load it."""
    blocks: dict[str, str] = {}
    for path in logs:
        for operation, part, block in _whole_lines(path):
            if operation == _ADDED:
                blocks[block] = part
            else:
                blocks.pop(block, None)
    return blocks


def repair_table(table: Path) -> int:
    """Make one table directory forget the blocks that it does not have.

    Returns:
        How many were forgotten.
    """
    logs = logs_of_table(table)
    blocks = _remembered(logs)
    if not blocks:
        return 0
    coverage = _Coverage(path.name for path in table.iterdir())
    lost = [(block, name) for block, name in blocks.items() if not coverage.holds(name)]
    if lost:
        with logs[-1].open("a", encoding="ascii") as file:
            file.writelines(f"{_DROPPED}\t{name}\t{block}\n" for block, name in lost)
            file.flush()
            os.fsync(file.fileno())
    return len(lost)


def repair_store(directory: Path) -> int:
    """Repair every table below a chdb data directory that no process has open.

    Returns:
        How many remembered blocks without a part were forgotten.
    """
    forgotten = 0
    for logs in directory.glob("store/*/*/deduplication_logs"):
        forgotten += repair_table(logs.parent)
    if forgotten:
        log.warning("blocks forgotten that were announced but never stored", blocks=forgotten)
    return forgotten


class LogSync:
    """Puts deduplication logs on disk before an insert is acknowledged.

    Parts are synced by their table's own settings, the log is not: a power cut could bring a
    deleted spool file back to a store that no longer remembers its block.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._synced: dict[Path, int] = {}

    def __call__(self) -> None:
        """Sync every log that was written since the last call."""
        for logs in self._directory.glob("store/*/*/deduplication_logs"):
            for path in logs_of_table(logs.parent)[-1:]:
                written = path.stat().st_mtime_ns
                if self._synced.get(path) != written:
                    _fsync(path)
                    self._synced[path] = written


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
