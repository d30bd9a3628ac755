"""What the receiver does with syslog messages and traps: understand, store, raise alarms.

Decoding happens in this consumer's own thread; the database is asked and told in another, so
that a database that is away stops neither.
"""

from __future__ import annotations

import json
import secrets
import ssl
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import structlog
from django.db import close_old_connections
from prometheus_client import Counter as Metric

from govnet.config import Config
from govnet.engine.snmp.ber import BerError, encode_integer, tlv
from govnet.engine.snmp.traps import Notification, read_community_message, version_of
from govnet.engine.snmp.usm import RESPONSE, Usm, UsmError
from govnet.engine.snmp.vendors import load_catalog
from govnet.engine.syslog.dialects import Event
from govnet.engine.syslog.message import Message, parse
from govnet.engine.udp import Batch, address_text
from govnet.inventory.interface_names import canonical
from govnet.logs import services
from govnet.logs.services import Directory, Source, SourceReport
from govnet.runtime.health import PerMinute
from govnet.runtime.journal import DATABASE_ERRORS
from govnet.runtime.ports import ReceivingPort
from govnet.runtime.reporting import EventReporter
from govnet.telemetry.writer import Writer

log = structlog.get_logger()

FLUSH_ROWS: Final = 2_000
FLUSH_S: Final = 0.5
REPORT_S: Final = 10.0
FULL_PASS_S: Final = 30.0
WAIT_FOR_ROW_S: Final = 1.0
BETWEEN_WAITS_S: Final = 10.0
MAX_SENDERS: Final = 10_000
"""Senders that are counted one by one; of forged ones the longest silent is forgotten."""

TRAP_FACILITY: Final = 23
TRAP_SEVERITY: Final = {"raises": 3, "clears": 5, "": 6}
"""A trap has no severity: one that raises an alarm is an error, one that clears it a notice."""

MESSAGES = Metric("govnet_log_messages_total", "Messages and traps received", ["channel"])
LOST = Metric("govnet_log_lost_total", "Messages and traps not understood", ["reason"])

_COLUMNS: Final = (
    "ts", "device_id", "source_id", "severity", "address", "channel", "facility", "host",
    "program", "vendor", "event", "about", "port_id", "skew_s", "head", "text", "raw",
)  # fmt: skip


def log_ports(config: Config) -> list[ReceivingPort]:
    """The ports of syslog and traps."""
    udp = [ReceivingPort(port, "udp") for port in config.syslog_ports]
    tcp = [ReceivingPort(port, "tcp", stream=True) for port in config.syslog_ports]
    traps = [ReceivingPort(port, "trap", answered=True) for port in config.trap_ports]
    if config.syslog_tls_certificate is None:
        return [*udp, *tcp, *traps]
    tls = ReceivingPort(config.syslog_tls_port, "tls", stream=True, tls=server_context)
    return [*udp, *tcp, tls, *traps]


def server_context(config: Config) -> ssl.SSLContext:
    """The server's side of TLS (RFC 5425).

    Raises:
        OSError: certificate or key cannot be read or do not fit.
    """
    assert config.syslog_tls_certificate is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(config.syslog_tls_certificate, config.syslog_tls_key)
    if config.syslog_tls_clients is not None:
        context.load_verify_locations(config.syslog_tls_clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@dataclass(slots=True)
class _Sender:
    """What was found of one address."""

    text: str
    last_seen: float = 0.0
    told: dict[str, Any] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)


class LogConsumer:
    """Datagrams and stream messages to rows of ``log_message``, and to reported events."""

    def __init__(self, config: Config, writer: Writer) -> None:
        self._writer = writer
        self._zone = ZoneInfo(config.time_zone)
        catalog = load_catalog()
        self._interpreter = catalog.interpreter()
        self._book = catalog.trap_book()
        self._usm = Usm(*_engine_identity(config.data_dir / "snmp-engine.json"))
        self._link = _DatabaseLink()
        self._reporter = EventReporter(catalog)
        self._senders: OrderedDict[bytes, _Sender] = OrderedDict()
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        self._directory: Directory | None = None
        now = time.monotonic()
        self._flushed_at = self._reported_at = now
        self._waited_at = -BETWEEN_WAITS_S
        self._lost: Counter[str] = Counter()
        self.messages = PerMinute()
        self.lost: Mapping[bytes, int] = {}

    def start(self) -> None:
        """Read the ledger and begin to follow it."""
        self._link.start()

    # The decoding thread

    def take(self, batch: Batch) -> None:
        """Understand one batch; its rows are written at the latest ``FLUSH_S`` later."""
        directory = self._follow(batch)
        trap = batch.channel == "trap"
        for place, (data, address) in enumerate(zip(batch.datagrams, batch.addresses, strict=True)):
            sender = self._sender(address, batch.received)
            source = directory.sources.get(sender.text, Source(0))
            try:
                if trap:
                    self._take_trap(batch, place, sender, source)
                else:
                    self._take_message(data, batch, address, sender, source)
            except Exception:  # the boundary of one message: the next must not suffer from it
                self._lose("error", sender)
                if self._lost["error"] <= 10:
                    log.exception("message failed unexpectedly", octets=len(data))
        MESSAGES.labels(batch.channel).inc(len(batch.datagrams))
        self.messages.add(len(batch.datagrams))
        if len(self._columns["ts"]) >= FLUSH_ROWS:
            self._flush()

    def _follow(self, batch: Batch) -> Directory:
        known = self._link.directory.sources
        missing = {t for a in set(batch.addresses) if (t := address_text(a)) not in known}
        if missing and self._link.want(missing):
            now = time.monotonic()
            if now - self._waited_at >= BETWEEN_WAITS_S:  # a new sender's first should know it
                self._waited_at = now
                self._link.answered.wait(WAIT_FOR_ROW_S)
        if self._directory is not self._link.directory:
            self._directory = self._link.directory
            self._usm.use(self._directory.users)
        return self._directory

    def _sender(self, address: bytes, received: float) -> _Sender:
        sender = self._senders.get(address)
        if sender is None:
            sender = self._senders[address] = _Sender(address_text(address))
            if len(self._senders) > MAX_SENDERS:
                self._senders.popitem(last=False)
        sender.last_seen = received
        return sender

    def _take_message(
        self, data: bytes, batch: Batch, address: bytes, sender: _Sender, source: Source
    ) -> None:
        message = parse(data, batch.received, self._zone, source.charset)
        event = self._interpreter.meaning(message.program, message.text)
        skew = None if message.device_time is None else message.device_time - batch.received
        port = 0
        if event.port and source.device_id:
            key = (source.device_id, canonical(event.about))
            port = self._link.directory.ports_by_name.get(key, 0)
        sender.counters["messages"] += 1
        sender.counters[message.charset] += 1
        sender.told |= {"charset": message.charset, "host": message.host, "vendor": event.vendor}
        if skew is not None:
            sender.told["skew_s"] = round(skew, 1)
        self._add(batch, address, source, message, event, port, skew)
        if source.device_id:
            self._reporter.report(event, source.device_id, port, "syslog", message.text)
            self._match(source, message)

    def _match(self, source: Source, message: Message) -> None:
        patterns = self._link.directory.patterns
        if not patterns:
            return
        octets = message.text[:4_096].encode()
        for pattern in patterns:
            if message.severity > pattern.least:
                continue
            if pattern.begin.search(octets):
                event = Event(raises=pattern.kind)
            elif pattern.end is not None and pattern.end.search(octets):
                event = Event(clears=pattern.kind)
            else:
                continue
            lasting = pattern.end is not None
            text = f"{pattern.name}: {message.text}"
            self._reporter.report(event, source.device_id, 0, "syslog", text, lasting=lasting)

    def _take_trap(self, batch: Batch, place: int, sender: _Sender, source: Source) -> None:
        data, address = batch.datagrams[place], batch.addresses[place]
        try:
            notification, who, answer = self._read_trap(data, source)
        except (BerError, UsmError) as error:
            self._lose(str(error) if isinstance(error, UsmError) else "malformed", sender)
            return
        if answer:
            batch.answer(place, answer)
        if notification is None:
            return
        trap = notification.trap
        event, index = self._book.meaning(trap)
        port = self._link.directory.ports_by_index.get((source.device_id, index or 0), 0)
        kind = "raises" if event.raises else "clears" if event.clears else ""
        message = Message(
            TRAP_FACILITY, TRAP_SEVERITY[kind], None, trap.agent, who, "",
            self._book.describe(trap), "utf-8", data,
        )  # fmt: skip
        sender.counters["traps"] += 1
        self._add(batch, address, source, message, event, port, None)
        if source.device_id:
            self._reporter.report(event, source.device_id, port, "trap", message.text)

    def _read_trap(self, data: bytes, source: Source) -> tuple[Notification | None, str, bytes]:
        """What it says, how it was sent, and what has to be answered."""
        version = version_of(data)
        if version == 3:
            received = self._usm.receive(data)
            return received.notification, "SNMPv3", received.answer
        if version > 1:
            raise BerError(f"SNMP version field {version}")
        message = read_community_message(data)
        notification, answer = message.notification, b""
        known = bool(source.device_id) or message.community in self._link.directory.communities
        if notification.inform and known:  # strangers get no answer that could be turned on others
            number = encode_integer(notification.request_id)
            body = number + encode_integer(0) * 2 + tlv(0x30, notification.varbinds)
            whole = encode_integer(1) + tlv(4, message.community) + tlv(RESPONSE, body)
            answer = tlv(0x30, whole)
        return notification, "SNMPv1" if message.version == 0 else "SNMPv2c", answer

    def _lose(self, reason: str, sender: _Sender) -> None:
        self._lost[reason] += 1
        sender.counters["refused"] += 1
        sender.told["refused"] = reason
        LOST.labels(reason).inc()

    def _add(
        self,
        batch: Batch,
        address: bytes,
        source: Source,
        message: Message,
        event: Event,
        port: int,
        skew: float | None,
    ) -> None:
        values = (
            batch.received, source.device_id, source.pk, message.severity, address,
            batch.channel, message.facility, message.host, message.program, event.vendor,
            event.event, event.about, port, skew, message.head, message.text, message.raw,
        )  # fmt: skip
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)

    def idle(self) -> None:
        """Called at least every half second: everything that goes by the clock."""
        now = time.monotonic()
        if now - self._flushed_at >= FLUSH_S:
            self._flush()
            self._reporter.end_momentary()
        if now - self._reported_at >= REPORT_S:
            self._reported_at = now
            self._report()

    def _flush(self) -> None:
        self._flushed_at = time.monotonic()
        columns = self._columns
        if not columns["ts"]:
            return
        self._columns = {name: [] for name in _COLUMNS}
        addresses = np.frombuffer(b"".join(columns["address"]), "V16")
        self._writer.append("log_message", {**columns, "address": addresses})

    def _report(self) -> None:
        known = self._link.directory.sources
        self._link.report(
            [
                SourceReport(known[s.text].pk, s.last_seen, dict(s.told), self._counted(address, s))
                for address, s in self._senders.items()
                if s.text in known
            ]
        )

    def _counted(self, address: bytes, sender: _Sender) -> dict[str, int]:
        lost = self.lost.get(address, 0)
        return {**sender.counters, **({"queue_dropped": lost} if lost else {})}

    def close(self) -> None:
        """Write the rest."""
        self._flush()
        self._report()
        self._reporter.close()
        self._link.close()

    def counters(self) -> dict[str, float]:
        """For the health page."""
        return {
            "log_messages_per_minute": self.messages.value(),
            "log_senders": len(self._senders),
            **{f"log_lost_{reason}": number for reason, number in dict(self._lost).items()},
        }


class _DatabaseLink:
    """The thread that follows the ledger, makes sources' rows and writes their reports."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.answered = threading.Event()
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._wanted: set[str] = set()
        self._reports: list[SourceReport] = []
        self._read_at = -FULL_PASS_S
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-database", daemon=True)

    def start(self) -> None:
        """Read once before the first message, then follow."""
        self._pass()
        self._thread.start()

    def want(self, addresses: set[str]) -> bool:
        """Make the rows of these senders; False when all were asked for before."""
        new = addresses - self._asked.keys()
        if not new:
            return False
        self._asked.update(dict.fromkeys(new))
        while len(self._asked) > MAX_SENDERS:
            self._asked.popitem(last=False)
        self._wanted |= new
        self.answered.clear()
        self._wake.set()
        return True

    def report(self, reports: list[SourceReport]) -> None:
        """Write this; an earlier report not yet written is out of date."""
        self._reports = reports
        self._wake.set()

    def close(self) -> None:
        """Write the last report and end."""
        self._stop.set()
        self._wake.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(2.0)
            self._wake.clear()
            self._pass()
            self._stop.wait(0.2)  # a storm of forged senders is not a storm of queries
        self._pass()
        close_old_connections()

    def _pass(self) -> None:
        try:
            wanted, self._wanted = self._wanted, set()
            if wanted:
                services.ensure_sources(wanted, time.time())
            reports, self._reports = self._reports, []
            services.write_reports(reports)
            if wanted or time.monotonic() >= self._read_at + FULL_PASS_S:
                services.find_devices()
                self.directory = services.load_directory()
                self._read_at = time.monotonic()
            self.answered.set()
        except DATABASE_ERRORS as error:
            log.warning("cannot ask the database about log sources", reason=str(error))
            close_old_connections()
        except Exception:  # the boundary of this thread: it must not end while messages come in
            log.exception("following the ledger failed unexpectedly")


def _engine_identity(path: Path) -> tuple[bytes, int]:
    """Our SNMP engine's id and how often it has started, kept across restarts (RFC 3414, 2.2)."""
    try:
        kept = json.loads(path.read_text(encoding="ascii"))
        engine, boots = bytes.fromhex(kept["engine_id"]), int(kept["boots"])
    except (OSError, ValueError, KeyError, TypeError):
        # Enterprise 8072 in the new form, octets of the maker's choice (RFC 3411, 5).
        engine, boots = bytes.fromhex("80001f8805") + secrets.token_bytes(8), 0
    boots = min(boots + 1, 2**31 - 1)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"engine_id": engine.hex(), "boots": boots}), "ascii")
    temporary.replace(path)
    return engine, boots
