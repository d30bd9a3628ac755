"""Caller's columns to an Arrow batch of one table's schema, checked on the way in."""

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
}


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


def _array(table: str, field: pa.Field, values: ColumnData) -> pa.Array:
    try:
        if field.name == "ts":
            return pa.array(_milliseconds(values), pa.int64()).cast(field.type)
        array = pa.array(values, from_pandas=True)
        if array.type != field.type:
            array = array.cast(field.type, safe=not pa.types.is_floating(field.type))
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{table}.{field.name}: {error}") from error
    if array.null_count and not field.nullable:
        raise ValueError(f"{table}.{field.name}: {array.null_count} values are missing")
    return array


def _milliseconds(values: ColumnData) -> npt.NDArray[np.int64]:
    given = np.asarray(values)
    if np.issubdtype(given.dtype, np.datetime64):
        return given.astype("datetime64[ms]").astype(np.int64)
    seconds = given.astype(np.float64)
    # Also false for NaN.
    if not bool(np.all((seconds >= 0) & (seconds < _LAST_SECOND))):
        raise ValueError("time stamps must be seconds since 1970-01-01 UTC, before 2106")
    return np.rint(seconds * 1000).astype(np.int64)
