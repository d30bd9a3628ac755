"""``govnet audit``, ``govnet seed`` and ``govnet report``: self-evaluations on the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from govnet.cli import app, setup_django
from govnet.evaluation.audit import render
from govnet.evaluation.audit.render import Format
from govnet.evaluation.audit.runner import AuditedFile, Status, audit_files, find_files
from govnet.evaluation.framework import (
    Framework,
    FrameworkError,
    load_framework,
    shipped_frameworks,
)

seed_app = typer.Typer(
    help="The two real reports that GovNet was built from.", no_args_is_help=True
)
report_app = typer.Typer(help="Print reports.", no_args_is_help=True)
app.add_typer(seed_app, name="seed")
app.add_typer(report_app, name="report")


@app.command()
def audit(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders to audit.", exists=True)],
    output_format: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.TEXT,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = os.cpu_count() or 1,
    out: Annotated[Path | None, typer.Option(help="Write here; needed for xlsx.")] = None,
    framework: Annotated[
        str,
        typer.Option(help="Compare score tables with this framework: its id, or a YAML file."),
    ] = "",
) -> None:
    """Find what existing self-evaluation reports provably contradict.

    Reads docx, xlsx, pdf, html, txt and md. Exit status: 0 clean, 1 findings, 2 something
    could not be read (also when other files have findings).
    """
    wanted = _framework(framework)
    files = find_files(paths)
    if not files:
        typer.secho("No report found: docx, xlsx, pdf, html, txt or md.", err=True)
        raise typer.Exit(2)
    if output_format is Format.XLSX and out is None:
        typer.secho("--format xlsx needs --out FILE.xlsx", err=True)
        raise typer.Exit(2)
    results = _audited(files, jobs, wanted)
    _write(results, output_format, out)
    raise typer.Exit(_exit_status(results))


def _framework(name: str) -> Framework | None:
    """A framework by its id or its file; a wrong name ends the command with what would fit."""
    if not name:
        return None
    try:
        if name.endswith((".yaml", ".yml")):
            return load_framework(Path(name))
        return shipped_frameworks()[name]
    except (FrameworkError, OSError, UnicodeDecodeError) as error:
        typer.secho(str(error), err=True)
    except KeyError:
        known = ", ".join(shipped_frameworks())
        typer.secho(f"No framework {name!r}; there are: {known}, or a YAML file.", err=True)
    raise typer.Exit(2)


def _audited(files: list[Path], jobs: int, framework: Framework | None) -> list[AuditedFile]:
    results = track(
        audit_files(files, min(jobs, len(files)), framework=framework),
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


def _prepare_database() -> None:
    """A fresh clone has no tables yet; on a running installation this changes nothing."""
    setup_django()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)


@seed_app.command("load")
def load_seeds() -> None:
    """Create both seed projects from their texts, through the reader; again is no change."""
    _prepare_database()
    from govnet.evaluation.seeds import load  # noqa: PLC0415  # models need Django set up

    for evaluation in load():
        typer.echo(f"{evaluation.slug}: {evaluation.project_name}")


@report_app.command("evaluation")
def print_evaluation(
    slug: Annotated[str, typer.Argument(help="Short name of the self-evaluation.")],
    out: Annotated[Path, typer.Option(help="FILE.docx, FILE.pdf or FILE.xlsx (score table).")],
) -> None:
    """Issue a self-evaluation's report in the bureau's form and write it to a file."""
    _prepare_database()
    from govnet.core.office import PrintingError  # noqa: PLC0415
    from govnet.evaluation import printing  # noqa: PLC0415
    from govnet.evaluation.models import SelfEvaluation  # noqa: PLC0415

    evaluation = SelfEvaluation.objects.filter(slug=slug).first()
    if evaluation is None:
        known = ", ".join(SelfEvaluation.objects.values_list("slug", flat=True)) or "none"
        typer.secho(f"No self-evaluation {slug!r}; there are: {known}.", err=True)
        raise typer.Exit(2)
    issued = printing.issue(evaluation)
    try:
        out.write_bytes(printing.in_format(issued, out.suffix))
    except PrintingError as error:
        typer.secho(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo(f"{out} ({issued.digest[:12]})")
