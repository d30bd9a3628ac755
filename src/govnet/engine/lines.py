"""The state of lines from what the ports at both ends say. Pure: no I/O, no clock.

A line between two devices has no address to ask: its devices are polled, and IF-MIB (RFC 2863)
says of each port whether its link is up. A line is down when either end says so, up when an end
says so and none says otherwise, unknown while no end is known: a device that does not answer is
neither up nor down.

A port that somebody shut (ifAdminStatus down) tells nothing of the line: it is unknown with the
reason ``admin_down``, neither an outage of the carrier's nor proof of a line that works; a
maintenance window makes it planned. Shutting the port of a line that is down repairs nothing: it
stays down until it is seen up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from govnet.engine.result import State
from govnet.engine.state import CHANGES, NEVER, Change, Moment, StateRules, StoredState

ADMIN_DOWN: Final = "admin_down"
LINK_DOWN: Final = "link_down"


class PortLink(StrEnum):
    """What a device says of one of its ports."""

    UP = "up"
    DOWN = "down"
    SHUT = "shut"


_OPER: Final = {1: PortLink.UP, 2: PortLink.DOWN, 6: PortLink.DOWN, 7: PortLink.DOWN}
"""ifOperStatus: up, down, notPresent, lowerLayerDown; testing, unknown, dormant say nothing."""

_ADMIN_DOWN: Final = 2


def port_link(admin: int, oper: int) -> PortLink | None:
    """What ifAdminStatus and ifOperStatus say of a port; None: nothing that can be used."""
    return PortLink.SHUT if admin == _ADMIN_DOWN else _OPER.get(oper)


@dataclass(frozen=True, slots=True)
class Line:
    """A line whose state follows from its ports.

    Attributes:
        target_id: primary key of its target.
        ports: the polled ports at its ends, one or two: their names by their ids.
        interval_s: seconds between two polls of the slower end.
    """

    target_id: int
    ports: Mapping[int, str]
    interval_s: float = 60.0


@dataclass(slots=True)
class _Port:
    """The last answer about a port, and when its device was asked last."""

    mono: float
    link: PortLink | None = None
    asked_ts: float = NEVER


@dataclass(slots=True)
class _Track:
    """What is remembered of one line.

    ``other_since``: since when its ports say something else than the confirmed state.
    """

    line: Line
    state: State = State.UNKNOWN
    since: float = NEVER
    other_since: float | None = None
    checked_ts: float = NEVER
    ports: list[_Port] = field(default_factory=list)


class LineTracker:
    """Confirmed states of all lines that are judged by their ports."""

    def __init__(self, rules: StateRules | None = None) -> None:
        self._stale_intervals = (rules or StateRules()).stale_intervals
        self._tracks: dict[int, _Track] = {}
        self._ports: dict[int, _Port] = {}
        self._by_port: Mapping[int, list[_Track]] = {}

    def set_lines(self, lines: Iterable[Line], at: Moment) -> None:
        """Track exactly these lines."""
        before, self._tracks = self._tracks, {}
        known, self._ports = self._ports, {}
        by_port: dict[int, list[_Track]] = defaultdict(list)
        for line in lines:
            track = before.get(line.target_id) or _Track(line)
            for pk in line.ports:
                self._ports.setdefault(pk, known.get(pk) or _Port(at.mono))
                by_port[pk].append(track)
            track.line, track.ports = line, [self._ports[pk] for pk in line.ports]
            self._tracks[line.target_id] = track
        self._by_port = by_port

    def restore(self, stored: Mapping[int, StoredState], at: Moment) -> list[Change]:
        """Continue from the states of before a restart; time that nobody measured is unknown."""
        changes = []
        for pk, track in self._tracks.items():
            was = stored.get(pk)
            if was is None:
                continue
            track.state, track.since = was.state, was.since
            track.checked_ts = was.checked_ts or was.since
            if was.state is State.UNKNOWN or was.checked_ts is None:
                continue
            if at.wall - was.checked_ts > self._stale_s(track):
                changes.append(self._unmeasured(track, "engine_stopped", at))
        return changes

    def states(self) -> dict[int, State]:
        """The confirmed state of every line, by id of its target."""
        return {pk: track.state for pk, track in self._tracks.items()}

    # What happens

    def observe(
        self, asked: Collection[int], said: Mapping[int, PortLink], ts: float, at: Moment
    ) -> list[Change]:
        """Take in one poll of a device.

        Args:
            asked: ids of the device's ports.
            said: what it said of them, by id; ports of which it said nothing are left out.
            ts: when the poll started, seconds since the epoch.
            at: now.
        """
        concerned: dict[int, _Track] = {}
        for pk in asked:
            if port := self._ports.get(pk):
                port.asked_ts = ts
                if link := said.get(pk):
                    port.link, port.mono = link, at.mono
                concerned |= {track.line.target_id: track for track in self._by_port[pk]}
        for pk in said:
            for track in self._by_port.get(pk, ()):
                track.checked_ts = ts
        return [change for track in concerned.values() for change in self._judge(track, ts, at)]

    def tick(self, at: Moment) -> list[Change]:
        """Once a second: what follows from time alone."""
        changes = []
        for track in self._tracks.values():
            if track.other_since is not None:
                changes += self._judge(track, track.other_since, at)
            read = max((port.mono for port in track.ports), default=NEVER)
            if track.state is not State.UNKNOWN and at.mono - read > self._stale_s(track):
                changes.append(self._unmeasured(track, "stale", at))
        return changes

    def ends(self, target_id: int) -> dict[str, Any]:
        """What the ports of a line said last, by their names."""
        track = self._tracks[target_id]
        pairs = zip(track.line.ports.values(), track.ports, strict=True)
        return {name: port.link.value if port.link else None for name, port in pairs}

    def ending_at(self, ports: Iterable[int]) -> set[int]:
        """Ids of the targets of the lines that end at some ports."""
        return {track.line.target_id for pk in ports for track in self._by_port.get(pk, ())}

    # Judging

    def _judge(self, track: _Track, ts: float, at: Moment) -> list[Change]:
        told = self._told(track, at)
        if told is None or told[0] is track.state:
            track.other_since = None
            return []
        state, reason = told
        if track.other_since is None:
            track.other_since = ts
        if state is State.DOWN and self._waits(track, track.other_since, at):
            return []
        return [self._flip(track, state, track.other_since, reason, at)]

    def _told(self, track: _Track, at: Moment) -> tuple[State, str] | None:
        """What the ends say together; None while neither is known."""
        fresh = self._stale_s(track)
        links = {port.link for port in track.ports if at.mono - port.mono <= fresh}
        if PortLink.SHUT in links:
            return (State.DOWN if track.state is State.DOWN else State.UNKNOWN), ADMIN_DOWN
        if PortLink.DOWN in links:
            return State.DOWN, LINK_DOWN
        return (State.UP, "") if PortLink.UP in links else None

    def _waits(self, track: _Track, since: float, at: Moment) -> bool:
        """Whether the other end may still say that somebody shut it: the cause then is known."""
        unasked = any(port.asked_ts < since for port in track.ports)
        return unasked and at.wall - since <= self._stale_s(track)

    def _unmeasured(self, track: _Track, reason: str, at: Moment) -> Change:
        began = track.checked_ts + track.line.interval_s
        return self._flip(track, State.UNKNOWN, began, reason, at)

    def _flip(self, track: _Track, new: State, since: float, reason: str, at: Moment) -> Change:
        began = min(max(since, track.since), at.wall)
        change = Change(track.line.target_id, track.state, new, began, at.wall, reason)
        track.state, track.since, track.other_since = new, began, None
        CHANGES.labels(new.value).inc()
        return change

    def _stale_s(self, track: _Track) -> float:
        return self._stale_intervals * track.line.interval_s
