"""Caller's columns to an Arrow batch of one table's schema, checked on the way in.

Arrays are made from numpy buffers and not with ``pa.array``, which imports pandas whenever it is
installed (chdb brings it): over a second of CPU and 55 MiB in every process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from govnet.telemetry.schema import Column, family

ColumnData: TypeAlias = "Sequence[object] | npt.NDArray[np.generic]"

_LAST_SECOND: Final = 2**32  # DateTime of the rollups ends in 2106
_SIMPLE: Final = {
    "UInt8": pa.uint8(),
    "UInt16": pa.uint16(),
    "UInt32": pa.uint32(),
    "UInt64": pa.uint64(),
    "Int32": pa.int32(),
    "Int64": pa.int64(),
    "Float32": pa.float32(),
    "Float64": pa.float64(),
    "String": pa.string(),
    "LowCardinality(String)": pa.string(),
    "DateTime64(3, 'UTC')": pa.timestamp("ms", tz="UTC"),
    "IPv6": pa.binary(16),
}


_NARROWER: Final = {
    pa.uint8(): 2**8 - 1,
    pa.uint16(): 2**16 - 1,
    pa.uint32(): 2**32 - 1,
    pa.uint64(): 2**64 - 1,
}
"""The largest value of each, narrowest first."""


def _field(column: Column) -> pa.Field:
    inner = column.type.removeprefix("Nullable(")
    nullable = inner != column.type
    kind = inner[:-1] if nullable else inner
    return pa.field(column.name, _SIMPLE[kind], nullable=nullable)


@cache
def arrow_schema(table: str) -> pa.Schema:
    """Arrow schema of a raw table.

    Raises:
        KeyError: no such table.
    """
    return pa.schema([_field(column) for column in family(table).columns])


def to_batch(table: str, columns: Mapping[str, ColumnData]) -> pa.RecordBatch:
    """One Arrow batch with the table's columns in order.

    Args:
        table: a raw table's name.
        columns: every column of the table; ``ts`` in seconds since the epoch (float) or as
            ``datetime64``; NaN or None where a nullable column has no value.

    Raises:
        ValueError: an unknown table, a column missing, unknown or of another length, or a value
            that does not fit; the message names table and column.
    """
    try:
        schema = arrow_schema(table)
    except KeyError:
        raise ValueError(f"no telemetry table is called {table!r}") from None
    wrong = set(schema.names) ^ columns.keys()
    if wrong:
        raise ValueError(f"{table}: columns missing or unknown: {', '.join(sorted(wrong))}")
    arrays = [_array(table, field, columns[field.name]) for field in schema]
    lengths = {len(array) for array in arrays}
    if len(lengths) > 1:
        sizes = ", ".join(f"{f.name} {len(a)}" for f, a in zip(schema, arrays, strict=True))
        raise ValueError(f"{table}: columns differ in length: {sizes}")
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def narrowed(batches: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """The same rows, whole numbers in as few octets as their largest value needs.

    The store takes a narrower number for a wider column. Compression is most of what spooling
    costs, and it spends its time on the zeros of wide numbers.
    """
    schema = batches[0].schema
    columns = [
        _narrowest(field, [batch.column(place) for batch in batches])
        for place, field in enumerate(schema)
    ]
    fields = [
        field.with_type(column[0].type) for field, column in zip(schema, columns, strict=True)
    ]
    narrower = pa.schema(fields)
    return [
        pa.RecordBatch.from_arrays(list(arrays), schema=narrower)
        for arrays in zip(*columns, strict=True)
    ]


def _narrowest(field: pa.Field, arrays: list[pa.Array]) -> list[pa.Array]:
    if field.type not in _NARROWER or any(array.null_count for array in arrays):
        return arrays
    values = [_values(array) for array in arrays]
    largest = max(int(one.max(initial=0)) for one in values)
    kind = next(kind for kind, most in _NARROWER.items() if largest <= most)
    if kind == field.type:
        return arrays
    wanted = np.dtype(kind.to_pandas_dtype())
    return [_from_numpy(kind, one.astype(wanted)) for one in values]


def _values(array: pa.Array) -> npt.NDArray[np.unsignedinteger]:
    """Whole numbers of an array without nulls, not copied."""
    dtype = np.dtype(array.type.to_pandas_dtype())
    start = array.offset * dtype.itemsize
    return np.frombuffer(array.buffers()[1], dtype, len(array), start)


def _array(table: str, field: pa.Field, values: ColumnData) -> pa.Array:
    try:
        if field.name == "ts":
            return _from_numpy(field.type, _milliseconds(values))
        if pa.types.is_string(field.type):
            return _strings(values)
        if pa.types.is_fixed_size_binary(field.type):
            return _addresses(field, values)
        return _numbers(field, values)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{table}.{field.name}: {error}") from error


def _from_numpy(
    kind: pa.DataType, data: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_] | None = None
) -> pa.Array:
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    values = pa.py_buffer(np.ascontiguousarray(data))
    return pa.Array.from_buffers(kind, len(data), [bitmap, values])


def _addresses(field: pa.Field, values: ColumnData) -> pa.Array:
    given = np.asarray(values)
    if given.dtype.itemsize != field.type.byte_width:
        raise ValueError(f"{field.type.byte_width} octets expected, got {given.dtype}")
    return _from_numpy(field.type, given)


def _strings(values: ColumnData) -> pa.Array:
    """Texts, or octets as they are: a ClickHouse String holds either."""
    if any(value is None for value in values):
        raise ValueError("values are missing")
    encoded = [v if isinstance(v, bytes) else str(v).encode() for v in values]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    data = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), data)


def _numbers(field: pa.Field, values: ColumnData) -> pa.Array:
    given = np.asarray(values)
    if given.dtype == object:  # a list with None in it
        given = np.array([np.nan if value is None else value for value in given], np.float64)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"numbers expected, got {given.dtype}")
    if given.dtype == field.type.to_pandas_dtype() and given.dtype.kind in "iu":
        return _from_numpy(field.type, given)
    missing = np.isnan(given) if given.dtype.kind == "f" else np.zeros(len(given), np.bool_)
    if missing.any() and not field.nullable:
        raise ValueError(f"{int(missing.sum())} values are missing")
    wanted = np.dtype(field.type.to_pandas_dtype())
    if wanted.kind in "iu":
        _check_integers(given, np.iinfo(wanted.type))
    valid = ~missing if missing.any() else None
    return _from_numpy(field.type, given.astype(wanted), valid)


def _check_integers(given: npt.NDArray[np.generic], limits: np.iinfo[np.integer]) -> None:
    if not given.size:
        return
    if given.dtype.kind == "f" and not np.array_equal(given, np.rint(given.astype(np.float64))):
        raise ValueError("whole numbers expected")
    lowest, highest = int(given.min()), int(given.max())
    if lowest < limits.min or highest > limits.max:
        raise ValueError(f"{lowest}..{highest} does not fit in {limits.min}..{limits.max}")


def _milliseconds(values: ColumnData) -> npt.NDArray[np.int64]:
    given = np.asarray(values)
    if np.issubdtype(given.dtype, np.datetime64):
        return given.astype("datetime64[ms]").astype(np.int64)
    seconds = given.astype(np.float64)
    # Also false for NaN.
    if not bool(np.all((seconds >= 0) & (seconds < _LAST_SECOND))):
        raise ValueError("time stamps must be seconds since 1970-01-01 UTC, before 2106")
    return np.rint(seconds * 1000).astype(np.int64)
