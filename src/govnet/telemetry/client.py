"""How every process reaches the column store: ClickHouse's HTTP interface, embedded or remote.

One client per process is shared by all its threads: no ClickHouse session is used, and the
connection pool below is thread-safe.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import unquote, urlsplit

from govnet.config import Config, get_secrets
from govnet.telemetry.migrations import Applied, Row, migrate, parse_compact

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

USER: Final = "govnet"
DATABASE: Final = "govnet"
CONNECT_TIMEOUT_S: Final = 3
ANSWER_TIMEOUT_S: Final = 20
AUTHENTICATION_FAILED: Final = 516  # ClickHouse's code

Answer = TypeVar("Answer")


class TelemetryUnavailableError(Exception):
    """The column store does not answer; pages say "no data: store is not answering"."""


@dataclass(frozen=True)
class Endpoint:
    """Where the store is and how to sign in to it."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    database: str


def endpoint(config: Config) -> Endpoint:
    """The store's endpoint from the settings.

    A remote store's URL may carry everything: ``https://user:password@host:8443/database``.
    """
    url = urlsplit(config.telemetry_endpoint)
    embedded = config.embedded_store
    token = get_secrets().telemetry_token if embedded else ""
    return Endpoint(
        scheme=url.scheme,
        host=url.hostname or "127.0.0.1",
        port=url.port or (8443 if url.scheme == "https" else 8123),
        user=unquote(url.username or ("default" if not embedded else USER)),
        password=unquote(url.password or token),
        database=url.path.strip("/") or DATABASE,
    )


def guarded(call: Callable[[], Answer]) -> Answer:
    """Run one exchange with the store; a store that does not answer is one kind of error.

    Raises:
        TelemetryUnavailableError: no connection, no answer in time, a broken answer, or a store
            that does not know us: it may be another installation's on the same port.
        DatabaseError: the store answered with a ClickHouse error.
    """
    from clickhouse_connect.driver.exceptions import (
        ClickHouseError,
        DatabaseError,
        OperationalError,
    )
    from urllib3.exceptions import HTTPError

    try:
        return call()
    except (OperationalError, HTTPError, OSError) as error:
        raise TelemetryUnavailableError(
            f"the telemetry store does not answer ({type(error).__name__})"
        ) from error
    except DatabaseError as error:
        if error.code != AUTHENTICATION_FAILED:
            raise
        raise TelemetryUnavailableError(
            "the telemetry store refuses the user and password of this installation;"
            " check GOVNET_TELEMETRY_URL, or GOVNET_STORE_PORT if another GovNet runs here"
        ) from error
    except ClickHouseError as error:
        raise TelemetryUnavailableError(f"the telemetry store answered badly: {error}") from error


def connect(config: Config, *, database: str | None = None) -> Client:
    """A new client for the store; safe to share between threads.

    Args:
        config: the settings.
        database: another database than the endpoint's own.

    Raises:
        TelemetryUnavailableError: the store does not answer.
    """
    import clickhouse_connect

    # It warns of every failed exchange; we count and report each failure ourselves, once.
    logging.getLogger("clickhouse_connect").setLevel(logging.ERROR)
    target = endpoint(config)
    return guarded(
        lambda: clickhouse_connect.get_client(
            interface=target.scheme,
            host=target.host,
            port=target.port,
            username=target.user,
            password=target.password,
            database=database or target.database,
            compress=not config.embedded_store,  # loopback is faster than any compression
            autogenerate_session_id=False,
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=ANSWER_TIMEOUT_S,
            client_name="govnet",
        )
    )


class _Shared:
    """The process's one client, made at first use and made again after :func:`forget_client`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._endpoint: Endpoint | None = None

    def get(self, config: Config) -> Client:
        wanted = endpoint(config)
        with self._lock:
            if self._client is None or self._endpoint != wanted:
                self._client = connect(config)
                self._endpoint = wanted
            return self._client

    def forget(self) -> None:
        with self._lock:
            self._client = None


_shared = _Shared()


def shared_client(config: Config) -> Client:
    """The process's one client, connected at first use.

    Raises:
        TelemetryUnavailableError: the store does not answer.
    """
    return _shared.get(config)


def forget_client() -> None:
    """Drop the shared client, e.g. in a child process after a fork."""
    _shared.forget()


def migrate_store(config: Config) -> list[Applied]:
    """Create the database if need be and bring it to the declared schema.

    Raises:
        TelemetryUnavailableError: the store does not answer.
        SchemaTooNewError: the store was written by a newer GovNet.
    """
    database = endpoint(config).database
    first = connect(config, database="default")
    guarded(lambda: first.command(f"CREATE DATABASE IF NOT EXISTS `{database}`"))
    client = connect(config)

    def run(sql: str) -> list[Row]:
        if not sql.startswith("SELECT"):
            guarded(lambda: client.command(sql))
            return []
        return parse_compact(guarded(lambda: client.raw_query(sql, fmt="JSONCompactEachRow")))

    return migrate(run)
