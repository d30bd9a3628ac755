"""Background work: auditing an uploaded batch."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

import structlog
from django.db import transaction
from django_tasks import task
from prometheus_client import Counter

from govnet.evaluation.audit.runner import AuditedFile, audit_files
from govnet.evaluation.models import AuditedReport, AuditFinding, AuditStatus

log = structlog.get_logger()

AUDITED = Counter("govnet_evaluation_audited_reports_total", "Reports audited", ["status"])
JOBS = 2


@task()
def audit_batch(batch_id: int) -> None:
    """Audit the waiting reports of a batch; each result is stored as it comes."""
    waiting = AuditedReport.objects.filter(batch=batch_id, status=AuditStatus.WAITING)
    with tempfile.TemporaryDirectory(prefix="govnet-audit-") as name:
        # The number is the file's name, never what the uploader called it.
        paths = {Path(name) / str(report.pk): report for report in waiting.iterator()}
        for path, report in paths.items():
            path.write_bytes(bytes(report.content or b""))
        for result in audit_files(list(paths), JOBS):
            _store(paths[Path(result.file)], result)
    log.info("batch audited", batch=batch_id, reports=len(paths))


@transaction.atomic
def _store(report: AuditedReport, result: AuditedFile) -> None:
    report.status = result.status.value
    report.text = result.text
    report.facts = result.facts
    report.unread = [note.as_json() for note in result.unread]
    report.content = None  # the file is not kept longer than it is needed
    report.save()
    report.findings.all().delete()
    AuditFinding.objects.bulk_create(
        AuditFinding(
            report=report,
            check_id=finding.check,
            severity=finding.severity,
            message=finding.message,
            quotes=[asdict(quote) for quote in finding.quotes],
            arithmetic=finding.arithmetic,
        )
        for finding in result.findings
    )
    AUDITED.labels(result.status.value).inc()
