"""The engine process: measures what the inventory asks for, and tells what it found.

One asyncio loop runs all probes. Samples go to the telemetry writer once a second, changes of
state and last values to the SQL database through the journal, in a thread of its own: neither
a store nor a database that is away stops the measuring.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import structlog
from prometheus_client import Counter

from govnet.config import Config
from govnet.core.bell import ENGINE, Bell
from govnet.engine.lines import LineTracker
from govnet.engine.probes.registry import ProbeRegistry
from govnet.engine.result import Outcome, Result, State, Target
from govnet.engine.sampling import Windows
from govnet.engine.scheduler import Scheduler
from govnet.engine.snmp.model import DevicePoll, SnmpDevice
from govnet.engine.snmp.poll import SnmpPoller
from govnet.engine.snmp.rates import CounterHistory
from govnet.engine.state import Change, Moment, StateTracker, StoredState
from govnet.inventory.services import Interfaces, bind_ports
from govnet.monitor import services
from govnet.monitor.generate import sync_targets
from govnet.monitor.watched import Watched, load
from govnet.runtime.collector import calm_collector
from govnet.runtime.health import Condition, PerMinute, serving_health
from govnet.runtime.journal import DATABASE_ERRORS, Journal
from govnet.runtime.locks import only_one
from govnet.runtime.polls import (
    PortIndex,
    device_readings,
    interface_readings,
    port_links,
    port_readings,
)
from govnet.runtime.samples import Samples
from govnet.telemetry.writer import Writer

log = structlog.get_logger()

FOLLOW_S: Final = 2.0
"""Seconds between two looks at the revision: how soon a change of the inventory is measured."""

FULL_PASS_S: Final = 60.0
"""Seconds after which everything is read again though no revision was raised: rows written in
bulk or by hand raise none, and a state that the database missed is set right."""

SOON_S: Final = 10.0
"""A new target with a longer interval than this is measured once within so many seconds."""

HAND_OVER_S: Final = 1.0
STOP_PROBES_S: Final = 1.0
STOP_WRITER_S: Final = 1.0
HUNG_S: Final = 5.0
DATABASE_PATIENCE_S: Final = 30.0

_SAMPLES = Counter("govnet_engine_samples_total", "Rows handed to the telemetry writer")


class Engine:
    """Everything that one probe point does; made and run in the event loop."""

    def __init__(self, config: Config) -> None:
        self._writer = Writer("engine", config)
        self._journal = Journal()
        self._bell = Bell(config.data_dir, ENGINE)
        self._samples = Samples()
        self._windows = Windows()
        self._tracker = StateTracker()
        self._lines = LineTracker()
        self._history = CounterHistory()
        self._poller = SnmpPoller()
        self._registry = ProbeRegistry(self._poller)
        self._scheduler = Scheduler(
            self._probe, self._on_result, concurrency=config.probe_concurrency
        )
        self._watched = Watched()
        self._ports = PortIndex({})
        self._line_ports: dict[int, dict[int, int]] = {}
        self._polls: dict[int, DevicePoll] = {}
        self._interfaces: dict[int, Interfaces] = {}
        self._unlike: set[int] = set()
        self._whole: set[int] = set()
        self._revision = -1
        self._followed_at = -FULL_PASS_S
        self._restored = False
        self._beat = time.monotonic()
        self._probes = PerMinute()
        self._rows = PerMinute()
        self._stored = PerMinute()
        self._inserted = 0

    # Life

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until ``stop`` is set, then put everything where it belongs."""
        await self._registry.start()
        await self._poller.start()
        self._scheduler.start()
        asyncio.get_running_loop().add_reader(self._bell, self._on_ring)
        loops = [
            asyncio.create_task(loop)
            for loop in (
                self._follow_for_ever(),
                self._tick_for_ever(),
                self._journal.keep_writing(),
            )
        ]
        stopped = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([stopped, *loops], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()  # a loop that ends has broken: let the process end with its reason
        finally:
            for task in (stopped, *loops):
                task.cancel()
            await self._wind_up()

    def _on_ring(self) -> None:
        """The correlator holds a notice back until it hears what still answers."""
        self._bell.hush()
        self._journal.tell_answers()

    async def _wind_up(self) -> None:
        asyncio.get_running_loop().remove_reader(self._bell)
        self._bell.close()
        await self._scheduler.stop(STOP_PROBES_S)
        for result in self._windows.flush():
            self._keep(result)
        self._take_polls()
        self._samples.hand_over(self._writer)
        await self._journal.write(everything=True)
        on_disk = await asyncio.to_thread(self._writer.close, STOP_WRITER_S)
        await self._journal.close()
        await self._poller.close()
        await self._registry.close()
        log.info("engine stopped", all_on_disk=on_disk, changes_lost=self._journal.changes_waiting)

    # What to measure

    async def _follow_for_ever(self) -> None:
        while True:
            try:
                await self._follow()
            except DATABASE_ERRORS as error:
                log.warning("cannot read what to measure, going on as before", reason=str(error))
            await asyncio.sleep(FOLLOW_S)

    async def _follow(self) -> None:
        """Read everything again when the revision was raised or a minute has passed."""
        moved = await self._rebind()
        revision = await self._journal.ask(services.revision)
        due = time.monotonic() >= self._followed_at + FULL_PASS_S
        if revision == self._revision and not due:
            return
        watched = await self._journal.ask(partial(_sync_and_load, dict(self._interfaces)))
        self._revision, self._followed_at = revision, time.monotonic()
        if watched != self._watched:
            self._adopt(watched)
        for target_id, device in watched.devices.items():
            if device.id in moved:  # its last readings went to the ports as they were before
                self._scheduler.hurry(target_id, 0.0)
        stored = await self._journal.ask(services.stored_states)
        self._compare(stored)

    async def _rebind(self) -> set[int]:
        """Let ports follow the devices whose interfaces are not what they were.

        A change raises the ledger's revision, which is read right after this.

        Returns:
            ids of these devices when a port of theirs changed.
        """
        unlike = {pk: self._interfaces[pk] for pk in self._unlike & self._interfaces.keys()}
        bound = await self._journal.ask(partial(_bind, unlike)) if unlike else 0
        self._unlike -= unlike.keys()
        return set(unlike) if bound else set()

    def _adopt(self, watched: Watched) -> None:
        """Measure exactly this from now on."""
        gone = {d.id for d in self._watched.devices.values()}
        gone -= {d.id for d in watched.devices.values()}
        for device_id in gone:
            self._poller.forget(device_id)
            self._history.forget(device_id)
            self._interfaces.pop(device_id, None)
        ids = {target.id for target in watched.targets}
        new = ids - {target.id for target in self._watched.targets}
        self._watched = watched
        self._ports = PortIndex(watched.ports)
        self._line_ports = _line_ports(watched)
        self._lines.set_lines(watched.lines, Moment.now())
        self._whole &= ids
        self._record(self._tracker.set_targets(watched.targets, Moment.now()))
        for result in self._windows.set_targets(watched.targets):
            self._keep(result)
        self._scheduler.set_targets(watched.targets)
        self._measure_soon([t for t in watched.targets if t.id in new])
        log.info("measuring", targets=len(watched.targets), devices=len(watched.devices))

    def _measure_soon(self, new: list[Target]) -> None:
        """Nobody waits a long interval for the first value of a target; spread, no burst."""
        slow = [target.id for target in new if target.interval_s > SOON_S]
        loop = asyncio.get_running_loop()
        for place, target_id in enumerate(slow):
            loop.call_later(SOON_S * place / len(slow), self._scheduler.hurry, target_id, 0.0)

    def _compare(self, stored: dict[int, StoredState]) -> None:
        """At the first time go on from the stored states; later set right what differs."""
        now = Moment.now()
        if not self._restored:
            self._restored = True
            self._record(self._tracker.restore(stored, now))
            self._record(self._lines.restore(stored, now))
            return
        if self._journal.changes_waiting:
            return
        states = {target.id: self._tracker.state(target.id) for target in self._watched.targets}
        for target_id, state in (states | self._lines.states()).items():
            was = stored.get(target_id)
            if was is not None and was.state is not state:
                self._journal.change(
                    Change(target_id, was.state, state, now.wall, now.wall, "set_right")
                )

    # Measuring

    async def _probe(self, target: Target) -> Result:
        device = self._watched.devices.get(target.id)
        if device is None:
            return await self._registry.probe(target)
        return await self._poll(target, device)

    async def _poll(self, target: Target, device: SnmpDevice) -> Result:
        poll = await self._poller.poll(replace(device, tries=target.tries))
        if poll.device_id in self._polls:  # an extra poll within the same second
            self._take_polls()
        self._polls[poll.device_id] = poll
        return Result(
            target.id,
            poll.ts,
            poll.outcome,
            sent=poll.sent,
            received=poll.received,
            rtt_ms=poll.rtt_ms,
            reason=poll.reason,
            detail=_detail(poll),
        )

    def _take_polls(self) -> None:
        """Turn the polls since the last time into rates, all at once: that is far cheaper."""
        polls = list(self._polls.values())
        self._polls.clear()
        self._take_interfaces(polls)
        self._take_lines(polls)
        deltas = self._history.deltas(*polls)
        self._samples.add_polls(deltas)
        self._journal.readings(device_readings(polls, deltas), port_readings(deltas, self._ports))

    def _take_interfaces(self, polls: list[DevicePoll]) -> None:
        """Keep what the devices have, and which have other interfaces than before."""
        readings = list(interface_readings(polls))
        for reading in readings:
            rows = reading.interfaces
            now = Interfaces.of(
                [row.if_index for row in rows],
                [row.name for row in rows],
                [row.alias for row in rows],
            )
            if now != self._interfaces.get(reading.device_id):
                self._interfaces[reading.device_id] = now
                self._unlike.add(reading.device_id)
        self._journal.interfaces(readings)

    def _take_lines(self, polls: list[DevicePoll]) -> None:
        """What the polls say of the lines that end at their devices."""
        now = Moment.now()
        for poll in polls:
            ports = self._line_ports.get(poll.device_id)
            if not ports:
                continue
            said = port_links(poll, ports)
            changes = self._lines.observe(ports.values(), said, poll.ts, now)
            for change in changes:
                self._record([change], self._lines.ends(change.target_id))
            for target_id in self._lines.ending_at(said):
                ends = self._lines.ends(target_id)
                self._journal.last_value(
                    Result(target_id, poll.ts, Outcome.OK, sent=0, detail=ends)
                )

    def _on_result(self, result: Result) -> None:
        """Called in the loop with every result: must stay cheap."""
        self._probes.add()
        self._journal.answer(result)
        self._record(self._tracker.observe(result, Moment.now()), result.detail)
        after_s = self._tracker.recheck_after(result.target_id)
        if after_s is not None:
            self._scheduler.hurry(result.target_id, after_s)
        for merged in self._windows.add(result):
            self._keep(merged)
            self._whole.add(merged.target_id)
        if result.target_id not in self._whole:  # something to show before its first interval ends
            self._journal.last_value(result)

    def _keep(self, result: Result) -> None:
        self._samples.add(result)
        self._journal.last_value(result)

    def _record(self, changes: list[Change], detail: dict[str, Any] | None = None) -> None:
        for change in changes:
            # Every target's first state at start-up would push what matters off the screen.
            first = change.old is State.UNKNOWN and change.new is State.UP
            (log.debug if first else log.info)(
                "state changed",
                target_id=change.target_id,
                old=change.old.value,
                new=change.new.value,
                reason=change.reason,
            )
            self._journal.change(change, detail)

    async def _tick_for_ever(self) -> None:
        while True:
            self._beat = time.monotonic()
            self._record(self._tracker.tick(Moment.now()))
            self._record(self._lines.tick(Moment.now()))
            self._take_polls()
            rows = self._samples.hand_over(self._writer)
            self._rows.add(rows)
            inserted = self._writer.status()["rows_inserted"]
            self._stored.add(inserted - self._inserted)
            self._inserted = inserted
            _SAMPLES.inc(rows)
            await asyncio.sleep(HAND_OVER_S)

    # How it goes

    def condition(self) -> Condition:
        """What ``/healthz`` of the engine says; asked in another thread."""
        writer = self._writer.status()
        schedule = self._scheduler.stats()
        hung_s = max(time.monotonic() - self._beat - HAND_OVER_S, 0.0)
        failing_s = self._journal.failing_s
        detail, impaired = writer["alarm"], str(writer["alarm_kind"])
        if hung_s > HUNG_S:
            detail = f"The event loop has stood still for {hung_s:.0f} s."
            impaired = ""
        elif failing_s > DATABASE_PATIENCE_S:
            detail = f"The database has taken nothing for {failing_s:.0f} s."
            impaired = ""
        return Condition(
            lag_s=max(hung_s, failing_s, schedule.lateness_p99_s),
            counters={
                "targets": schedule.targets,
                "probes_per_second": round(self._probes.value() / 60, 2),
                "samples_per_minute": self._rows.value(),
                "stored_per_minute": self._stored.value(),
                "flips_per_minute": self._journal.flips.value(),
                "changes_waiting": self._journal.changes_waiting,
                "runs_skipped": schedule.skipped,
                "blind": float(self._tracker.blind),
                "store_lag_s": writer["lag_s"],
                "spooled_bytes": writer["spooled_bytes"],
                "rows_dropped": writer["rows_dropped"],
            },
            detail=detail,
            impaired=impaired,
        )


def _sync_and_load(interfaces: Mapping[int, Interfaces]) -> Watched:
    """Bring the ledger's ports and the targets in line with what there is, and read them."""
    _bind(interfaces)
    sync_targets()
    return load()


def _line_ports(watched: Watched) -> dict[int, dict[int, int]]:
    """Ports at the ends of lines: their ids by ifIndex, by id of the device."""
    ends = {pk for line in watched.lines for pk in line.ports}
    found: dict[int, dict[int, int]] = {}
    for (device, index), pk in watched.ports.items():
        if pk in ends:
            found.setdefault(device, {})[index] = pk
    return found


def _bind(interfaces: Mapping[int, Interfaces]) -> int:
    if bound := bind_ports(interfaces):
        log.info("ports found on their devices", ports=bound)
    return bound


def _detail(poll: DevicePoll) -> dict[str, Any]:
    """What a person wants to see of a poll."""
    if poll.system is None:
        return {}
    interfaces = len(poll.interfaces) if poll.interfaces is not None else 0
    return {
        "name": poll.system.name,
        "uptime_s": poll.system.uptime_s,
        "vendor": poll.vendor,
        "interfaces": interfaces,
    }


async def _run(config: Config) -> None:
    engine = Engine(config)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    calm_collector()
    with serving_health("engine", config.engine_health_port, engine.condition):
        await engine.run(stop)


def run_engine(config: Config) -> int:
    """Measure until told to stop.

    Returns:
        the exit code.

    Raises:
        AlreadyRunningError: this data directory has an engine.
    """
    with only_one(config.data_dir, "engine"):
        asyncio.run(_run(config))
    return 0
