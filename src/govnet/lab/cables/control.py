"""How the cable process is commanded; ``Cables`` is what the twin, the faults and tests use."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from govnet.lab import control
from govnet.lab.cables.plug import Cable, Condition, Ways

START_SECONDS = 10.0


class CableError(Exception):
    """The cable process refused, or is not there; the text is a sentence."""


class Cables:
    """The cables of a running twin, commanded through their control socket."""

    def __init__(self, socket_path: Path) -> None:
        self.socket_path = socket_path

    @classmethod
    def start(cls, socket_path: Path, log: Path) -> tuple[Cables, int]:
        """Start the process for a new twin; its client and its process id."""
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-m", "govnet.lab.cables.process", str(socket_path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        cables = cls(socket_path)
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(CableError):
                cables.all()
                return cables, process.pid
            time.sleep(0.01)
        raise CableError(f"The cable process did not start; see {log}.")

    def add(self, cables: Iterable[Cable]) -> None:
        """Plug cables in; their namespaces exist, their interfaces do not yet."""
        self._ask({"do": "add", "cables": [cable.as_dict() for cable in cables]})

    def remove(self, names: Iterable[str]) -> None:
        """Unplug cables: their interfaces disappear."""
        self._ask({"do": "remove", "names": list(names)})

    def cut(self, name: str, *, cut: bool = True) -> None:
        """Cut a cable (both ends lose carrier) or mend it."""
        self._change(name, {"cut": cut})

    def set_rate(self, name: str, mbps: int) -> None:
        """Change to another tier."""
        self._change(name, {"mbps": mbps})

    def set_condition(self, name: str, condition: Condition, ways: Ways = "both") -> None:
        """Change delay, jitter and loss of one direction or both, while frames flow."""
        chosen = ("forward", "backward") if ways == "both" else (ways,)
        self._change(name, {way: asdict(condition) for way in chosen})

    def all(self) -> dict[str, dict[str, Any]]:
        """Every cable by name, with ``carrier`` and ``counters`` beside what it is."""
        return {
            cable["name"]: cable
            for cable in cast("list[control.Request]", self._ask({"do": "list"}))
        }

    def stop(self) -> None:
        """End the process; all interfaces go with it."""
        self._ask({"do": "stop"})

    def _change(self, name: str, to: control.Request) -> None:
        self._ask({"do": "change", "name": name, "to": to})

    def _ask(self, request: control.Request) -> object:
        try:
            return control.ask(self.socket_path, request)
        except control.ControlError as error:
            raise CableError(f"The cable process: {error}") from error
