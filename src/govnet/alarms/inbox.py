"""What traps and logs say of faults, on its way to the correlator.

``report_event`` is called for every matching trap or line, in the process that received it:
a storm of 100,000 a minute must cost neither that process nor the database. So equal reports
are counted together in memory, and half a second later stored as one row. The buffer holds a
bounded number of different faults; when it is full the caller itself stores it and waits.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Model
from django.utils import timezone
from prometheus_client import Counter

from govnet.alarms.models import ReportedEvent
from govnet.alarms.refs import Ref
from govnet.core.bell import CORRELATOR, ring

log = structlog.get_logger()

REPORTS = Counter("govnet_alarms_reports_total", "Faults and recoveries reported", ["source"])

FLUSH_S: Final = 0.5
MAX_DIFFERENT: Final = 10_000
EVIDENCE_KEPT: Final = 5
"""Of equal reports so many are kept in full; the others are counted."""


@dataclass(slots=True)
class _Bundle:
    """Equal reports."""

    first_at: datetime
    last_at: datetime
    count: int = 0
    evidence: list[Any] = field(default_factory=list)

    def add(self, at: datetime, evidence: Mapping[str, Any] | None) -> None:
        self.count += 1
        self.first_at, self.last_at = min(self.first_at, at), max(self.last_at, at)
        if evidence and len(self.evidence) < EVIDENCE_KEPT:
            self.evidence.append(dict(evidence))


_Same = tuple[str, Ref, bool, str]


class Inbox:
    """Collects reports and stores them together; thread-safe."""

    def __init__(self) -> None:
        self._bundles: dict[_Same, _Bundle] = {}
        self._lock = threading.Lock()
        self._storing = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, same: _Same, at: datetime, evidence: Mapping[str, Any] | None) -> None:
        """Count one report."""
        with self._lock:
            full = len(self._bundles) >= MAX_DIFFERENT and same not in self._bundles
        if full:
            self.store()
        with self._lock:
            # A recovery after a fault must not overtake it: order is the order of first reports.
            opposite = (same[0], same[1], not same[2], same[3])
            if opposite in self._bundles and same in self._bundles:
                self._bundles[same] = self._bundles.pop(same)
            self._bundles.setdefault(same, _Bundle(at, at)).add(at, evidence)

    def store(self) -> int:
        """Write what was collected; on failure it stays and is tried again.

        Returns:
            rows written.
        """
        with self._storing:
            with self._lock:
                taken, self._bundles = self._bundles, {}
            try:
                ReportedEvent.objects.bulk_create(map(_row, taken, taken.values()), batch_size=500)
            except DatabaseError:
                self._put_back(taken)
                raise
            ring(CORRELATOR)
            return len(taken)

    def _put_back(self, taken: dict[_Same, _Bundle]) -> None:
        with self._lock:
            for same, newer in self._bundles.items():
                older = taken.setdefault(same, newer)
                if older is not newer:
                    older.count += newer.count
                    older.last_at = newer.last_at
            self._bundles = taken

    def run(self) -> None:
        """Have a thread store what is collected; once per process."""
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._keep_storing, name="inbox", daemon=True)
            self._thread.start()
        atexit.register(self._last)

    def _keep_storing(self) -> None:
        while not self._wake.wait(FLUSH_S):
            self._try()

    def _try(self) -> None:
        try:
            if self._bundles:
                self.store()
        except DatabaseError as error:
            log.warning("reports wait, the database does not take them", reason=str(error))
        finally:
            connection.close()

    def _last(self) -> None:
        self._wake.set()
        self._try()


def _row(same: _Same, bundle: _Bundle) -> ReportedEvent:
    kind, ref, raised, source = same
    return ReportedEvent(
        kind=kind,
        object_kind=ref.kind,
        object_id=ref.pk,
        raised=raised,
        source=source,
        first_at=bundle.first_at,
        last_at=bundle.last_at,
        count=bundle.count,
        evidence=bundle.evidence,
    )


inbox = Inbox()


def report_event(
    kind: str,
    about: Model | Ref,
    *,
    raised: bool,
    source: str,
    evidence: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> None:
    """Say that another source (trap, syslog, …) saw a fault begin or end.

    Cheap and safe to call for every datagram; the correlator merges it with what polling
    says of the same fault within a second or two.

    Args:
        kind: code of the alarm rule, e.g. ``link_down``.
        about: the object (port, device, circuit, …) or its reference.
        raised: True when the fault began, False when it ended.
        source: ``trap``, ``syslog``, …; at most 12 characters.
        evidence: what was received, JSON-serialisable and small.
        at: when, now unless told.
    """
    ref = about if isinstance(about, Ref) else Ref.of(about)
    REPORTS.labels(source).inc()
    inbox.add((kind[:40], ref, raised, source[:12]), at or timezone.now(), evidence)
    inbox.run()
