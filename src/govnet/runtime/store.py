"""The embedded telemetry store: chdb behind a loopback endpoint that speaks ClickHouse's HTTP.

chdb admits one process per directory. This process owns it; everybody else talks to it through
``clickhouse-connect`` exactly as to a ClickHouse server. Spoken here is what that client uses:
queries by GET and POST, ``query`` in the URL, the body or a form, ``param_*`` bindings, settings
as URL arguments, formats in the query or ``default_format``, inserts as one body
("INSERT … FORMAT x" newline, then bytes) or as statement in the URL and data in the body,
compressed bodies and answers, errors with ``X-ClickHouse-Exception-Code``.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import queue
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

import chdb
import pyarrow as pa
import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from govnet.config import Config, get_secrets
from govnet.runtime.health import LOOPBACK, HealthReport
from govnet.runtime.locks import only_one
from govnet.telemetry.client import AUTHENTICATION_FAILED, DATABASE, USER
from govnet.telemetry.deduplication import LogSync, repair_store
from govnet.telemetry.migrations import Row, SchemaTooNewError, migrate, parse_compact
from govnet.telemetry.schema import families

log = structlog.get_logger()

MAX_BODY_BYTES: Final = 64 * 2**20
MAX_SQL_BYTES: Final = 256 * 2**10
MAX_URL_BYTES: Final = 64 * 2**10
MAX_FORM_FIELD_BYTES: Final = 2 * 2**20  # a long list of ids is one parameter
READERS: Final = 4
WAIT_FOR_CONNECTION_S: Final = 15
QUERY_SECONDS: Final = 30
GRACE_S: Final = 2

UNKNOWN_TABLE, UNKNOWN_DATABASE, UNKNOWN_SETTING = 60, 81, 115
MEMORY_LIMIT_EXCEEDED, TOO_LARGE, TOO_BUSY, UNKNOWN_EXCEPTION = 241, 229, 202, 1002
_BAD_REQUEST: Final = frozenset({26, 27, 33, 36, 41, 46, 47, 53, 62, 70, 72, 115, 117, 386, 456})

# What a client may set; the rest is the store's own business (memory, threads, file access).
CLIENT_SETTINGS: Final = frozenset(
    {
        "async_insert",
        "cast_string_to_dynamic_use_inference",
        "date_time_input_format",
        "date_time_output_format",
        "deduplicate_blocks_in_dependent_materialized_views",
        "input_format_null_as_default",
        "insert_deduplicate",
        "insert_deduplication_token",
        "join_use_nulls",
        "max_block_size",
        "max_execution_time",
        "max_insert_threads",
        "max_result_rows",
        "mutations_sync",
        "optimize_on_insert",
        "optimize_throw_if_noop",
        "output_format_arrow_compression_method",
        "output_format_arrow_string_as_string",
        "output_format_json_quote_64bit_integers",
        "output_format_json_quote_denormals",
        "wait_for_async_insert",
    }
)
# Sent by clients about the transport or the server's own HTTP handler: accepted, nothing to do.
TRANSPORT_ARGUMENTS: Final = frozenset(
    {
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "password",
        "query",
        "query_id",
        "quota_key",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "user",
        "wait_end_of_query",
    }
)

_INSERT_HEAD = re.compile(
    rb"\s*INSERT\s+INTO\s.{0,8192}?\sFORMAT\s+(\w+)[ \t]*;?[ \t]*(?:\r?\n|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_FORMAT_CLAUSE = re.compile(r"\sFORMAT\s+(\w+)[ \t]*;?\s*\Z", re.IGNORECASE)
_ERROR_CODE = re.compile(r"Code: (\d+)\.")
_CODECS: Final = {"gzip": "gzip", "zstd": "zstd", "lz4": "lz4", "br": "brotli"}

QUERIES = Counter("govnet_store_queries_total", "Statements answered", ["kind", "outcome"])
SECONDS = Histogram("govnet_store_query_seconds", "Time of one statement", ["kind"])
ROWS = Gauge("govnet_store_rows", "Rows stored", ["table"])
DISK_BYTES = Gauge("govnet_store_disk_bytes", "Bytes of all tables on disk")
REPAIRED = Counter("govnet_store_repaired_blocks_total", "Announced blocks found never stored")


class StoreError(Exception):
    """An answer that is a ClickHouse error.

    Attributes:
        code: ClickHouse error number.
        status: HTTP status.
    """

    def __init__(self, code: int, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or _status_of(code)


def _status_of(code: int) -> int:
    if code in {UNKNOWN_TABLE, UNKNOWN_DATABASE}:
        return 404
    if code in _BAD_REQUEST:
        return 400
    return 500


def _as_store_error(error: Exception) -> StoreError:
    match = _ERROR_CODE.search(str(error))
    text = str(error)
    if match:
        return StoreError(int(match[1]), text[match.start() :])
    return StoreError(UNKNOWN_EXCEPTION, f"Code: {UNKNOWN_EXCEPTION}. DB::Exception: {text}")


def _literal(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@dataclass
class Statement:
    """One statement as it came over HTTP."""

    sql: str
    data: bytes = b""
    database: str = ""
    default_format: str = "TabSeparated"
    params: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def insert_format(self) -> str:
        """Format of the data when this is an INSERT that carries some; else empty."""
        match = _INSERT_HEAD.fullmatch(self.sql.encode())
        return match[1].decode() if match else ""

    @property
    def kind(self) -> str:
        """Label of the metrics."""
        word = self.sql.lstrip()[:6].lower()
        return {"insert": "insert", "select": "select"}.get(word, "other")

    def result_format(self) -> str:
        """The format that the answer has."""
        match = _FORMAT_CLAUSE.search(self.sql)
        return match[1] if match else self.default_format


@dataclass(frozen=True)
class Answer:
    """What the engine answered."""

    body: bytes
    format: str
    summary: dict[str, str]


class Session:
    """One chdb connection that remembers its database and settings, to change only what differs."""

    def __init__(self, connection_string: str, base: Mapping[str, int]) -> None:
        self._connection = chdb.connect(connection_string)
        self._base = base
        self._database = "default"
        self._settings: dict[str, str] = {}

    def run(self, statement: Statement) -> Answer:
        """Execute one statement.

        Raises:
            StoreError: ClickHouse refused it.
        """
        try:
            self._prepare(statement)
            if statement.insert_format:
                return self._insert(statement)
            return self._query(statement)
        except (chdb.ChdbError, RuntimeError) as error:
            raise _as_store_error(error) from error

    def close(self) -> None:
        """Give the connection back to the engine."""
        self._connection.close()

    def _prepare(self, statement: Statement) -> None:
        database = statement.database or "default"
        if database != self._database:
            self._connection.query("USE `{}`".format(database.replace("`", "")))
            self._database = database
        for name in self._settings.keys() - statement.settings.keys():
            self._connection.query(f"SET {name} = {self._base.get(name, 'DEFAULT')}")
            del self._settings[name]
        for name, value in statement.settings.items():
            if self._settings.get(name) != value:
                self._connection.query(f"SET {name} = {_literal(value)}")
                self._settings[name] = value

    def _insert(self, statement: Statement) -> Answer:
        head = _FORMAT_CLAUSE.sub("", statement.sql)
        inserter = self._connection.send_insert(head, statement.insert_format)
        with inserter:
            inserter.append(statement.data)  # type: ignore[no-untyped-call]  # chdb
            done = inserter.finish()
        summary = {"written_rows": str(done.rows_written), "written_bytes": str(done.bytes_written)}
        return Answer(b"", statement.insert_format, summary)

    def _query(self, statement: Statement) -> Answer:
        sql = statement.sql
        if statement.data:
            sql += "\n" + statement.data.decode("utf-8", "surrogateescape")
        result = self._connection.query(sql, statement.default_format, statement.params)
        body: bytes = result.bytes() or b""
        summary = {"read_rows": str(result.rows_read()), "read_bytes": str(result.bytes_read())}
        return Answer(body, statement.result_format(), summary)


class Engine:
    """chdb with a few reading sessions and one that writes, all on one bounded memory budget."""

    def __init__(self, directory: Path, memory_mib: int) -> None:
        self.directory = directory
        base = _engine_settings(memory_mib)
        string = f"{directory}?" + "&".join(f"{name}={value}" for name, value in base.items())
        self._writer = Session(string, base)
        self._write_lock = threading.Lock()
        self._control = Session(string, base)  # our own statements never wait behind clients'
        self._control_lock = threading.Lock()
        self._readers: queue.Queue[Session] = queue.Queue()
        for _ in range(READERS):
            self._readers.put(Session(string, base))
        self._sync_logs = LogSync(directory)

    def run(self, statement: Statement) -> Answer:
        """Execute one statement on a session of its kind.

        Raises:
            StoreError: refused, or no session became free in time.
        """
        if statement.insert_format:
            with self._write_lock:
                answer = self._writer.run(statement)
                self._sync_logs()
                return answer
        with self._reader() as reader:
            return reader.run(statement)

    def sql(self, sql: str) -> list[Row]:
        """Run one statement of our own in the GovNet database."""
        statement = Statement(sql, database=DATABASE, default_format="JSONCompactEachRow")
        with self._control_lock:
            return parse_compact(self._control.run(statement).body)

    def create_database(self) -> None:
        """Make the GovNet database if it is not there."""
        with self._control_lock:
            self._control.run(Statement(f"CREATE DATABASE IF NOT EXISTS {DATABASE}"))

    def cancel_running(self) -> None:
        """Cancel every statement that still runs; whoever waits for it gets an error."""
        self.sql("KILL QUERY WHERE query_id != queryID() ASYNC")

    def close(self) -> None:
        """Close every session that is not at work; called when the server has stopped."""
        for lock, session in (
            (self._write_lock, self._writer),
            (self._control_lock, self._control),
        ):
            if lock.acquire(timeout=0.5):
                session.close()
        while not self._readers.empty():
            self._readers.get_nowait().close()

    @contextmanager
    def _reader(self) -> Iterator[Session]:
        try:
            session = self._readers.get(timeout=WAIT_FOR_CONNECTION_S)
        except queue.Empty:
            message = "DB::Exception: every connection of the telemetry store is busy"
            raise StoreError(TOO_BUSY, f"Code: {TOO_BUSY}. {message}", 503) from None
        try:
            yield session
        finally:
            self._readers.put(session)


def _engine_settings(memory_mib: int) -> dict[str, int]:
    """Engine start arguments: the memory ceiling, small caches, one thread per query.

    The ceiling covers queries, merges and caches together; a query may take half of it.
    """
    ceiling = memory_mib * 2**20
    return {
        "max_server_memory_usage": ceiling,
        "mark_cache_size": ceiling // 16,
        "primary_index_cache_size": ceiling // 16,
        "uncompressed_cache_size": 0,
        "index_mark_cache_size": ceiling // 64,
        "query_condition_cache_size": 4 * 2**20,
        "compiled_expression_cache_size": 8 * 2**20,
        "max_memory_usage": ceiling // 2,
        "max_bytes_before_external_group_by": ceiling // 4,
        "max_bytes_before_external_sort": ceiling // 4,
        "max_threads": 2,
        "max_insert_threads": 1,
        "min_insert_block_size_rows": 655_360,  # above a batch of any writer: one block each
        "min_insert_block_size_bytes": max(ceiling // 8, 80 * 2**20),
        "max_execution_time": QUERY_SECONDS,
        "async_insert": 0,
    }


# --- HTTP ---------------------------------------------------------------------------------


class StoreApp:
    """The HTTP interface of one engine."""

    def __init__(self, engine: Engine, token: str) -> None:
        self._engine = engine
        self._token = token.encode()
        self._started = time.monotonic()
        self._health: tuple[float, HealthReport] | None = None

    def asgi(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/", self.query, methods=["GET", "POST"]),
                Route("/ping", self.ping),
                Route("/healthz", self.healthz),
                Route("/metrics", self.metrics),
            ]
        )

    async def ping(self, request: Request) -> Response:
        """ClickHouse's liveness answer."""
        del request
        return PlainTextResponse("Ok.\n")

    async def healthz(self, request: Request) -> Response:
        """The process's health; unhealthy when the engine itself does not answer."""
        del request
        report = await run_in_threadpool(self._report)
        body = report.model_dump() | {"engine": f"chdb {chdb.engine_version}"}
        return JSONResponse(body, status_code=200 if report.ok else 503)

    async def metrics(self, request: Request) -> Response:
        """Prometheus metrics."""
        del request
        await run_in_threadpool(self._report)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def query(self, request: Request) -> Response:
        """One statement."""
        began = time.perf_counter()
        kind = "other"
        try:
            self._authenticate(request)
            statement = await _read_statement(request)
            kind = statement.kind
            answer = await run_in_threadpool(self._engine.run, statement)
        except StoreError as error:
            QUERIES.labels(kind, "error").inc()
            return _error_response(error)
        except ClientDisconnect:
            QUERIES.labels(kind, "disconnected").inc()
            return Response(status_code=400)
        QUERIES.labels(kind, "ok").inc()
        SECONDS.labels(kind).observe(time.perf_counter() - began)
        return _answer_response(request, answer)

    def _authenticate(self, request: Request) -> None:
        user, password = _credentials(request)
        known = hmac.compare_digest(password.encode(), self._token)
        if known and user == USER:
            return
        raise StoreError(
            AUTHENTICATION_FAILED,
            f"Code: {AUTHENTICATION_FAILED}. DB::Exception: {user or 'default'}: Authentication"
            " failed: password is incorrect, or there is no user with such name."
            " (AUTHENTICATION_FAILED)",
            403 if password else 401,
        )

    def _report(self) -> HealthReport:
        now = time.monotonic()
        if self._health and now - self._health[0] < 2:
            return self._health[1].model_copy(update={"uptime_s": round(now - self._started, 1)})
        report = HealthReport(
            ok=True, process="store", pid=os.getpid(), uptime_s=round(now - self._started, 1)
        )
        try:
            report.counters = self._counters()
        except StoreError as error:
            report.ok, report.detail = False, f"the engine does not answer: {error}"
        self._health = (now, report)
        return report

    def _counters(self) -> dict[str, float]:
        sizes = self._engine.sql(
            "SELECT name, toString(ifNull(total_rows, 0)), toString(ifNull(total_bytes, 0))"
            " FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        )
        rows = {str(name): float(str(count)) for name, count, _ in sizes}
        for name, count in rows.items():
            ROWS.labels(name).set(count)
        disk = sum(float(str(size)) for _, _, size in sizes)
        DISK_BYTES.set(disk)
        raw = {family.name for family in families()}
        return {
            "rows": sum(count for name, count in rows.items() if name in raw),
            "rows_with_rollups": sum(rows.values()),
            "disk_bytes": disk,
        }


def _credentials(request: Request) -> tuple[str, str]:
    """User and password: ClickHouse's headers, basic authentication, or a bearer token."""
    headers = request.headers
    if "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", USER), headers["x-clickhouse-key"]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return USER, value.strip()
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return "", ""
        return user, password
    return "", ""


async def _read_statement(request: Request) -> Statement:
    arguments = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("multipart/"):
        arguments |= await _form_arguments(request)
        body = b""
    else:
        encoding = request.headers.get("content-encoding", "")
        body = _decompressed(await _bounded_body(request), encoding)
    sql, data = _split(arguments.pop("query", ""), body)
    if not sql.strip():
        raise StoreError(62, "Code: 62. DB::Exception: Empty query. (SYNTAX_ERROR)")
    return Statement(
        sql=sql,
        data=data,
        database=arguments.get("database", request.headers.get("x-clickhouse-database", "")),
        default_format=_word(
            arguments.get("default_format", request.headers.get("x-clickhouse-format", ""))
        )
        or "TabSeparated",
        params={
            k.removeprefix("param_"): v for k, v in arguments.items() if k.startswith("param_")
        },
        settings=_allowed_settings(arguments),
    )


def _word(text: str) -> str:
    return text if text.isalnum() else ""


async def _form_arguments(request: Request) -> dict[str, str]:
    """clickhouse-connect sends the query and its parameters as a form when they are long."""
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        async with request.form(max_files=0, max_part_size=MAX_FORM_FIELD_BYTES) as form:
            return {key: str(value) for key, value in form.items()}
    except HTTPException as error:
        raise StoreError(62, f"Code: 62. DB::Exception: broken form: {error.detail}") from error


async def _bounded_body(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large() -> StoreError:
    limit = MAX_BODY_BYTES // 2**20
    return StoreError(
        TOO_LARGE, f"Code: {TOO_LARGE}. DB::Exception: the request is larger than {limit} MiB", 413
    )


def _decompressed(body: bytes, encoding: str) -> bytes:
    if not body or encoding in {"", "identity"}:
        return body
    if encoding not in _CODECS:
        raise StoreError(36, f"Code: 36. DB::Exception: unknown Content-Encoding {encoding!r}", 400)
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), _CODECS[encoding]) as stream:
            plain: bytes = stream.read(MAX_BODY_BYTES + 1)
    except (OSError, pa.ArrowException) as error:
        message = f"Code: 117. DB::Exception: the {encoding} body is broken: {error}"
        raise StoreError(117, message) from error
    if len(plain) > MAX_BODY_BYTES:
        raise _too_large()
    return plain


def _split(query: str, body: bytes) -> tuple[str, bytes]:
    """The SQL and the data of a request: data follow an INSERT's FORMAT line or are the body."""
    if query:
        return query, body
    head = _INSERT_HEAD.match(body[: MAX_SQL_BYTES + 1])
    text, data = (body[: head.end()], body[head.end() :]) if head else (body, b"")
    if len(text) > MAX_SQL_BYTES and not text.lstrip()[:6].upper().startswith(b"INSERT"):
        raise _too_large()
    try:
        return text.decode().rstrip("\r\n"), data
    except UnicodeDecodeError as error:
        raise StoreError(62, "Code: 62. DB::Exception: the query is not UTF-8") from error


def _allowed_settings(arguments: Mapping[str, str]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for name, value in arguments.items():
        if name in CLIENT_SETTINGS:
            settings[name] = value
        elif name not in TRANSPORT_ARGUMENTS and not name.startswith("param_"):
            raise StoreError(
                UNKNOWN_SETTING,
                f"Code: {UNKNOWN_SETTING}. DB::Exception: Setting {name!r} is unknown or not a"
                " client's to change in the embedded store. (UNKNOWN_SETTING)",
            )
    return settings


def _error_response(error: StoreError) -> Response:
    headers = {"X-ClickHouse-Exception-Code": str(error.code)}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="GovNet telemetry"'
    return PlainTextResponse(f"{error}\n", status_code=error.status, headers=headers)


def _answer_response(request: Request, answer: Answer) -> Response:
    headers = {
        "X-ClickHouse-Format": answer.format,
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Summary": json.dumps(answer.summary),
        "X-ClickHouse-Query-Id": request.query_params.get("query_id", ""),
    }
    if not answer.body:
        headers.pop("X-ClickHouse-Format")
    body = answer.body
    encoding = _wanted_encoding(request)
    if encoding and len(body) > 1024:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, _CODECS[encoding]) as stream:
            stream.write(body)
        body = sink.getvalue().to_pybytes()
        headers["Content-Encoding"] = encoding
    return Response(body, headers=headers, media_type="application/octet-stream")


def _wanted_encoding(request: Request) -> str:
    """As in ClickHouse, answers are compressed only when ``enable_http_compression=1`` asks."""
    if request.query_params.get("enable_http_compression") != "1":
        return ""
    offered = request.headers.get("accept-encoding", "").split(",")
    names = [item.partition(";")[0].strip().lower() for item in offered]
    return next((name for name in names if name in _CODECS), "")


# --- process ------------------------------------------------------------------------------


def _open_engine(config: Config) -> Engine:
    """Repair, open, create and migrate.

    Raises:
        StoreError: the directory cannot be opened, with what a person can do about it.
    """
    directory = config.telemetry_dir / "chdb"
    directory.mkdir(parents=True, exist_ok=True)
    REPAIRED.inc(repair_store(directory))
    try:
        engine = Engine(directory, config.store_memory_mib)
    except (chdb.ChdbError, RuntimeError) as error:
        raise StoreError(
            UNKNOWN_EXCEPTION,
            f"The telemetry store in {directory} cannot be opened: {error}. If another program"
            " uses it, stop that; if it is damaged, move the directory away and start again:"
            " history is lost, what the spools hold is not.",
        ) from error
    engine.create_database()
    migrate(engine.sql)
    return engine


def run_store(config: Config) -> int:
    """Serve the store until SIGTERM or SIGINT; returns the exit status.

    0 after a stop that was asked for, 1 when the store cannot be opened or served; the log then
    says what to change.

    Raises:
        AlreadyRunningError: another store process owns the directory.
    """
    os.environ["TZ"] = "UTC"  # before the engine reads it: every time in the store is UTC
    time.tzset()
    with only_one(config.telemetry_dir, "store"):
        try:
            engine = _open_engine(config)
        except (StoreError, SchemaTooNewError, OSError) as error:
            log.error("store not started", reason=str(error))  # noqa: TRY400  # a sentence, no trace
            return 1
        try:
            return _serve(engine, config)
        finally:
            engine.close()
            log.info("store stopped")


def _serve(engine: Engine, config: Config) -> int:
    app = StoreApp(engine, get_secrets().telemetry_token)
    server = _Server(
        engine,
        uvicorn.Config(
            app.asgi(),
            h11_max_incomplete_event_size=MAX_URL_BYTES,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE_S,
            limit_concurrency=64,
            timeout_keep_alive=75,
        ),
    )
    try:
        listener = socket.create_server((LOOPBACK, config.store_port))
        # Inherited by each connection. asyncio sets it only on sockets made with IPPROTO_TCP, and
        # without it every answer waits 40 ms for the client's delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        log.error("store not started", port=config.store_port, reason=str(error))  # noqa: TRY400
        return 1
    # uvicorn raises a caught signal again once it has stopped; the engine still has to close.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _already_stopping)
    url = f"http://{LOOPBACK}:{config.store_port}/"
    log.info("store serving", url=url, path=str(engine.directory))
    server.run(sockets=[listener])
    return 0


class _Server(uvicorn.Server):
    """Cancels what still runs when the grace is over: uvicorn itself waits for worker threads."""

    def __init__(self, engine: Engine, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._engine = engine

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        timer = threading.Timer(GRACE_S, self._engine.cancel_running)
        timer.daemon = True
        timer.start()
        super().handle_exit(sig, frame)


def _already_stopping(_number: int, _frame: FrameType | None) -> None:
    """The server has stopped on this signal already."""
