"""What the engine has to tell the SQL database, kept while the database is away.

Measuring never waits for the database: changes of state queue up in order, last values
overwrite each other, and both are written when it answers again. All of it happens in one
thread with one connection.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from prometheus_client import Counter, Gauge

from govnet.core.bell import CORRELATOR, ring
from govnet.engine.result import Outcome, Result
from govnet.engine.state import Change
from govnet.monitor import services
from govnet.runtime.health import PerMinute

log = structlog.get_logger()

T = TypeVar("T")

TOUCH_S: Final = 5.0
"""Seconds between two refreshes of the last values."""

MAX_CHANGES: Final = 100_000
"""Changes kept while the database is away; beyond that the oldest goes, counted. The state of
its target is set right by the comparison that follows."""

BATCH: Final = 200
"""Changes in one transaction: a mass outage must not hold SQLite's only write lock for long."""

RETRY_FIRST_S: Final = 0.5
RETRY_LONGEST_S: Final = 10.0
DATABASE_ERRORS: Final = (DatabaseError, InterfaceError)

_ERRORS = Counter("govnet_engine_database_errors_total", "Writes that the database refused")
_DROPPED = Counter("govnet_engine_changes_dropped_total", "Changes of state lost, queue full")
_WAITING = Gauge("govnet_engine_changes_waiting", "Changes of state not yet in the database")


class Journal:
    """Writes the engine's findings to the database; used in the event loop."""

    def __init__(self) -> None:
        self.flips = PerMinute()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._changes: deque[tuple[Change, Mapping[str, Any]]] = deque()
        self._results: dict[int, Result] = {}
        self._answers: dict[int, float] = {}
        self._answers_untold: set[int] = set()
        self._answers_asked_for = False
        self._ports: dict[int, services.PortReading] = {}
        self._devices: dict[int, services.DeviceReading] = {}
        self._interfaces: dict[int, services.InterfaceReading] = {}
        self._wanted = asyncio.Event()
        self._failing_since: float | None = None
        self._touched = time.monotonic()

    # What there is to tell

    def change(self, change: Change, detail: Mapping[str, Any] | None = None) -> None:
        """A confirmed change of state; written at once."""
        if len(self._changes) >= MAX_CHANGES:
            self._changes.popleft()
            _DROPPED.inc()
        self._changes.append((change, detail or {}))
        _WAITING.set(len(self._changes))
        self._wanted.set()

    def last_value(self, result: Result) -> None:
        """A target's last value; written with the next refresh."""
        self._results[result.target_id] = result

    def answer(self, result: Result) -> None:
        """Keep when a target last answered: a last value tells only of a whole interval."""
        if result.outcome in (Outcome.OK, Outcome.DEGRADED):
            self._answers[result.target_id] = result.ts
            self._answers_untold.add(result.target_id)

    def tell_answers(self) -> None:
        """The correlator waits for a word of what stands above: write all answers now."""
        self._answers_asked_for = True
        self._wanted.set()

    def readings(
        self,
        devices: Iterable[services.DeviceReading],
        ports: Iterable[services.PortReading],
    ) -> None:
        """What the last polls said; written with the next refresh."""
        self._devices.update((device.device_id, device) for device in devices)
        self._ports.update((port.port_id, port) for port in ports)

    def interfaces(self, readings: Iterable[services.InterfaceReading]) -> None:
        """What devices have; written with the next refresh."""
        self._interfaces.update((reading.device_id, reading) for reading in readings)

    # How it goes

    @property
    def changes_waiting(self) -> int:
        """Changes of state that the database does not have yet."""
        return len(self._changes)

    @property
    def failing_s(self) -> float:
        """Seconds since the database began to refuse; 0 while it takes what it is given."""
        return time.monotonic() - self._failing_since if self._failing_since else 0.0

    # Work

    async def ask(self, work: Callable[[], T]) -> T:
        """Run one piece of database work in the journal's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, _connected, work)

    async def keep_writing(self) -> None:
        """Write for ever: changes at once, last values every ``TOUCH_S`` seconds."""
        wait_s = RETRY_FIRST_S
        while True:
            if self._failing_since is None:
                wait_s = RETRY_FIRST_S
                await self._until_due()
            else:
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_LONGEST_S)
            await self.write()

    async def _until_due(self) -> None:
        due_s = max(self._touched + TOUCH_S - time.monotonic(), 0)
        try:
            await asyncio.wait_for(self._wanted.wait(), due_s)
        except TimeoutError:
            return

    async def write(self, *, everything: bool = False) -> bool:
        """Write what is due.

        Args:
            everything: the last values too, though their time has not come (at the stop).

        Returns:
            False when the database refused; what was not written is kept.
        """
        self._wanted.clear()
        try:
            if self._changes:
                await self._write_changes()
                await asyncio.to_thread(ring, CORRELATOR)
            if everything or time.monotonic() >= self._touched + TOUCH_S:
                await self._write_last_values()
            if self._answers_asked_for:
                await self._write_answers()
        except DATABASE_ERRORS as error:
            _ERRORS.inc()
            if self._failing_since is None:
                self._failing_since = time.monotonic()
                log.warning("database does not take what was measured", reason=str(error))
            return False
        if self._failing_since is not None:
            log.info("database answers again", after_s=round(self.failing_s, 1))
        self._failing_since = None
        return True

    async def _write_changes(self) -> None:
        while self._changes:
            batch = [self._changes.popleft() for _ in range(min(BATCH, len(self._changes)))]
            try:
                won = await self.ask(partial(services.apply_changes, batch))
            except DATABASE_ERRORS:
                self._changes.extendleft(reversed(batch))
                raise
            finally:
                _WAITING.set(len(self._changes))
            self.flips.add(won)

    async def _write_answers(self) -> None:
        untold, self._answers_untold = self._answers_untold, set()
        try:
            await self.ask(partial(services.note_answers, {pk: self._answers[pk] for pk in untold}))
        except DATABASE_ERRORS:
            self._answers_untold |= untold
            raise
        self._answers_asked_for = False

    async def _write_last_values(self) -> None:
        results, self._results = self._results, {}
        ports, self._ports = self._ports, {}
        devices, self._devices = self._devices, {}
        interfaces, self._interfaces = self._interfaces, {}
        try:
            answers = {pk: self._answers[pk] for pk in results.keys() & self._answers.keys()}
            await self.ask(partial(_refresh, results, answers, ports, devices, interfaces))
        except DATABASE_ERRORS:
            # What came in meanwhile is newer.
            self._results = {**results, **self._results}
            self._ports = {**ports, **self._ports}
            self._devices = {**devices, **self._devices}
            self._interfaces = {**interfaces, **self._interfaces}
            raise
        self._touched = time.monotonic()

    async def close(self) -> None:
        """Let the thread end; the last writes were asked for before."""
        await self.ask(_disconnect)
        self._thread.shutdown(wait=False, cancel_futures=True)


def _disconnect() -> None:
    connection.close()  # the thread's own connection: the name stands for one per thread


def _connected(work: Callable[[], T]) -> T:
    close_old_connections()
    return work()


def _refresh(
    results: Mapping[int, Result],
    answers: Mapping[int, float],
    ports: Mapping[int, services.PortReading],
    devices: Mapping[int, services.DeviceReading],
    interfaces: Mapping[int, services.InterfaceReading],
) -> None:
    services.touch(results.values(), answers)
    services.write_port_readings(ports.values())
    services.write_device_readings(devices.values())
    services.write_interface_readings(interfaces.values())
