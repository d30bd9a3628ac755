"""``govnet demo``: the demo city with real endpoints, in one command."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Network
from typing import Annotated

import typer

from govnet.cli import app, setup_django
from govnet.config import Config, get_config
from govnet.demo.layout import PORTAL_PORT, USER, Layout, demo_secrets
from govnet.demo.plan import DEFAULT_NETWORK
from govnet.lab.twin import TwinError, refuse_without_privileges
from govnet.runtime.locks import AlreadyRunningError, only_one
from govnet.runtime.logs import configure_logging
from govnet.runtime.supervisor import Program, StartError, supervise

LOOPBACK = IPv4Network("127.0.0.0/8")
LOAD = 0.001
"""Share of its line that a unit of the twin fetches at the busiest hour: charts move, and the
machine has other things to do."""


def _layout(config: Config, network: str, portal_port: int) -> Layout:
    try:
        parsed = IPv4Network(network)
    except ValueError as error:
        raise typer.BadParameter(f"--network {network}: {error}") from error
    if parsed.prefixlen != DEFAULT_NETWORK.prefixlen or not parsed.subnet_of(LOOPBACK):
        raise typer.BadParameter(f"--network {network}: give a /16 of {LOOPBACK}")
    return Layout(config.data_dir / "demo", parsed, portal_port)


@app.command()
def demo(
    network: Annotated[
        str, typer.Option(help="The /16 of 127.0.0.0/8 that the endpoints listen in.")
    ] = str(DEFAULT_NETWORK),
    portal_port: Annotated[
        int, typer.Option(min=1024, max=65535, help="Port of the demo's web servers.")
    ] = PORTAL_PORT,
    loopback: Annotated[
        bool, typer.Option("--loopback", help="Use the loopback city even where a twin may run.")
    ] = False,
    faults: Annotated[
        bool, typer.Option(help="Let single endpoints fail for about a minute now and then.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Load even beside units that are not demo data.")
    ] = False,
    load_only: Annotated[
        bool, typer.Option("--load-only", help="Prepare and load the data, start nothing.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take the demo data out of the ledger and stop.")
    ] = False,
) -> None:
    """Run GovNet on a demo city of 163 units, measured for real on this machine.

    Where it may (root on Linux, with the packages) the city is a twin of real daemons in
    network namespaces, else one of endpoints on loopback addresses.
    """
    configure_logging("demo")
    config = get_config()
    layout = _layout(config, network, portal_port)
    try:
        if remove:
            _remove()
        elif load_only:
            _load(layout, force)
        else:
            _run(config, layout, faults, force, loopback)
    except (AlreadyRunningError, StartError, TwinError) as error:
        raise _refuse(error) from error


def _refuse(reason: object) -> typer.Exit:
    typer.secho(str(reason), fg=typer.colors.RED, err=True)
    return typer.Exit(1)


def _run(config: Config, layout: Layout, faults: bool, force: bool, loopback: bool) -> None:
    try:
        if not loopback:
            refuse_without_privileges()
    except TwinError as error:
        typer.secho(f"{error}\nThe demo city runs on loopback addresses instead.", err=True)
        loopback = True
    if loopback:
        _run_on_loopback(config, layout, faults, force)
    else:
        _run_in_twin(config, layout, faults, force)


def _run_in_twin(config: Config, layout: Layout, faults: bool, force: bool) -> None:
    from govnet.demo.plan import City
    from govnet.lab import load as loads
    from govnet.lab.inside import own_twin, run_inside
    from govnet.lab.plan import demo_lines, describe

    lines = demo_lines(len(City().units))
    with only_one(config.data_dir, "up"):
        typer.echo("The demo city runs as a twin in network namespaces; --loopback avoids it.")
        with own_twin(config.data_dir, lambda name: describe(lines, name)) as twin:
            forced = ("--force",) if force else ()
            load = ("lab", "serve", "--name", twin.city.name, "--load-only", *forced)
            loads.start(twin, loads.Plan(LOAD, day=True))
            run_inside(config, twin, load, lambda url: _announce(layout, url), plays_faults=faults)


def _run_on_loopback(config: Config, layout: Layout, faults: bool, force: bool) -> None:
    from govnet.demo import endpoints

    for sentence in endpoints.missing_programs():
        typer.secho(sentence, fg=typer.colors.YELLOW, err=True)
    load = ("demo", "--load-only", "--network", str(layout.network))
    load += ("--portal-port", str(layout.portal_port), *(("--force",) if force else ()))
    with only_one(config.data_dir, "up"):
        endpoints.check_addresses(layout)
        program = Program("endpoints", endpoints.arguments(layout, faults))
        asyncio.run(supervise(config, (program,), load, lambda url: _announce(layout, url)))


def _announce(layout: Layout, url: str) -> None:
    password = demo_secrets(layout.directory).password
    typer.echo(
        f"\n  GovNet 演示环境已就绪 · the demo is ready\n"
        f"    {url}\n"
        f"    用户 user: {USER}    密码 password: {password}\n"
        f"    Ctrl-C 停止 · stops it\n"
    )


def _load(layout: Layout, force: bool) -> None:
    """Everything that must be true before the processes start; runs in a process of its own."""
    setup_django()
    from govnet.demo import data, endpoints
    from govnet.demo.files import write_files
    from govnet.demo.targets import load_targets
    from govnet.runtime import prepare

    prepare.migrate(get_config())
    prepare.collect_static()
    with_v6 = endpoints.has_v6()
    secrets = demo_secrets(layout.directory)
    try:
        ca_pem = write_files(layout, with_v6)
        data.load(layout.city, secrets, lambda: load_targets(layout, ca_pem, with_v6), force=force)
    except data.DemoError as error:
        raise _refuse(error) from error
    data.ensure_user(secrets.password)


def _remove() -> None:
    setup_django()
    from govnet.demo import data
    from govnet.runtime import prepare

    prepare.migrate(get_config())
    try:
        data.remove()
    except data.DemoError as error:
        raise _refuse(error) from error
