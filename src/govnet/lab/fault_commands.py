"""``govnet lab fault``, ``heal``, ``faults``, ``scenario``: break a twin, and know what is true."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from govnet.lab.commands import Name, lab

if TYPE_CHECKING:
    from govnet.lab.twin import Twin


def _refuse(reason: object) -> typer.Exit:
    typer.secho(str(reason), fg=typer.colors.RED, err=True)
    return typer.Exit(1)


def _twin(name: str) -> Twin:
    from govnet.lab.twin import Twin, TwinError

    try:
        return Twin.running(name)
    except TwinError as error:
        raise _refuse(error) from error


def _options(words: list[str]) -> dict[str, Any]:
    pairs = [word.partition("=") for word in words]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise typer.BadParameter(f"{wrong[0]!r}: options are given as name=value")
    return {name: yaml.safe_load(value) for name, _, value in pairs}


@lab.command()
def fault(
    kind: Annotated[str, typer.Argument(help="What breaks; `govnet lab kinds` lists them.")],
    target: Annotated[str, typer.Argument(help="Node, circuit number or node:port.")],
    options: Annotated[
        list[str] | None, typer.Argument(help="name=value, for example loss=0.05 way=up.")
    ] = None,
    name: Name = "city",
) -> None:
    """Break something in a twin; say what is truly broken by it."""
    from govnet.lab import faults
    from govnet.lab.scenario import record, truth_now

    twin = _twin(name)
    try:
        injected = faults.inject(twin, kind, target, _options(options or []))
    except faults.FaultError as error:
        raise _refuse(error) from error
    line = record("fault", injected.kind, injected.target, truth_now(twin))
    typer.echo(json.dumps(line, ensure_ascii=False))


@lab.command()
def heal(
    kind: Annotated[str, typer.Argument(help="Kind to heal, or all.")] = "all",
    target: Annotated[str | None, typer.Argument(help="Only at this target.")] = None,
    name: Name = "city",
) -> None:
    """Heal one fault, all of a kind, or all."""
    from govnet.lab import faults

    try:
        healed = faults.heal(_twin(name), None if kind == "all" else kind, target)
    except faults.FaultError as error:
        raise _refuse(error) from error
    for each in healed:
        typer.echo(f"healed: {each}")
    if not healed:
        typer.echo("Nothing to heal.")


@lab.command(name="faults")
def list_faults(name: Name = "city") -> None:
    """List the faults in force and what they truly break."""
    from govnet.lab import faults
    from govnet.lab.scenario import truth_now

    twin = _twin(name)
    for each in faults.active(twin):
        since = datetime.fromtimestamp(each.since).astimezone().strftime("%H:%M:%S")
        typer.echo(f"{since}  {each}")
    truth = truth_now(twin)
    for (node, sense), state in sorted(truth.affected.items()):
        typer.echo(f"  {node}/{sense}: {state}")
    if truth.without_path:
        typer.echo(f"  units without a path: {', '.join(sorted(truth.without_path))}")


@lab.command()
def kinds() -> None:
    """List the kinds of faults, what each is done to, and its options."""
    from govnet.lab.faults import KINDS

    table = Table("kind", "what it does", "target", "options", box=None)
    for kind in sorted(KINDS.values(), key=lambda kind: kind.name):
        fields = kind.model.model_fields.items()
        options = "\n".join(f"{name}={field.default}" for name, field in fields)
        table.add_row(kind.name, kind.summary, kind.targets, options)
    Console().print(table)


@lab.command()
def scenario(
    files: Annotated[list[Path], typer.Argument(help="Scenarios, played one after the other.")],
    name: Name = "city",
    output: Annotated[
        Path | None, typer.Option("-o", help="Add the records to this file, not the output.")
    ] = None,
) -> None:
    """Play timed scripts of faults; record what is truly broken as JSON lines."""
    from govnet.lab import scenario as scenarios

    twin = _twin(name)
    write = scenarios.to_file(output) if output else _print
    try:
        for read in [scenarios.read(file) for file in files]:
            scenarios.play(twin, read, write)
    except scenarios.ScenarioError as error:
        raise _refuse(error) from error


@lab.command()
def load(
    share: Annotated[
        float, typer.Option(help="What each unit fetches, as a share of its line.")
    ] = 0.005,
    day: Annotated[bool, typer.Option("--day", help="Follow the working hours.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the load.")] = False,
    name: Name = "city",
) -> None:
    """Let the units of a twin use their lines, until it is taken down."""
    from govnet.lab import load as loads

    twin = _twin(name)
    if stop:
        typer.echo("The load ended." if loads.stop(twin) else "There was no load.")
        return
    try:
        loads.start(twin, loads.Plan(share, day))
    except ValueError as error:
        raise _refuse(error) from error
    typer.echo(f"{name}: each unit fetches up to {share:.1%} of its line.")


def _print(line: dict[str, Any]) -> None:
    typer.echo(json.dumps(line, ensure_ascii=False))
