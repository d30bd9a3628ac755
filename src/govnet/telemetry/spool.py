"""Batches on disk that the column store has not acknowledged yet.

One file is one batch of one table: an Arrow IPC stream, complete when it has its final name. The
name carries everything needed to send it again: order, table, rows, checksum, and the id by which
the store recognises a batch that it already has::

    000000000042.probe_result.400.1c291ca3.5f0c…e1.arrow

A file is written under a temporary name, synced, renamed, and its directory synced: after
:meth:`Spool.put` returns, the batch survives a kill or a power cut.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger()

_NAME = re.compile(
    r"(?P<sequence>\d{12,})\.(?P<table>[a-z0-9_]+)\.(?P<rows>\d+)"
    r"\.(?P<checksum>[0-9a-f]{8})\.(?P<token>[0-9a-f]{32})\.arrow\Z"
)
_QUARANTINE_FILES = 100


class SpoolInUseError(Exception):
    """Another process writes to this spool; the message says what to do."""


class CorruptBatchError(Exception):
    """A spool file is not what its name promises."""


@dataclass(frozen=True)
class Batch:
    """One spool file.

    Attributes:
        path: where it is.
        sequence: order of writing.
        table: the table that it belongs to.
        rows: number of rows.
        checksum: CRC-32 of the file, 8 hexadecimal digits.
        token: deduplication token, the same at every try.
        size: bytes.
    """

    path: Path
    sequence: int
    table: str
    rows: int
    checksum: str
    token: str
    size: int

    def read(self) -> bytes:
        """The Arrow stream.

        Raises:
            CorruptBatchError: the bytes do not match the checksum.
        """
        data = self.path.read_bytes()
        found = f"{zlib.crc32(data):08x}"
        if found != self.checksum:
            raise CorruptBatchError(f"checksum {found}, {len(data)} bytes of {self.size}")
        return data


def _parse(path: Path) -> Batch | None:
    match = _NAME.match(path.name)
    if not match:
        return None
    return Batch(
        path=path,
        sequence=int(match["sequence"]),
        table=match["table"],
        rows=int(match["rows"]),
        checksum=match["checksum"],
        token=match["token"],
        size=path.stat().st_size,
    )


class Spool:
    """The batches of one writer, oldest first, bounded in bytes.

    Args:
        directory: where the files are; made if it does not exist.
        max_bytes: the oldest batches are dropped above this.

    Raises:
        SpoolInUseError: another writer has this directory.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self.directory = directory
        self.quarantine_directory = directory / "quarantine"
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        self._guard = self._acquire()
        self._batches: dict[int, Batch] = {}
        self._load()
        self.bytes = sum(batch.size for batch in self._batches.values())
        self._sequence = max(self._batches, default=0)

    def _acquire(self) -> int:
        descriptor = os.open(self.directory / "spool.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise SpoolInUseError(
                f"another process writes to the spool {self.directory};"
                " give each process its own name or stop the other one"
            ) from None
        return descriptor

    def _load(self) -> None:
        for leftover in self.directory.glob("*.tmp"):
            leftover.unlink()  # never acknowledged
        for path in sorted(self.directory.glob("*.arrow")):
            batch = _parse(path)
            if batch:
                self._batches[batch.sequence] = batch
            else:
                log.warning("not a spool file, left alone", path=str(path))

    def __len__(self) -> int:
        with self._lock:
            return len(self._batches)

    def close(self) -> None:
        """Let another process have this spool."""
        os.close(self._guard)

    def put(self, table: str, rows: int, data: bytes | memoryview) -> Batch:
        """Write one batch; when this returns it survives a power cut.

        Raises:
            OSError: it could not be written, e.g. the disk is full; nothing is left behind.
        """
        with self._lock:
            self._sequence += 1
            sequence = self._sequence
        checksum, token = f"{zlib.crc32(data):08x}", uuid.uuid4().hex
        path = self.directory / f"{sequence:012d}.{table}.{rows}.{checksum}.{token}.arrow"
        temporary = path.with_suffix(".tmp")
        try:
            _write_synced(temporary, data)
            temporary.rename(path)
            _sync_directory(self.directory)
        except OSError:
            temporary.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise
        batch = Batch(path, sequence, table, rows, checksum, token, len(data))
        with self._lock:
            self._batches[sequence] = batch
            self.bytes += batch.size
        return batch

    def pending(self) -> list[Batch]:
        """Every batch not yet acknowledged by the store, oldest first."""
        with self._lock:
            return [self._batches[sequence] for sequence in sorted(self._batches)]

    def remove(self, batch: Batch) -> bool:
        """Delete a batch; False if it was gone already (dropped because the spool was full)."""
        with self._lock:
            if self._batches.pop(batch.sequence, None) is None:
                return False
            self.bytes -= batch.size
        batch.path.unlink(missing_ok=True)
        return True

    def quarantine(self, batch: Batch) -> None:
        """Set a batch aside where a person can look at it; the newest hundred are kept."""
        self.quarantine_directory.mkdir(exist_ok=True)
        with self._lock:
            if self._batches.pop(batch.sequence, None) is None:
                return
            self.bytes -= batch.size
        batch.path.replace(self.quarantine_directory / batch.path.name)
        for old in sorted(self.quarantine_directory.glob("*.arrow"))[:-_QUARANTINE_FILES]:
            old.unlink()

    def drop_oldest_over_limit(self) -> list[Batch]:
        """Delete the oldest batches until the limit is kept; returns what was lost."""
        dropped: list[Batch] = []
        for batch in self.pending():
            if self.bytes <= self.max_bytes:
                break
            if self.remove(batch):
                dropped.append(batch)
        return dropped


def _write_synced(path: Path, data: bytes | memoryview) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
