"""The tables of an empty database, made at once from the models.

Replaying a hundred migrations on an empty SQLite file costs fourteen seconds of CPU, nearly all
of it Django rendering the models' history again and again; what the migrations arrive at is
what the models say, and a test compares the two. None of the data migrations has anything to do
where there are no rows. Whatever has a table already is migrated step by step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def create_tables(connection: BaseDatabaseWrapper) -> bool:
    """Make every table of an empty SQLite database, and record every migration as applied.

    All of it is one transaction: killed half-way, the database is empty as before.

    Returns:
        whether it did; False where there is a table already, or the database is not SQLite.
    """
    if connection.vendor != "sqlite" or connection.introspection.table_names():
        return False
    recorder = MigrationRecorder(connection)
    with connection.schema_editor() as editor:
        # Asked again now that nobody else writes.
        if connection.introspection.table_names():
            return False
        for model in apps.get_models():
            options = model._meta  # noqa: SLF001  # Django documents it
            if options.managed and not options.proxy:
                editor.create_model(model)
        editor.create_model(recorder.Migration)
        loader = MigrationLoader(None)
        rows = [recorder.Migration(app=app, name=name) for app, name in loader.disk_migrations]
        recorder.Migration.objects.using(connection.alias).bulk_create(rows)
    return True
