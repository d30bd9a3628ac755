"""What a process says about itself: ``/healthz`` (JSON) and ``/metrics`` (Prometheus).

Every process serves both on a loopback port of its own, in a thread of its own: a process
whose main loop hangs still answers, and its answer says that the loop hangs.
"""

from __future__ import annotations

import json
import os
import socketserver
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import make_wsgi_app
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = structlog.get_logger()

LOOPBACK = "127.0.0.1"


class HealthReport(BaseModel):
    """The body of ``/healthz``.

    Attributes:
        ok: the process does its work.
        process: its name.
        pid: its process id.
        uptime_s: seconds since it started.
        lag_s: seconds that its work is late; what that means is the process's own.
        counters: numbers that move.
        detail: one sentence when something is wrong.
        impaired: the process does its work, but what ``detail`` says is wrong beside it: a word
            for programs; empty when ``detail`` stops the work or nothing is wrong.
    """

    ok: bool
    process: str = ""
    pid: int | None = None
    uptime_s: float = 0.0
    lag_s: float = 0.0
    counters: dict[str, float] = Field(default_factory=dict)
    detail: str = ""
    impaired: str = ""


@dataclass(slots=True)
class Condition:
    """What a process knows of its own condition at one moment.

    Attributes:
        lag_s: seconds that its work is late.
        counters: numbers that move.
        detail: what is wrong in one sentence; empty means that nothing is.
        impaired: as in ``HealthReport``.
    """

    lag_s: float = 0.0
    counters: dict[str, float] = field(default_factory=dict)
    detail: str = ""
    impaired: str = ""


class PerMinute:
    """How many things happened in the last 60 seconds; constant memory, thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: deque[tuple[int, int]] = deque()
        self._total = 0
        self._lock = threading.Lock()

    def add(self, count: int = 1) -> None:
        """Count ``count`` things that happened now."""
        second = int(self._clock())
        with self._lock:
            self._forget(second)
            self._total += count
            if self._seconds and self._seconds[-1][0] == second:
                count += self._seconds.pop()[1]
            self._seconds.append((second, count))

    def value(self) -> int:
        """Things that happened in the last 60 seconds."""
        with self._lock:
            self._forget(int(self._clock()))
            return self._total

    def _forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - 60:
            self._total -= self._seconds.popleft()[1]


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Polls every few seconds are not worth a line each."""


def health_app(
    process: str, condition: Callable[[], Condition]
) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """The WSGI application behind a health port."""
    started = time.monotonic()
    metrics = make_wsgi_app()

    def healthz(start_response: StartResponse) -> Iterable[bytes]:
        now = condition()
        report = HealthReport(
            ok=not now.detail,
            process=process,
            pid=os.getpid(),
            uptime_s=round(time.monotonic() - started, 1),
            lag_s=round(now.lag_s, 3),
            counters=now.counters,
            detail=now.detail,
            impaired=now.impaired,
        )
        status = "200 OK" if report.ok else "503 Service Unavailable"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(report.model_dump()).encode()]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/healthz":
            return healthz(start_response)
        if path == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/healthz and /metrics live here\n"]

    return app


@contextmanager
def serving_health(process: str, port: int, condition: Callable[[], Condition]) -> Iterator[None]:
    """Serve ``/healthz`` and ``/metrics`` on a loopback port while the block runs.

    Args:
        process: name shown.
        port: loopback TCP port.
        condition: asked at each request, in another thread; must return quickly.

    Raises:
        OSError: the port is taken.
    """
    app = health_app(process, condition)
    with make_server(LOOPBACK, port, app, _Server, _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
        thread.start()
        log.info("health served", url=f"http://{LOOPBACK}:{port}/healthz")
        try:
            yield
        finally:
            server.shutdown()
            thread.join(timeout=1)
