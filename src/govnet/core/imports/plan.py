"""Checks a file against the ledger: what would be new, changed, unchanged, and what is wrong.

Nothing is written here. The cost does not grow with the number of queries: references,
existing rows and unique values are each read once per run, not once per row.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ValidationError
from django.db.models import CheckConstraint, Model, UniqueConstraint
from django.utils.translation import gettext as _

from govnet.core.columns import extra_columns
from govnet.core.imports.filecolumns import (
    UNCHANGED,
    Cell,
    CellError,
    FileColumn,
    Lookup,
    ReferenceColumn,
    as_text,
    cell_errors,
    fold,
    languages_of,
)
from govnet.core.imports.sheet import Row, SheetError, open_upload
from govnet.core.registry import Resource
from govnet.core.scope import inside_scope

if TYPE_CHECKING:
    from govnet.accounts.models import User

MAX_ERRORS: Final = 1000
"""Errors kept; the rest is counted. Nobody corrects more in one go."""
HEADER_WITHIN: Final = 20
CHUNK: Final = 500
VALUE_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class RowError:
    """One wrong cell or row: where it is in the file, what it holds, which rule it breaks."""

    row: int
    column: str
    value: str
    rule: str


@dataclass(slots=True)
class PlannedRow:
    """A row of the file and the object that it stands for.

    Attributes:
        number: row in the file as a spreadsheet shows it.
        before: the object as stored; None for a new one.
        after: the object as the file wants it.
        fields: names of the model's fields that differ.
        children: by column name, the old and new rows of a history.
        secret: a secret is written; undo cannot bring the old one back.
    """

    number: int
    cells: dict[str, Cell]
    before: Any
    after: Any
    fields: set[str] = field(default_factory=set)
    children: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    secret: bool = False

    @property
    def changed(self) -> bool:
        """True when anything of an existing object differs."""
        return bool(self.fields) or any(old != new for old, new in self.children.values())


@dataclass(slots=True)
class Plan:
    """What a file would do."""

    rows: list[PlannedRow] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    error_count: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def created(self) -> list[PlannedRow]:
        """Rows that make new objects."""
        return [row for row in self.rows if row.before is None]

    @property
    def changed(self) -> list[PlannedRow]:
        """Rows that change existing objects."""
        return [row for row in self.rows if row.before is not None and row.changed]

    @property
    def unchanged(self) -> int:
        """Rows that say what the ledger says already."""
        return len(self.rows) - len(self.created) - len(self.changed)

    def add_error(self, row: int, column: str, value: Cell, rule: str) -> None:
        """Count an error, and keep it if there is room."""
        self.error_count += 1
        if len(self.errors) < MAX_ERRORS:
            text = repr(value) if isinstance(value, str) and "\0" in value else str(value or "")
            self.errors.append(RowError(row, column, text[:VALUE_SHOWN], rule))

    def error_dicts(self) -> list[dict[str, Any]]:
        """The errors as JSON, in the order of the file."""
        return [asdict(error) for error in sorted(self.errors, key=lambda error: error.row)]


Progress = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    del done, total


@dataclass(slots=True)
class Planner:
    """Checks one file for one kind of object on behalf of one user."""

    resource: Resource
    user: User
    progress: Progress = _silent
    plan: Plan = field(default_factory=Plan)
    columns: dict[int, FileColumn] = field(default_factory=dict)
    identity: tuple[FileColumn, ...] = ()
    lookup: Lookup = field(init=False)
    new: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lookup = Lookup(self.user)

    def run(self, content: bytes) -> Plan:
        """Check the file.

        Raises:
            SheetError: the file as a whole cannot be read.
        """
        upload = open_upload(content)
        rows = list(upload.rows)
        position = self._find_header(rows)
        header, body = rows[position], rows[position + 1 :]
        self._read_header(header)
        for merged in upload.merged:
            if merged.last_row > header[0]:
                rule = _("cells are merged; unmerge them and fill each row")
                self.plan.add_error(max(merged.first_row, header[0] + 1), merged.text, "", rule)
        if not self.plan.error_count:
            self._read_body(body)
        return self.plan

    # ---- Header ------------------------------------------------------------------------

    def _find_header(self, rows: list[Row]) -> int:
        """Position of the first row that names columns; titles may stand above it."""
        names = {name for column in self.resource.columns for name in column.headers()}
        best, best_hits = -1, 0
        for position, (_number, cells) in enumerate(rows[:HEADER_WITHIN]):
            hits = sum(fold(str(cell)) in names for cell in cells if cell is not None)
            if hits > best_hits:
                best, best_hits = position, hits
        if best < 0:
            labels = ", ".join(column.label for column in self.resource.columns[:5])
            raise SheetError(
                _("No header found. The first row must name the columns: %s ...") % labels
            )
        return best

    def _read_header(self, header: Row) -> None:
        number, cells = header
        by_header = {h: column for column in self.resource.columns for h in column.headers()}
        weak = {fold(n): column for column in self.resource.columns for n in column.weak_names}
        leftover: list[tuple[int, str]] = []
        for position, cell in enumerate(cells):
            text = "" if cell is None else str(cell).strip()
            column = by_header.get(fold(text)) if text else None
            if column is None:
                leftover.append((position, text))
            elif column in self.columns.values():
                self.plan.add_error(number, text, text, _("the column appears twice"))
            else:
                self.columns[position] = column
        for position, text in leftover:
            self._read_leftover(number, position, text, weak)
        self._find_identity(number)

    def _read_leftover(
        self, number: int, position: int, text: str, weak: dict[str, FileColumn]
    ) -> None:
        """A header that is no column's own: a derived one, or a mistake."""
        column = weak.get(self._ignorable().get(fold(text), fold(text)))
        if column is not None and column not in self.columns.values():
            self.columns[position] = column
        elif fold(text) in self._ignorable():
            self.plan.notes.append(_("Column “%s” is computed and was not read.") % text)
        elif text:
            labels = [column.label for column in self.resource.columns]
            near = difflib.get_close_matches(text, labels, n=1)
            rule = (
                _("unknown column; did you mean “%s”?") % near[0] if near else _("unknown column")
            )
            self.plan.add_error(number, text, text, rule)

    def _ignorable(self) -> dict[str, str]:
        """Headers of columns that lists show but files do not set, with their names."""
        found: dict[str, str] = {}
        table_columns = dict(self.resource.table.base_columns)
        table_columns.update((e.name, e.column()) for e in extra_columns(self.resource.model))
        for name, column in table_columns.items():
            for label in languages_of(column.verbose_name or name):
                found[fold(label)] = fold(name)
            found[fold(name)] = fold(name)
        return found

    def _find_identity(self, number: int) -> None:
        present = {column.name: column for column in self.columns.values()}
        for names in self.resource.identity:
            if all(name in present for name in names):
                self.identity = tuple(present[name] for name in names)
                return
        wanted = [self.resource.column(name) for name in self.resource.identity[0]]
        labels = ", ".join(column.label for column in wanted if column)
        rule = _("the file needs these columns to tell rows apart: %s") % labels
        self.plan.add_error(number, labels, "", rule)

    # ---- Rows --------------------------------------------------------------------------

    def _read_body(self, body: list[Row]) -> None:
        if len(body) == 0:
            raise SheetError(_("The file has a header but no rows."))
        keyed = list(self._identify(body))
        existing = self._existing([key for key, _row in keyed])
        self._index_pending(row for key, row in keyed if key not in existing)
        total = len(keyed)
        for done, (key, (number, cells)) in enumerate(keyed):
            self._plan_row(number, cells, existing.get(key))
            if done % 100 == 0:
                self.progress(done, total)
        self._check_unique()
        self.progress(total, total)

    def _identify(self, body: list[Row]) -> Iterator[tuple[tuple[Any, ...], Row]]:
        """Rows with the key that tells them apart; rows without one are errors."""
        seen: dict[tuple[Any, ...], int] = {}
        positions = {column.name: position for position, column in self.columns.items()}
        blank = self.resource.model()
        for number, cells in body:
            key: list[Any] = []
            for column in self.identity:
                cell = _cell(cells, positions[column.name])
                try:
                    key.append(_needed(column.parse(cell, self.lookup, blank)))
                except CellError as error:
                    self.plan.add_error(number, column.label, cell, str(error))
            if len(key) < len(self.identity):
                continue
            if (first := seen.setdefault(tuple(key), number)) != number:
                rule = _("the same as in row %d") % first
                value = _cell(cells, positions[self.identity[0].name])
                self.plan.add_error(number, self.identity[0].label, value, rule)
                continue
            yield tuple(key), (number, cells)

    def _existing(self, keys: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], Any]:
        """Objects in the user's scope that the keys mean."""
        attributes = [column.attribute for column in self.identity]
        firsts = list(dict.fromkeys(key[0] for key in keys))
        found: dict[tuple[Any, ...], Any] = {}
        for start in range(0, len(firsts), CHUNK):
            chunk = firsts[start : start + CHUNK]
            rows = self.resource.rows(self.user).filter(**{f"{attributes[0]}__in": chunk})
            for column in self.columns.values():
                rows = column.prepare(rows)
            for instance in rows:
                found[tuple(getattr(instance, name) for name in attributes)] = instance
        return found

    def _index_pending(self, rows: Iterable[Row]) -> None:
        """New rows of the file that other rows of it may refer to (regions, circuits)."""
        if not any(_refers_to_itself(column) for column in self.columns.values()):
            return
        naming = {path for key in self.resource.key.alternatives for path in key}
        positions = [at for at, column in self.columns.items() if column.name in naming]
        for number, cells in rows:
            instance = self.new[number] = self.resource.model()
            texts = [as_text(_cell(cells, position)) for position in positions]
            self.lookup.pending.add(Pending(instance), texts)

    def _plan_row(self, number: int, cells: list[Cell], existing: Any) -> None:
        """Apply a row to its object, in memory."""
        before = copy.copy(existing) if existing is not None else None
        after = existing or self.new.get(number) or self.resource.model()
        row = PlannedRow(number, {}, before, after)
        errors_before = self.plan.error_count
        for position, column in self.columns.items():
            cell = _cell(cells, position)
            row.cells[column.name] = cell
            try:
                self._set(row, column, cell)
            except CellError as error:
                self.plan.add_error(number, column.label, _shown(column, cell), str(error))
        if self.plan.error_count == errors_before:
            self._validate(row)
        if self.plan.error_count == errors_before:
            self.plan.rows.append(row)

    def _set(self, row: PlannedRow, column: FileColumn, cell: Cell) -> None:
        value = column.parse(cell, self.lookup, row.after)
        if value is UNCHANGED:
            return
        if isinstance(value, Pending):
            value = value.instance
        if _is_self(column, value, row.after):
            raise CellError(_("refers to itself"))
        if column.required:
            _needed(value)
        if column.children:
            row.children[column.name] = (column.read(row.after), value)
        row.secret = row.secret or (column.secret and value != column.read(row.after))
        column.write(row.after, value)

    # ---- Rules -------------------------------------------------------------------------

    def _validate(self, row: PlannedRow) -> None:
        """The model's own rules, the user's permission and scope."""
        instance = row.after
        given = {column.name for column in self.columns.values()}
        if row.before is None:
            self._check_missing(row, given)
        try:
            self._clean(instance, given)
        except ValidationError as error:
            self._add_validation(row, error)
        if row.before is not None:
            row.fields = _differences(row.before, instance)
        if row.before is None or row.changed:
            self._check_rights(row)

    def _check_missing(self, row: PlannedRow, given: set[str]) -> None:
        for column in self.resource.columns:
            if column.required and column.name not in given:
                rule = _("a new object needs this column, which the file does not have")
                self.plan.add_error(row.number, column.label, "", rule)

    def _clean(self, instance: Model, given: set[str]) -> None:
        # References were resolved from the index: Django would ask the database for each.
        fields = instance._meta.concrete_fields
        instance.clean_fields(
            exclude={f.name for f in fields if f.name not in given or f.many_to_one}
        )
        instance.clean()
        for constraint in instance._meta.constraints:
            if isinstance(constraint, CheckConstraint):
                constraint.validate(type(instance), instance)

    def _add_validation(self, row: PlannedRow, error: ValidationError) -> None:
        for name, message in cell_errors(error).items():
            column = self.resource.column(name) if name else None
            label = column.label if column else name
            value = _shown(column, row.cells.get(name)) if column else ""
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

    # ---- Unique values -----------------------------------------------------------------

    def _check_unique(self) -> None:
        """Values that must be unique, against the file and the whole ledger."""
        for attributes in unique_sets(self.resource.model):
            touched = [row for row in self.plan.rows if row.before is None or row.changed]
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
        changing = {row.after.pk for row in self.plan.rows if row.after.pk is not None}
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


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A new object that another row of the same file refers to."""

    instance: Any


def _needed(value: Any) -> Any:
    """The value of a cell that must not be empty."""
    if value in (None, ""):
        raise CellError(_("is required"))
    return value


def _is_self(column: FileColumn, value: Any, instance: Model) -> bool:
    if not _refers_to_itself(column) or value is None:
        return False
    return value is instance or (instance.pk is not None and value == instance.pk)


def _refers_to_itself(column: FileColumn) -> bool:
    return isinstance(column, ReferenceColumn) and (
        column.field.related_model is column.field.model
    )


def _cell(cells: list[Cell], position: int) -> Cell:
    return cells[position] if position < len(cells) else None


def _shown(column: FileColumn, cell: Cell) -> Cell:
    return column.show(cell) if column.secret else cell


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
