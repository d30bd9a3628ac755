"""``govnet lab``: build, look at and take down a city twin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from govnet.cli import app, setup_django
from govnet.lab.description import DescriptionError, read
from govnet.lab.plan import (
    DEFAULT_UNITS,
    MOST_UNITS,
    UnitLine,
    demo_lines,
    describe,
    with_slow_lines,
)

lab = typer.Typer(help="A working copy of a city network in network namespaces.")
app.add_typer(lab, name="lab")

Units = Annotated[int, typer.Option(min=1, max=MOST_UNITS, help="How many units it has.")]
Name = Annotated[str, typer.Option(help="Tells two twins on one machine apart.")]


@lab.command()
def plan(
    units: Units = DEFAULT_UNITS,
    name: Name = "city",
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Take the units of this installation's ledger.")
    ] = False,
    output: Annotated[Path | None, typer.Option("-o", help="Write to this file.")] = None,
) -> None:
    """Print the description of a twin as YAML; edit it and give it to ``govnet lab up``."""
    try:
        text = describe(_lines(units, from_ledger=ledger), name).to_yaml()
    except ValueError as error:
        raise _refuse(error) from error
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def _lines(units: int, *, from_ledger: bool) -> list[UnitLine]:
    if not from_ledger:
        return with_slow_lines(demo_lines(units))
    setup_django()
    from govnet.lab.ledger_lines import ledger_lines

    lines = ledger_lines(units)
    if not lines:
        raise ValueError("The ledger has no unit with an access circuit in service.")
    return lines


def _refuse(reason: object) -> typer.Exit:
    typer.secho(str(reason), fg=typer.colors.RED, err=True)
    return typer.Exit(1)


@lab.command()
def up(
    units: Units = DEFAULT_UNITS,
    name: Name = "city",
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Take the units of this installation's ledger.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Build what this description says.")
    ] = None,
) -> None:
    """Build a twin and leave it running; it needs root, and touches nothing outside itself."""
    from govnet.lab.twin import Twin, TwinError

    try:
        city = read(file) if file else describe(_lines(units, from_ledger=ledger), name)
        times = Twin(city).up()
    except (ValueError, DescriptionError, TwinError) as error:
        raise _refuse(error) from error
    typer.echo(
        f"{city.name}: {len(city.nodes)} nodes, {len(city.cables)} cables;"
        f" up in {times.up_s} s, routing converged {times.converged_s} s later"
    )


@lab.command()
def down(name: Name = "city") -> None:
    """Take a twin down; nothing of it is left, whatever state it was in."""
    from govnet.lab import twin

    try:
        ended = twin.down(name)
    except twin.TwinError as error:
        raise _refuse(error) from error
    typer.echo(f"{name}: {ended} processes ended")


@lab.command()
def check(name: Name = "city") -> None:
    """Ask every protocol of every node of a twin; the exit code is 0 when all answer."""
    from govnet.lab import check as checking
    from govnet.lab.twin import Twin, TwinError

    try:
        findings = list(checking.check(Twin.running(name)))
    except (TwinError, OSError) as error:
        raise _refuse(error) from error
    table = Table("", "check", "answer", "of", "missing")
    for found in findings:
        sign = "[green]●[/green]" if found.ok else "[red]✖[/red]"
        few = ", ".join(found.missing[:4]) + (" …" if len(found.missing) > 4 else "")
        table.add_row(sign, found.what, str(found.good), str(found.of), few)
    Console().print(table)
    if not checking.is_complete(findings):
        raise typer.Exit(1)
