"""Lines between devices: two ends, what each says, and what follows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.lines import Line, LineTracker, PortLink, port_link
from govnet.engine.result import State
from govnet.engine.state import Change, Moment, StoredState

UP, DOWN, SHUT = PortLink.UP, PortLink.DOWN, PortLink.SHUT
A, Z, TARGET = 1, 2, 9
Said = dict[int, PortLink]


class Site:
    """A tracker whose two devices are polled at second 0 and 20 of each minute."""

    def __init__(self, *ports: int) -> None:
        self.tracker = LineTracker()
        self.tracker.set_lines([Line(TARGET, {p: f"p{p}" for p in ports or (A, Z)})], Moment(0, 0))
        self.changes: list[Change] = []

    def poll(self, at: float, port: int, link: PortLink | None) -> None:
        said = {} if link is None else {port: link}
        self.changes += self.tracker.observe([port], said, at, Moment(at, at))

    def tick(self, at: float) -> None:
        self.changes += self.tracker.tick(Moment(at, at))

    @property
    def told(self) -> list[tuple[State, float, str]]:
        return [(c.new, c.since, c.reason) for c in self.changes]

    @property
    def state(self) -> State:
        return self.tracker.states()[TARGET]


def settled() -> Site:
    site = Site()
    site.poll(1, A, UP)
    site.poll(20, Z, UP)
    site.changes.clear()
    return site


@pytest.mark.parametrize(
    ("admin", "oper", "said"),
    [
        (1, 1, UP),
        (1, 2, DOWN),
        (1, 7, DOWN),
        (1, 6, DOWN),
        (2, 2, SHUT),
        (2, 1, SHUT),
        (0, 1, UP),
        (1, 3, None),
        (1, 4, None),
        (1, 5, None),
        (1, 0, None),
    ],
)
def test_what_a_port_says_by_if_mib(admin: int, oper: int, said: PortLink | None) -> None:
    assert port_link(admin, oper) is said


def test_either_end_tells_an_outage_since_its_first_reading() -> None:
    site = settled()
    site.poll(80, Z, DOWN)
    assert site.told == []  # the other end may say that somebody shut it
    site.poll(120, A, UP)
    assert site.told == [(State.DOWN, 80, "link_down")]
    site.poll(140, Z, UP)
    assert site.told[1:] == [(State.UP, 140, "")]


def test_a_port_that_was_shut_is_unknown_since_the_other_end_lost_its_link() -> None:
    site = settled()
    site.poll(80, Z, DOWN)
    site.poll(120, A, SHUT)
    assert site.told == [(State.UNKNOWN, 80, "admin_down")]
    site.poll(180, A, UP)
    site.poll(200, Z, UP)
    assert [state for state, *_ in site.told[1:]] == [State.UP]


def test_shutting_the_port_of_a_line_that_is_down_repairs_nothing() -> None:
    site = settled()
    site.poll(80, Z, DOWN)
    site.poll(120, A, DOWN)
    site.poll(180, A, SHUT)
    site.poll(240, A, SHUT)
    assert [state for state, *_ in site.told] == [State.DOWN]


def test_a_mute_device_is_neither_up_nor_down() -> None:
    site = settled()
    for at in (61, 121, 181, 241):
        site.poll(at, A, None)
        site.poll(at + 19, Z, UP)
        site.tick(at + 20)
    assert site.state is State.UP  # the other end still tells
    for at in range(301, 600, 60):
        site.poll(at, A, None)
        site.poll(at + 19, Z, None)
        site.tick(at + 20)
    assert site.told == [(State.UNKNOWN, 320, "stale")]  # the last reading, and one interval


def test_an_end_that_is_never_asked_holds_an_outage_back_for_a_while_only() -> None:
    site = settled()
    site.poll(80, Z, DOWN)
    site.tick(200)
    assert site.told == []
    site.poll(200, Z, DOWN)
    site.tick(261)
    assert site.told == [(State.DOWN, 80, "link_down")]


def test_a_line_with_one_port_needs_no_other() -> None:
    site = Site(A)
    site.poll(1, A, UP)
    site.poll(61, A, DOWN)
    assert [(state, since) for state, since, _ in site.told] == [(State.UP, 1), (State.DOWN, 61)]


def test_time_in_which_the_engine_stood_still_is_unknown() -> None:
    site = Site()
    changes = site.tracker.restore({TARGET: StoredState(State.UP, 5, 100)}, Moment(1000, 0))
    assert [(c.new, c.since, c.reason) for c in changes] == [(State.UNKNOWN, 160, "engine_stopped")]


def test_a_short_restart_goes_on_from_the_stored_state() -> None:
    site = Site()
    assert not site.tracker.restore({TARGET: StoredState(State.UP, 5, 990)}, Moment(1000, 0))
    site.changes += site.tracker.tick(Moment(1100, 100))
    assert site.told == []
    site.changes += site.tracker.tick(Moment(1190, 190))
    assert site.told == [(State.UNKNOWN, 1050, "stale")]


polls = st.lists(
    st.tuples(st.integers(1, 400), st.sampled_from([A, Z]), st.sampled_from([UP, DOWN, SHUT, None]))
)


@given(polls)
def test_changes_follow_each_other_in_time_and_in_state(
    found: list[tuple[int, int, PortLink | None]],
) -> None:
    site, at = Site(), 0
    for seconds, port, link in found:
        at += seconds
        site.poll(at, port, link)
        site.tick(at)
    before, since = State.UNKNOWN, float("-inf")
    for change in site.changes:
        assert change.old is before is not change.new
        assert since <= change.since <= change.confirmed_ts
        before, since = change.new, change.since
    if not any(link is UP for _s, _p, link in found):
        assert all(change.new is not State.UP for change in site.changes)
