"""Commands that run and inspect the processes of an installation."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import structlog
import typer
from rich.console import Console

from govnet.cli import app, setup_django
from govnet.config import Config, get_config
from govnet.runtime.locks import AlreadyRunningError, only_one
from govnet.runtime.logs import configure_logging


def _refuse(reason: object) -> typer.Exit:
    typer.secho(str(reason), fg=typer.colors.RED, err=True)
    return typer.Exit(1)


@contextmanager
def _refusing() -> Iterator[None]:
    """A database or store that is away, or a disk that is full, ends in a sentence."""
    from clickhouse_connect.driver.exceptions import ClickHouseError
    from django.db import OperationalError

    from govnet.telemetry.client import TelemetryUnavailableError
    from govnet.telemetry.migrations import SchemaTooNewError

    try:
        yield
    except OperationalError as error:
        raise _refuse(
            f"The database cannot be used: {str(error).strip()}\n"
            "Start it, or correct GOVNET_DATABASE_URL or GOVNET_DATA_DIR."
        ) from error
    except (TelemetryUnavailableError, ClickHouseError, SchemaTooNewError) as error:
        raise _refuse(
            f"The column store cannot be used: {str(error)[:500]}\n"
            "Start it, or correct GOVNET_TELEMETRY_URL."
        ) from error
    except OSError as error:
        raise _refuse(error) from error


def _run_process(name: str, run: Callable[[Config], int]) -> None:
    """What every process does first and last."""
    from govnet.runtime.supervisor import end_with_supervisor, leave

    configure_logging(name)
    end_with_supervisor()
    try:
        code = run(get_config())
    except SystemExit as ending:  # how the worker's command ends on a signal
        code = ending.code if isinstance(ending.code, int) else 0
    except AlreadyRunningError as error:
        raise _refuse(error) from error
    except OSError as error:  # a port taken, a disk full: the log keeps where, a person gets what
        structlog.get_logger().critical("process cannot go on", exc_info=True)
        raise _refuse(f"govnet {name}: {error}") from error
    leave(code)


@app.command()
def up() -> None:
    """Run everything: prepare the installation, then keep all its processes going."""
    from govnet.runtime.supervisor import StartError, supervise

    configure_logging("up")
    config = get_config()
    try:
        with only_one(config.data_dir, "up"):
            asyncio.run(supervise(config))
    except (AlreadyRunningError, StartError) as error:
        raise _refuse(error) from error


@app.command()
def store() -> None:
    """Run the embedded column store alone."""
    from govnet.runtime.store import run_store

    _run_process("store", run_store)


@app.command()
def web() -> None:
    """Run the web server alone."""
    from govnet.runtime.web import run_web

    _run_process("web", run_web)


@app.command()
def engine() -> None:
    """Run the measuring engine alone."""
    setup_django()
    from govnet.runtime.engine import run_engine

    _run_process("engine", run_engine)


@app.command()
def receiver() -> None:
    """Run the receiver of flows alone."""
    setup_django()
    from govnet.runtime.receiver import run_receiver

    _run_process("receiver", run_receiver)


@app.command()
def worker() -> None:
    """Run the worker of background tasks alone."""
    setup_django()
    from govnet.runtime.worker import run_worker

    _run_process("worker", run_worker)


@app.command()
def correlator() -> None:
    """Run the correlator of alarms alone."""
    setup_django()
    from govnet.runtime.correlator import run_correlator

    _run_process("correlator", run_correlator)


@app.command()
def migrate() -> None:
    """Bring the SQL database's tables up to date."""
    setup_django()
    configure_logging("migrate")
    from govnet.runtime import prepare as steps

    with _refusing():
        steps.migrate(get_config())


@app.command()
def prepare() -> None:
    """Migrate, collect static files, create the first administrator; safe to repeat."""
    setup_django()
    configure_logging("prepare")
    from govnet.runtime import prepare as steps

    with _refusing():
        steps.migrate(get_config())
        steps.collect_static()
        created = steps.first_administrator(get_config())
    if created:
        password, path = created
        typer.echo(f"\n  First administrator: {steps.FIRST_ADMINISTRATOR}")
        typer.echo(f"  Password (shown once, also in {path}): {password}\n")


@app.command("create-admin")
def create_admin(
    username: Annotated[str, typer.Argument(help="Name to sign in with.")],
) -> None:
    """Create an administrator; the generated password is printed once."""
    setup_django()
    configure_logging("admin")
    from django.db import IntegrityError

    from govnet.runtime import prepare as steps

    password = steps.new_password()
    try:
        steps.create_administrator(username, password)
    except IntegrityError as error:
        raise _refuse(f"There is a user {username!r} already.") from error
    typer.echo(f"Password (shown once): {password}")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Ask every process how it is; the exit code is 0 only when all are ok."""
    from govnet.runtime import status as asking

    reports = asking.ask_all(get_config())
    if as_json:
        json.dump(asking.as_json(reports), sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        Console().print(asking.as_table(reports))
    if not asking.all_ok(reports):
        raise typer.Exit(1)
