"""Background tasks: what was cut off is closed, periodic jobs fail alone."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult, get_date_max

from govnet.runtime.periodic import JOBS, Job, run_periodically
from govnet.runtime.worker import TaskCounts, fail_interrupted
from tests.running import until


def task(status: str, worker_id: str = "", age_s: float = 0) -> DBTaskResult[..., object]:
    made = DBTaskResult.objects.create(
        status=status,
        args_kwargs={"args": [], "kwargs": {}},
        task_path="tests.none",
        worker_ids=[worker_id] if worker_id else [],
        backend_name="default",
        run_after=get_date_max(),
        exception_class_path="",
        traceback="",
    )
    enqueued = timezone.now() - timedelta(seconds=age_s)
    DBTaskResult.objects.filter(pk=made.pk).update(enqueued_at=enqueued)
    return made


@pytest.mark.django_db
def test_only_this_workers_interrupted_tasks_are_closed() -> None:
    mine = task(TaskResultStatus.RUNNING, "host-a")
    others = task(TaskResultStatus.RUNNING, "host-b")
    waiting = task(TaskResultStatus.READY)
    assert fail_interrupted("host-a") == 1
    for row in (mine, others, waiting):
        row.refresh_from_db()
    assert mine.status == TaskResultStatus.FAILED
    assert "InterruptedTaskError" in mine.exception_class_path
    assert (others.status, waiting.status) == (TaskResultStatus.RUNNING, TaskResultStatus.READY)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_does_not_keep_up_says_so() -> None:
    task(TaskResultStatus.READY, age_s=5)
    condition = TaskCounts().condition()
    assert condition.counters["tasks_waiting"] == 1
    assert 5 <= condition.lag_s < 60
    assert condition.detail == ""
    task(TaskResultStatus.READY, age_s=3600)
    assert "waited for 3600 s" in TaskCounts().condition().detail


def test_periodic_jobs_run_again_and_again_and_a_broken_one_ends_nothing() -> None:
    runs: list[str] = []

    def broken() -> None:
        runs.append("broken")
        raise RuntimeError

    stop = threading.Event()
    jobs = (Job("broken", 0.05, broken), Job("good", 0.05, lambda: runs.append("good")))
    thread = threading.Thread(target=run_periodically, args=(stop, jobs))
    thread.start()
    until(lambda: runs.count("good") >= 3 and runs.count("broken") >= 3, 10, "three runs each")
    stop.set()
    thread.join(2)
    assert not thread.is_alive()


@pytest.mark.django_db
def test_every_periodic_job_can_run() -> None:
    for job in JOBS:
        job.run()
