"""Imports as background jobs: check, write, undo; progress and outcome are on the run's row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from auditlog.context import set_actor
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django_tasks import task
from django_tasks.base import Task
from django_tasks.exceptions import TaskResultDoesNotExist
from prometheus_client import Counter, Histogram

from govnet.accounts.models import User
from govnet.core.audit import correlated
from govnet.core.imports.outcome import Plan, PlannedRow
from govnet.core.imports.plan import Planner
from govnet.core.imports.sheet import SheetError
from govnet.core.imports.write import UndoError, WriteError, undo, write
from govnet.core.models import ImportPayload, ImportRun, ImportStatus
from govnet.core.registry import Resource, find_resource

log = structlog.get_logger()

_RUNS = Counter("govnet_core_imports_total", "Import jobs finished", ["job", "outcome"])
_ROWS = Counter("govnet_core_imported_rows_total", "Rows that imports wrote", ["kind"])
_SECONDS = Histogram(
    "govnet_core_import_seconds",
    "Time that an import job took",
    ["job"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300),
)

PREVIEW_ROWS = 100
LATE_S = 5.0
"""A job that nobody has taken after this long means that no worker runs."""


def start(run: ImportRun, job: Task[[int], None]) -> None:
    """Put a job into the queue once the present transaction is committed."""

    def enqueue() -> None:
        result = job.enqueue(run.pk)
        ImportRun.objects.filter(pk=run.pk).update(task_id=str(result.id))

    transaction.on_commit(enqueue)


def waiting_for_worker(run: ImportRun) -> bool:
    """True when the job has waited so long that no worker can be running."""
    if not run.busy or not run.task_id or run.rows_done:
        return False
    try:
        result = check_import.get_backend().get_result(run.task_id)
    except (TaskResultDoesNotExist, NotImplementedError):
        return False
    if result.started_at is not None or result.enqueued_at is None:
        return False
    return bool((timezone.now() - result.enqueued_at).total_seconds() > LATE_S)


def interrupted(run: ImportRun) -> bool:
    """True when the worker was stopped while it worked on the run."""
    if not run.busy or not run.task_id:
        return False
    try:
        result = check_import.get_backend().get_result(run.task_id)
    except (TaskResultDoesNotExist, NotImplementedError):
        return False
    return bool(result.is_finished)


@contextmanager
def _job(run: ImportRun, name: str) -> Iterator[None]:
    """The boundary of a job: whatever goes wrong is counted, logged and told to the person."""
    actor = run.user
    started = timezone.now()
    outcome = "ok"
    try:
        with (
            set_actor(actor),
            correlated(f"import-{run.pk}"),
            translation.override(run.language),
            _SECONDS.labels(name).time(),
        ):
            yield
    except Exception as error:  # one run's failure must not end the worker
        outcome = "failed"
        log.exception("import job failed", job=name, run=run.pk, error=type(error).__name__)
        with translation.override(run.language):
            message = _("An unexpected error stopped the job; nothing was written. Run %d.")
        _finish(run, ImportStatus.FAILED, message % run.pk)
    _RUNS.labels(name, outcome).inc()
    log.info(
        "import job finished",
        job=name,
        run=run.pk,
        status=run.status,
        seconds=(timezone.now() - started).total_seconds(),
    )


def _finish(run: ImportRun, status: ImportStatus, message: str = "") -> None:
    run.status = status
    run.message = message
    run.finished_at = timezone.now()
    run.save()
    if status != ImportStatus.READY:
        ImportPayload.objects.filter(run=run).update(content=None)


def _load(run_id: int, expected: ImportStatus) -> tuple[ImportRun, Resource, User] | None:
    """The run with its object and user; None when another job has taken it or it is gone."""
    run = ImportRun.objects.filter(pk=run_id, status=expected).select_related("user").first()
    resource = find_resource(run.model) if run else None
    if run is None or resource is None or not isinstance(run.user, User):
        log.warning("import run not taken", run=run_id, expected=expected.value)
        return None
    return run, resource, run.user


def _progress(run: ImportRun) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        ImportRun.objects.filter(pk=run.pk).update(rows_done=done, rows_total=total)
        run.rows_done, run.rows_total = done, total

    return report


def _plan(run: ImportRun, resource: Resource, user: User) -> Plan:
    content = ImportPayload.objects.get(run=run).open()
    if content is None:
        raise SheetError(_("The file is no longer kept. Upload it again."))
    return Planner(resource, user, _progress(run)).run(content)


@task()
def check_import(run_id: int) -> None:
    """Check an uploaded file and keep what it would do as the preview."""
    if (loaded := _load(run_id, ImportStatus.CHECKING)) is None:
        return
    run, resource, user = loaded
    with _job(run, "check"):
        try:
            plan = _plan(run, resource, user)
        except SheetError as error:
            run.errors = [{"row": None, "column": "", "value": "", "rule": str(error)}]
            run.error_count = 1
            _finish(run, ImportStatus.REJECTED)
            return
        _keep(run, resource, plan)
        _finish(run, ImportStatus.REJECTED if plan.error_count else ImportStatus.READY)


def _keep(run: ImportRun, resource: Resource, plan: Plan) -> None:
    run.created_count = len(plan.created)
    run.changed_count = len(plan.changed)
    run.unchanged_count = plan.unchanged
    run.error_count = plan.error_count
    run.errors = plan.error_dicts()
    run.notes = plan.notes
    rows = [*plan.changed[:PREVIEW_ROWS], *plan.created[:PREVIEW_ROWS]]
    run.preview = [_preview(resource, row) for row in sorted(rows, key=lambda row: row.number)]


def _preview(resource: Resource, row: PlannedRow) -> dict[str, object]:
    """One row as the preview shows it: what it is and which values change."""
    changes = []
    for column in resource.columns:
        old, new = None, None
        if column.children and column.name in row.children:
            old, new = row.children[column.name]
        elif column.name in row.cells:
            old = None if row.before is None else column.read(row.before)
            new = _target(row, column.name) or column.read(row.after)
        if old != new and not (not old and not new):
            shown = column.show(old) if old else ""
            changes.append({"label": column.label, "old": shown, "new": column.show(new)})
    kind = "new" if row.before is None else "changed"
    return {"row": row.number, "name": str(row.after), "kind": kind, "changes": changes}


def _target(row: PlannedRow, name: str) -> object:
    """A reference to a new object of the same file, which has no id yet."""
    target = row.after._state.fields_cache.get(name)
    return target if target is not None and target.pk is None else None


@task()
def apply_import(run_id: int) -> None:
    """Check the file once more and write it, all or nothing."""
    if (loaded := _load(run_id, ImportStatus.APPLYING)) is None:
        return
    run, resource, user = loaded
    with _job(run, "apply"):
        try:
            plan = _plan(run, resource, user)
            _keep(run, resource, plan)
            if plan.error_count:
                _finish(run, ImportStatus.REJECTED, _("The ledger has changed since the check."))
                return
            with transaction.atomic():
                entries = write(plan, resource)
                ImportPayload.objects.filter(run=run).update(undo=entries)
                _finish(run, ImportStatus.APPLIED)
        except (SheetError, WriteError) as error:
            _finish(run, ImportStatus.FAILED, str(error))
            return
        _ROWS.labels("created").inc(run.created_count)
        _ROWS.labels("changed").inc(run.changed_count)


@task()
def undo_import(run_id: int) -> None:
    """Take an applied import back, or say why that cannot be done."""
    if (loaded := _load(run_id, ImportStatus.UNDOING)) is None:
        return
    run, resource, user = loaded
    with _job(run, "undo"):
        entries = ImportPayload.objects.get(run=run).undo
        try:
            with transaction.atomic():
                undo(entries, resource, user)
                ImportPayload.objects.filter(run=run).update(undo=[])
                _finish(run, ImportStatus.UNDONE)
        except UndoError as error:
            reasons = "\n".join(error.reasons)
            _finish(run, ImportStatus.APPLIED, _("Not undone:") + "\n" + reasons)
