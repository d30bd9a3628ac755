"""Conceptual tables read column-wise: which columns, and the walk as a pure state machine.

``BulkWalk`` says what to ask next and takes the answers' octets. Its fast path expects what
nearly every agent sends, whole rows with the same index in every column, and takes a row by
one regular expression over octets (some 0.2 us a cell, half of what a Python loop takes);
anything else goes through the slow path, cell by cell, which knows sparse columns, cut rows,
wrong types and hostile orders.
"""

from __future__ import annotations

import array
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import getitem
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from govnet.engine.snmp import ber
from govnet.engine.snmp.ber import EXCEPTIONS, BerError, Pdu, RawVarBind, Tag
from govnet.engine.snmp.model import BoolArray, UintArray

ANSWER_OCTETS: Final = 1400  # what fits an Ethernet MTU with room for tunnels
HEADER_OCTETS: Final = 60
SCALAR_OCTETS: Final = 22
MAX_ROWS: Final = 4096
MAX_TAILS: Final = 8192  # requests kept per column set, shared by all devices

Cell = int | bytes | None


class Column(NamedTuple):
    """One column: its name here, its OID, the SMI type it must have, octets of a varbind."""

    name: str
    oid: str
    tag: Tag
    size: int


class RowShape(NamedTuple):
    """What matches a row, and where in each cell's group its value lies."""

    pattern: re.Pattern[bytes]
    values: tuple[slice, ...]


_WIDTHS: Final = {Tag.COUNTER64: 8}  # octets of the largest value; 4 for the other types


class ColumnSet:
    """Columns of tables with one and the same integer index, walked together.

    Attributes:
        columns: in the order in which they are asked.
        ladder: (rows, columns) of a request from the largest to the smallest; 0 rows is
            GETNEXT.
    """

    def __init__(self, *columns: Column, scalars: int = 0) -> None:
        self.columns = columns
        self.names = tuple(column.name for column in columns)
        self.prefixes = tuple(ber.encode_oid(column.oid) for column in columns)
        self.tags = tuple(column.tag for column in columns)
        # Only numbers are read in step: a text of one octet to four would pass for a number.
        self.numeric = Tag.OCTET_STRING not in self.tags
        self._shapes: dict[int, RowShape] = {}
        self.tails: dict[tuple[bytes, int, tuple[str, ...]], Ask] = {}
        self.ladder = _ladder(columns, scalars)
        self._subsets: dict[frozenset[str], ColumnSet] = {}

    def without(self, absent: frozenset[str]) -> ColumnSet:
        """The same set without some columns; one object per combination, so shapes are shared."""
        if not absent:
            return self
        if absent not in self._subsets:
            kept = [column for column in self.columns if column.name not in absent]
            self._subsets[absent] = ColumnSet(*kept)
        return self._subsets[absent]

    def shape(self, index_octets: int) -> RowShape:
        """What a row looks like whose index takes so many octets (1 to 5)."""
        found = self._shapes.get(index_octets)
        if found is None:
            found = self._shapes[index_octets] = _row_shape(self, index_octets)
        return found


def _row_shape(columns: ColumnSet, index_octets: int) -> RowShape:
    """A row in step: every varbind whole, the same index in each, the right type in each.

    The first group, in a look-ahead, is the index; every cell repeats it by back reference.
    A cell has an alternative per value length, so lengths and values always agree. Each further
    group is a cell without its first octet; a group per alternative would be dear to collect.
    """
    cells = [
        _cell_pattern(prefix, tag, index_octets)
        for prefix, tag in zip(columns.prefixes, columns.tags, strict=True)
    ]
    first = columns.prefixes[0]
    index = rb"[\x81-\xff]" * (index_octets > 1) + rb"[\x80-\xff]" * (index_octets - 2)
    oid = re.escape(bytes((Tag.OID, len(first) + index_octets)) + first)
    ahead = rb"(?=0." + oid + rb"(" + index + rb"[\x00-\x7f]))"
    values = tuple(slice(5 + len(prefix) + index_octets, None) for prefix in columns.prefixes)
    return RowShape(re.compile(ahead + b"".join(cells), re.DOTALL), values)


def _cell_pattern(prefix: bytes, tag: Tag, index_octets: int) -> bytes:
    width = _WIDTHS.get(tag, 4)
    oid_octets = len(prefix) + index_octets
    choices = []
    for octets in range(1, width + 2):
        head = bytes((4 + oid_octets + octets, Tag.OID, oid_octets)) + prefix
        value = b"." * octets if octets <= width else rb"\x00" + b"." * width
        choices.append(re.escape(head) + rb"\1" + re.escape(bytes((tag, octets))) + value)
    return b"0(" + b"|".join(choices) + b")"


def _ladder(columns: Sequence[Column], scalars: int) -> tuple[tuple[int, int], ...]:
    width = len(columns)
    room = ANSWER_OCTETS - HEADER_OCTETS - scalars * SCALAR_OCTETS
    rows = max(1, room // sum(column.size for column in columns)) if columns else 1
    steps = {(rows, width): None, (max(1, rows // 2), width): None, (1, width): None}
    return (*steps, (0, width), (0, max(1, width // 3)))


def index_of(suffix: bytes) -> int | None:
    """The integer of an index of exactly one sub-identifier, else None."""
    try:
        ids = ber.sub_ids(suffix)
    except BerError:
        return None
    return ids[0] if len(ids) == 1 else None


# Sizes are octets of a varbind with a two-octet index and the counters of a busy port. Were
# every counter at its largest, an answer would still fit 1,472 octets of UDP over Ethernet.
_IF = "1.3.6.1.2.1.2.2.1"
_IFX = "1.3.6.1.2.1.31.1.1.1"
_SHARED: Final = (
    Column("in_errors", f"{_IF}.14", Tag.COUNTER32, 18),
    Column("out_errors", f"{_IF}.20", Tag.COUNTER32, 18),
    Column("in_discards", f"{_IF}.13", Tag.COUNTER32, 18),
    Column("out_discards", f"{_IF}.19", Tag.COUNTER32, 18),
    Column("oper_status", f"{_IF}.8", Tag.INTEGER, 17),
    Column("discontinuity", f"{_IFX}.19", Tag.TIME_TICKS, 20),
)
SCALAR_OIDS: Final = ("1.3.6.1.2.1.1.3", "1.3.6.1.2.1.31.1.5", "1.3.6.1.2.1.2.1")
COUNTERS_64: Final = ColumnSet(
    Column("in_octets", f"{_IFX}.6", Tag.COUNTER64, 24),
    Column("out_octets", f"{_IFX}.10", Tag.COUNTER64, 24),
    Column("in_packets", f"{_IFX}.7", Tag.COUNTER64, 23),
    Column("out_packets", f"{_IFX}.11", Tag.COUNTER64, 23),
    *_SHARED,
    scalars=len(SCALAR_OIDS),
)
COUNTERS_32: Final = ColumnSet(
    Column("in_octets", f"{_IF}.10", Tag.COUNTER32, 21),
    Column("out_octets", f"{_IF}.16", Tag.COUNTER32, 21),
    Column("in_packets", f"{_IF}.11", Tag.COUNTER32, 21),
    Column("out_packets", f"{_IF}.17", Tag.COUNTER32, 21),
    *_SHARED,
    scalars=len(SCALAR_OIDS),
)
INVENTORY: Final = ColumnSet(
    Column("name", f"{_IFX}.1", Tag.OCTET_STRING, 44),
    Column("alias", f"{_IFX}.18", Tag.OCTET_STRING, 52),
    Column("high_speed", f"{_IFX}.15", Tag.GAUGE32, 20),
    Column("speed", f"{_IF}.5", Tag.GAUGE32, 21),
    Column("if_type", f"{_IF}.3", Tag.INTEGER, 18),
    Column("admin_status", f"{_IF}.7", Tag.INTEGER, 17),
    Column("descr", f"{_IF}.2", Tag.OCTET_STRING, 48),
)
IF_INDEX_OID: Final = f"{_IF}.1"


@dataclass(slots=True)
class TableRead:
    """What a walk brought.

    Attributes:
        columns: what was asked.
        indexes: ifIndex of the rows that came in step, increasing.
        cells: their cells, row after row.
        loose: ifIndex to cells of the rows that came otherwise.
        scalars: value by the OID asked (without the trailing 0); only what was there.
        problem: reason code of why the table may be incomplete; empty when it is whole.
    """

    columns: ColumnSet
    indexes: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    loose: dict[int, list[Cell]] = field(default_factory=dict)
    scalars: dict[str, Cell] = field(default_factory=dict)
    problem: str = ""

    def __len__(self) -> int:
        return len(self.indexes) + len(self.loose)

    @property
    def rows(self) -> dict[int, list[Cell]]:
        """Cells by ifIndex."""
        width = len(self.columns.columns)
        cells: list[Cell] = list(self.cells)
        whole = {row: cells[i * width : (i + 1) * width] for i, row in enumerate(self.indexes)}
        return whole | self.loose


class Ask(NamedTuple):
    """One request of a walk: its PDU type and what follows the request id."""

    pdu: Pdu
    tail: bytes


class BulkWalk:
    """Walk of one ``ColumnSet`` as a state machine without I/O.

    Args:
        columns: what to read.
        scalars: OIDs without their ``.0`` that ride on the first request.
        stop_index: the last index, when it is known that nothing follows it.
        known_rows: rows expected, so that the last request does not ask beyond them.
        max_rows: the walk ends with "too_many_rows" beyond these.
    """

    def __init__(
        self,
        columns: ColumnSet,
        scalars: tuple[str, ...] = (),
        stop_index: int | None = None,
        known_rows: int = 0,
        max_rows: int = MAX_ROWS,
    ) -> None:
        self.read = TableRead(columns)
        self.done = not columns.columns and not scalars
        self._set = columns
        self._scalars = scalars
        self._stop = -1 if stop_index is None else stop_index
        self._known_rows = known_rows if stop_index is not None else 0
        self._max_rows = max_rows
        width = len(columns.columns)
        self._all = list(range(width))
        self._asked = self._all
        self._rows_asked = 1
        self._row_cursor = b""  # while in step: the index octets of the last whole row
        self._row_last = -1
        self._steps: list[_Step] | None = None  # per column, once out of step
        self.cells_taken = 0
        self.columns_ended = 0

    def ask(self, rows: int, width: int) -> Ask:
        """The next request for at most so many rows and columns; 0 rows is GETNEXT."""
        if self._known_rows:
            rows = min(rows, max(1, self._known_rows - len(self.read)))
        self._rows_asked = max(1, rows)
        if self._steps is None and width >= len(self._all):
            return self._ask_rows(rows)
        steps = self._out_of_step()
        self._asked = [i for i in self._all if steps[i].open][:width]
        prefixes = self._set.prefixes
        return self._request([prefixes[i] + steps[i].cursor for i in self._asked], rows)

    def _ask_rows(self, rows: int) -> Ask:
        """The usual request; its octets are shared by all devices at the same place."""
        tails = self._set.tails
        key = (self._row_cursor, rows, self._scalars)
        ask = tails.get(key)
        if ask is None:
            ask = self._request([prefix + self._row_cursor for prefix in self._set.prefixes], rows)
            if len(tails) >= MAX_TAILS:
                tails.clear()
            tails[key] = ask
        return ask

    def _request(self, columns: list[bytes], rows: int) -> Ask:
        oids = [ber.encode_oid(oid) for oid in self._scalars] + columns
        if rows == 0:
            return Ask(Pdu.GETNEXT, ber.request_tail(oids))
        return Ask(Pdu.GETBULK, ber.request_tail(oids, len(self._scalars), rows))

    def feed(self, data: bytes, start: int, end: int) -> None:
        """Take an answer's variable bindings.

        Raises:
            BerError: malformed.
        """
        self.cells_taken = self.columns_ended = 0
        pos = self._feed_scalars(data, start, end) if self._scalars else start
        if not self.done and self._steps is None and self._set.numeric:
            pos = self._feed_rows(data, pos, end)
        if not self.done and (pos < end or self._steps is not None):
            self._feed_cells(data, pos, end)
        if len(self.read) > self._max_rows:
            self._fail("too_many_rows")

    @property
    def rows_taken(self) -> int:
        """Whole rows of what was asked that the last answer brought."""
        return self.cells_taken // max(1, len(self._asked))

    @property
    def short(self) -> bool:
        """Whether the last answer brought fewer rows than asked."""
        return self.rows_taken < self._rows_asked

    def _fail(self, problem: str) -> None:
        self.read.problem = self.read.problem or problem
        self.done = True

    def _feed_scalars(self, data: bytes, pos: int, end: int) -> int:
        for oid in self._scalars:
            varbind, pos = ber.read_varbind(data, pos, end)
            if varbind.oid == ber.encode_oid(oid) + b"\x00" and varbind.tag not in EXCEPTIONS:
                value = ber.decode_value(varbind.tag, varbind.value)
                self.read.scalars[oid] = None if isinstance(value, str) else value
        self._scalars = ()
        self.done = not self._all
        return pos

    def _feed_rows(self, data: bytes, pos: int, end: int) -> int:
        """Whole rows in step; returns where something else (or the end) begins.

        The product's hottest loop. What it does not recognise it leaves to ``_feed_cells``,
        so it needs no error handling of its own.
        """
        read, width = self.read, len(self._all)
        index_at = 4 + len(self._set.prefixes[0])
        while pos + 4 <= end:
            octets = data[pos + 3] + 4 - index_at
            if not 1 <= octets <= 5:
                break
            shape = self._set.shape(octets)
            row = shape.pattern.match(data, pos, end)
            if row is None:
                break
            suffix, *cells = row.groups()
            index = suffix[0] if octets == 1 else ber.sub_ids(suffix)[0]
            if index <= self._row_last:
                break
            read.cells.extend(map(int.from_bytes, map(getitem, cells, shape.values)))
            read.indexes.append(index)
            self._row_cursor, self._row_last = suffix, index
            self.cells_taken += width
            pos = row.end()
            if index == self._stop and len(read) >= self._known_rows:
                self.done = True
                break
        return pos

    def _out_of_step(self) -> list[_Step]:
        if self._steps is None:
            self._steps = [_Step(self._row_cursor, self._row_last) for _ in self._all]
        return self._steps

    def _feed_cells(self, data: bytes, pos: int, end: int) -> None:
        """The slow path: each cell checked on its own, columns in the order asked."""
        steps = self._out_of_step()
        turn = 0
        while pos < end and not self.done:
            varbind, pos = ber.read_varbind(data, pos, end)
            column = self._asked[turn % len(self._asked)]
            turn += 1
            if steps[column].open:
                self._cell(column, steps[column], varbind)
        if not any(step.open for step in steps):
            self.done = True

    def _cell(self, column: int, step: _Step, varbind: RawVarBind) -> None:
        prefix = self._set.prefixes[column]
        if varbind.tag == Tag.END_OF_MIB_VIEW or not varbind.oid.startswith(prefix):
            step.open = False
            self.columns_ended += 1
            if varbind.tag != Tag.END_OF_MIB_VIEW and not _after(varbind.oid, prefix + step.cursor):
                self._fail("not_increasing")
            return
        suffix = varbind.oid[len(prefix) :]
        index = index_of(suffix)
        if index is None:
            raise BerError("an index that is not one sub-identifier")
        if index <= step.last:
            self._fail("not_increasing")
            return
        step.cursor, step.last = suffix, index
        self.cells_taken += 1
        row = self.read.loose.setdefault(index, [None] * len(self._all))
        step.open = index != self._stop or len(self.read) < self._known_rows
        row[column] = self._typed(self._set.tags[column], varbind)

    def _typed(self, tag: Tag, varbind: RawVarBind) -> Cell:
        if varbind.tag in EXCEPTIONS:
            return None
        if varbind.tag != tag:
            self.read.problem = self.read.problem or "wrong_type"
            return None
        if tag == Tag.OCTET_STRING:
            return varbind.value
        if tag == Tag.INTEGER:
            # Statuses and types are positive; the fast path reads them unsigned too.
            if not 1 <= len(varbind.value) <= 4:
                raise BerError("an Integer32 of one to four octets was expected")
            return int.from_bytes(varbind.value, "big")
        return ber.decode_unsigned(tag, varbind.value)


@dataclass(slots=True)
class _Step:
    """Where one column of a walk stands."""

    cursor: bytes
    last: int
    open: bool = True


def _after(oid: bytes, asked: bytes) -> bool:
    """Whether an agent's next OID really follows the one asked."""
    return ber.sub_ids(oid) > ber.sub_ids(asked)


def matrix(read: TableRead) -> tuple[NDArray[np.uint32], UintArray, BoolArray]:
    """Index, values and mask of a table of numbers, ordered by index."""
    width = len(read.columns.columns)
    index = np.array(read.indexes, dtype=np.uint32)
    values = np.frombuffer(array.array("Q", read.cells), dtype=np.uint64).reshape(-1, width)
    valid = np.ones(values.shape, dtype=np.bool_)
    if not read.loose:
        return index, values, valid
    cells = [cell for row in read.loose.values() for cell in row]
    numbers = [cell if isinstance(cell, int) else 0 for cell in cells]
    there = [isinstance(cell, int) for cell in cells]
    index = np.concatenate([index, np.array(list(read.loose), dtype=np.uint32)])
    values = np.concatenate([values, np.array(numbers, dtype=np.uint64).reshape(-1, width)])
    valid = np.concatenate([valid, np.array(there, dtype=np.bool_).reshape(-1, width)])
    order = np.argsort(index)
    return index[order], values[order], valid[order]
