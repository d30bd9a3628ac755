"""The ``govnet`` command: one entry for people, systemd and the Makefile."""

from __future__ import annotations

import os
import sys

import typer

from govnet import __version__
from govnet.config import ConfigError, get_config

app = typer.Typer(
    name="govnet",
    help="GovNet: run and operate an e-government external network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def setup_django() -> None:
    """Make the models usable in this process; called by the commands that need them."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "govnet.settings")
    import django

    django.setup()


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def manage(context: typer.Context) -> None:
    """Run a Django management command, for example ``govnet manage migrate``."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "govnet.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(["govnet manage", *context.args])


def main() -> None:
    """Run the command; a wrong setting ends in a sentence, not in a traceback."""
    os.umask(0o077)  # what an installation writes is nobody else's, whoever starts it
    try:
        get_config()
        register_commands()
        app()
    except ConfigError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        sys.exit(2)


def register_commands() -> None:
    """Import the modules that add their commands to ``app``."""
    from govnet.demo import commands as demo_commands  # noqa: F401
    from govnet.evaluation import commands as evaluation_commands  # noqa: F401
    from govnet.lab import commands as lab_commands  # noqa: F401
    from govnet.lab import fault_commands  # noqa: F401
    from govnet.runtime import commands as runtime_commands  # noqa: F401
    from govnet.runtime import measuring  # noqa: F401
