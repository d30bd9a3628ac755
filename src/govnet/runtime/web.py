"""The web process: Granian serves the Django application by threads.

One worker process: sessions, caches and SQLite gain nothing from more, and a second one would
cost 100 MiB. Granian's parent process only owns the socket and the signals.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from prometheus_client import Histogram

from govnet.config import Config, get_config
from govnet.runtime.health import Condition, PerMinute, serving_health
from govnet.runtime.logs import configure_logging
from govnet.runtime.supervisor import end_with_parent

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

THREADS: Final = 16
"""Requests answered at once; a live page holds one thread only while it asks."""

STOP_AFTER_S: Final = 2
"""Seconds that requests under way may still take when the process is told to stop."""

_REQUESTS = Histogram(
    "govnet_web_request_seconds",
    "Time until the response was ready",
    ["method", "status"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_open_for_life = ExitStack()


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


def build_application() -> WSGIApplication:
    """What Granian's worker calls: the application, with health served beside it."""
    configure_logging("web")
    end_with_parent()
    from govnet.wsgi import application

    counted = CountedApplication(application)
    _open_for_life.enter_context(
        serving_health("web", get_config().web_health_port, counted.condition)
    )
    return counted


def run_web(config: Config) -> int:
    """Serve the pages until told to stop.

    Returns:
        the exit code.
    """
    Granian(
        f"{__name__}:build_application",
        address=config.web_host,
        port=config.web_port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        factory=True,
        workers=1,
        blocking_threads=THREADS,
        workers_kill_timeout=STOP_AFTER_S,
        # Its one warning says that 16 threads are many; its lines go through our handlers.
        log_level=LogLevels.error,
        log_dictconfig={"loggers": {"_granian": {"propagate": True}}, "handlers": {}},
    ).serve()
    return 0
