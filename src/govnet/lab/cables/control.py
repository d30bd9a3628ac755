"""How the cable process is commanded: one JSON object a line, over a Unix socket.

``Cables`` is the client that the twin, the faults and the tests use. The server side never
waits for a client: the frames of all cables go through the same loop.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from govnet.lab.cables.plug import Cable, Condition, Ways

Request = dict[str, Any]
LARGEST_REQUEST = 8 * 1024 * 1024
START_SECONDS = 10.0


class CableError(Exception):
    """The cable process refused, or is not there; the text is a sentence."""


class Server:
    """Accepts clients and answers each line; ``watch`` is the loop's."""

    def __init__(
        self,
        path: Path,
        watch: Callable[[int, Callable[[], None] | None], None],
        answer: Callable[[Request], object],
    ) -> None:
        self.path, self.watch, self.answer = path, watch, answer
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        path.unlink(missing_ok=True)
        self.listener.bind(str(path))
        path.chmod(0o600)
        self.listener.listen(16)
        watch(self.listener.fileno(), self._accept)

    def close(self) -> None:
        """Take the socket away."""
        self.listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        client.setblocking(False)
        buffer = bytearray()
        self.watch(client.fileno(), lambda: self._read(client, buffer))

    def _read(self, client: socket.socket, buffer: bytearray) -> None:
        try:
            data = client.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        buffer += data
        if not data or len(buffer) > LARGEST_REQUEST:
            self._hang_up(client)
            return
        while (end := buffer.find(b"\n")) >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            self._reply(client, line)

    def _reply(self, client: socket.socket, line: bytes) -> None:
        try:
            answer: dict[str, Any] = {"ok": self.answer(json.loads(line))}
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            answer = {"error": str(error) or repr(error)}
        try:
            client.settimeout(1)  # the client is waiting for it; a dead one must not stop us
            client.sendall(json.dumps(answer).encode() + b"\n")
            client.setblocking(False)
        except OSError:
            self._hang_up(client)

    def _hang_up(self, client: socket.socket) -> None:
        self.watch(client.fileno(), None)
        client.close()


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
        return {cable["name"]: cable for cable in cast("list[Request]", self._ask({"do": "list"}))}

    def stop(self) -> None:
        """End the process; all interfaces go with it."""
        self._ask({"do": "stop"})

    def _change(self, name: str, to: Request) -> None:
        self._ask({"do": "change", "name": name, "to": to})

    def _ask(self, request: Request) -> object:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(30)
                connection.connect(str(self.socket_path))
                connection.sendall(json.dumps(request).encode() + b"\n")
                line = connection.makefile("rb").readline()
        except OSError as error:
            raise CableError(f"The cable process does not answer at {self.socket_path}.") from error
        if not line:
            raise CableError("The cable process ended before it answered.")
        answer = json.loads(line)
        if "error" in answer:
            raise CableError(answer["error"])
        result: object = answer["ok"]
        return result
