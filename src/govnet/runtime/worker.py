"""The worker process: background tasks from the database, and a few periodic jobs."""

from __future__ import annotations

import socket
import threading
from typing import Final

import structlog
from django.core.management import call_command
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone
from django_tasks import TaskResult, TaskResultStatus
from django_tasks.signals import task_finished
from django_tasks_db.models import DBTaskResult, get_date_max
from prometheus_client import Counter

from govnet.config import Config
from govnet.runtime.health import Condition, PerMinute, serving_health
from govnet.runtime.locks import only_one
from govnet.runtime.periodic import run_periodically

log = structlog.get_logger()

POLL_S: Final = 1.0
"""Seconds between two looks for a task: what a person waits at most for an import to begin."""

LATE_S: Final = 600.0
"""A task that waits longer than this means that the worker does not keep up."""

_FINISHED = Counter("govnet_worker_tasks_total", "Background tasks finished", ["status"])


class InterruptedTaskError(Exception):
    """The worker was stopped or killed while the task ran; nothing of it was saved."""


class TaskCounts:
    """What the worker did and what waits for it."""

    def __init__(self) -> None:
        self._finished = PerMinute()
        task_finished.connect(self._on_finished)

    def _on_finished(self, task_result: TaskResult[object], **_: object) -> None:
        self._finished.add()
        _FINISHED.labels(task_result.status.value.lower()).inc()

    def condition(self) -> Condition:
        """What ``/healthz`` of the worker says; asked in a thread of its own."""
        try:
            waiting = DBTaskResult.objects.ready()
            counters = {
                "tasks_waiting": float(waiting.count()),
                "tasks_failed": float(DBTaskResult.objects.failed().count()),
                "tasks_per_minute": float(self._finished.value()),
            }
            lag_s = _oldest_wait_s()
        except DatabaseError as error:
            return Condition(detail=f"The database does not answer: {error}")
        finally:
            connection.close()
        detail = f"A task has waited for {lag_s:.0f} s." if lag_s > LATE_S else ""
        return Condition(lag_s, counters, detail)


def _oldest_wait_s() -> float:
    """Seconds that the longest-waiting task is late."""
    rows = DBTaskResult.objects.ready().values_list("enqueued_at", "run_after")
    now = timezone.now()
    due = [enqueued if after == get_date_max() else after for enqueued, after in rows[:1000]]
    return max((now - min(due)).total_seconds(), 0.0) if due else 0.0


def fail_interrupted(worker_id: str) -> int:
    """Close the tasks that this worker's predecessor left behind when it was killed.

    Without this their pages would show "running" for ever.

    Returns:
        how many there were.
    """
    left = [
        task
        for task in DBTaskResult.objects.filter(status=TaskResultStatus.RUNNING)
        if worker_id in task.worker_ids
    ]
    for task in left:
        task.set_failed(InterruptedTaskError("the worker stopped while this task ran"))
        log.warning("interrupted task closed", task=task.task_path, task_id=str(task.id))
    return len(left)


def run_worker(config: Config) -> int:
    """Run background tasks until told to stop.

    Returns:
        the exit code.

    Raises:
        AlreadyRunningError: this data directory has a worker.
    """
    worker_id = f"{socket.gethostname()}-{config.data_dir}"[-64:]
    counts = TaskCounts()
    stop = threading.Event()
    with (
        only_one(config.data_dir, "worker"),
        serving_health("worker", config.worker_health_port, counts.condition),
    ):
        fail_interrupted(worker_id)
        periodic = threading.Thread(
            target=run_periodically, args=(stop,), name="periodic", daemon=True
        )
        periodic.start()
        try:
            call_command("db_worker", interval=POLL_S, worker_id=worker_id, reload=False)
        finally:
            stop.set()
    return 0
