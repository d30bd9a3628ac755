"""The rules that a planned row must keep: the model's, uniqueness, rights and scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ValidationError
from django.db.models import (
    BaseConstraint,
    CheckConstraint,
    Model,
    Q,
    UniqueConstraint,
    prefetch_related_objects,
)
from django.utils.translation import gettext as _

from govnet.core.imports.filecolumns import Cell, FileColumn, cell_errors
from govnet.core.imports.outcome import Plan, PlannedRow
from govnet.core.registry import Resource
from govnet.core.scope import inside_scope

if TYPE_CHECKING:
    from govnet.accounts.models import User

CHUNK: Final = 500


@dataclass(slots=True)
class Rules:
    """Judges the rows of one plan.

    Attributes:
        given: names of the columns that the file has.
    """

    resource: Resource
    user: User
    plan: Plan
    given: set[str]
    _verdicts: dict[tuple[Any, ...], ValidationError | None] = field(default_factory=dict)

    def load_scope(self, rows: list[PlannedRow]) -> None:
        """Load what decides the scope of rows by a few queries instead of some for each."""
        if self.user.sees_everything:
            return
        model: Any = self.resource.model
        paths = (*getattr(model, "region_lookups", ()), *getattr(model, "unit_lookups", ()))
        for steps in {path.rpartition("__")[0] for path in paths} - {""}:
            prefetch_related_objects([row.after for row in rows], steps)

    def check(self, row: PlannedRow) -> None:
        """The model's own rules, then the user's rights."""
        if row.before is None:
            self._check_missing(row)
        try:
            self._clean(row.after)
        except ValidationError as error:
            self._add_validation(row, error)
        if row.before is not None:
            row.fields = _differences(row.before, row.after)
        if row.before is None or row.changed:
            self._check_rights(row)

    def _check_missing(self, row: PlannedRow) -> None:
        for column in self.resource.columns:
            if column.required and column.name not in self.given:
                rule = _("a new object needs this column, which the file does not have")
                self.plan.add_error(row.number, column.label, "", rule)

    def _clean(self, instance: Model) -> None:
        # References were resolved from the index: Django would ask the database for each.
        fields = instance._meta.concrete_fields
        instance.clean_fields(
            exclude={f.name for f in fields if f.name not in self.given or f.many_to_one}
        )
        instance.clean()
        for constraint in instance._meta.constraints:
            if isinstance(constraint, CheckConstraint):
                self._check_constraint(constraint, instance)

    def _check_constraint(self, constraint: CheckConstraint, instance: Model) -> None:
        """Ask the database once for each combination that matters, not once for each row."""
        lookups = dict(_lookups(constraint.condition))
        nullness = all(lookup.endswith("__isnull") for lookup in lookups)
        key: list[Any] = [constraint.name]
        attributes = {f.name: f.attname for f in instance._meta.concrete_fields}
        for lookup in lookups:
            value = getattr(instance, attributes[lookup.partition("__")[0]])
            key.append(value is None if nullness else value)
        if tuple(key) not in self._verdicts:
            try:
                constraint.validate(type(instance), instance)
                self._verdicts[tuple(key)] = None
            except ValidationError as error:
                self._verdicts[tuple(key)] = error
        if (verdict := self._verdicts[tuple(key)]) is not None:
            raise verdict

    def _add_validation(self, row: PlannedRow, error: ValidationError) -> None:
        for name, message in cell_errors(error).items():
            column = self.resource.column(name) if name else None
            label = column.label if column else name
            value = shown(column, row.cells.get(name)) if column else ""
            self.plan.add_error(row.number, label, value, message)

    def _check_rights(self, row: PlannedRow) -> None:
        action = "add" if row.before is None else "change"
        if not self.user.has_perm(self.resource.permission(action)):
            rule = (
                _("is new, and you may not add objects")
                if row.before is None
                else _("is changed, and you may not change objects")
            )
            self.plan.add_error(row.number, "", str(row.after), rule)
        elif not inside_scope(row.after, self.user):
            rule = _("would lie outside your regions and units")
            self.plan.add_error(row.number, "", str(row.after), rule)

    def check_unique(self) -> None:
        """Values that must be unique, against the file and the whole ledger."""
        for attributes in unique_sets(self.resource.model):
            touched = [*self.plan.created, *self.plan.changed]
            values = {id(row): _values(row.after, attributes) for row in touched}
            owners = self._owners(attributes, [v for v in values.values() if v is not None])
            for row in touched:
                key = values[id(row)]
                if key is None:
                    continue
                owner = owners.setdefault(key, row)
                if owner is not row:
                    self._add_duplicate(row, attributes, owner)

    def _owners(
        self, attributes: tuple[str, ...], wanted: list[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], Any]:
        """Who holds the values now, apart from rows that the file itself changes."""
        changing = {row.after.pk for row in self.plan.changed}
        firsts = list(dict.fromkeys(key[0] for key in wanted))
        owners: dict[tuple[Any, ...], Any] = {}
        for start in range(0, len(firsts), CHUNK):
            chunk = firsts[start : start + CHUNK]
            rows = self.resource.model._base_manager.filter(**{f"{attributes[0]}__in": chunk})
            for pk, *values in rows.values_list("pk", *attributes):
                if pk not in changing:
                    owners[tuple(values)] = pk
        return owners

    def _add_duplicate(self, row: PlannedRow, attributes: tuple[str, ...], owner: Any) -> None:
        names = {f.attname: f.name for f in row.after._meta.concrete_fields}
        column = self.resource.column(names[attributes[-1]])
        label = column.label if column else names[attributes[-1]]
        rule = (
            _("the same as in row %d") % owner.number
            if isinstance(owner, PlannedRow)
            else _("is in use already, perhaps outside your regions and units")
        )
        self.plan.add_error(row.number, label, row.cells.get(names[attributes[-1]]), rule)


def shown(column: FileColumn, cell: Cell) -> Cell:
    """A cell as errors may show it: secrets as dots."""
    return column.show(cell) if column.secret else cell


def fields_of(constraint: BaseConstraint) -> set[str]:
    """Names of the fields that a constraint binds."""
    if isinstance(constraint, UniqueConstraint):
        return set(constraint.fields)
    if isinstance(constraint, CheckConstraint):
        return {lookup.partition("__")[0] for lookup, _value in _lookups(constraint.condition)}
    return set()


def _lookups(condition: Any) -> Iterator[tuple[str, Any]]:
    """The field lookups of a condition, at any depth."""
    for child in condition.children:
        if isinstance(child, Q):
            yield from _lookups(child)
        else:
            yield child


def _differences(before: Model, after: Model) -> set[str]:
    return {
        f.name
        for f in after._meta.concrete_fields
        if getattr(before, f.attname) != getattr(after, f.attname)
        or (f.many_to_one and _is_pending(after, f.name))
    }


def _is_pending(instance: Model, name: str) -> bool:
    target = instance._state.fields_cache.get(name)
    return target is not None and target.pk is None


def _values(instance: Model, attributes: tuple[str, ...]) -> tuple[Any, ...] | None:
    """The values of a unique set; None where one is empty, which never collides."""
    values = tuple(getattr(instance, name) for name in attributes)
    return None if any(value is None for value in values) else values


def unique_sets(model: type[Model]) -> list[tuple[str, ...]]:
    """Attribute names of each set of fields that must be unique, apart from the id."""
    fields = {f.name: f for f in model._meta.concrete_fields}
    found: list[tuple[str, ...]] = [
        (f.attname,) for f in fields.values() if f.unique and not f.primary_key
    ]
    found += [
        tuple(fields[name].attname for name in constraint.fields)
        for constraint in model._meta.constraints
        if isinstance(constraint, UniqueConstraint) and constraint.condition is None
    ]
    return found
