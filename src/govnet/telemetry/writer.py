"""The way in: rows are batched, put on disk, then sent to the column store.

**Acknowledged** means: on disk in the spool. :meth:`Writer.append` only takes rows into memory and
returns a ticket; a row is acknowledged when :attr:`Writer.acknowledged` has reached its ticket, at
the latest ``flush_seconds`` later, or when :meth:`Writer.flush` has returned True. An acknowledged
row is in the store exactly once in the end, whatever is killed in between; only a spool that grows
over ``spool_max_mib`` loses its oldest batches, counted and alarmed.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypedDict

import pyarrow as pa
import structlog
from clickhouse_connect.driver.exceptions import DatabaseError
from prometheus_client import Counter, Gauge

from govnet.config import Config
from govnet.telemetry.client import TelemetryUnavailableError, guarded, shared_client
from govnet.telemetry.columns import ColumnData, narrowed, to_batch
from govnet.telemetry.spool import Batch, CorruptBatchError, Spool

log = structlog.get_logger()

FLUSH_ROWS: Final = 100_000
BATCH_ROWS: Final = 100_000
BUFFER_ROWS: Final = 1_000_000
LARGE_ROWS: Final = 8_192
"""A batch of so many rows is spooled as it is: joining copies it, into memory fresh from the
kernel each time."""

RETRY_FIRST_S: Final = 0.25
RETRY_LONGEST_S: Final = 30.0

# The batch itself is at fault; sending it again can only fail again. Everything else (memory,
# disk, busy, unknown table before its migration) may pass, so the batch stays in the spool.
PERMANENT_CODES: Final = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        8,  # THERE_IS_NO_COLUMN
        10,  # NOT_FOUND_COLUMN_IN_BLOCK
        16,  # NO_SUCH_COLUMN_IN_TABLE
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        33,  # CANNOT_READ_ALL_DATA
        44,  # ILLEGAL_COLUMN
        47,  # UNKNOWN_IDENTIFIER
        50,  # UNKNOWN_TYPE
        53,  # TYPE_MISMATCH
        62,  # SYNTAX_ERROR
        70,  # CANNOT_CONVERT_TYPE
        117,  # INCORRECT_DATA
        229,  # QUERY_IS_TOO_LARGE
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        636,  # CANNOT_EXTRACT_TABLE_STRUCTURE
    }
)

ROWS = Counter("govnet_telemetry_rows_total", "Rows through the writer", ["table", "stage"])
SPOOLED_BYTES = Gauge("govnet_telemetry_spooled_bytes", "Bytes waiting for the store")
SPOOLED_BATCHES = Gauge("govnet_telemetry_spooled_batches", "Batches waiting for the store")
SPOOL_FULL = Gauge("govnet_telemetry_spool_full", "1 while the oldest batches are being dropped")
ERRORS = Counter("govnet_telemetry_errors_total", "Failed steps", ["step"])


AlarmKind = Literal["", "spool_full", "spool_failing", "set_aside"]
"""What keeps samples from the store, worst first; empty when nothing does."""


class WriterStatus(TypedDict):
    """What a health page shows of one writer.

    ``rows_*`` count since the process started: ``appended`` taken into memory, ``acknowledged``
    on disk, ``inserted`` in the store, ``dropped`` lost because spool or memory were full,
    ``quarantined`` refused by the store or damaged. ``lag_s``: age of the oldest batch that the
    store has not got. ``alarm``: one sentence that a person must see, else empty;
    ``alarm_kind`` says the same for programs.
    """

    rows_appended: int
    rows_acknowledged: int
    rows_inserted: int
    rows_dropped: int
    rows_quarantined: int
    rows_buffered: int
    spooled_bytes: int
    spooled_batches: int
    lag_s: float
    full: bool
    last_error: str
    alarm: str
    alarm_kind: AlarmKind


class Sender(Protocol):
    """Puts one batch into the store."""

    def __call__(self, batch: Batch, data: bytes) -> None:
        """Return when the store has it; raise what :func:`guarded` raises when not."""


@dataclass
class _Chunk:
    """Rows of one table between append and spool."""

    table: str
    first_ticket: int
    batches: list[pa.RecordBatch] = field(default_factory=list)
    rows: int = 0

    def encode(self, compression: str) -> memoryview:
        """One Arrow stream: one block in the store, one deduplication id.

        The store joins what it reads; many small batches are joined here, or their headers would
        be most of the stream.
        """
        batches = self.batches
        if self.rows < LARGE_ROWS * len(batches):
            batches = pa.Table.from_batches(batches).combine_chunks().to_batches()
        batches = narrowed(batches)
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
        with pa.ipc.new_stream(sink, batches[0].schema, options=options) as stream:
            for batch in batches:
                stream.write_batch(batch)
        return memoryview(sink.getvalue())


def http_sender(config: Config) -> Sender:
    """The real sender: ClickHouse's HTTP interface with a deduplication token."""

    def send(batch: Batch, data: bytes) -> None:
        names = pa.ipc.open_stream(data).schema.names
        settings = {
            "insert_deduplication_token": batch.token,
            "insert_deduplicate": 1,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
            "async_insert": 0,
            # A block's rollup rows are one per key already; merging them once more at the
            # insert would find nothing, for a quarter of its CPU.
            "optimize_on_insert": 0,
        }
        client = shared_client(config)
        guarded(
            lambda: client.raw_insert(
                batch.table, names, insert_block=data, settings=settings, fmt="ArrowStream"
            )
        )

    return send


class Writer:
    """Batches, spools and sends rows; one per process, safe to use from any thread.

    Args:
        process: name of the process; its spool is ``<data_dir>/spool/<process>``.
        config: the settings.
        flush_rows: buffered rows that start a batch at once.
        flush_seconds: age of the oldest buffered row that starts a batch; by default the setting.
        batch_rows: rows of the largest batch; below the store's block size, or a batch would
            not be recognised as one when it is sent again.
        compression: of spool files; ``lz4`` costs less CPU than ``zstd``, for more disk.
        sender: puts a batch into the store; tests replace it.

    Raises:
        SpoolInUseError: another process of this name runs.
        OSError: the spool directory cannot be used.
    """

    def __init__(
        self,
        process: str,
        config: Config,
        *,
        flush_rows: int = FLUSH_ROWS,
        flush_seconds: float | None = None,
        batch_rows: int = BATCH_ROWS,
        compression: Literal["lz4", "zstd"] = "zstd",
        sender: Sender | None = None,
    ) -> None:
        self._flush_rows = flush_rows
        self._flush_seconds = flush_seconds or config.flush_seconds
        self._batch_rows = batch_rows
        self._compression = compression
        self._send = sender or http_sender(config)
        self._spool = Spool(config.spool_dir(process), config.spool_max_mib * 2**20)
        self._lock = threading.Condition()
        self._buffers: dict[str, _Chunk] = {}
        self._waiting: list[_Chunk] = []
        self._buffered_rows = 0
        self._in_hand: _Chunk | None = None
        self._flush_wanted = False
        self._last_ticket = 0
        self._acknowledged = 0
        self._lost_since_flush = False
        self._tally: Tally[str] = Tally()
        self._since = {batch.sequence: _written_at(batch) for batch in self._spool.pending()}
        self._errors: dict[str, str] = {}
        self._full = False
        self._closing = False
        self._has_work = threading.Event()
        self._stop_sending = threading.Event()
        self._threads = [
            threading.Thread(target=self._spool_loop, name="telemetry-spool", daemon=True),
            threading.Thread(target=self._send_loop, name="telemetry-send", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._has_work.set()  # whatever an earlier process left

    # --- callers' side ---------------------------------------------------------------------

    @property
    def acknowledged(self) -> int:
        """The highest ticket up to which every row is on disk (or was counted as dropped)."""
        with self._lock:
            return self._acknowledged

    def append(self, table: str, columns: Mapping[str, ColumnData]) -> int:
        """Take rows; never blocks on disk or network.

        Args:
            table: a raw table's name.
            columns: see :func:`govnet.telemetry.columns.to_batch`.

        Returns:
            A ticket to compare with :attr:`acknowledged`.

        Raises:
            ValueError: the columns do not fit the table.
            RuntimeError: the writer is closed.
        """
        batch = to_batch(table, columns)
        with self._lock:
            if self._closing:
                raise RuntimeError("the telemetry writer is closed")
            self._last_ticket += 1
            ticket = self._last_ticket
            if not batch.num_rows:
                return ticket
            self._buffer(table, ticket, batch)
            if self._buffered_rows >= self._flush_rows:
                self._lock.notify_all()
            return ticket

    def flush(self, timeout: float = 10.0) -> bool:
        """Put everything appended so far on disk.

        Returns:
            True: every row appended before this call is acknowledged, and none was dropped from
            memory since the last call. False: not in ``timeout`` seconds, or some were dropped.
        """
        with self._lock:
            ticket = self._last_ticket
            self._flush_wanted = True
            self._lock.notify_all()
            done = self._lock.wait_for(lambda: self._acknowledged >= ticket, timeout)
            lost, self._lost_since_flush = self._lost_since_flush, False
            return done and not lost

    def wait_inserted(self, timeout: float) -> bool:
        """Wait until the store has everything that is in the spool now or earlier."""
        deadline = time.monotonic() + timeout
        while len(self._spool):
            if time.monotonic() > deadline:
                return False
            self._has_work.set()
            time.sleep(0.02)
        return True

    def close(self, timeout: float = 5.0) -> bool:
        """Put the rest on disk, send what can be sent in ``timeout`` seconds, and stop.

        Returns:
            Whether everything is on disk; what the store has not got stays in the spool.
        """
        deadline = time.monotonic() + timeout
        on_disk = self.flush(timeout)
        with self._lock:
            self._closing = True
            self._lock.notify_all()
        with self._lock:
            store_answers = "send" not in self._errors
        if store_answers:
            self.wait_inserted(max(0.0, deadline - time.monotonic()))
        self._stop_sending.set()
        self._has_work.set()
        for thread in self._threads:
            thread.join(max(0.2, deadline - time.monotonic()))
        self._spool.close()
        return on_disk

    def status(self) -> WriterStatus:
        """Numbers and alarms for health pages."""
        pending = self._spool.pending()
        with self._lock:
            since = [self._since.get(batch.sequence, 0.0) for batch in pending]
            buffered = self._buffered_rows
            errors = dict(self._errors)
            kind = self._alarm_kind(errors)
            return WriterStatus(
                rows_appended=self._tally["appended"],
                rows_acknowledged=self._tally["acknowledged"],
                rows_inserted=self._tally["inserted"],
                rows_dropped=self._tally["dropped"],
                rows_quarantined=self._tally["quarantined"],
                rows_buffered=buffered,
                spooled_bytes=self._spool.bytes,
                spooled_batches=len(pending),
                lag_s=round(time.monotonic() - min(since), 1) if since else 0.0,
                full=self._full,
                last_error=errors.get("spool") or errors.get("send") or errors.get("batch", ""),
                alarm=self._alarm(kind, errors),
                alarm_kind=kind,
            )

    def _alarm_kind(self, errors: Mapping[str, str]) -> AlarmKind:
        if self._full:
            return "spool_full"
        if "spool" in errors:
            return "spool_failing"
        return "set_aside" if self._tally["quarantined"] else ""

    def _alarm(self, kind: AlarmKind, errors: Mapping[str, str]) -> str:
        match kind:
            case "spool_full":
                return "the telemetry spool is full: the oldest samples are being dropped"
            case "spool_failing":
                return f"samples cannot be put on disk: {errors['spool']}"
            case "set_aside":
                return f"samples were set aside in {self._spool.quarantine_directory}"
        return ""

    # --- memory to disk --------------------------------------------------------------------

    def _buffer(self, table: str, ticket: int, batch: pa.RecordBatch) -> None:
        chunk = self._buffers.get(table)
        if chunk is None or chunk.rows >= self._batch_rows:
            if chunk:
                self._waiting.append(chunk)
            chunk = self._buffers[table] = _Chunk(table, ticket)
        chunk.batches.append(batch)
        chunk.rows += batch.num_rows
        self._buffered_rows += batch.num_rows
        self._count("appended", table, batch.num_rows)
        droppable = [waiting for waiting in self._waiting if waiting is not self._in_hand]
        for oldest in droppable:
            if self._buffered_rows <= BUFFER_ROWS:
                break
            self._waiting.remove(oldest)
            self._buffered_rows -= oldest.rows
            self._count("dropped", oldest.table, oldest.rows)
            self._lost_since_flush = True

    def _spool_loop(self) -> None:
        failures = 0
        while True:
            with self._lock:
                patience = _backoff(failures) if failures else self._flush_seconds
                self._lock.wait_for(self._stopping if failures else self._due, patience)
                if self._closing and (failures or not (self._buffers or self._waiting)):
                    return
                self._waiting.extend(self._buffers.values())
                self._buffers = {}
                self._flush_wanted = False
            failures = 0 if self._step("spool", self._spool_waiting) else failures + 1

    def _stopping(self) -> bool:
        return self._closing

    def _due(self) -> bool:
        return self._closing or self._flush_wanted or self._buffered_rows >= self._flush_rows

    def _spool_waiting(self) -> bool:
        while True:
            with self._lock:
                if not self._waiting:
                    self._errors.pop("spool", None)
                    self._acknowledge()
                    return True
                chunk = self._in_hand = self._waiting[0]
            try:
                batch = self._spool.put(chunk.table, chunk.rows, chunk.encode(self._compression))
            except OSError as error:
                self._failed("spool", error)
                return False
            with self._lock:
                self._since[batch.sequence] = time.monotonic()
            self._enforce_limit()
            with self._lock:
                self._in_hand = None
                self._waiting.remove(chunk)
                self._buffered_rows -= chunk.rows
                self._count("acknowledged", chunk.table, chunk.rows)
                self._acknowledge()
            self._has_work.set()

    def _acknowledge(self) -> None:
        held = [chunk.first_ticket for chunk in (*self._waiting, *self._buffers.values())]
        self._acknowledged = min(held) - 1 if held else self._last_ticket
        self._lock.notify_all()

    def _enforce_limit(self) -> None:
        dropped = self._spool.drop_oldest_over_limit()
        with self._lock:
            for batch in dropped:
                self._since.pop(batch.sequence, None)
                self._count("dropped", batch.table, batch.rows)
            if dropped and not self._full:
                log.error("telemetry spool full, dropping the oldest", limit=self._spool.max_bytes)
            if dropped:
                self._full = True
            elif self._spool.bytes < 0.9 * self._spool.max_bytes:
                self._full = False
        self._gauges()

    # --- disk to store ---------------------------------------------------------------------

    def _send_loop(self) -> None:
        failures = 0
        while not self._stop_sending.is_set():
            self._has_work.wait(RETRY_LONGEST_S)
            self._has_work.clear()
            failures = 0 if self._step("send", self._send_pending) else failures + 1
            if failures:
                self._stop_sending.wait(_backoff(failures))
                self._has_work.set()

    def _send_pending(self) -> bool:
        """Send what is there, in order; a table that the store refuses does not hold up others."""
        refused: set[str] = set()
        for batch in self._spool.pending():
            if self._stop_sending.is_set():
                return True
            if batch.table in refused:
                continue
            try:
                self._send_one(batch)
            except TelemetryUnavailableError as error:
                self._failed("send", error)
                return False
            except (DatabaseError, OSError) as error:
                self._failed("send", error)
                refused.add(batch.table)
        if not refused:
            with self._lock:
                self._errors.pop("send", None)
        return not refused

    def _send_one(self, batch: Batch) -> None:
        try:
            self._send(batch, batch.read())
        except FileNotFoundError:
            return  # dropped meanwhile because the spool was full; counted there
        except CorruptBatchError as error:
            self._quarantine(batch, error)
            return
        except (pa.ArrowException, DatabaseError) as error:
            if isinstance(error, DatabaseError) and error.code not in PERMANENT_CODES:
                raise
            self._quarantine(batch, error)
            return
        if self._spool.remove(batch):
            self._finished(batch, "inserted")
        self._enforce_limit()

    def _quarantine(self, batch: Batch, error: Exception) -> None:
        self._failed("batch", error)
        log.error("telemetry batch set aside", file=batch.path.name, reason=str(error)[:300])
        self._spool.quarantine(batch)
        self._finished(batch, "quarantined")

    # --- book-keeping ----------------------------------------------------------------------

    def _step(self, name: str, work: Callable[[], bool]) -> bool:
        """Run one pass of a thread; an error nobody foresaw must not end the thread silently."""
        try:
            return work()
        except Exception as error:  # the boundary of both threads
            log.exception("telemetry writer step failed unexpectedly", step=name)
            self._failed(name, error)
            return False

    def _finished(self, batch: Batch, stage: str) -> None:
        with self._lock:
            self._since.pop(batch.sequence, None)
            self._count(stage, batch.table, batch.rows)
        self._gauges()

    def _failed(self, step: str, error: Exception) -> None:
        ERRORS.labels(step).inc()
        text = f"{type(error).__name__}: {error}"[:500]
        with self._lock:
            known = step in self._errors
            self._errors[step] = text
        if not known:
            log.warning("telemetry step failed, will be tried again", step=step, reason=text)

    def _count(self, stage: str, table: str, rows: int) -> None:
        self._tally[stage] += rows
        ROWS.labels(table, stage).inc(rows)

    def _gauges(self) -> None:
        SPOOLED_BYTES.set(self._spool.bytes)
        SPOOLED_BATCHES.set(len(self._spool))
        SPOOL_FULL.set(self._full)


def _written_at(batch: Batch) -> float:
    """When a batch of an earlier process was written, on this process's monotonic clock."""
    age = max(0.0, time.time() - batch.path.stat().st_mtime)
    return time.monotonic() - age


def _backoff(failures: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds before the next try: doubling, at most half a minute, spread over its upper half."""
    longest: float = min(RETRY_LONGEST_S, RETRY_FIRST_S * 2 ** min(failures - 1, 10))
    return longest * (0.5 + 0.5 * jitter())
