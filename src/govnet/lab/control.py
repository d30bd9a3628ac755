"""How a twin's processes are commanded: one JSON object a line, over a Unix socket.

The server side never waits for a client: it is part of a loop that has other work, such as the
frames of all cables.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

Request = dict[str, Any]
LARGEST_REQUEST: Final = 8 * 1024 * 1024
PATIENCE_S: Final = 30.0


class ControlError(Exception):
    """The other process refused, or is not there; the text is a sentence."""


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


def ask(path: Path, request: Request) -> object:
    """Send one request and wait for what is answered.

    Raises:
        ControlError: it was refused, or nobody answers there.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = connection.makefile("rb").readline()
    except OSError as error:
        raise ControlError(f"Nobody answers at {path}.") from error
    if not line:
        raise ControlError("It ended before it answered.")
    answer = json.loads(line)
    if "error" in answer:
        raise ControlError(answer["error"])
    result: object = answer["ok"]
    return result
