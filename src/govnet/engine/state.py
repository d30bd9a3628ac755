"""From single probe results to the confirmed state of each target. Pure: no I/O, no clock.

A target goes down only after several failed runs in a row **and** with proof that the probe
point itself could see: some reference target answered a request sent no earlier than the last
of those failures. Without that proof the target becomes unknown, never down. The reasoning
and the arithmetic: ``docs/explanation/states.md``.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from prometheus_client import Counter, Gauge

from govnet.engine.result import Outcome, Result, State, Target

log = structlog.get_logger()

CHANGES = Counter("govnet_engine_state_changes_total", "Confirmed changes of state", ["new"])
IGNORED = Counter("govnet_engine_results_ignored_total", "Results that say nothing new", ["why"])
BLIND = Gauge("govnet_engine_blind", "1 while every reference target of this probe point fails")
HELD = Gauge("govnet_engine_held_targets", "Failed targets that wait for proof of sight")
CLOCK_STEPS = Counter("govnet_engine_clock_steps_total", "Jumps of the wall clock that were seen")

CLOCK_STEP_S = 1.0
"""The wall clock moving this much against the monotonic one is a jump, not drift."""

FLUCTUATING = frozenset({"loss", "latency", "slow"})
"""Limits that a good line passes for seconds: only runs at the regular interval judge them."""

NEVER = float("-inf")


class Moment(NamedTuple):
    """Now, on both clocks: the wall clock may jump, the monotonic one may not."""

    wall: float
    mono: float

    @classmethod
    def now(cls) -> Moment:
        """Read both clocks."""
        return cls(time.time(), time.monotonic())


@dataclass(frozen=True, slots=True)
class StateRules:
    """When a state is confirmed.

    Attributes:
        confirmations: failed runs in a row before a target is down; runs in a row that could
            not be measured before it is unknown.
        recoveries: answered runs in a row before a target that was down is up.
        recheck_s: seconds from the start of one run to the next while a change is pending.
        degrade_runs: runs in a row over a limit before a target is degraded.
        restore_runs: runs in a row within limits before a degraded target is up.
        loss_enter: share of requests lost at which a target becomes degraded.
        loss_exit: share of requests lost at which it may be up again.
        loss_window: requests that the loss is averaged over (exponentially); judged once half
            of it is filled.
        stale_intervals: intervals without a usable result before a target is unknown.
        sight_wait_s: seconds that a failed target waits for proof of sight before it is
            unknown.
        mass_share: share of all targets newly failing at which the brake holds.
        mass_min: newly failing targets below which the brake never holds.
        mass_window_s: how long a failure counts as new for the brake.
        settle_s: seconds after blindness in which no target goes down: routing converges
            then, and the near part of the network answers before the far one.
    """

    confirmations: int = 3
    recoveries: int = 2
    recheck_s: float = 1.0
    degrade_runs: int = 3
    restore_runs: int = 5
    loss_enter: float = 0.10
    loss_exit: float = 0.03
    loss_window: int = 50
    stale_intervals: float = 3.0
    sight_wait_s: float = 3.0
    mass_share: float = 0.5
    mass_min: int = 10
    mass_window_s: float = 10.0
    settle_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Change:
    """One confirmed change of state.

    Attributes:
        target_id: the target.
        old: state before.
        new: state now; never the same as ``old``.
        since: when the new state began: time of the *first* run that showed it, seconds since
            the epoch. Never after ``confirmed_ts``.
        confirmed_ts: when it was certain.
        reason: code of the cause ("timeout", "loss", "probe_blind", "stale"...); empty when up.
    """

    target_id: int
    old: State
    new: State
    since: float
    confirmed_ts: float
    reason: str


@dataclass(frozen=True, slots=True)
class StoredState:
    """What is known of a target from before a restart.

    Attributes:
        state: the last confirmed state.
        since: when it began, seconds since the epoch.
        checked_ts: time of the last result, None if it was never measured.
    """

    state: State
    since: float
    checked_ts: float | None


@dataclass(slots=True)
class _Track:
    """Everything that is remembered of one target: constant size, whatever happens."""

    target: Target
    usable_mono: float
    state: State = State.UNKNOWN
    since: float = NEVER
    last_ts: float = NEVER
    answered_ts: float = NEVER
    silent: int = 0
    silent_since: float = NEVER
    failed: int = 0
    failed_since: float = NEVER
    failed_ts: float = NEVER
    reason: str = ""
    good: int = 0
    good_since: float = NEVER
    limited: int = 0
    limited_since: float = NEVER
    clean: int = 0
    clean_since: float = NEVER
    sent: float = 0.0
    received: float = 0.0
    loss_since: float = NEVER
    unmeasured: int = 0
    unmeasured_since: float = NEVER
    unmeasured_reason: str = ""

    @property
    def loss(self) -> float:
        """Averaged share of requests lost."""
        return 1.0 - self.received / self.sent if self.sent else 0.0

    def void(self) -> None:
        """Forget every unconfirmed streak; the confirmed state stays."""
        self.failed = self.good = self.limited = self.clean = 0

    def miss(self, ts: float) -> None:
        """One more run without an answer, whatever kept it away: no route, or no echo."""
        if not self.silent:
            self.silent_since = ts
        self.silent += 1

    def forget_times(self, wall: float) -> None:
        """After a jump of the clock to ``wall``: earlier times order nothing any more."""
        self.void()
        self.since = min(self.since, wall)
        self.last_ts = self.answered_ts = NEVER

    def count_loss(self, result: Result, window: int) -> None:
        """Average the requests of one run in, weighting the last ``window`` requests."""
        keep = (1.0 - 1.0 / window) ** result.sent
        if self.received >= self.sent and result.received < result.sent:
            self.loss_since = result.ts
        self.sent = self.sent * keep + result.sent
        self.received = self.received * keep + result.received
        if self.sent - self.received < 0.01:  # an old loss has faded; a new one dates afresh
            self.received = self.sent


class StateTracker:
    """Confirmed states of all targets of one probe point."""

    def __init__(self, rules: StateRules | None = None) -> None:
        self.rules = rules or StateRules()
        self._tracks: dict[int, _Track] = {}
        self._references: list[_Track] = []
        self._held: dict[int, float] = {}
        self._recent: OrderedDict[int, float] = OrderedDict()
        self._brake_since: float | None = None
        self._answer_ts = NEVER
        self._sight_ts = NEVER
        self._settled_mono = NEVER
        self._clock_offset: float | None = None

    # What to track

    def set_targets(self, targets: Iterable[Target], at: Moment) -> list[Change]:
        """Track exactly these targets; a target that now means something else is unknown."""
        wanted = {target.id: target for target in targets}
        for target_id in self._tracks.keys() - wanted.keys():
            del self._tracks[target_id]
            self._held.pop(target_id, None)
            self._recent.pop(target_id, None)
        changes = [change for target in wanted.values() for change in self._adopt(target, at)]
        self._references = [track for track in self._tracks.values() if track.target.reference]
        return changes

    def _adopt(self, target: Target, at: Moment) -> list[Change]:
        track = self._tracks.get(target.id)
        if track is None:
            self._tracks[target.id] = _Track(target, at.mono)
            return []
        old, track.target = track.target, target
        if (old.kind, old.address, old.params) == (target.kind, target.address, target.params):
            return []
        track.silent = 0
        track.sent = track.received = 0.0
        return self._unknown(track, at.wall, "target_changed", at)

    def restore(self, stored: Mapping[int, StoredState], at: Moment) -> list[Change]:
        """Continue from the states of before a restart.

        The time that nobody measured is unknown: a target whose last result is too old comes
        back as unknown since then.
        """
        changes: list[Change] = []
        for target_id, was in stored.items():
            track = self._tracks.get(target_id)
            if track is None:
                continue
            track.state, track.since = was.state, was.since
            if was.checked_ts is None or was.state is State.UNKNOWN:
                continue
            if at.wall - was.checked_ts > self._stale_s(track):
                began = was.checked_ts + track.target.interval_s
                changes += self._unknown(track, began, "engine_stopped", at)
        return changes

    # What the world may ask

    def state(self, target_id: int) -> State:
        """The confirmed state of a target; unknown for one that is not tracked."""
        track = self._tracks.get(target_id)
        return track.state if track else State.UNKNOWN

    @property
    def blind(self) -> bool:
        """True when every reference target fails: nothing can be said of any other."""
        enough = self.rules.confirmations
        return bool(self._references) and all(t.silent >= enough for t in self._references)

    @property
    def braked(self) -> bool:
        """True while too many targets fail at once for that to be believed unconfirmed."""
        return self._brake_since is not None

    def recheck_after(self, target_id: int) -> float | None:
        """Seconds from the start of the last run to an extra one; None: the regular run will do.

        Asked after each result. An extra run is wanted while a change is pending, except to
        degraded by what goes up and down by itself.
        """
        track = self._tracks.get(target_id)
        if track is None or self.blind:
            return None
        falling = track.state is not State.DOWN and 0 < track.failed < self.rules.confirmations
        rising = track.state is State.DOWN and 0 < track.good < self.rules.recoveries
        wrong = track.state is State.UP and 0 < track.limited < self.rules.degrade_runs
        worse = wrong and track.reason not in FLUCTUATING
        return self.rules.recheck_s if falling or rising or worse else None

    # What happens

    def observe(self, result: Result, at: Moment) -> list[Change]:
        """Take one result in.

        Results of a target that are not newer than the last one (late, doubled) say nothing.
        """
        self._watch_clock(at)
        track = self._tracks.get(result.target_id)
        if track is None or not self._is_news(track, result, at):
            return []
        track.last_ts = result.ts
        if result.outcome is Outcome.UNKNOWN:
            return self._unmeasured(track, result, at)
        track.usable_mono, track.unmeasured = at.mono, 0
        if result.outcome is Outcome.FAILED and result.ts < self._sight_ts:
            IGNORED.labels("sent_while_blind").inc()
            return []
        track.count_loss(result, self.rules.loss_window)
        if result.outcome is Outcome.FAILED:
            return self._failed(track, result, at)
        return self._answered(track, result, at)

    def tick(self, at: Moment) -> list[Change]:
        """Once a second: what follows from time alone (staleness, end of a wait)."""
        self._watch_clock(at)
        BLIND.set(self.blind)
        HELD.set(len(self._held))
        self._update_brake(at)
        changes = self._review_held(at)
        for track in self._tracks.values():
            if track.state is State.UNKNOWN or at.mono - track.usable_mono <= self._stale_s(track):
                continue
            if track.unmeasured:
                began, reason = track.unmeasured_since, track.unmeasured_reason
            else:
                began, reason = track.last_ts + track.target.interval_s, "stale"
            changes += self._unknown(track, began, reason, at)
        return changes

    def _is_news(self, track: _Track, result: Result, at: Moment) -> bool:
        if result.ts > at.wall + CLOCK_STEP_S:
            IGNORED.labels("from_the_future").inc()
            return False
        if result.ts <= track.last_ts:
            IGNORED.labels("late_or_double").inc()
            return False
        return True

    def _watch_clock(self, at: Moment) -> None:
        offset = at.wall - at.mono
        before, self._clock_offset = self._clock_offset, offset
        if before is None or abs(offset - before) <= CLOCK_STEP_S:
            return
        CLOCK_STEPS.inc()
        log.warning("wall clock jumped", seconds=round(offset - before, 3))
        for track in self._tracks.values():
            track.forget_times(at.wall)
        self._held.clear()
        self._answer_ts = self._sight_ts = NEVER
        if self._brake_since is not None:
            self._brake_since = at.wall

    def _unmeasured(self, track: _Track, result: Result, at: Moment) -> list[Change]:
        track.void()
        self._held.pop(track.target.id, None)
        track.miss(result.ts)
        if not track.unmeasured:
            track.unmeasured_since = result.ts
        track.unmeasured += 1
        track.unmeasured_reason = result.reason or "not_measured"
        if track.unmeasured < self.rules.confirmations:
            return []
        return self._unknown(track, track.unmeasured_since, track.unmeasured_reason, at)

    # Failing

    def _failed(self, track: _Track, result: Result, at: Moment) -> list[Change]:
        track.good = track.limited = track.clean = 0
        track.miss(result.ts)
        if not track.failed:
            track.failed_since = result.ts
        track.failed += 1
        track.reason = result.reason
        if track.failed <= self.rules.confirmations:  # what proof of sight must not precede
            track.failed_ts = result.ts
        if track.state in (State.UP, State.DEGRADED) and not track.target.reference:
            self._recent.setdefault(track.target.id, at.mono)
        self._update_brake(at)
        changes = self._judge_failed(track, at)
        if track.target.reference and self.blind:
            changes += self._review_held(at)
        return changes

    def _judge_failed(self, track: _Track, at: Moment) -> list[Change]:
        if track.failed < self.rules.confirmations:
            return []
        if self.blind:
            blind_since = min(t.silent_since for t in self._references)
            was_down = track.state is State.DOWN
            began = blind_since if was_down else track.failed_since
            return self._unknown(track, began, "probe_blind", at)
        if track.state is State.DOWN:
            return []
        if at.mono >= self._settled_mono and self._sighted(track):
            return self._flip(track, State.DOWN, track.failed_since, track.reason, at)
        return self._hold(track, at)

    def _hold(self, track: _Track, at: Moment) -> list[Change]:
        """Wait for proof of sight: while the network settles, and a little longer."""
        waiting_since = max(self._held.setdefault(track.target.id, at.mono), self._settled_mono)
        if at.mono - waiting_since < self.rules.sight_wait_s:
            return []
        reason = "mass_outage" if self.braked else "probe_blind"
        return self._unknown(track, track.failed_since, reason, at)

    def _sighted(self, track: _Track) -> bool:
        """True with proof that the probe point could see when ``track`` failed to confirm."""
        others = [t for t in self._references if t is not track]
        if not others:
            return not self.braked or self._answer_ts >= track.failed_ts
        seeing = sum(t.answered_ts >= track.failed_ts for t in others)
        return seeing > len(others) // 2 if self.braked else seeing > 0

    def _update_brake(self, at: Moment) -> None:
        while self._recent:
            first = next(iter(self._recent.values()))
            if at.mono - first <= self.rules.mass_window_s:
                break
            self._recent.popitem(last=False)
        count = len(self._recent)
        population = len(self._tracks) - len(self._references)
        if count >= self.rules.mass_min and count > self.rules.mass_share * population:
            if self._brake_since is None:
                self._brake_since = at.wall
                log.warning("mass outage brake holds", failing=count, targets=population)
        elif self._brake_since is not None and self._seen_since(self._brake_since):
            self._brake_since = None
            log.info("mass outage brake released")

    def _seen_since(self, ts: float) -> bool:
        if not self._references:
            return self._answer_ts >= ts
        seeing = sum(track.answered_ts >= ts for track in self._references)
        return seeing > len(self._references) // 2

    def _review_held(self, at: Moment) -> list[Change]:
        return [
            change
            for target_id in list(self._held)
            for change in self._judge_failed(self._tracks[target_id], at)
        ]

    # Answering

    def _answered(self, track: _Track, result: Result, at: Moment) -> list[Change]:
        if track.target.reference and self.blind:
            self._see_again(result, at)
        track.failed = track.silent = 0
        self._held.pop(track.target.id, None)
        self._recent.pop(track.target.id, None)
        track.answered_ts = result.ts
        self._answer_ts = max(self._answer_ts, result.ts)
        self._count_answer(track, result)
        changes = self._judge_answered(track, result, at)
        if track.target.reference and self._held:
            changes += self._review_held(at)
        return changes

    def _see_again(self, result: Result, at: Moment) -> None:
        """Blindness ends: what was sent before proves nothing, and the network settles."""
        self._sight_ts, self._settled_mono = result.ts, at.mono + self.rules.settle_s
        for track in self._tracks.values():
            if track.state is not State.DOWN:
                track.failed = 0

    @staticmethod
    def _count_answer(track: _Track, result: Result) -> None:
        if not track.good:
            track.good_since = result.ts
        track.good += 1
        if result.outcome is Outcome.DEGRADED:
            track.limited_since = track.limited_since if track.limited else result.ts
            track.limited += 1
            track.clean = 0
            track.reason = result.reason
        else:
            track.clean_since = track.clean_since if track.clean else result.ts
            track.clean += 1
            track.limited = 0

    def _judge_answered(self, track: _Track, result: Result, at: Moment) -> list[Change]:
        if track.state is State.UNKNOWN or (
            track.state is State.DOWN and track.good >= self.rules.recoveries
        ):
            return self._recover(track, result, at)
        if track.state is State.UP:
            return self._maybe_degrade(track, at)
        if track.state is State.DEGRADED:
            return self._maybe_restore(track, at)
        return []

    def _recover(self, track: _Track, result: Result, at: Moment) -> list[Change]:
        track.sent = track.received = 0.0  # the outage's loss is not the line's quality now
        if result.outcome is Outcome.DEGRADED:
            return self._flip(track, State.DEGRADED, track.good_since, result.reason, at)
        return self._flip(track, State.UP, track.good_since, "", at)

    def _maybe_degrade(self, track: _Track, at: Moment) -> list[Change]:
        if track.limited >= self.rules.degrade_runs:
            return self._flip(track, State.DEGRADED, track.limited_since, track.reason, at)
        measured = track.sent >= self.rules.loss_window / 2
        if measured and track.loss >= self.rules.loss_enter:
            return self._flip(track, State.DEGRADED, track.loss_since, "loss", at)
        return []

    def _maybe_restore(self, track: _Track, at: Moment) -> list[Change]:
        if track.clean < self.rules.restore_runs or track.loss > self.rules.loss_exit:
            return []
        track.sent = track.received = 0.0  # so that a new loss is dated by itself
        return self._flip(track, State.UP, track.clean_since, "", at)

    # Changing

    def _unknown(self, track: _Track, since: float, reason: str, at: Moment) -> list[Change]:
        """Nothing can be said; what was pending is rolled back."""
        track.void()
        return self._flip(track, State.UNKNOWN, since, reason, at)

    def _flip(
        self, track: _Track, new: State, since: float, reason: str, at: Moment
    ) -> list[Change]:
        self._held.pop(track.target.id, None)
        if new is track.state:
            return []
        began = min(max(since, track.since), at.wall)
        change = Change(track.target.id, track.state, new, began, at.wall, reason)
        track.state, track.since = new, began
        CHANGES.labels(new.value).inc()
        return [change]

    def _stale_s(self, track: _Track) -> float:
        target = track.target
        return self.rules.stale_intervals * target.interval_s + target.tries * target.timeout_s
