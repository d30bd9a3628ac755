"""One structured log for everything that a process says: ours, Django's and the libraries'.

Lines go to standard error, where the supervisor, systemd or a container collects them. The
console format is for people, ``log_format = "json"`` is for a log collector.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from govnet.config import Config, Secrets, get_config, get_secrets

HIDDEN: Final = "***"
SECRET_WORDS: Final = (
    "community",
    "password",
    "passwd",
    "secret",
    "token",
    "auth_key",
    "priv_key",
    "private_key",
    "authorization",
    "cookie",
)
QUIET_LOGGERS: Final = ("httpx", "httpcore", "asyncio", "urllib3", "clickhouse_connect")
"""Libraries whose informational lines (one per request) say nothing to an operator."""

PROCESS_COLUMN: Final = 6


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide the value of every key that names a secret, at any depth."""
    return _redacted(event)


def _redacted(values: Mapping[str, object]) -> dict[str, object]:
    return {key: _redacted_value(key, value) for key, value in values.items()}


def _redacted_value(key: object, value: object) -> object:
    name = str(key).lower()
    if value and any(word in name for word in SECRET_WORDS):
        return HIDDEN
    if isinstance(value, Mapping):
        return _redacted(value)
    if isinstance(value, list):
        return [_redacted_value("", item) for item in value]
    return value


class HideSecrets:
    """Last step of the chain: this installation's own secrets never leave, in no traceback."""

    def __init__(self, render: Callable[..., Any], secrets: Secrets) -> None:
        self._render = render
        self._values = tuple(str(value) for value in secrets.model_dump().values())

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        """Render the line, then cut out what must not be read."""
        line = str(self._render(logger, method, event))
        for value in self._values:
            line = line.replace(value, HIDDEN)
        return line


def _process_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """For people: the process as a column before the event, not as one more key."""
    event["event"] = f"{event.pop('process', '-'):<{PROCESS_COLUMN}} {event['event']}"
    return event


def _renderers(config: Config) -> list[Processor]:
    secrets = get_secrets()
    if config.log_format == "json":
        render: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
        return [structlog.processors.format_exc_info, HideSecrets(render, secrets)]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        pad_event_to=36,
        # Rich's would print local variables, and with them communities and passwords.
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [_process_first, HideSecrets(console, secrets)]


def configure_logging(process: str) -> None:
    """Send this process's log to standard error under the name ``process``.

    Called once, first thing, by every command that runs a process. Uncaught exceptions of any
    thread end in the same log.
    """
    config = get_config()
    level = logging.getLevelName(config.log_level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _bind_process(process),
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderers(config),
        ],
    )
    _route_stdlib(formatter, level)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _bind_process(process: str) -> Processor:
    def bind(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        return event

    return bind


def _route_stdlib(formatter: logging.Formatter, level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # It warns of every retry while the store is away; the writer says once that it is.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger().critical("uncaught exception", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        structlog.get_logger().critical(
            "uncaught exception in a thread",
            thread=args.thread.name if args.thread else "?",
            exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
        )
