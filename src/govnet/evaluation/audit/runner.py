"""Audits files in worker processes: bounded time and memory a file, the batch always goes on."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing import get_context
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from govnet.core.errors import Note, gettext_noop
from govnet.evaluation.audit.conformity import CONFORMITY, compare
from govnet.evaluation.audit.document import Document, squeeze
from govnet.evaluation.audit.extract import extract, forms
from govnet.evaluation.audit.readers.detect import SUFFIXES, UnreadableError, read_document
from govnet.evaluation.audit.registry import CHECKS, Finding, audit
from govnet.evaluation.audit.report import Report
from govnet.evaluation.framework import Framework

FILE_SECONDS = 30
WORKER_MIB = 1024
NOTHING_KNOWN = Note(
    gettext_noop("none of the known forms was recognised: nothing could be checked")
)


class Status(StrEnum):
    """What became of a file."""

    CLEAN = "clean"
    FINDINGS = "findings"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Quote:
    """An exact stretch of the document's text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AuditedFinding:
    """A finding with its quotes written out."""

    check: str
    name: str
    severity: str
    message: str
    quotes: list[Quote]
    arithmetic: str


@dataclass(frozen=True, slots=True)
class AuditedFile:
    """The result for one file; ``text`` is the document that the quotes' places refer to."""

    file: str
    status: Status
    facts: dict[str, str] = field(default_factory=dict)
    findings: list[AuditedFinding] = field(default_factory=list)
    unread: list[Note] = field(default_factory=list)
    text: str = ""


def audit_document(document: Document) -> tuple[Report, list[Finding]]:
    """Extract and check one document that holds one form."""
    report = extract(document)
    return report, audit(report)


def audit_file(path: Path, framework: Framework | None = None) -> AuditedFile:
    """Audit one file in this process; never raises for what the file holds.

    Args:
        path: the file.
        framework: also compare the score table with this framework's items and points.
    """
    try:
        return _audited(path, framework)
    except UnreadableError as error:
        return AuditedFile(str(path), Status.UNREADABLE, unread=list(error.notes))
    except MemoryError:
        return _unreadable(path, gettext_noop("needs too much memory"))
    except OSError as error:
        reason = error.strerror or ""
        return _unreadable(path, gettext_noop("cannot be opened: %(reason)s"), reason=reason)


def _unreadable(path: Path, message: str, **params: str | float) -> AuditedFile:
    return AuditedFile(str(path), Status.UNREADABLE, unread=[Note(message, params)])


def _audited(path: Path, framework: Framework | None) -> AuditedFile:
    document = read_document(path)
    reports = [extract(form) for form in forms(document)]
    findings = [finding for report in reports for finding in _findings(report, framework)]
    unread = [*document.unread, *(note for r in reports for note in r.unread)]
    if not any(report.is_known for report in reports):
        return AuditedFile(
            str(path), Status.UNREADABLE, unread=[*unread, NOTHING_KNOWN], text=document.text
        )
    return AuditedFile(
        file=str(path),
        status=Status.FINDINGS if findings else Status.CLEAN,
        facts=_facts_of_forms(reports),
        findings=[_written_out(document, finding) for finding in findings],
        unread=list({str(note): note for note in unread}.values()),
        text=document.text,
    )


def _findings(report: Report, framework: Framework | None) -> list[Finding]:
    found = audit(report)
    if framework is not None:
        found += compare(report, framework)
    return found


def _written_out(document: Document, finding: Finding) -> AuditedFinding:
    known = CHECKS.get(finding.check, CONFORMITY)
    return AuditedFinding(
        check=finding.check,
        name=known.name_zh,
        severity=finding.severity.value,
        message=finding.message,
        quotes=[Quote(document.quote(s), s.start, s.end) for s in finding.spans],
        arithmetic=finding.arithmetic,
    )


def _facts_of_forms(reports: list[Report]) -> dict[str, str]:
    """Facts of a file's only form; of several, each name carries its form's number."""
    if len(reports) == 1:
        return facts(reports[0])
    return {
        f"{number}:{name}": value
        for number, report in enumerate(reports, start=1)
        for name, value in facts(report).items()
    }


def facts(report: Report) -> dict[str, str]:
    """The figures that the report states, for a table over a batch; amounts in 元."""
    found = {name: squeeze(value.text) for name, (_, value) in report.fields.items() if value.text}
    for (column, source), amount in report.funds.items():
        found[f"{column}.{source}"] = f"{amount.yuan.normalize():f}"
    if report.total_score:
        found["score"] = str(report.total_score[0])
    if report.grade:
        found["grade"] = report.grade[0]
    return found


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Files named, and files of a known suffix below folders named; sorted, once each."""
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found.update(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        else:
            found.add(path)
    return sorted(found)


def audit_files(
    files: list[Path],
    jobs: int,
    *,
    framework: Framework | None = None,
    seconds: float = FILE_SECONDS,
) -> Iterator[AuditedFile]:
    """Audit files in worker processes; results as they come.

    A worker that overruns its time is killed by this process, so that a hang inside a C
    library ends too; one that dies (out of memory) spoils its own file only.
    """
    # "spawn": a fork would copy the caller's threads' locks and its memory limit.
    pool = ProcessPool(jobs, initializer=_limit_memory, context=get_context("spawn"))
    with pool:
        futures: dict[Future[AuditedFile], Path] = {
            pool.schedule(audit_file, args=(path, framework), timeout=seconds): path
            for path in files
        }
        for future in as_completed(futures):
            yield _result(future, futures[future], seconds)


def _limit_memory() -> None:
    limit = WORKER_MIB * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _result(future: Future[AuditedFile], path: Path, seconds: float) -> AuditedFile:
    try:
        return future.result()
    except TimeoutError:
        return _unreadable(path, gettext_noop("took over %(seconds)g s"), seconds=seconds)
    except (ProcessExpired, BrokenProcessPool, MemoryError):
        return _unreadable(path, gettext_noop("the reader died (out of memory?)"))
