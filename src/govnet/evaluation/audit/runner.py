"""Audits files in worker processes: bounded time and memory a file, the batch always goes on."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing import get_context
from pathlib import Path
from signal import SIGALRM, alarm, signal
from types import FrameType

from govnet.evaluation.audit.document import Document, squeeze
from govnet.evaluation.audit.extract import extract
from govnet.evaluation.audit.readers.detect import SUFFIXES, UnreadableError, read_document
from govnet.evaluation.audit.registry import CHECKS, Finding, audit
from govnet.evaluation.audit.report import Report

FILE_SECONDS = 30
WORKER_MIB = 1024


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
    unread: list[str] = field(default_factory=list)
    text: str = ""


class _TooLongError(Exception):
    """The file took longer than it may."""


def audit_document(document: Document) -> tuple[Report, list[Finding]]:
    """Extract and check one document."""
    report = extract(document)
    return report, audit(report)


def audit_file(path: Path, seconds: int = FILE_SECONDS) -> AuditedFile:
    """Audit one file in this process, within a time; never raises for what the file holds."""
    previous = signal(SIGALRM, _on_alarm)
    alarm(seconds)
    try:
        return _audited(path)
    except UnreadableError as error:
        return AuditedFile(str(path), Status.UNREADABLE, unread=[str(error)])
    except _TooLongError:
        return AuditedFile(str(path), Status.UNREADABLE, unread=[f"took over {seconds} s"])
    except MemoryError:
        return AuditedFile(str(path), Status.UNREADABLE, unread=["needs too much memory"])
    except OSError as error:
        return AuditedFile(str(path), Status.UNREADABLE, unread=[error.strerror or "cannot open"])
    finally:
        alarm(0)
        signal(SIGALRM, previous)


def _on_alarm(_number: int, _frame: FrameType | None) -> None:
    raise _TooLongError


def _audited(path: Path) -> AuditedFile:
    document = read_document(path)
    report, findings = audit_document(document)
    return AuditedFile(
        file=str(path),
        status=Status.FINDINGS if findings else Status.CLEAN,
        facts=facts(report),
        findings=[_written_out(document, finding) for finding in findings],
        unread=document.unread,
        text=document.text,
    )


def _written_out(document: Document, finding: Finding) -> AuditedFinding:
    return AuditedFinding(
        check=finding.check,
        name=CHECKS[finding.check].name_zh,
        severity=finding.severity.value,
        message=finding.message,
        quotes=[Quote(document.quote(s), s.start, s.end) for s in finding.spans],
        arithmetic=finding.arithmetic,
    )


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


def audit_files(files: list[Path], jobs: int) -> Iterator[AuditedFile]:
    """Audit files in worker processes; results as they come.

    A worker that dies (out of memory in a C library) spoils only its own files: those are
    run again, one in a process of its own, so that the culprit alone is unreadable.
    """
    lost: list[Path] = []
    with _pool(jobs) as pool:
        futures = {pool.submit(audit_file, path): path for path in files}
        for future in as_completed(futures):
            if future.exception() is None:
                yield future.result()
            else:
                lost.append(futures[future])
    for path in sorted(lost):
        with _pool(1) as pool:
            yield _result_or_death(pool.submit(audit_file, path), path)


def _pool(jobs: int) -> ProcessPoolExecutor:
    # "spawn": a fork would copy the caller's threads' locks and its memory limit.
    return ProcessPoolExecutor(
        max_workers=jobs, mp_context=get_context("spawn"), initializer=_limit_memory
    )


def _limit_memory() -> None:
    limit = WORKER_MIB * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _result_or_death(future: Future[AuditedFile], path: Path) -> AuditedFile:
    if future.exception() is None:
        return future.result()
    return AuditedFile(str(path), Status.UNREADABLE, unread=["the reader died (out of memory?)"])
