"""The process of a twin that breaks and mends it for who is not its root: ``python -m``.

GovNet's pages have threads and must not fork into namespaces, so they only write a line of JSON
to this process's socket. It injects and heals faults, plays one of the shipped scenarios at a
time, and, where that was asked for, lets something fail now and then as the loopback demo does.
"""

from __future__ import annotations

import itertools
import json
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from govnet.demo.faults import played_faults
from govnet.lab import faults, scenario
from govnet.lab.control import Request, Server, ask
from govnet.lab.description import Role
from govnet.lab.scenario import Scenario, ScenarioError
from govnet.lab.twin import Twin
from govnet.runtime.logs import configure_logging

log = structlog.get_logger()

SCENARIOS: Final = Path(__file__).parent / "scenarios"
PROGRESS: Final = "scenario.json"
RECORDING: Final = "truth.jsonl"
LONGEST_WAIT_S: Final = 3600.0
KINDS_OF_DEMO: Final = {"port": "cut", "agent": "mute"}


class _Stopped(Exception):  # noqa: N818  # no error: somebody asked for it
    """The scenario that is being played shall end."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scenario is.

    Attributes:
        name: its key, the file's name without ".yaml".
        began: seconds since the epoch.
        length_s: from its first to its last step.
        done: how many steps were taken.
        ended: empty while it plays, else "done", "stopped" or why it could not go on.
    """

    name: str
    began: float
    length_s: float
    done: int = 0
    ended: str = ""


def socket_of(twin: Twin) -> Path:
    """Where a twin's director is asked."""
    return twin.directory / "director"


def order(twin: Twin, request: Request) -> None:
    """Give an order and wait until it is carried out; a scenario only begins.

    Raises:
        govnet.lab.control.ControlError: it was refused, or no director is there.
    """
    ask(socket_of(twin), request)


def progress(twin: Twin) -> Progress | None:
    """The scenario that is being played or was played last."""
    try:
        text = (twin.directory / PROGRESS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return Progress(**json.loads(text))


def shipped() -> dict[str, Scenario]:
    """Scenarios that come with GovNet, by their keys."""
    return {path.stem: scenario.read(path) for path in sorted(SCENARIOS.glob("*.yaml"))}


class Director:
    """The orders of one twin while ``run`` runs."""

    def __init__(self, twin: Twin, *, plays_faults: bool) -> None:
        self.twin, self.plays_faults = twin, plays_faults
        self.selector = selectors.DefaultSelector()
        self.wanted = ""
        self.playing = False
        self.stopping = False
        (twin.directory / PROGRESS).unlink(missing_ok=True)
        self.server = Server(socket_of(twin), self._watch, self.carry_out)

    def _watch(self, descriptor: int, call: Callable[[], None] | None) -> None:
        if call is None:
            self.selector.unregister(descriptor)
        else:
            self.selector.register(descriptor, selectors.EVENT_READ, call)

    def run(self) -> None:
        """Serve until the process is ended."""
        for pause_s, kind, target, for_s in self._programme():
            self.rest(pause_s)
            if kind and not faults.active(self.twin):  # who works with the twin is left alone
                self._let_fail(kind, target, for_s)

    def _programme(self) -> Iterator[tuple[float, str, str, float]]:
        """What fails by itself: after a pause, kind, target, for how long."""
        if not self.plays_faults:
            yield from itertools.repeat((LONGEST_WAIT_S, "", "", 0.0))
        city = self.twin.city
        units = [node.name for node in city.of_role(Role.UNIT)]
        agents = [node.name for node in city.of_role(Role.ACCESS) if node.agent]
        for fault in played_faults(units, agents):
            yield fault.after_s, KINDS_OF_DEMO[fault.kind], fault.name, fault.for_s

    def _let_fail(self, kind: str, target: str, for_s: float) -> None:
        try:
            faults.inject(self.twin, kind, target)
            log.info("played fault", kind=kind, target=target, seconds=for_s)
            self.rest(for_s)
            faults.heal(self.twin, kind, target)
            log.info("played fault healed", kind=kind, target=target)
        except faults.FaultError as error:
            log.warning("played fault refused", kind=kind, target=target, reason=str(error))

    def rest(self, seconds: float) -> None:
        """Do what is asked for, for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._serve(deadline)
            if self.wanted:
                self._play(self.wanted)

    def _serve(self, deadline: float) -> None:
        """Answer orders until then, or until a scenario is asked for or shall stop."""
        while not self.wanted or self.playing:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            for key, _ in self.selector.select(left):
                key.data()
            if self.stopping:
                self.stopping = False
                raise _Stopped

    def carry_out(self, request: Request) -> str:
        """One order: inject, heal, play, stop.

        Raises:
            ValueError: it is refused; the text is a sentence.
        """
        orders: dict[object, Callable[[Request], str]] = {
            "inject": self._inject,
            "heal": self._heal,
            "play": self._want,
            "stop": self._stop,
        }
        log.info("order", **request)
        try:
            return orders[request["do"]](request)
        except faults.FaultError as error:
            raise ValueError(str(error)) from error

    def _inject(self, request: Request) -> str:
        kind, target = request["kind"], request["target"]
        return str(faults.inject(self.twin, kind, target, request.get("options")))

    def _heal(self, request: Request) -> str:
        healed = faults.heal(self.twin, request.get("kind"), request.get("target"))
        return ", ".join(map(str, healed))

    def _want(self, request: Request) -> str:
        if self.playing or self.wanted:
            raise ValueError("Another scenario is being played: stop it first.")
        chosen = shipped().get(request["name"])
        if chosen is None:
            raise ValueError(f"There is no scenario {request['name']!r}.")
        for reason in scenario.refusals(self.twin.city, chosen):
            raise ValueError(reason)
        self.wanted = request["name"]
        return chosen.name

    def _stop(self, _: Request) -> str:
        if not self.playing:
            raise ValueError("No scenario is being played.")
        self.stopping = True
        return ""

    def _play(self, name: str) -> None:
        chosen, began = shipped()[name], time.time()
        self.playing, records = True, itertools.count(1)
        keep = scenario.to_file(self.twin.directory / RECORDING)
        length_s = chosen.steps[-1].at

        def write(record: dict[str, Any]) -> None:
            keep(record)
            done = min(next(records), len(chosen.steps))
            self._tell(Progress(name, began, length_s, done))

        def wait(seconds: float) -> None:
            self._serve(time.monotonic() + seconds)

        self._tell(Progress(name, began, length_s))
        try:
            scenario.play(self.twin, chosen, write, wait)
            ended = "done"
        except _Stopped:
            ended = "stopped"
        except (ScenarioError, faults.FaultError) as error:
            ended = str(error)
        finally:
            self.playing, self.wanted = False, ""
        last = progress(self.twin)
        self._tell(Progress(name, began, length_s, last.done if last else 0, ended))

    def _tell(self, now: Progress) -> None:
        path = self.twin.directory / PROGRESS
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(now)), encoding="utf-8")
        new.replace(path)


def main() -> None:
    """Arguments: name of the twin, whether something fails now and then (0 or 1)."""
    _, name, plays_faults = sys.argv
    configure_logging("director")
    # Ended while it plays a scenario, it heals before it goes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        Director(Twin.running(name), plays_faults=plays_faults == "1").run()


if __name__ == "__main__":
    main()
