"""The web process: waitress serves the Django application by threads.

One process: sessions, caches and SQLite gain nothing from more, and a second one would cost
100 MiB. Why waitress: docs/decisions/0005-waitress-and-polling.md.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from prometheus_client import Histogram
from waitress.server import create_server

from govnet.config import Config
from govnet.runtime.health import Condition, PerMinute, serving_health

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

THREADS: Final = 16
"""Requests answered at once; a live page holds one thread only while it asks."""

CONNECTIONS: Final = 1_000
"""Kept open at once; browsers hold up to six each."""

STOP_AFTER_S: Final = 2
"""Seconds that requests under way may still take when the process is told to stop."""

_REQUESTS = Histogram(
    "govnet_web_request_seconds",
    "Time until the response was ready",
    ["method", "status"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class CountedApplication:
    """Counts what goes through a WSGI application."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._requests = PerMinute()
        self._errors = PerMinute()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request and time it by method and class of status."""
        started = time.monotonic()
        status = "500"

        def remember(answer: str, *args: object) -> object:
            nonlocal status
            status = answer[:3]
            return start_response(answer, *args)  # type: ignore[arg-type]  # passed through

        try:
            return self._application(environ, remember)  # type: ignore[arg-type]
        finally:
            method = environ.get("REQUEST_METHOD", "")
            method = method if method in _METHODS else "other"
            _REQUESTS.labels(method, f"{status[0]}xx").observe(time.monotonic() - started)
            self._requests.add()
            if status.startswith("5"):
                self._errors.add()

    def condition(self) -> Condition:
        """What ``/healthz`` of the web process says."""
        return Condition(
            counters={
                "requests_per_minute": self._requests.value(),
                "errors_per_minute": self._errors.value(),
            }
        )


def run_web(config: Config) -> int:
    """Serve the pages until told to stop.

    Returns:
        the exit code.

    Raises:
        OSError: the address is not of this machine, or another program has the port.
    """
    from govnet.wsgi import application

    counted = CountedApplication(application)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    host = f"[{config.web_host}]" if ":" in config.web_host else config.web_host
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news
    server = create_server(
        counted,
        listen=f"{host}:{config.web_port}",
        threads=THREADS,
        connection_limit=CONNECTIONS,
        asyncore_use_poll=True,
        ident=None,
        clear_untrusted_proxy_headers=False,  # whom to believe is decided in accounts.middleware
    )
    with serving_health("web", config.web_health_port, counted.condition):
        threading.Thread(target=server.run, name="waitress", daemon=True).start()
        ended.wait()
        server.task_dispatcher.shutdown(timeout=STOP_AFTER_S)
        server.close()
    return 0
