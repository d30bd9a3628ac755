"""Runs every target at its own steady phase, never twice at once, within a cap.

Times are the event loop's monotonic clock; the wall clock is asked once per target, for a
phase that stays the same over restarts, so that a clock that jumps neither bursts nor stalls
anything. How the figures are chosen: ``docs/explanation/scheduling.md``.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import structlog
from prometheus_client import Counter, Gauge

from govnet.engine.result import Outcome, ProbeKind, Result, Target
from govnet.engine.sampling import Plan, plan

log = structlog.get_logger()

RUNS = Counter("govnet_engine_runs_total", "Probe runs that ended", ["kind", "outcome"])
SKIPPED = Counter("govnet_engine_runs_skipped_total", "Runs not started", ["kind", "why"])
ERRORS = Counter("govnet_engine_run_errors_total", "Runs that ended by an unexpected error")
LAGS = Counter("govnet_engine_lag_seconds_total", "Seconds in which the event loop stood still")
LAG_VOIDED = Counter("govnet_engine_lag_voided_total", "Results void because the engine lagged")
RUNNING = Gauge("govnet_engine_running_probes", "Probe runs under way", ["kind"])
QUEUED = Gauge("govnet_engine_queued_probes", "Probe runs due that wait for a slot")
LATENESS = Gauge("govnet_engine_lateness_p99_seconds", "Start of a run after it was due, 99th %")

# Looking a labelled counter up costs more than counting.
_RUNS = {(k, o): RUNS.labels(k.value, o.name.lower()) for k in ProbeKind for o in Outcome}
_RUNNING = {k: RUNNING.labels(k.value) for k in ProbeKind}

BEAT_S = 0.25

SLOT_S = 0.05
"""Runs that fall due within one slot start together at its end: waking up costs several times
what a run does, and a hundred targets would wake the process hundreds of times a second."""

LATENESS_SAMPLES = 4096

KIND_LIMITS: Mapping[ProbeKind, int] = {
    ProbeKind.ICMP: 20_000,  # one shared socket: a waiting echo costs memory only
    ProbeKind.SNMP: 4_000,  # one shared socket, with its own window
    ProbeKind.HTTP: 100,  # a TLS handshake is a millisecond of CPU: keep the loop free
    ProbeKind.TCP: 400,
    ProbeKind.DNS: 400,
}
SHARED_SOCKET = frozenset({ProbeKind.ICMP, ProbeKind.SNMP})


@dataclass(frozen=True, slots=True)
class SchedulerStats:
    """What ``govnet status`` tells of a scheduler; counts are since its start."""

    targets: int
    running: int
    queued: int
    runs: int
    skipped: int
    lateness_p99_s: float
    lag_s: float


class _Entry:
    """One target's place in the schedule."""

    __slots__ = ("due", "hurried", "plan", "queued", "recheck", "started", "target", "timer")

    def __init__(self, target: Target, planned: Plan) -> None:
        self.target = target
        self.plan = planned
        self.due = 0.0
        self.started = -math.inf
        self.queued = False
        self.hurried = False
        self.timer: asyncio.TimerHandle | None = None
        self.recheck: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        for handle in (self.timer, self.recheck):
            if handle is not None:
                handle.cancel()
        self.timer = self.recheck = None


def phase(target_id: int, interval_s: float) -> float:
    """Seconds into each interval, counted from the epoch, at which a target is run.

    The same on every start and on every machine.
    """
    digest = blake2b(target_id.to_bytes(8, "big", signed=True), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * interval_s


def _slot_end(due: float) -> float:
    return math.ceil(due / SLOT_S) * SLOT_S


class Scheduler:
    """Runs a changing set of targets for ever.

    Args:
        probe: measures one target; ``govnet.engine.probes.registry`` has the one to use.
        on_result: called in the loop with every result; must be cheap and must not block.
        concurrency: runs at once among kinds that open a socket per run (HTTP, TCP, DNS).
        kind_limits: runs at once per kind; ``KIND_LIMITS`` fills what is not given.
        planner: how each target is run.
        lag_s: a standstill of the event loop from which on results are not believed.
        wall: the wall clock, seconds since the epoch.
    """

    def __init__(
        self,
        probe: Callable[[Target], Awaitable[Result]],
        on_result: Callable[[Result], None],
        *,
        concurrency: int = 500,
        kind_limits: Mapping[ProbeKind, int] | None = None,
        planner: Callable[[Target], Plan] = plan,
        lag_s: float = 0.5,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._probe = probe
        self._on_result = on_result
        self._concurrency = concurrency
        self._limits = {**KIND_LIMITS, **(kind_limits or {})}
        self._planner = planner
        self._lag_threshold_s = lag_s
        self._wall = wall
        self._entries: dict[int, _Entry] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ready: dict[ProbeKind, deque[tuple[_Entry, Target]]] = {k: deque() for k in ProbeKind}
        self._running: dict[ProbeKind, int] = dict.fromkeys(ProbeKind, 0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._beat_due = 0.0
        self._lag_until = -math.inf
        self._lateness: deque[float] = deque(maxlen=LATENESS_SAMPLES)
        self._runs = self._skipped = 0
        self._lag_total_s = 0.0

    # Life

    def start(self) -> None:
        """Begin to run; call it in the event loop. Targets may be set before or after."""
        self._loop = asyncio.get_running_loop()
        LATENESS.set_function(self.lateness_p99_s)
        self._schedule_beat()
        for entry in self._entries.values():
            self._enter(entry)

    async def stop(self, grace_s: float = 2.0) -> None:
        """Start nothing more, let runs under way end for ``grace_s``, then cancel them."""
        if self._loop is None:
            return
        self._loop = None
        if self._beat is not None:
            self._beat.cancel()
        for entry in self._entries.values():
            entry.cancel()
        for queue in self._ready.values():
            QUEUED.dec(len(queue))
            queue.clear()
        tasks = set(self._tasks.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace_s)
        for task in late:
            task.cancel()
        if late:
            log.warning("probe runs cancelled at stop", runs=len(late))
            await asyncio.wait(late, timeout=1.0)

    def set_targets(self, targets: Iterable[Target]) -> None:
        """Run exactly these targets from now on; what did not change keeps its schedule.

        Raises:
            ValueError: two targets have the same id.
        """
        wanted: dict[int, Target] = {}
        for target in targets:
            if target.id in wanted:
                raise ValueError(f"target id {target.id} is given twice")
            wanted[target.id] = target
        for target_id in self._entries.keys() - wanted.keys():
            self._entries.pop(target_id).cancel()
        for target in wanted.values():
            old = self._entries.get(target.id)
            if old is None or old.target != target:
                self._replace(old, target)

    def _replace(self, old: _Entry | None, target: Target) -> None:
        entry = self._entries[target.id] = _Entry(target, self._planner(target))
        if old is not None:
            old.cancel()
            entry.started = old.started
        if self._loop is not None:
            self._enter(entry)

    def hurry(self, target_id: int, after_s: float) -> None:
        """Run a target once more, ``after_s`` seconds after its last run started or at once.

        The regular runs keep their phase. Meant to be called from ``on_result``.
        """
        entry = self._entries.get(target_id)
        if entry is None or self._loop is None:
            return
        if entry.recheck is not None:
            entry.recheck.cancel()
        when = max(entry.started + after_s, self._loop.time())
        entry.recheck = self._loop.call_at(when, self._recheck, entry)

    # Time

    def _enter(self, entry: _Entry) -> None:
        """Find the first time of the target's grid that is still to come."""
        assert self._loop is not None
        period, wall = entry.plan.period_s, self._wall()
        into = phase(entry.target.id, entry.target.interval_s) % period
        wait = (into - wall) % period
        entry.due = self._loop.time() + wait
        self._arm(entry)

    def _arm(self, entry: _Entry) -> None:
        assert self._loop is not None
        entry.timer = self._loop.call_at(_slot_end(entry.due), self._tick, entry)

    def _tick(self, entry: _Entry) -> None:
        """A regular run is due."""
        if self._loop is None:
            return
        now, period = self._loop.time(), entry.plan.period_s
        late = now - _slot_end(entry.due)
        self._lateness.append(late)
        entry.due += period
        if entry.due <= now:  # the loop stood still: keep the grid, do not catch up
            missed = math.floor((now - entry.due) / period) + 1
            entry.due += missed * period
            self._skip(entry.target.kind, "stalled", missed)
        self._arm(entry)
        if late > period / 2:  # everything that fell due in a standstill at once is a burst
            self._skip(entry.target.kind, "stalled")
        elif not (entry.queued or entry.target.id in self._tasks):
            entry.hurried = False
            self._offer(entry, entry.plan.regular)
        elif not entry.hurried:  # an extra run under way stands for the regular one
            self._skip(entry.target.kind, "still_running")

    def _recheck(self, entry: _Entry) -> None:
        entry.recheck = None
        if self._loop is None or entry.queued or entry.target.id in self._tasks:
            return
        entry.hurried = True
        self._offer(entry, entry.plan.recheck)

    def _skip(self, kind: ProbeKind, why: str, runs: int = 1) -> None:
        self._skipped += runs
        SKIPPED.labels(kind.value, why).inc(runs)

    # Running

    def _offer(self, entry: _Entry, target: Target) -> None:
        if self._has_room(target.kind):
            self._launch(entry, target)
            return
        entry.queued = True
        self._ready[target.kind].append((entry, target))
        QUEUED.inc()

    def _has_room(self, kind: ProbeKind) -> bool:
        if self._running[kind] >= self._limits[kind]:
            return False
        if kind in SHARED_SOCKET:
            return True
        used = sum(count for k, count in self._running.items() if k not in SHARED_SOCKET)
        return used < self._concurrency

    def _launch(self, entry: _Entry, target: Target) -> None:
        assert self._loop is not None
        entry.started = self._loop.time()
        self._running[target.kind] += 1
        _RUNNING[target.kind].inc()
        self._tasks[target.id] = self._loop.create_task(self._run(entry, target))

    async def _run(self, entry: _Entry, target: Target) -> None:
        """One probe run, the boundary of whatever may go wrong in it."""
        try:
            result = await self._probe(target)
            self._deliver(entry, result, target.kind)
        except Exception:
            ERRORS.inc()
            log.exception("probe run broke", target_id=target.id, kind=target.kind.value)
        finally:
            self._end(target)

    def _deliver(self, entry: _Entry, result: Result, kind: ProbeKind) -> None:
        if self._entries.get(result.target_id) is not entry:
            self._skip(kind, "target_changed")
            return
        self._note_lag()
        if result.outcome in (Outcome.FAILED, Outcome.DEGRADED) and self._lag_until > entry.started:
            LAG_VOIDED.inc()
            result = Result(
                result.target_id, result.ts, Outcome.UNKNOWN, sent=0, reason="engine_lag"
            )
        self._runs += 1
        _RUNS[kind, result.outcome].inc()
        self._on_result(result)

    def _end(self, target: Target) -> None:
        del self._tasks[target.id]
        self._running[target.kind] -= 1
        _RUNNING[target.kind].dec()
        if self._loop is not None:
            self._launch_ready()

    def _launch_ready(self) -> None:
        for kind, queue in self._ready.items():
            while queue and self._has_room(kind):
                entry, target = queue.popleft()
                entry.queued = False
                QUEUED.dec()
                current = self._entries.get(target.id) is entry
                if current and target.id not in self._tasks:
                    self._launch(entry, target)

    # How the engine itself is doing

    def _schedule_beat(self) -> None:
        assert self._loop is not None
        self._beat_due = self._loop.time() + BEAT_S
        self._beat = self._loop.call_at(self._beat_due, self._on_beat)

    def _on_beat(self) -> None:
        self._note_lag()
        if self._loop is not None:
            self._schedule_beat()

    def _note_lag(self) -> None:
        """Measure how long the loop stood still, before a result of that time is believed."""
        if self._loop is None:
            return
        now = self._loop.time()
        late = now - self._beat_due
        if late <= self._lag_threshold_s:
            return
        log.warning("event loop stood still", seconds=round(late, 3))
        LAGS.inc(late)
        self._lag_total_s += late
        self._lag_until = now
        self._beat_due = now  # measured once

    def lateness_p99_s(self) -> float:
        """99th percentile of how late the last runs started, seconds."""
        if not self._lateness:
            return 0.0
        ordered = sorted(self._lateness)
        return ordered[min(len(ordered) - 1, math.ceil(0.99 * len(ordered)))]

    def stats(self) -> SchedulerStats:
        """Figures for the status page."""
        return SchedulerStats(
            targets=len(self._entries),
            running=len(self._tasks),
            queued=sum(len(queue) for queue in self._ready.values()),
            runs=self._runs,
            skipped=self._skipped,
            lateness_p99_s=self.lateness_p99_s(),
            lag_s=self._lag_total_s,
        )
