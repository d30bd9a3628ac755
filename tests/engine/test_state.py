"""From results to confirmed states: what must hold, by example and by search."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govnet.engine.result import Outcome, ProbeKind, Result, State, Target
from govnet.engine.state import Change, Moment, StateRules, StateTracker, StoredState

UP, DEGRADED, DOWN, UNKNOWN = State.UP, State.DEGRADED, State.DOWN, State.UNKNOWN
OK, LIMITED, FAILED, VOID = Outcome.OK, Outcome.DEGRADED, Outcome.FAILED, Outcome.UNKNOWN
EPOCH = 1_800_000_000.0


def make(target_id: int, *, reference: bool = False, interval_s: float = 10.0) -> Target:
    address = f"127.0.0.{target_id}"
    return Target(target_id, ProbeKind.ICMP, address, interval_s=interval_s, reference=reference)


@dataclass
class World:
    """A tracker, its targets and both clocks."""

    targets: list[Target]
    rules: StateRules = field(default_factory=StateRules)
    mono: float = 1000.0
    step: float = 0.0
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tracker = StateTracker(self.rules)
        self.changes += self.tracker.set_targets(self.targets, self.now)

    @property
    def now(self) -> Moment:
        return Moment(EPOCH + self.mono + self.step, self.mono)

    def see(
        self,
        target_id: int,
        outcome: Outcome,
        *,
        ago: float = 0.0,
        reason: str = "timeout",
        sent: int = 1,
    ) -> list[Change]:
        """Deliver a result of a run that started ``ago`` seconds ago."""
        answered = sent if outcome in (OK, LIMITED) else 0
        reason = "" if outcome is OK else reason
        result = Result(target_id, self.now.wall - ago, outcome, sent, answered, reason=reason)
        found = self.tracker.observe(result, self.now)
        self.changes += found
        return found

    def wait(self, seconds: float = 1.0) -> list[Change]:
        self.mono += seconds
        found = self.tracker.tick(self.now)
        self.changes += found
        return found

    def repeat(self, target_id: int, outcome: Outcome, times: int, **more: str) -> list[Change]:
        found: list[Change] = []
        for _ in range(times):
            found += self.wait()
            found += self.see(target_id, outcome, **more)  # type: ignore[arg-type]
        return found

    def state(self, target_id: int) -> State:
        return self.tracker.state(target_id)


def up(*ids: int, references: tuple[int, ...] = (), rules: StateRules | None = None) -> World:
    """A world in which everything has just answered."""
    targets = [make(i) for i in ids] + [make(i, reference=True) for i in references]
    world = World(targets, rules or StateRules())
    for target in world.targets:
        world.see(target.id, OK)
    assert all(world.state(target.id) is UP for target in world.targets)
    world.changes.clear()
    return world


def test_unknown_until_measured_then_up_by_one_answer() -> None:
    world = World([make(1)])
    assert world.state(1) is UNKNOWN
    change = Change(1, UNKNOWN, UP, world.now.wall, world.now.wall, "")
    assert world.see(1, OK) == [change]


def test_a_first_answer_over_a_limit_is_never_shown_as_good() -> None:
    world = World([make(1)])
    (change,) = world.see(1, LIMITED, reason="cert_expires_soon")
    assert (change.new, change.reason) == (DEGRADED, "cert_expires_soon")


@pytest.mark.parametrize(("reason", "again"), [("body_mismatch", 1.0), ("slow", None)])
def test_what_is_wrong_in_itself_is_asked_again_at_once(reason: str, again: float | None) -> None:
    world = up(1)
    for _ in range(2):
        world.repeat(1, LIMITED, 1, reason=reason)
        assert world.tracker.recheck_after(1) == again
    (change,) = world.repeat(1, LIMITED, 1, reason=reason)
    assert (change.new, change.reason) == (DEGRADED, reason)
    assert world.tracker.recheck_after(1) is None


def test_down_after_three_failures_dated_by_the_first() -> None:
    world = up(1)
    world.wait()
    first = world.now.wall
    assert world.see(1, FAILED) == []
    assert world.tracker.recheck_after(1) == 1.0
    assert world.repeat(1, FAILED, 1) == []
    (change,) = world.repeat(1, FAILED, 1, reason="refused")
    assert change == Change(1, UP, DOWN, first, first + 2, "refused")
    assert world.tracker.recheck_after(1) is None
    assert world.repeat(1, FAILED, 10) == []


def test_two_failures_and_an_answer_change_nothing() -> None:
    world = up(1)
    for _ in range(5):
        assert world.repeat(1, FAILED, 2) == []
        assert world.repeat(1, OK, 60) == []
    assert world.state(1) is UP


def test_up_again_after_two_answers_dated_by_the_first() -> None:
    world = up(1)
    world.repeat(1, FAILED, 3)
    world.wait()
    first = world.now.wall
    assert world.see(1, OK) == []
    assert world.tracker.recheck_after(1) == 1.0
    (change,) = world.repeat(1, OK, 1)
    assert change == Change(1, DOWN, UP, first, first + 1, "")
    assert world.tracker.recheck_after(1) is None


def test_one_answer_amid_an_outage_does_not_end_it() -> None:
    world = up(1)
    world.repeat(1, FAILED, 3)
    world.repeat(1, OK, 1)
    assert world.repeat(1, FAILED, 5) == []
    assert world.state(1) is DOWN


# Degraded


def test_degraded_needs_several_runs_and_so_does_recovery() -> None:
    world = up(1)
    assert world.repeat(1, LIMITED, 2, reason="latency") == []
    assert world.repeat(1, OK, 1) == []
    (worse,) = world.repeat(1, LIMITED, 3, reason="latency")
    assert (worse.new, worse.reason, worse.confirmed_ts - worse.since) == (DEGRADED, "latency", 2)
    assert world.repeat(1, OK, 4) == []
    assert world.repeat(1, LIMITED, 1) == []
    assert world.repeat(1, OK, 4) == []
    (better,) = world.repeat(1, OK, 1)
    assert (better.new, better.confirmed_ts - better.since) == (UP, 4)


def test_loss_over_many_echoes_degrades_and_does_not_flap() -> None:
    world = up(1)
    world.repeat(1, OK, 100)
    for _ in range(20):  # one echo in five is lost
        world.repeat(1, FAILED, 1)
        world.repeat(1, OK, 4)
    assert [(change.new, change.reason) for change in world.changes] == [(DEGRADED, "loss")]
    world.repeat(1, OK, 200)
    assert [change.new for change in world.changes] == [DEGRADED, UP]


def test_one_lost_echo_in_a_hundred_is_not_degraded() -> None:
    world = up(1)
    for _ in range(20):
        world.repeat(1, FAILED, 1)
        world.repeat(1, OK, 99)
    assert world.changes == []


def test_the_losses_of_an_outage_do_not_degrade_the_line_afterwards() -> None:
    world = up(1)
    world.repeat(1, OK, 50)
    world.repeat(1, FAILED, 100)
    world.repeat(1, OK, 50)
    assert [change.new for change in world.changes] == [DOWN, UP]


# Blindness


def test_a_target_is_down_only_when_a_reference_answered_since() -> None:
    world = up(1, references=(9,))
    assert world.repeat(1, FAILED, 3) == []
    assert world.state(1) is UP
    (change,) = world.see(9, OK)
    assert (change.target_id, change.new) == (1, DOWN)


def test_an_answer_to_a_question_asked_before_the_failure_proves_nothing() -> None:
    world = up(1, references=(9,))
    world.repeat(1, FAILED, 3)
    assert world.see(9, OK, ago=0.5) == []
    assert world.state(1) is UP


def test_when_the_references_fail_too_all_is_unknown_and_nothing_down() -> None:
    world = up(1, 2, 3, references=(8, 9))
    for _ in range(6):
        world.wait()
        for target_id in (1, 2, 8, 9):
            world.see(target_id, FAILED)
    assert world.tracker.blind
    assert {change.new for change in world.changes} == {UNKNOWN}
    assert {change.target_id for change in world.changes} == {1, 2, 8, 9}
    assert all(change.reason == "probe_blind" for change in world.changes)
    assert world.state(3) is UP  # not asked meanwhile: nothing is known against it yet
    assert world.tracker.recheck_after(1) is None


@pytest.mark.parametrize("lost", [FAILED, Outcome.UNKNOWN])
def test_sight_comes_back_by_itself(lost: Outcome) -> None:
    """Whether the references do not answer or cannot be asked, for want of a route."""
    world = up(1, 2, references=(9,))
    for _ in range(6):
        world.wait()
        world.see(9, lost)
        for target_id in (1, 2):
            world.see(target_id, FAILED)
    assert {change.new for change in world.changes} == {UNKNOWN}
    world.changes.clear()
    world.wait()
    world.see(9, OK)
    assert not world.tracker.blind
    world.see(1, OK)
    sight = world.now.wall
    while world.now.wall < sight + 12:
        world.wait()
        world.see(9, OK)
        world.see(2, FAILED)
        world.see(9, OK, ago=-0.001)
    assert [(c.target_id, c.new) for c in world.changes] == [(9, UP), (1, UP), (2, DOWN)]
    down = world.changes[-1]
    assert down.since == sight + 1  # counted afresh, the blind time is left out
    assert down.confirmed_ts == sight + world.rules.settle_s


def test_what_answers_late_after_blindness_was_never_down() -> None:
    """Routing converges: the near part of the network answers seconds before the far one."""
    world = up(1, references=(9,))
    for _ in range(4):
        world.wait()
        world.see(1, FAILED)
        world.see(9, FAILED)
    world.changes.clear()
    world.wait()
    world.see(9, OK)
    for _ in range(8):
        world.wait()
        world.see(1, FAILED)
        world.see(9, OK)
    world.wait()
    world.see(1, OK)
    assert [(c.target_id, c.new) for c in world.changes] == [(9, UP), (1, UP)]


def test_what_was_sent_while_blind_proves_nothing_when_it_fails_later() -> None:
    world = up(1, references=(9,), rules=StateRules(settle_s=0.0))
    for _ in range(4):
        world.wait()
        world.see(9, FAILED)
    world.wait()
    world.see(9, OK)
    world.changes.clear()
    for ago in (2.0, 1.5, 1.2):
        world.wait(0.1)
        world.see(1, FAILED, ago=ago)
        world.see(9, OK, ago=-0.001)
    assert world.changes == []
    assert world.tracker.recheck_after(1) is None


def test_a_target_that_was_down_is_unknown_while_nobody_can_see() -> None:
    world = up(1, references=(9,))
    world.repeat(1, FAILED, 3)
    world.see(9, OK)
    assert world.state(1) is DOWN
    blind_from = world.now.wall + 1
    for _ in range(4):
        world.wait()
        world.see(9, FAILED)
        world.see(1, FAILED)
    change = world.changes[-1]
    assert (change.target_id, change.new, change.since) == (1, UNKNOWN, blind_from)


def test_without_proof_of_sight_a_pending_target_is_rolled_back_to_unknown() -> None:
    world = up(1, references=(9,))
    world.repeat(1, FAILED, 3)
    first = world.now.wall - 2
    (change,) = world.wait(3.5)
    assert change == Change(1, UP, UNKNOWN, first, world.now.wall, "probe_blind")


def test_the_only_reference_is_never_down_by_its_own_word() -> None:
    world = up(1, references=(9,))
    world.repeat(9, FAILED, 5)
    assert world.state(9) is UNKNOWN


def test_one_of_two_references_may_be_down() -> None:
    world = up(1, references=(8, 9))
    for _ in range(3):
        world.wait()
        world.see(8, FAILED)
        world.see(9, OK)
    assert world.state(8) is DOWN
    assert not world.tracker.blind


def test_results_void_by_engine_lag_roll_back_and_then_age() -> None:
    world = up(1)
    assert world.repeat(1, FAILED, 2) == []
    assert world.repeat(1, VOID, 1, reason="engine_lag") == []
    assert world.repeat(1, FAILED, 2) == []
    assert world.state(1) is UP
    changes = world.repeat(1, VOID, 40, reason="engine_lag")
    assert [(change.new, change.reason) for change in changes] == [(UNKNOWN, "engine_lag")]


# Mass outage


def many(count: int, references: tuple[int, ...] = ()) -> World:
    return up(*range(100, 100 + count), references=references)


def test_without_references_everything_failing_at_once_is_unknown() -> None:
    world = many(30)
    for _ in range(40):
        world.wait()
        for target in world.targets:
            world.see(target.id, FAILED)
    assert {change.new for change in world.changes} == {UNKNOWN}
    assert len(world.changes) == 30
    world.changes.clear()
    for _ in range(4):  # most come back, one does not
        world.wait()
        for target in world.targets:
            world.see(target.id, FAILED if target.id == 100 else OK)
    world.wait()
    assert world.state(100) is DOWN
    assert {world.state(target.id) for target in world.targets[1:]} == {UP}
    assert not world.tracker.braked


def test_a_real_mass_outage_is_down_when_most_references_confirm_sight() -> None:
    world = many(30, references=(7, 8, 9))
    for _ in range(3):
        world.wait()
        for target in world.targets[:20]:
            world.see(target.id, FAILED)
        world.see(7, OK, ago=-0.001)
    assert world.tracker.braked
    assert world.changes == []  # one reference of three is not enough for that many
    found = world.see(8, OK, ago=-0.001)
    assert len(found) == 20
    assert {change.new for change in found} == {DOWN}


def test_a_minority_failing_needs_no_more_than_one_reference() -> None:
    world = many(30, references=(7, 8, 9))
    for _ in range(3):
        world.wait()
        for target in world.targets[:12]:
            world.see(target.id, FAILED)
        world.see(7, OK, ago=-0.001)
    assert not world.tracker.braked
    assert sum(change.new is DOWN for change in world.changes) == 12


# Order, clocks, restarts, changes


def test_late_and_doubled_results_say_nothing() -> None:
    world = up(1)
    world.wait(10)
    world.see(1, FAILED)
    for _ in range(5):
        assert world.see(1, FAILED) == []  # the same time stamp again
        assert world.see(1, FAILED, ago=5) == []
        assert world.see(1, OK, ago=3) == []
    assert world.repeat(1, FAILED, 1) == []
    assert world.repeat(1, FAILED, 1) != []


def test_a_result_from_the_future_is_not_believed() -> None:
    world = up(1)
    assert world.see(1, FAILED, ago=-3600) == []
    world.repeat(1, FAILED, 3)
    assert world.state(1) is DOWN


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_jumps_neither_flips_nor_freezes_anything(jump: float) -> None:
    world = up(1, 2, references=(9,))
    world.repeat(1, FAILED, 2)
    world.step += jump
    for _ in range(5):
        world.wait()
        world.see(1, OK)
        world.see(2, OK)
        world.see(9, OK)
    assert world.changes == []
    for _ in range(3):
        world.wait()
        world.see(1, FAILED)
        world.see(9, OK)
    (change,) = world.changes
    assert (change.target_id, change.new) == (1, DOWN)
    assert change.since <= change.confirmed_ts


def test_an_answer_from_before_a_jump_back_is_no_proof_of_sight() -> None:
    world = up(1, references=(9,))
    world.see(9, OK)
    world.step -= 3600
    world.repeat(1, FAILED, 3)
    assert world.state(1) is UP
    world.wait(4)
    assert world.state(1) is UNKNOWN


def test_no_result_for_three_intervals_is_unknown() -> None:
    world = up(1)
    last = world.now.wall
    for _ in range(31):
        assert world.wait() == []
    world.wait(5)
    (change,) = world.changes
    assert (change.new, change.reason, change.since) == (UNKNOWN, "stale", last + 10)


def test_a_restart_goes_on_from_the_stored_states() -> None:
    world = World([make(1), make(2), make(3)])
    now = world.now.wall
    stored = {
        1: StoredState(UP, now - 500, now - 5),
        2: StoredState(DOWN, now - 500, now - 3600),
        3: StoredState(UNKNOWN, now - 500, None),
        4: StoredState(UP, now - 500, now - 5),
    }
    (gap,) = world.tracker.restore(stored, world.now)
    assert gap == Change(2, DOWN, UNKNOWN, now - 500, now, "engine_stopped")
    assert world.see(1, OK) == []
    assert world.repeat(1, FAILED, 3)[0].old is UP


def test_the_time_that_nobody_measured_is_unknown() -> None:
    world = World([make(1)])
    now = world.now.wall
    stored = {1: StoredState(UP, now - 9000, now - 3600)}
    (gap,) = world.tracker.restore(stored, world.now)
    assert (gap.new, gap.since, gap.confirmed_ts) == (UNKNOWN, now - 3600 + 10, now)


def test_targets_come_go_and_change() -> None:
    world = up(1, 2)
    world.repeat(1, FAILED, 2)
    moved = Target(1, ProbeKind.ICMP, "127.0.0.99")
    (change,) = world.tracker.set_targets([moved, make(3)], world.now)
    assert (change.target_id, change.new, change.reason) == (1, UNKNOWN, "target_changed")
    assert world.see(2, FAILED) == []
    assert world.state(2) is UNKNOWN
    assert world.repeat(1, FAILED, 2) == []
    assert world.repeat(1, FAILED, 1)[0].new is DOWN


def test_a_new_interval_keeps_the_state() -> None:
    world = up(1)
    assert world.tracker.set_targets([make(1, interval_s=60)], world.now) == []
    assert world.state(1) is UP


# By search

IDS, REFERENCES = (1, 2, 3), (8, 9)
EVENTS = st.one_of(
    st.tuples(
        st.just("see"),
        st.sampled_from(IDS + REFERENCES),
        st.sampled_from([OK, OK, FAILED, FAILED, FAILED, LIMITED, VOID]),
        st.sampled_from([0.0, 0.0, 0.0, 0.4, 1.0, 30.0]),
    ),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 0.5, 1.0, 5.0, 60.0])),
    st.tuples(st.just("all"), st.sampled_from([OK, FAILED])),
    st.tuples(st.just("jump"), st.sampled_from([3600.0, -3600.0, 2.0])),
)


class Oracle:
    """Follows the accepted results by its own simple book-keeping."""

    def __init__(self) -> None:
        self.last: dict[int, float] = {}
        self.failures: dict[int, list[float]] = {}
        self.reference_answers: list[float] = []
        self.state: dict[int, State] = {}
        self.since: dict[int, float] = {}

    def jump(self, wall: float) -> None:
        self.last.clear()
        self.failures.clear()
        self.reference_answers.clear()
        self.since = {target_id: min(since, wall) for target_id, since in self.since.items()}

    def see(self, target_id: int, outcome: Outcome, ts: float) -> None:
        if ts <= self.last.get(target_id, float("-inf")):
            return
        self.last[target_id] = ts
        if outcome is FAILED:
            self.failures.setdefault(target_id, []).append(ts)
            return
        self.failures[target_id] = []
        if outcome is not VOID and target_id in REFERENCES:
            self.reference_answers.append(ts)

    def check(self, change: Change) -> None:
        assert change.old is self.state.get(change.target_id, UNKNOWN)
        assert change.new is not change.old
        assert change.since <= change.confirmed_ts
        before = self.since.get(change.target_id, float("-inf"))
        assert change.since >= before
        self.state[change.target_id] = change.new
        self.since[change.target_id] = change.since
        failures = self.failures.get(change.target_id, [])
        if change.new is DOWN:
            assert len(failures) >= 3
            assert change.since == max(failures[0], before)
            assert max(self.reference_answers, default=0.0) >= failures[2]
        elif change.new in (UP, DEGRADED):
            assert not failures
            assert change.confirmed_ts >= self.last[change.target_id]
        if change.new is UNKNOWN:
            self.failures[change.target_id] = []


@given(st.lists(EVENTS, min_size=20, max_size=150))
@settings(max_examples=300, deadline=None)
def test_whatever_happens_down_is_proven(events: list[tuple[object, ...]]) -> None:
    world = World([make(i) for i in IDS] + [make(i, reference=True) for i in REFERENCES])
    oracle = Oracle()

    def see(target_id: int, outcome: Outcome, ago: float) -> None:
        oracle.see(target_id, outcome, world.now.wall - ago)
        for change in world.see(target_id, outcome, ago=ago):
            oracle.check(change)

    for event in events:
        match event:
            case ("see", int(target_id), Outcome() as outcome, float(ago)):
                see(target_id, outcome, ago)
            case ("wait", float(seconds)):
                for change in world.wait(seconds):
                    oracle.check(change)
            case ("all", Outcome() as outcome):
                for target_id in IDS + REFERENCES:
                    see(target_id, outcome, 0.0)
            case ("jump", float(seconds)):
                world.step += seconds
                oracle.jump(world.now.wall)
                assert world.wait(0.0) == []  # noticed before anything else is judged
    for target_id, state in oracle.state.items():
        assert world.state(target_id) is state


@given(st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from([OK, FAILED, VOID])), max_size=200))
@settings(max_examples=100, deadline=None)
def test_never_down_while_the_references_are_silent(
    seen: list[tuple[int, Outcome]],
) -> None:
    world = up(*IDS, references=REFERENCES)
    for target_id, outcome in seen:
        world.wait(0.7)
        for reference in REFERENCES:
            world.see(reference, FAILED)
        world.see(target_id, outcome)
    assert DOWN not in {change.new for change in world.changes}


@given(st.lists(st.sampled_from([OK, FAILED, LIMITED, VOID]), max_size=120))
@settings(max_examples=100, deadline=None)
def test_it_always_heals(history: list[Outcome]) -> None:
    world = up(1, references=(9,))
    for outcome in history:
        world.wait()
        world.see(1, outcome)
        world.see(9, outcome)
    for _ in range(300):
        world.wait()
        world.see(1, OK)
        world.see(9, OK)
    assert (world.state(1), world.state(9)) == (UP, UP)
    assert not world.tracker.blind
