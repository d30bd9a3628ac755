"""What the receiver does with flow datagrams: decode, add what the ledger knows, spool.

Decoding happens in this consumer's own thread; the database is asked and told in another, so
that a database that is away stops neither.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import structlog
from django.db import close_old_connections
from prometheus_client import Counter as Metric
from prometheus_client import Gauge

from govnet.config import Config
from govnet.engine.flow import memory
from govnet.engine.flow.decoder import SFLOW, Decoder
from govnet.engine.flow.exporters import Domain, Exporter
from govnet.engine.udp import Batch, address_text
from govnet.monitor.services import revision
from govnet.runtime.health import PerMinute
from govnet.runtime.journal import DATABASE_ERRORS
from govnet.telemetry.writer import Writer
from govnet.traffic import services
from govnet.traffic.enrich import Enricher, Ledger
from govnet.traffic.services import ExporterReport

log = structlog.get_logger()

FLUSH_DATAGRAMS: Final = 1_500
FLUSH_S: Final = 1.0
"""Datagrams, or seconds, after which decoded columns are made: enough for numpy to be cheap, few
enough to stay in the processor's cache."""

SETTLE_S: Final = 5.0
REPORT_S: Final = 10.0
FULL_PASS_S: Final = 60.0
WAIT_FOR_ROW_S: Final = 1.5
BETWEEN_WAITS_S: Final = 10.0
MAX_TOLD_TEMPLATES: Final = 50

RECORDS = Metric("govnet_flow_records_total", "Flow records decoded")
LOST = Metric("govnet_flow_lost_total", "Flow data given up", ["reason"])
EXPORTERS = Gauge("govnet_flow_exporters", "Exporters that sent something")

_REASONS: Final = {
    "malformed": "malformed",
    "unsupported": "unsupported",
    "parked_lost": "no_template",
    "not_ip": "not_ip",
}


class FlowConsumer:
    """Datagrams of NetFlow, IPFIX and sFlow to rows of the ``flow`` table."""

    def __init__(self, config: Config, writer: Writer) -> None:
        self._writer = writer
        self._decoder = Decoder()
        self._templates = config.data_dir / "flow-templates.json"
        self._pending = 0
        self._flushed_at = self._settled_at = self._reported_at = time.monotonic()
        self._waited_at = -BETWEEN_WAITS_S
        self._told: Counter[str] = Counter()
        self._errors = 0
        self._ids: npt.NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._link = _DatabaseLink(config.data_dir)
        self.records = PerMinute()
        self.lost: Mapping[bytes, int] = {}
        known = memory.load(self._decoder, self._templates, time.time())
        log.info("flow templates known from before", templates=known)

    def start(self) -> None:
        """Read the ledger and begin to follow it."""
        self._link.start()

    # The decoding thread

    def take(self, batch: Batch) -> None:
        """Decode one batch; its rows are written at the latest ``FLUSH_S`` later."""
        add, received = self._decoder.add, batch.received
        for datagram, address in self._decoder.others(batch.datagrams, batch.addresses, received):
            try:
                add(datagram, address, received)
            except Exception:  # the boundary of one datagram: the next must not suffer from it
                self._errors += 1
                LOST.labels("error").inc()
                if self._errors <= 10:
                    log.exception("flow datagram failed unexpectedly", octets=len(datagram))
        self._pending += len(batch.datagrams)
        if self._pending >= FLUSH_DATAGRAMS:
            self._flush()

    def idle(self) -> None:
        """Called at least every half second: everything that goes by the clock."""
        now = time.monotonic()
        if self._pending and now - self._flushed_at >= FLUSH_S:
            self._flush()
        if now - self._settled_at >= SETTLE_S:
            self._settled_at = now
            self._decoder.settle(time.time())
            self._count()
            self._keep_templates()
        if now - self._reported_at >= REPORT_S:
            self._reported_at = now
            self._report()

    def close(self) -> None:
        """Write the rest."""
        self._flush()
        self._decoder.settle(time.time())
        self._keep_templates()
        self._report()
        self._link.close()

    def _flush(self) -> None:
        self._pending, self._flushed_at = 0, time.monotonic()
        flows = self._decoder.flush()
        if not flows:
            return
        number = len(flows["bytes"])
        exporter_ids = self._exporter_ids().take(flows["exporter"])
        columns = self._link.enricher.columns(flows, exporter_ids)
        self._writer.append("flow", columns)
        self.records.add(number)
        RECORDS.inc(number)

    def _exporter_ids(self) -> npt.NDArray[np.uint32]:
        """Row ids by the decoder's numbers; 0 until the database has answered."""
        numbers = self._decoder.exporters.numbers
        if len(self._ids) != numbers or self._link.ids_changed:
            self._link.want({address_text(e.address) for e in self._decoder.exporters})
            self._wait_for_rows()
            known = self._link.ids
            self._link.ids_changed = False
            self._ids = np.zeros(numbers, np.uint32)
            for exporter in self._decoder.exporters:
                self._ids[exporter.number] = known.get(address_text(exporter.address), 0)
        return self._ids

    def _wait_for_rows(self) -> None:
        """A new exporter's first flows should know it; seldom, or a storm would hold all up."""
        if time.monotonic() - self._waited_at >= BETWEEN_WAITS_S:
            self._waited_at = time.monotonic()
            self._link.answered.wait(WAIT_FOR_ROW_S)

    def _count(self) -> None:
        for name, reason in _REASONS.items():
            total = self._decoder.counters[name]
            LOST.labels(reason).inc(total - self._told[name])
            self._told[name] = total
        EXPORTERS.set(len(self._decoder.exporters))

    def _keep_templates(self) -> None:
        if not self._decoder.templates_changed:
            return
        try:
            memory.save(self._decoder, self._templates)
        except OSError as error:
            log.warning("flow templates cannot be kept", reason=str(error))

    def _report(self) -> None:
        exporters = list(self._decoder.exporters)
        self._link.want({address_text(exporter.address) for exporter in exporters})
        known = self._link.ids
        self._link.report(
            [
                ExporterReport(known[text], e.last_seen, _told(e), self._counters(e))
                for e in exporters
                if (text := address_text(e.address)) in known and e.last_seen
            ]
        )

    def _counters(self, exporter: Exporter) -> dict[str, int]:
        lost = self.lost.get(exporter.address, 0)
        return {**exporter.counters, **({"queue_dropped": lost} if lost else {})}

    def counters(self) -> dict[str, float]:
        """For the health page."""
        lost = self._decoder.counters
        return {
            "flow_records_per_minute": self.records.value(),
            "flow_exporters": len(self._decoder.exporters),
            "flow_malformed": lost["malformed"],
            "flow_no_template": lost["parked_lost"],
            "flow_errors": self._errors,
        }


class _DatabaseLink:
    """The thread that follows the ledger, finds exporters' rows and writes their reports."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.enricher = Enricher(Ledger())
        self.ids: dict[str, int] = {}
        self.ids_changed = False
        self.answered = threading.Event()
        self._wanted: set[str] = set()
        self._reports: list[ExporterReport] = []
        self._revision = -1
        self._read_at = -FULL_PASS_S
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flow-database", daemon=True)

    def start(self) -> None:
        """Read once before the first flow, then follow."""
        self._pass()
        self._thread.start()

    def want(self, addresses: set[str]) -> None:
        """Find or make the rows of these exporters."""
        missing = addresses - self.ids.keys()
        if missing:
            self._wanted = missing
            self.answered.clear()
            self._wake.set()

    def report(self, reports: list[ExporterReport]) -> None:
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
            self._stop.wait(0.5)  # a storm of new exporters is not a storm of queries
        self._pass()
        close_old_connections()

    def _pass(self) -> None:
        try:
            wanted, self._wanted = self._wanted, set()
            if wanted:
                self.ids = {**self.ids, **services.ensure_exporters(wanted, time.time())}
                self.ids_changed = True
                self._read_at = -FULL_PASS_S  # an exporter's device tells its circuits
            reports, self._reports = self._reports, []
            services.write_reports(reports)
            self._follow()
            if not self._wanted:
                self.answered.set()
        except DATABASE_ERRORS as error:
            log.warning("cannot ask the database about flows", reason=str(error))
            close_old_connections()
        except Exception:  # the boundary of this thread: it must not end while flows come in
            log.exception("following the ledger failed unexpectedly")

    def _follow(self) -> None:
        present = revision()
        due = time.monotonic() >= self._read_at + FULL_PASS_S
        if present == self._revision and not due:
            return
        self.enricher = Enricher(services.load_ledger(self._data_dir))
        self._revision, self._read_at = present, time.monotonic()


def _told(exporter: Exporter) -> dict[str, Any]:
    """What the exporter's page shows, as JSON."""
    return {"domains": [_domain(domain) for domain in exporter.domains.values()]}


def _domain(domain: Domain) -> dict[str, Any]:
    protocols = {5: "NetFlow v5", 9: "NetFlow v9", 10: "IPFIX", SFLOW: "sFlow v5"}
    sampling = domain.sampling
    return {
        "protocol": protocols[domain.version],
        "number": domain.number,
        "sampling": sampling.rate if sampling.told else None,
        "selectors": {str(key): rate for key, rate in sampling.by_selector.items()},
        "gaps": domain.sequence.gaps,
        "missing": domain.sequence.missing,
        "restarts": domain.sequence.restarts,
        "templates": domain.described()[:MAX_TOLD_TEMPLATES],
    }
