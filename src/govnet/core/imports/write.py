"""Writes a checked plan, all or nothing, and can take it back.

The plan is made outside of the transaction, which is therefore short: on SQLite nobody else
can write meanwhile. Rows that changed since they were read stop the import.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Model, prefetch_related_objects
from django.utils.translation import gettext as _
from tree_queries.models import TreeNode

from govnet.core.changes import (
    StillReferencedError,
    consequences,
    create_all,
    delete_all,
    update_all,
)
from govnet.core.imports.filecolumns import DatedColumn
from govnet.core.imports.outcome import Plan, PlannedRow
from govnet.core.registry import Resource, resources

if TYPE_CHECKING:
    from govnet.accounts.models import User

Entry = dict[str, Any]
"""What undo needs of one object, as JSON."""

MAX_REASONS = 20


class WriteError(Exception):
    """The plan was not written; the message says why. Nothing has changed."""


class UndoError(Exception):
    """The import was not undone; ``reasons`` says why, object by object."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def write(plan: Plan, resource: Resource) -> list[Entry]:
    """Write the new and the changed objects.

    Returns:
        what ``undo`` needs.

    Raises:
        WriteError: the ledger changed since the plan was made, or the database refused.
    """
    created, changed = plan.created, plan.changed
    try:
        with transaction.atomic():
            _check_untouched(resource, changed)
            _load_references(resource, [row.after for row in (*created, *changed)])
            create_all([row.after for row in created])
            fields = {name for row in changed for name in row.fields}
            update_all([(r.before, r.after) for r in changed if r.fields], fields)
            _write_children(resource, [*created, *changed])
            check_tree(resource.model)
            return [_entry(resource, row) for row in (*created, *changed)]
    except IntegrityError as error:
        raise WriteError(
            _("The database refused a value that must be unique, or a reference: %s.") % error
        ) from error
    except ValueError as error:
        raise WriteError(_("Rows of the file refer to each other in a circle.")) from error


def _load_references(resource: Resource, objects: list[Any]) -> None:
    """Load what objects refer to by one query each: their names need it (port: device)."""
    names = [f.name for f in resource.model._meta.concrete_fields if f.many_to_one]
    for name in names:
        attname = resource.model._meta.get_field(name).attname  # type: ignore[union-attr]  # concrete
        having = [item for item in objects if getattr(item, attname) is not None]
        prefetch_related_objects(having, name)


def _check_untouched(resource: Resource, rows: Sequence[PlannedRow]) -> None:
    now: dict[int, Any] = {}
    keys = [row.before.pk for row in rows]
    for start in range(0, len(keys), 500):
        found = resource.all().filter(pk__in=keys[start : start + 500])
        now.update(found.order_by().values_list("pk", "updated_at"))
    for row in rows:
        if now.get(row.before.pk) != row.before.updated_at:
            raise WriteError(
                _("“%s” was changed by somebody else meanwhile. Check the file again.") % row.before
            )


def check_tree(model: type[Model]) -> None:
    """Refuse a tree with a loop: each row alone may be right and all together wrong.

    Raises:
        WriteError: following the parents from some node does not end.
    """
    if not issubclass(model, TreeNode):
        return
    parents = dict(model._base_manager.order_by().values_list("pk", "parent_id"))
    good: set[int] = set()
    for start in parents:
        path: set[int] = set()
        node: int | None = start
        while node is not None and node not in good:
            if node in path:
                raise WriteError(_("Rows of the file refer to each other in a circle."))
            path.add(node)
            node = parents.get(node)
        good |= path


def _write_children(resource: Resource, rows: Iterable[PlannedRow]) -> None:
    for row in rows:
        row.children = {name: pair for name, pair in row.children.items() if pair[0] != pair[1]}
    with_children = [row for row in rows if row.children]
    for column in resource.columns:
        if isinstance(column, DatedColumn):
            save_histories(
                column,
                [
                    (r.after, *r.children[column.name])
                    for r in with_children
                    if column.name in r.children
                ],
            )


def save_histories(column: DatedColumn, changes: Iterable[tuple[Any, Any, Any]]) -> None:
    """Bring dated histories from their old to their new state.

    Args:
        column: the column of the history.
        changes: parent, old and new history of each.
    """
    created: list[Any] = []
    for parent, old, new in changes:
        rows = column.child._base_manager.filter(**{column.parent_field: parent})
        for child in rows if old else ():
            day = getattr(child, column.date_field)
            if day not in new:
                child.delete()
            elif getattr(child, column.value_field) != new[day]:
                setattr(child, column.value_field, new[day])
                child.save()
        created += [
            column.child(
                **{column.parent_field: parent, column.date_field: day, column.value_field: value}
            )
            for day, value in new.items()
            if day not in old
        ]
    create_all(created)


# ---- Undo --------------------------------------------------------------------------------


def snapshot(instance: Model) -> dict[str, Any]:
    """An object's stored values as JSON; secrets and time stamps are left out."""
    left_out = {"created_at", "updated_at", *getattr(instance, "SECRET_FIELDS", ())}
    return {
        f.attname: _json(f, instance)
        for f in instance._meta.concrete_fields
        if not f.primary_key and f.name not in left_out
    }


def _json(model_field: Any, instance: Model) -> Any:
    value = getattr(instance, model_field.attname)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()  # as read again, whatever zone it was typed in
    return model_field.value_to_string(instance)


def _entry(resource: Resource, row: PlannedRow) -> Entry:
    shown = {
        name: tuple(_history(resource, name).show(history) for history in pair)
        for name, pair in row.children.items()
    }
    return {
        "pk": row.after.pk,
        "name": str(row.after),
        "created": row.before is None,
        "before": None if row.before is None else snapshot(row.before),
        "after": snapshot(row.after),
        "histories_before": {name: pair[0] for name, pair in shown.items()},
        "histories": {name: pair[1] for name, pair in shown.items()},
        "secret": row.secret,
    }


def _history(resource: Resource, name: str) -> DatedColumn:
    column = resource.column(name)
    if not isinstance(column, DatedColumn):
        raise TypeError(f"{name} is not a history")
    return column


def undo(entries: Sequence[Entry], resource: Resource, user: User) -> None:
    """Take an import back: delete what it made, restore what it changed.

    Raises:
        UndoError: something has changed or been used since; nothing was undone.
    """
    with transaction.atomic():
        objects = _load(resource, [entry["pk"] for entry in entries])
        reasons = [
            reason
            for entry in entries
            if (reason := _obstacle(entry, objects.get(entry["pk"]), resource, user))
        ]
        created = [objects[e["pk"]] for e in entries if e["created"] and e["pk"] in objects]
        reasons += _in_use(created)
        if reasons:
            raise UndoError(reasons[:MAX_REASONS])
        _restore(resource, [(objects[e["pk"]], e) for e in entries if not e["created"]])
        try:
            delete_all(created)
        except StillReferencedError as error:
            raise UndoError([_used_by(o.instance, o.referrers) for o in error.obstacles]) from error


def _load(resource: Resource, keys: list[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for start in range(0, len(keys), 500):
        queryset = resource.all().filter(pk__in=keys[start : start + 500])
        for column in resource.columns:
            if isinstance(column, DatedColumn):
                queryset = column.prepare(queryset)
        found.update((item.pk, item) for item in queryset)
    return found


def _obstacle(entry: Entry, instance: Any, resource: Resource, user: User) -> str:
    """Why one object cannot be taken back; empty when it can."""
    name = str(entry["name"])
    if instance is None:
        return _("“%s” was deleted since") % name
    action = "delete" if entry["created"] else "change"
    if not user.has_perm(resource.permission(action)):
        return _("you may not change or delete “%s”") % name
    now = {
        column.name: column.show(column.read(instance))
        for column in (_history(resource, name) for name in entry["histories"])
    }
    if snapshot(instance) != entry["after"] or now != entry["histories"]:
        return _("“%s” was changed since") % name
    if entry["secret"] and not entry["created"]:
        return _("the former secret of “%s” is not kept") % name
    return ""


def _in_use(created: Sequence[Model]) -> list[str]:
    """Why new objects cannot be deleted: what other people made upon them."""
    if not created:
        return []
    try:
        gone = consequences(created)
    except StillReferencedError as error:
        return [_used_by(o.instance, o.referrers) for o in error.obstacles]
    ledger = {resource.model for resource in resources()}
    return [
        _("“%s” was added since and would be deleted too") % item
        for model, items in gone.items()
        if model in ledger
        for item in items
    ]


def _used_by(instance: Model, referrers: Sequence[Model]) -> str:
    names = ", ".join(f"{item._meta.verbose_name} {item}" for item in referrers[:5])
    return _("“%(object)s” is used by %(referrers)s") % {"object": instance, "referrers": names}


def _restore(resource: Resource, pairs: Sequence[tuple[Any, Entry]]) -> None:
    changes, fields, histories = [], set(), []
    for instance, entry in pairs:
        old = type(instance)._base_manager.get(pk=instance.pk)
        for model_field in instance._meta.concrete_fields:
            name = model_field.attname
            if name in entry["before"] and entry["before"][name] != entry["after"][name]:
                setattr(instance, name, model_field.to_python(entry["before"][name]))
                fields.add(model_field.name)
        changes.append((old, instance))
        histories += [
            (_history(resource, name), instance, entry, name) for name in entry["histories"]
        ]
    update_all(changes, fields)
    for column, instance, entry, name in histories:
        wanted = column.parse_text(entry["histories_before"][name])
        save_histories(column, [(instance, column.read(instance), wanted)])
