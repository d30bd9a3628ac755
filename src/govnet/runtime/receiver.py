"""The receiver process: takes what devices send on their own, and lets decoding lag behind.

An *intake* is one kind of messages: its ports, and the consumer that decodes it in a thread of
its own. One thread for each socket does nothing but receive.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from prometheus_client import Counter, Gauge

from govnet.config import Config
from govnet.engine.streams import StreamReader, open_stream_socket
from govnet.engine.udp import Batch, BatchQueue, SocketReader, address_text, open_socket
from govnet.runtime.collector import calm_collector, keep_memory
from govnet.runtime.flows import FlowConsumer
from govnet.runtime.health import Condition, PerMinute, serving_health
from govnet.runtime.locks import only_one
from govnet.runtime.messages import LogConsumer, log_ports
from govnet.runtime.ports import ReceivingPort
from govnet.telemetry.writer import Writer

log = structlog.get_logger()

WAIT_S: Final = 0.5
BATCH_ROWS: Final = 500_000
"""Rows of one insert: each costs the store tens of milliseconds, whatever its size."""

STOP_WRITER_S: Final = 1.0

RECEIVED = Counter("govnet_receiver_datagrams_total", "Datagrams received", ["intake"])
DROPPED = Counter("govnet_receiver_dropped_total", "Datagrams dropped", ["intake", "by"])
LOST_BY_SENDER = Gauge(
    "govnet_receiver_lost_by_sender",
    "Datagrams of a sender dropped because decoding lagged, since the start",
    ["intake", "sender"],
)
WAITING = Gauge("govnet_receiver_waiting_bytes", "Octets that wait for decoding", ["intake"])


class Consumer(Protocol):
    """Decodes what one intake receives; all but ``counters`` is called in one thread.

    Attributes:
        lost: datagrams of each sender that found the queue full, kept up to date by others.
    """

    lost: Mapping[bytes, int]

    def start(self) -> None:
        """Called once, before the first batch."""

    def take(self, batch: Batch) -> None:
        """Decode a batch."""

    def idle(self) -> None:
        """Called after each batch, and every half second without one."""

    def close(self) -> None:
        """Write what is left."""

    def counters(self) -> dict[str, float]:
        """Numbers for the health page; called in any thread."""


@dataclass(frozen=True, slots=True)
class Intake:
    """One kind of datagrams.

    Attributes:
        name: label of its metrics.
        ports: from the settings.
        consumer: makes what decodes it.
    """

    name: str
    ports: Callable[[Config], list[ReceivingPort]]
    consumer: Callable[[Config, Writer], Consumer]


INTAKES: Final = (
    Intake(
        "flow",
        lambda c: [ReceivingPort(port) for port in (*c.netflow_ports, c.sflow_port)],
        FlowConsumer,
    ),
    Intake("log", log_ports, LogConsumer),
)


class Reader(Protocol):
    """What empties one socket into the queue."""

    error: str

    def start(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End."""

    def dropped(self) -> int:
        """What was lost since the last call."""


def _together(calls: Iterable[Callable[[], None]]) -> None:
    """Each waits for a thread to end: one after the other they outlast the grace of a stop."""
    with ThreadPoolExecutor(max_workers=32) as pool:
        for ended in [pool.submit(call) for call in calls]:
            ended.result()


class _Running:
    """One intake at work."""

    def __init__(self, intake: Intake, config: Config, writer: Writer) -> None:
        self.intake = intake
        self.refused: list[str] = []
        self.kernel_dropped = 0
        self.rate = PerMinute()
        self.queue = BatchQueue(config.receiver_queue_mib * 2**20)
        self.consumer = intake.consumer(config, writer)
        self.consumer.lost = self.queue.losers
        self.readers = self._open(config)
        self._told_dropped = 0
        name = f"decode-{intake.name}"
        self._thread = threading.Thread(target=self._decode, name=name, daemon=True)

    def _open(self, config: Config) -> list[Reader]:
        """Those that can be opened: a port that another program holds stops no other."""
        opened: list[Reader] = []
        for port in self.intake.ports(config):
            for host in config.receiver_hosts:
                try:
                    opened.append(self._reader(config, host, port))
                except OSError as error:
                    reason = error.strerror or str(error)
                    self.refused.append(f"{host} port {port.number}: {reason}")
                    log.error(  # noqa: TRY400  # a sentence, not a trace
                        "cannot receive", host=host, port=port.number, reason=reason
                    )
        return opened

    def _reader(self, config: Config, host: str, port: ReceivingPort) -> Reader:
        if port.stream:
            tls = port.tls(config) if port.tls else None
            return StreamReader(
                open_stream_socket(host, port.number), self.queue, port.channel, tls
            )
        receiver = open_socket(host, port.number, config.receiver_buffer_mib * 2**20)
        return SocketReader(receiver, self.queue, port.channel, answered=port.answered)

    def start(self) -> None:
        self.consumer.start()
        self._thread.start()
        for reader in self.readers:
            reader.start()
        log.info("receiving", intake=self.intake.name, sockets=len(self.readers))

    def stop(self) -> None:
        _together(reader.close for reader in self.readers)
        self.queue.close()
        self._thread.join(2.0)

    def _decode(self) -> None:
        while not self.queue.closed:
            batch = self.queue.get(WAIT_S)
            try:
                if batch is not None:
                    self.consumer.take(batch)
                self.consumer.idle()
            except Exception:  # the boundary of the thread: what comes next must be taken
                log.exception("decoding failed unexpectedly", intake=self.intake.name)
                DROPPED.labels(self.intake.name, "error").inc()
        self.consumer.close()

    def count(self, received_before: int) -> int:
        """Bring the metrics up to date; the number of datagrams received so far."""
        name, received = self.intake.name, self.queue.received
        lost = sum(reader.dropped() for reader in self.readers)
        self.kernel_dropped += lost
        DROPPED.labels(name, "kernel").inc(lost)
        DROPPED.labels(name, "queue").inc(self.queue.dropped - self._told_dropped)
        self._told_dropped = self.queue.dropped
        for sender, losses in self.queue.losers.copy().items():
            LOST_BY_SENDER.labels(name, address_text(sender)).set(losses)
        RECEIVED.labels(name).inc(received - received_before)
        self.rate.add(received - received_before)
        WAITING.labels(name).set(self.queue.waiting)
        return received

    def trouble(self) -> str:
        """What keeps it from receiving, in one sentence."""
        if self.refused:
            return f"Cannot receive on {'; '.join(self.refused)}."
        errors = {reader.error for reader in self.readers if reader.error}
        return f"Receiving fails: {'; '.join(sorted(errors))}." if errors else ""


class Receiver:
    """All intakes of one process."""

    def __init__(self, config: Config, intakes: tuple[Intake, ...] = INTAKES) -> None:
        self._writer = Writer(
            "receiver", config, batch_rows=BATCH_ROWS, flush_rows=BATCH_ROWS, compression="lz4"
        )
        self._running = [_Running(intake, config, self._writer) for intake in intakes]

    def run(self, stop: threading.Event) -> None:
        """Receive until ``stop`` is set, then put everything on disk."""
        for running in self._running:
            running.start()
        received = dict.fromkeys(self._running, 0)
        while not stop.wait(1.0):
            received = {running: running.count(before) for running, before in received.items()}
        _together(running.stop for running in self._running)
        on_disk = self._writer.close(STOP_WRITER_S)
        log.info("receiver stopped", all_on_disk=on_disk)

    def condition(self) -> Condition:
        """What ``/healthz`` says."""
        writer = self._writer.status()
        counters: dict[str, float] = {}
        for running in self._running:
            name, queue = running.intake.name, running.queue
            counters |= {
                f"{name}_datagrams_per_minute": running.rate.value(),
                f"{name}_dropped_kernel": running.kernel_dropped,
                f"{name}_dropped_queue": queue.dropped,
                f"{name}_waiting_bytes": queue.waiting,
                **running.consumer.counters(),
            }
        counters |= {
            "store_lag_s": writer["lag_s"],
            "spooled_bytes": writer["spooled_bytes"],
            "rows_dropped": writer["rows_dropped"],
        }
        trouble = " ".join(filter(None, (running.trouble() for running in self._running)))
        return Condition(
            lag_s=writer["lag_s"],
            counters=counters,
            detail=trouble or writer["alarm"],
            impaired="not_listening" if trouble else str(writer["alarm_kind"]),
        )


def run_receiver(config: Config) -> int:
    """Receive until told to stop.

    Returns:
        the exit code.

    Raises:
        AlreadyRunningError: this data directory has a receiver.
    """
    stop = threading.Event()
    with only_one(config.data_dir, "receiver"):
        keep_memory()
        receiver = Receiver(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        calm_collector()
        with serving_health("receiver", config.receiver_health_port, receiver.condition):
            receiver.run(stop)
    return 0
