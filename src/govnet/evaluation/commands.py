"""``govnet audit``: audit existing self-evaluation reports."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from govnet.cli import app
from govnet.evaluation.audit import render
from govnet.evaluation.audit.render import Format
from govnet.evaluation.audit.runner import AuditedFile, Status, audit_files, find_files


@app.command()
def audit(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders to audit.", exists=True)],
    output_format: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.TEXT,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = os.cpu_count() or 1,
    out: Annotated[Path | None, typer.Option(help="Write here; needed for xlsx.")] = None,
) -> None:
    """Find what existing self-evaluation reports provably contradict.

    Reads docx, xlsx, pdf, html, txt and md. Exit status: 0 clean, 1 findings, 2 something
    could not be read.
    """
    files = find_files(paths)
    if not files:
        typer.secho("No report found: docx, xlsx, pdf, html, txt or md.", err=True)
        raise typer.Exit(2)
    if output_format is Format.XLSX and out is None:
        typer.secho("--format xlsx needs --out FILE.xlsx", err=True)
        raise typer.Exit(2)
    results = _audited(files, jobs)
    _write(results, output_format, out)
    raise typer.Exit(_exit_status(results))


def _audited(files: list[Path], jobs: int) -> list[AuditedFile]:
    results = track(
        audit_files(files, min(jobs, len(files))),
        description="audit",
        total=len(files),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    return sorted(results, key=lambda result: result.file)


def _write(results: list[AuditedFile], output_format: Format, out: Path | None) -> None:
    match output_format:
        case Format.XLSX:
            data = render.as_xlsx(results)
        case Format.HTML:
            data = render.as_html(results).encode()
        case Format.JSON:
            data = (render.as_json(results) + "\n").encode()
        case Format.TEXT:
            data = (render.as_text(results) + "\n").encode()
    if out is None:
        sys.stdout.buffer.write(data)
    else:
        out.write_bytes(data)


def _exit_status(results: list[AuditedFile]) -> int:
    if any(result.status is Status.UNREADABLE for result in results):
        return 2
    return 1 if any(result.status is Status.FINDINGS for result in results) else 0
