"""The process that moves the frames of all cables: ``python -m govnet.lab.cables.process``.

One thread, one epoll. A frame that is due within ``GRAIN`` is written at once (the virtual
clock of its way still counts its time, so the rate stays right); later ones wait in their way,
and a heap knows which way is due next. Nothing is polled: without traffic the process sleeps.
"""

from __future__ import annotations

import heapq
import itertools
import os
import select
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from govnet.lab.cables.plug import Cable, Condition, End
from govnet.lab.cables.tap import LARGEST_SEGMENT, READ_SIZE, Links, Tap, wire_size
from govnet.lab.cables.way import Held, Way
from govnet.lab.control import Request, Server

GRAIN = 1e-4
# Frames read from one end before the others get their turn.
TURN = 16
# A super-frame may keep the wire busy for a millisecond; slower wires get plain packets.
SUPER_FRAME_SECONDS = 1e-3
FULL_PACKET = 1538


class Running:
    """A cable that is plugged in: its two taps and two ways."""

    def __init__(self, cable: Cable, taps: tuple[Tap, Tap], links: tuple[Links, Links]) -> None:
        self.cable, self.taps, self.links = cable, taps, links
        self.ways = (Way(cable.mbps, cable.forward), Way(cable.mbps, cable.backward))
        self.apply(cable)

    def apply(self, cable: Cable) -> None:
        """Take over rate and conditions."""
        self.cable = cable
        segment = min(LARGEST_SEGMENT, int(cable.mbps * 125_000 * SUPER_FRAME_SECONDS))
        conditions = (cable.forward, cable.backward)
        for way, tap, links, condition in zip(
            self.ways, self.taps, self.links, conditions, strict=True
        ):
            way.set(cable.mbps, condition)
            links.set_speed(tap.end.interface, cable.mbps)
            # A lost super-frame would be forty packets lost at once.
            plain = condition.loss > 0 or segment < 2 * FULL_PACKET
            tap.set_super_frames(not plain)
            if not plain:
                links.limit_segments(tap.end.interface, segment)
        self.follow_links()

    def follow_links(self) -> None:
        """An end has carrier while the cable is whole and the other end's port is up."""
        up = [
            links.is_up(tap.end.interface) for links, tap in zip(self.links, self.taps, strict=True)
        ]
        for tap, other_up in zip(self.taps, reversed(up), strict=True):
            with suppress(OSError):  # its namespace was removed
                tap.set_carrier(other_up and not self.cable.cut)
        self.whole = all(up) and not self.cable.cut
        if not self.whole:
            for way in self.ways:
                way.flush()

    def state(self) -> dict[str, Any]:
        """The cable with its carriers and counters, for JSON."""
        return self.cable.as_dict() | {
            "carrier": {"a": bool(self.taps[0].carrier), "z": bool(self.taps[1].carrier)},
            "counters": {
                "forward": self.ways[0].counters.as_dict(),
                "backward": self.ways[1].counters.as_dict(),
            },
        }


class Switchboard:
    """All cables of a twin, and the loop that serves them."""

    def __init__(self, socket_path: Path) -> None:
        self.poll = select.epoll()
        self.cables: dict[str, Running] = {}
        self.links: dict[str, Links] = {}
        self.handlers: dict[int, Callable[[], None]] = {}
        self.due: list[tuple[float, int, Way, Tap]] = []
        self.entries = itertools.count(1)
        self.server = Server(socket_path, self._watch, self._answer)
        self.running = True

    # -- the loop ---------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until told to stop."""
        polls = [self.poll.fileno()]
        handlers = self.handlers
        while self.running:
            wait = max(0.0, self.due[0][0] - monotonic()) if self.due else None
            # epoll's own timeout has a grain of a millisecond; select's one of a microsecond.
            if select.select(polls, (), (), wait)[0]:
                for descriptor, _ in self.poll.poll(0):
                    handler = handlers.get(descriptor)
                    if handler is not None:
                        handler()
            if self.due:
                self._deliver_due()
        self.server.close()

    def _deliver_due(self) -> None:
        due = self.due
        now = monotonic() + GRAIN / 2
        while due and due[0][0] <= now:
            _, entry, way, tap = heapq.heappop(due)
            if entry != way.entry:  # the way was flushed since
                continue
            while way.held and way.held[0].at <= now:
                self._write(way, tap, way.release())
            way.entry = 0
            if way.held:
                self._schedule(way, tap)

    def _schedule(self, way: Way, tap: Tap) -> None:
        """Come back when the way's first frame arrives."""
        way.entry = next(self.entries)
        heapq.heappush(self.due, (way.held[0].at, way.entry, way, tap))

    @staticmethod
    def _write(way: Way, tap: Tap, held: Held) -> None:
        try:
            os.write(tap.descriptor, held.frame)
        except OSError:  # the port is down, or its buffers are full
            way.counters.undelivered += held.packets
            return
        way.counters.packets += held.packets

    def _reader(self, running: Running, source: Tap, way: Way, target: Tap) -> Callable[[], None]:
        """The handler of one end: what it sends goes down its way."""
        descriptor = source.descriptor

        def move() -> None:
            for _ in range(TURN):
                try:
                    frame = os.read(descriptor, READ_SIZE)
                except BlockingIOError:
                    return
                except OSError:  # its namespace was removed, and the interface with it
                    self._unwatch(descriptor)
                    return
                size, packets = wire_size(frame)
                if not running.whole:
                    way.counters.lost += packets
                    continue
                now = monotonic()
                at = way.arrival(now, size, packets)
                if at is None:
                    continue
                way.counters.bytes += size
                held = Held(at, frame, packets)
                if not way.held and at - now < GRAIN:
                    self._write(way, target, held)
                    continue
                way.hold(held)
                if not way.entry:
                    self._schedule(way, target)

        return move

    # -- what is watched --------------------------------------------------------------------

    def _watch(self, descriptor: int, handler: Callable[[], None] | None) -> None:
        if handler is None:
            self._unwatch(descriptor)
            return
        self.handlers[descriptor] = handler
        self.poll.register(descriptor, select.EPOLLIN)

    def _unwatch(self, descriptor: int) -> None:
        if self.handlers.pop(descriptor, None) is not None:
            with suppress(OSError):
                self.poll.unregister(descriptor)

    def _links_of(self, namespace: str) -> Links:
        if namespace not in self.links:
            try:
                links = self.links[namespace] = Links(namespace)
            except FileNotFoundError as error:
                raise ValueError(f"There is no network namespace {namespace}.") from error
            self._watch(links.fileno(), lambda: self._follow(namespace))
        return self.links[namespace]

    def _follow(self, namespace: str) -> None:
        self.links[namespace].drain()
        for running in self.cables.values():
            if namespace in (running.cable.a.namespace, running.cable.z.namespace):
                running.follow_links()

    # -- commands ---------------------------------------------------------------------------

    def _answer(self, request: Request) -> object:
        """Carry out one request; ``ValueError`` says what is wrong with it."""
        match request.pop("do", None):
            case "add":
                return self._add([Cable.from_dict(cable) for cable in request["cables"]])
            case "change":
                return self._change(request["name"], request["to"])
            case "remove":
                return self._remove(request["names"])
            case "list":
                return [running.state() for running in self.cables.values()]
            case "stop":
                self.running = False
                return None
            case other:
                raise ValueError(f"The cables know no command {other!r}.")

    def _add(self, cables: Iterable[Cable]) -> int:
        number = 0
        for cable in cables:
            if cable.name in self.cables:
                raise ValueError(f"There is a cable {cable.name} already.")
            self.cables[cable.name] = self._plug_in(cable)
            number += 1
        return number

    def _plug_in(self, cable: Cable) -> Running:
        taps: list[Tap] = []
        try:
            links = (self._links_of(cable.a.namespace), self._links_of(cable.z.namespace))
            taps.append(_tap(cable.a))
            taps.append(_tap(cable.z))
            running = Running(cable, (taps[0], taps[1]), links)
        except (OSError, ValueError):
            for tap in taps:
                tap.close()
            raise
        (a, z), (forward, backward) = running.taps, running.ways
        self._watch(a.descriptor, self._reader(running, a, forward, z))
        self._watch(z.descriptor, self._reader(running, z, backward, a))
        return running

    def _change(self, name: str, to: dict[str, Any]) -> dict[str, Any]:
        running = self._cable(name)
        for way in ("forward", "backward"):
            if way in to:
                to[way] = Condition(**to[way])
        unknown = to.keys() - {"mbps", "forward", "backward", "cut"}
        if unknown:
            raise ValueError(f"A plugged-in cable's {', '.join(sorted(unknown))} cannot change.")
        running.apply(replace(running.cable, **to))
        return running.state()

    def _remove(self, names: Iterable[str]) -> int:
        before = len(self.cables)
        for name in names:
            running = self.cables.pop(self._cable(name).cable.name)
            for way in running.ways:
                way.flush()
            for tap in running.taps:
                self._unwatch(tap.descriptor)
                tap.close()
        # A namespace whose last cable is gone need not be listened to.
        used = {end.namespace for r in self.cables.values() for end in (r.cable.a, r.cable.z)}
        for namespace in self.links.keys() - used:
            links = self.links.pop(namespace)
            self._unwatch(links.fileno())
            links.close()
        return before - len(self.cables)

    def _cable(self, name: str) -> Running:
        if name not in self.cables:
            raise ValueError(f"There is no cable {name}.")
        return self.cables[name]


def _tap(end: End) -> Tap:
    try:
        return Tap(end)
    except OSError as error:
        raise ValueError(f"{end} cannot be made: {error.strerror}.") from error


def main() -> None:
    """Serve the control socket given as the only argument."""
    board = Switchboard(Path(sys.argv[1]))

    def stop(*_: object) -> None:
        board.running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    # A signal only sets a flag: writing to this pipe wakes the loop to see it.
    wake, signalled = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    board.handlers[wake] = lambda: None
    board.poll.register(wake, select.EPOLLIN | select.EPOLLET)
    signal.set_wakeup_fd(signalled)
    board.run()


if __name__ == "__main__":
    main()
