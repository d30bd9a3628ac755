"""Writing and deleting many objects at once, each change in the audit trail.

Django's bulk methods send no signals, so what listens to them (the audit trail, the engine's
revision) would miss the change; this is the one place that makes up for it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, cast

from auditlog import get_logentry_model
from auditlog.cid import get_cid
from auditlog.context import auditlog_value, disable_auditlog
from auditlog.diff import model_instance_diff
from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Model, ProtectedError, RestrictedError
from django.db.models.deletion import Collector
from django.db.models.signals import post_save
from django.utils import timezone

BATCH = 500


def _who() -> dict[str, Any]:
    """The person and address that the audit trail's middleware or a job has set."""
    known = auditlog_value.get({})
    actor = known.get("actor")
    return {
        "actor": actor,
        "actor_email": getattr(actor, "email", None),
        "remote_addr": known.get("remote_addr"),
        "cid": get_cid(),
    }


def record(action: int, pairs: Iterable[tuple[Model | None, Model | None]]) -> None:
    """Add an audit entry for each pair of old and new; pairs without a difference add none."""
    entry_model = get_logentry_model()
    who = _who()
    entries = []
    for old, new in pairs:
        instance = new or old
        if instance is None or not auditlog.contains(type(instance)):
            continue
        if changes := model_instance_diff(old, new, use_json_for_changes=False):
            entries.append(entry_model(**who, **_about(instance), action=action, changes=changes))
    entry_model.objects.bulk_create(entries, batch_size=BATCH)


def _about(instance: Any) -> dict[str, Any]:
    extra = getattr(instance, "get_additional_data", None)
    return {
        "content_type": ContentType.objects.get_for_model(instance),
        "object_pk": str(instance.pk),
        "object_id": instance.pk,
        "object_repr": str(instance),
        "additional_data": extra() if extra else None,
    }


def _announce(objects: Iterable[Model], *, created: bool) -> None:
    """Tell the listeners of ``post_save``; the audit trail is written by ``record``."""
    with disable_auditlog():
        for instance in objects:
            post_save.send(
                type(instance),
                instance=instance,
                created=created,
                raw=False,
                using=DEFAULT_DB_ALIAS,
                update_fields=None,
            )


def create_all(objects: Sequence[Any]) -> None:
    """Insert new objects of one model; those that refer to each other in the right order."""
    waiting = list(objects)
    while waiting:
        ready = [item for item in waiting if not _unsaved_references(item)]
        if not ready:
            raise ValueError("objects refer to each other in a circle")
        for item in ready:
            _refresh_references(item)
        type(ready[0])._base_manager.bulk_create(ready, batch_size=BATCH)
        waiting = [item for item in waiting if item.pk is None]
    record(get_logentry_model().Action.CREATE, ((None, item) for item in objects))
    _announce(objects, created=True)


def _references(instance: Model) -> list[tuple[Any, Model]]:
    """Foreign keys of an object whose target was given as an object."""
    cached = instance._state.fields_cache
    fields = [f for f in instance._meta.concrete_fields if f.many_to_one and f.name in cached]
    return [(f, target) for f in fields if (target := cached[f.name]) is not None]


def _unsaved_references(instance: Model) -> bool:
    return any(target.pk is None for _field, target in _references(instance))


def _refresh_references(instance: Model) -> None:
    for model_field, target in _references(instance):
        if getattr(instance, model_field.attname) is None:
            setattr(instance, model_field.attname, target.pk)


def update_all(pairs: Sequence[tuple[Any, Any]], fields: Iterable[str]) -> None:
    """Write changed objects of one model.

    Args:
        pairs: old and new state of each.
        fields: names of the fields that any of them changed.
    """
    names = set(fields)
    if not pairs or not names:
        return
    changed = [new for _old, new in pairs]
    if any(f.name == "updated_at" for f in changed[0]._meta.concrete_fields):
        names.add("updated_at")
        for item in changed:
            item.updated_at = timezone.now()
    for item in changed:
        _refresh_references(item)
    type(changed[0])._base_manager.bulk_update(changed, sorted(names), batch_size=BATCH)
    record(get_logentry_model().Action.UPDATE, pairs)
    _announce(changed, created=False)


@dataclass(slots=True)
class Obstacle:
    """Why an object cannot be deleted: what still refers to it."""

    instance: Model
    referrers: list[Model] = field(default_factory=list)


class StillReferencedError(Exception):
    """Objects are in use; ``obstacles`` says by what."""

    def __init__(self, obstacles: list[Obstacle]) -> None:
        super().__init__(f"{len(obstacles)} objects are in use")
        self.obstacles = obstacles


def consequences(objects: Sequence[Model]) -> dict[type[Model], list[Model]]:
    """What else goes when objects are deleted, by model.

    Raises:
        StillReferencedError: something protects one of them.
    """
    chosen = {(type(item), item.pk) for item in objects}
    collector = Collector(using=DEFAULT_DB_ALIAS)
    try:
        collector.collect(list(objects))
    except (ProtectedError, RestrictedError) as error:
        referrers = _referrers(error)
        # Parent and child chosen together: the child goes first and protects no more.
        if any((type(item), item.pk) not in chosen for item in referrers):
            raise StillReferencedError([Obstacle(objects[0], referrers)]) from error
    found: dict[type[Model], list[Model]] = {}
    groups: list[Iterable[Model]] = [*collector.data.values(), *collector.fast_deletes]
    for group in groups:
        for item in group:
            if (type(item), item.pk) not in chosen:
                found.setdefault(type(item), []).append(item)
    return found


def _referrers(error: ProtectedError | RestrictedError) -> list[Model]:
    objects = (
        error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
    )
    return list(objects)


@transaction.atomic
def delete_all(objects: Sequence[Model]) -> int:
    """Delete objects, all or none; each in the audit trail, with what goes with it.

    Returns:
        how many of them were deleted.

    Raises:
        StillReferencedError: some are in use; nothing was deleted.
    """
    if not _delete_together(objects):
        _delete_in_turn(list(objects))
    return len(objects)


def _delete_together(objects: Sequence[Model]) -> bool:
    """Delete all at once; False, and nothing done, when something protects one of them."""
    collector = Collector(using=DEFAULT_DB_ALIAS)
    try:
        # Copies, for deletion takes the ids away and the transaction may yet be rolled back.
        collector.collect([copy.copy(item) for item in objects])
    except (ProtectedError, RestrictedError):
        return False
    _record_loosened(collector)
    gone = [item for group in collector.data.values() for item in group]
    record(get_logentry_model().Action.DELETE, ((item, None) for item in gone))
    with disable_auditlog():
        collector.delete()
    return True


def _delete_in_turn(waiting: list[Model]) -> None:
    """Delete one by one, those first that the others wait for."""
    while waiting:
        obstacles = [
            Obstacle(item, _protectors(item)) for item in waiting if not _delete_together([item])
        ]
        if len(obstacles) == len(waiting):
            raise StillReferencedError(obstacles)
        waiting = [obstacle.instance for obstacle in obstacles]


def _protectors(instance: Model) -> list[Model]:
    try:
        Collector(using=DEFAULT_DB_ALIAS).collect([instance])
    except (ProtectedError, RestrictedError) as error:
        return _referrers(error)
    return []


def _record_loosened(collector: Collector) -> None:
    """Audit the references that ``SET_NULL`` empties: Django does so without a signal."""
    pairs = []
    for (model_field, value), groups in collector.field_updates.items():
        for old in chain.from_iterable(cast("Iterable[Iterable[Model]]", groups)):
            new = copy.copy(old)
            setattr(new, model_field.attname, value)
            pairs.append((old, new))
    record(get_logentry_model().Action.UPDATE, pairs)
