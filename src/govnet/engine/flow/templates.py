"""Templates of NetFlow v9 and IPFIX, compiled to numpy dtypes.

A template says how a record lies in its bytes. Compiled, it is one structured dtype of the fields
that GovNet wants, at their offsets, so that whole data sets of many packets become columns with
one ``np.frombuffer``. A template with fields of variable length (RFC 7011, 7) is the slow path:
each record is walked once and its fixed fields are packed together, then read the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from govnet.engine.flow.elements import ADDRESS_ROLES, NUMBER_ROLES, VARIABLE, ElementId

MAX_FIELDS: Final = 512
MAX_RECORD: Final = 0xFFFF - 16 - 4
"""Octets of the longest record that fits into one message."""

Rows = npt.NDArray[np.void]
Numbers = npt.NDArray[np.uint64]


class BadTemplateError(ValueError):
    """A template that cannot describe a record; the message says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field specifier.

    Attributes:
        enterprise: private enterprise number, 0 for IANA's elements.
        element: element number.
        length: octets, or ``VARIABLE``.
    """

    enterprise: int
    element: int
    length: int

    @property
    def id(self) -> ElementId:
        """What the field means."""
        return self.enterprise, self.element


class Template:
    """One template, ready to read records with.

    Args:
        number: template id, 256 to 65535.
        fields: in wire order; of an options template with its scope fields first.
        scopes: how many of the fields are scope fields; an options template has at least one.

    Attributes:
        length: octets of one record; of a variable one, the least.
        packed: octets of the fixed fields of one record.

    Raises:
        BadTemplateError: no field, too many, or a record of no or too many octets.
    """

    def __init__(self, number: int, fields: Sequence[Field], scopes: int = 0) -> None:
        if not 1 <= len(fields) <= MAX_FIELDS:
            raise BadTemplateError(f"{len(fields)} fields")
        self.number = number
        self.fields = tuple(fields)
        self.scopes = scopes
        self.variable = any(field.length == VARIABLE for field in fields)
        self.packed = sum(f.length for f in fields if f.length != VARIABLE)
        self.length = self.packed + sum(f.length == VARIABLE for f in fields)
        if not 0 < self.length <= MAX_RECORD:
            raise BadTemplateError(f"records of {self.length} octets")
        self.dtype = _dtype(self.fields, self.packed)
        self.roles: frozenset[str] = frozenset(self.dtype.names or ())
        self._runs = _runs(self.fields)

    @property
    def is_options(self) -> bool:
        """Whether its records describe the exporter rather than flows."""
        return self.scopes > 0

    @property
    def is_flow(self) -> bool:
        """Whether its records count traffic; NAT logs and the like do not."""
        return not self.is_options and not self.roles.isdisjoint({"bytes", "packets"})

    def same(self, fields: Sequence[Field], scopes: int) -> bool:
        """Whether it describes the same record: exporters repeat their templates for ever."""
        return self.scopes == scopes and self.fields == tuple(fields)

    def rows(self, data: bytes) -> Rows:
        """Packed records as a structured array."""
        count = len(data) // self.packed if self.packed else 0
        return np.frombuffer(data, self.dtype, count)

    def number_of(self, rows: Rows, role: str) -> Numbers:
        """One role of every row as unsigned 64-bit integers."""
        column = rows[role]
        if column.ndim == 1:
            return column.astype(np.uint64)
        value = np.zeros(len(rows), np.uint64)
        for octet in range(column.shape[1]):
            value = (value << np.uint64(8)) | column[:, octet].astype(np.uint64)
        return value

    def pack(self, payload: memoryview) -> tuple[bytes, int, bool]:
        """Records of variable length as packed ones.

        Returns:
            The packed bytes, how many records, and whether the last one was cut short (bytes
            that are left over but fewer than a record are padding).
        """
        parts: list[memoryview] = []
        at = count = 0
        while len(payload) - at >= self.length:
            end = self._walk(payload, at, parts)
            if end < 0:
                return b"".join(parts), count, True
            at = end
            count += 1
        return b"".join(parts), count, False

    def _walk(self, payload: memoryview, at: int, parts: list[memoryview]) -> int:
        """Append one record's fixed fields; the offset behind it, -1 when it is cut short."""
        found: list[memoryview] = []
        for fixed in self._runs:
            if fixed:
                found.append(payload[at : at + fixed])
                at += fixed
                continue
            length = payload[at] if at < len(payload) else 0
            at += 1
            if length == 255:
                length = int.from_bytes(payload[at : at + 2])
                at += 2
            at += length
        if at > len(payload):
            return -1
        parts += found
        return at


def _runs(fields: Sequence[Field]) -> tuple[int, ...]:
    """Octets of each run of fixed fields; 0 stands for one field of variable length."""
    runs: list[int] = []
    for field in fields:
        if field.length == VARIABLE:
            runs.append(0)
        elif runs and runs[-1]:
            runs[-1] += field.length
        elif field.length:
            runs.append(field.length)
    return tuple(runs)


def _dtype(fields: Sequence[Field], size: int) -> np.dtype[np.void]:
    """The wanted fields at their offsets in a packed record."""
    at: dict[ElementId, tuple[int, int]] = {}
    offset = 0
    for field in fields:
        if field.length == VARIABLE:
            continue
        at.setdefault(field.id, (offset, field.length))
        offset += field.length
    names, formats, offsets = [], [], []
    for role, ids in NUMBER_ROLES.items():
        for place in (at[i] for i in ids if i in at):
            if 1 <= place[1] <= 8:
                names.append(role)
                formats.append(_number_format(place[1]))
                offsets.append(place[0])
                break
    for role, (element, length) in ADDRESS_ROLES.items():
        if at.get(element, (0, 0))[1] == length:
            names.append(role)
            formats.append("<u4" if length == 4 else "(16,)u1")  # octets as they are
            offsets.append(at[element][0])
    layout = {"names": names, "formats": formats, "offsets": offsets, "itemsize": size}
    return np.dtype(layout)  # type: ignore[call-overload,no-any-return]  # numpy's stub of a dict


def _number_format(length: int) -> str:
    return f">u{length}" if length in {1, 2, 4, 8} else f"({length},)u1"
