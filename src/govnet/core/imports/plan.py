"""Checks a file against the ledger: what would be new, changed, unchanged, and what is wrong.

Nothing is written here. The cost does not grow with the number of queries: references,
existing rows and unique values are each read once per run, not once per row.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Model
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
    fold,
    languages_of,
)
from govnet.core.imports.outcome import Plan, PlannedRow
from govnet.core.imports.rules import Rules, shown
from govnet.core.imports.sheet import Row, SheetError, open_upload
from govnet.core.registry import Resource, hidden_fields

if TYPE_CHECKING:
    from govnet.accounts.models import User

HEADER_WITHIN: Final = 20
CHUNK: Final = 500


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
        hidden = hidden_fields(self.resource.model, self.user)
        by_header = {
            header: column
            for column in self.resource.columns
            if column.name not in hidden
            for header in column.headers()
        }
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
        if fold(text) in self._hidden_headers():
            self.plan.notes.append(_("Column “%s” was not read: you may not see it.") % text)
            return
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

    def _hidden_headers(self) -> set[str]:
        """Headers of columns that the user may neither see nor set."""
        hidden = hidden_fields(self.resource.model, self.user)
        return {
            h for column in self.resource.columns if column.name in hidden for h in column.headers()
        }

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
        filled = [self._fill(number, cells, existing.get(key)) for key, (number, cells) in keyed]
        self._check([row for row in filled if row is not None])

    def _check(self, rows: list[PlannedRow]) -> None:
        given = {column.name for column in self.columns.values()}
        rules = Rules(self.resource, self.user, self.plan, given)
        rules.load_scope(rows)
        for done, row in enumerate(rows):
            errors_before = self.plan.error_count
            rules.check(row)
            if self.plan.error_count == errors_before:
                self.plan.rows.append(row)
            if done % 100 == 0:
                self.progress(done, len(rows))
        rules.check_unique()
        self.progress(len(rows), len(rows))

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

    def _fill(self, number: int, cells: list[Cell], existing: Any) -> PlannedRow | None:
        """Apply a row to its object, in memory; None when a cell is wrong."""
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
                self.plan.add_error(number, column.label, shown(column, cell), str(error))
        return row if self.plan.error_count == errors_before else None

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
