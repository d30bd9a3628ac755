"""What checking a file finds: planned rows, errors, notes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from govnet.core.imports.filecolumns import Cell

MAX_ERRORS: Final = 1000
"""Errors kept; the rest is counted. Nobody corrects more in one go."""
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
