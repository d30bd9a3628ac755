"""``govnet lab``: build, look at and take down a city twin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from govnet.cli import app, setup_django
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
