"""What must be true before the processes start: tables, static files, somebody who may sign in."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

import structlog
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection

from govnet.config import Config
from govnet.runtime.first_tables import create_tables

log = structlog.get_logger()

FIRST_ADMINISTRATOR: Final = "admin"
PASSWORD_FILE: Final = "initial-admin-password"  # noqa: S105  # a file name, no password


def migrate(config: Config) -> None:
    """Bring the SQL database's tables up to date, and a remote column store's.

    The embedded store migrates its own at its start.

    Raises:
        TelemetryUnavailableError: the remote store does not answer.
        DatabaseError: clickhouse-connect's; the remote store refuses.
        SchemaTooNewError: it was written by a newer GovNet.
    """
    create_tables(connection)
    call_command("migrate", interactive=False, verbosity=0)
    log.info("database is up to date")
    if not config.embedded_store:
        from govnet.telemetry.client import migrate_store

        migrate_store(config)
        log.info("column store is up to date")


def collect_static() -> None:
    """Put the static files where WhiteNoise serves them, under names that carry a hash."""
    call_command("collectstatic", interactive=False, verbosity=0)
    log.info("static files are up to date")


def create_administrator(username: str, password: str) -> None:
    """A user who may do and see everything and must choose a password at the first sign-in.

    Raises:
        django.db.IntegrityError: the name is taken.
    """
    get_user_model().objects.create_superuser(
        username=username, password=password, must_change_password=True, whole_site=True
    )
    log.info("administrator created", username=username)


def new_password() -> str:
    """Nobody's guess: 16 characters of base64, 96 bits."""
    return secrets.token_urlsafe(12)


def first_administrator(config: Config) -> tuple[str, Path] | None:
    """Create the first administrator when there is no user at all.

    Returns:
        the password and the file that keeps it (mode 0600) for who missed the terminal; None
        when there is a user already.
    """
    if get_user_model().objects.exists():
        return None
    password = new_password()
    path = config.data_dir / PASSWORD_FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(password + "\n")
    create_administrator(FIRST_ADMINISTRATOR, password)
    return password, path
