"""``govnet lab``: build, look at and take down a city twin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from govnet.cli import app, setup_django
from govnet.config import Config, get_config
from govnet.demo.layout import USER, demo_secrets
from govnet.lab.description import DescriptionError, read
from govnet.lab.plan import (
    DEFAULT_UNITS,
    MOST_UNITS,
    UnitLine,
    demo_lines,
    describe,
    with_slow_lines,
)
from govnet.lab.twin import Twin, TwinError
from govnet.runtime.logs import configure_logging

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


@lab.command()
def serve(
    name: Name = "city",
    force: Annotated[
        bool, typer.Option("--force", help="Load even beside units that are not demo data.")
    ] = False,
    load_only: Annotated[
        bool, typer.Option("--load-only", help="Prepare and load the ledger, start nothing.")
    ] = False,
) -> None:
    """Run GovNet in the operations room of a twin that is up; its pages are reachable outside."""
    from govnet.lab.inside import run_inside
    from govnet.runtime.locks import AlreadyRunningError, only_one
    from govnet.runtime.supervisor import StartError

    configure_logging("lab")
    config = get_config()
    load = ("lab", "serve", "--name", name, "--load-only", *(("--force",) if force else ()))
    try:
        twin = Twin.running(name)
        if load_only:
            _load(config, twin, force)
            return
        with only_one(config.data_dir, "up"):
            run_inside(config, twin, load, lambda url: _announce(config, url))
    except (TwinError, StartError, AlreadyRunningError) as error:
        raise _refuse(error) from error


def _load(config: Config, twin: Twin, force: bool) -> None:
    setup_django()
    from govnet.demo import data
    from govnet.lab import ledger
    from govnet.runtime import prepare

    prepare.migrate(config)
    prepare.collect_static()
    try:
        ledger.load(twin, force=force)
    except data.DemoError as error:
        raise _refuse(error) from error
    data.ensure_user(demo_secrets(config.data_dir / "demo").password)


def _announce(config: Config, url: str) -> None:
    password = demo_secrets(config.data_dir / "demo").password
    typer.echo(f"\n  {url}\n  user: {USER}    password: {password}\n  Ctrl-C stops it\n")


@lab.command()
def status() -> None:
    """Say which twins are up and what of them does not run; the exit code is 0 when all does."""
    from govnet.lab.twin import built

    table = Table("", "twin", "nodes", "cables", "processes", "memory", "does not run")
    complete = True
    for name in built():
        twin = Twin.running(name)
        dead = [f"{node} {daemon}" for node, daemon in twin.dead_daemons()]
        complete = complete and not dead
        counts = (len(twin.city.nodes), len(twin.city.cables), _processes(twin))
        few = ", ".join(dead[:4]) + (" …" if len(dead) > 4 else "")
        sign = "[red]✖[/red]" if dead else "[green]●[/green]"
        table.add_row(sign, name, *map(str, counts), f"{twin.memory_mib():.0f} MiB", few)
    Console().print(table)
    if not complete:
        raise typer.Exit(1)


def _processes(twin: Twin) -> int:
    return sum(len(pids) for found in twin.processes().values() for pids in found.values())


@lab.command("exec", context_settings={"ignore_unknown_options": True})
def execute(
    node: Annotated[str, typer.Argument(help="Which node, for example core1.")],
    command: Annotated[list[str], typer.Argument(help="The command, for example vtysh.")],
    name: Name = "city",
) -> None:
    """Run a command on a node, as if sitting at it: ``govnet lab exec core1 vtysh``."""
    from govnet.lab import kernel

    try:
        twin = Twin.running(name)
        room = twin.room(twin.node(node))
        kernel.become(twin.namespace(node), node, room.views, command)
    except (TwinError, OSError) as error:
        raise _refuse(error) from error
