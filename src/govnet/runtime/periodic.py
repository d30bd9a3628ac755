"""What the worker does by the clock. A table, not a scheduler: there is little of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from django.core.management import call_command
from django.db import close_old_connections
from prometheus_client import Counter

from govnet.core.models import forget_old_files

log = structlog.get_logger()

_RUNS = Counter("govnet_worker_periodic_runs_total", "Periodic jobs run", ["job", "result"])

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
DAY_S: Final = 86400.0
SILENCE_S: Final = 300.0
CHECK_FLOWS_S: Final = 600.0
FIRST_AFTER_S: Final = 60.0
"""Not at once: a start has better things to do, and a restart loop must not repeat them."""


def _issue_statements() -> int:
    """Statements of periods that have ended; numbers are worked out only when one is due."""
    from govnet.sla.statements import issue_due

    return issue_due()


def _escalate_overdue() -> int:
    """Clocks of work orders that ran over; the arithmetic loads numpy, so only here."""
    from govnet.operations.overdue import escalate

    return escalate()


def _sweep() -> None:
    """Neighbours of every polled device, when it is time for them."""
    from govnet.topology.sweep import sweep_if_due

    sweep_if_due()


def _ask_routers() -> int:
    """Routing neighbours that were lost, and whose return no message told of."""
    from govnet.alarms.neighbours import end_what_routers_disprove

    return end_what_routers_disprove()


def _report_silence() -> int:
    """Devices that have stopped to log, or begun again."""
    from govnet.alarms.services import report_event
    from govnet.logs.services import silence_changes

    changes = silence_changes()
    for source, silent in changes:
        assert source.device is not None
        evidence = {"text": f"{source.address}: {source.last_seen:%Y-%m-%d %H:%M:%S}Z"}
        report_event("log_silent", source.device, raised=silent, source="syslog", evidence=evidence)
    return len(changes)


def _check_flows() -> int:
    """Exporters whose flows do not agree with SNMP, or agree again."""
    from govnet.alarms.services import report_event
    from govnet.telemetry.client import TelemetryUnavailableError
    from govnet.traffic.truth import told, truth_changes

    try:
        changes = truth_changes()
    except TelemetryUnavailableError:  # has its own alarm
        return 0
    for exporter, side in changes:
        assert exporter.device is not None
        evidence = {"text": told(exporter, side)}
        raised = not side.agrees
        report_event(
            "flow_untrue", exporter.device, raised=raised, source="flow", evidence=evidence
        )
    return len(changes)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every ``every_s`` seconds."""

    name: str
    every_s: float
    run: Callable[[], object]


JOBS: Final = (
    Job("clear_sessions", DAY_S, lambda: call_command("clearsessions")),
    Job("prune_tasks", DAY_S, lambda: call_command("prune_db_task_results", min_age_days=90)),
    Job("forget_import_files", DAY_S, forget_old_files),
    Job("report_silence", SILENCE_S, _report_silence),
    Job("check_flows", CHECK_FLOWS_S, _check_flows),
    Job("issue_statements", HOUR_S, _issue_statements),
    Job("escalate_overdue_orders", MINUTE_S, _escalate_overdue),
    Job("sweep_neighbours", MINUTE_S, _sweep),
    Job("ask_routers", MINUTE_S, _ask_routers),
)


def run_periodically(stop: threading.Event, jobs: tuple[Job, ...] = JOBS) -> None:
    """Run the jobs, each at its pace, until ``stop`` is set."""
    due = {job: time.monotonic() + min(FIRST_AFTER_S, job.every_s) for job in jobs}
    while jobs:
        job = min(due, key=lambda j: due[j])
        if stop.wait(max(due[job] - time.monotonic(), 0)):
            return
        _run(job)
        due[job] = time.monotonic() + job.every_s


def _run(job: Job) -> None:
    try:
        job.run()
    except Exception:  # a job that fails must not end the others
        _RUNS.labels(job.name, "failed").inc()
        log.exception("periodic job failed", job=job.name)
    else:
        _RUNS.labels(job.name, "ok").inc()
    finally:
        close_old_connections()
