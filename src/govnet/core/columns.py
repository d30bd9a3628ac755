"""Columns and filters that other apps add to the lists of the ledger (state, latency, ...)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import django_filters
import django_tables2 as tables
from django.db.models import Model, QuerySet


@dataclass(frozen=True, slots=True)
class ExtraColumn:
    """A column that another app offers for a model's list.

    Attributes:
        name: name of the column; also the annotation's or accessor's unless the column says so.
        column: makes the django-tables2 column.
        annotate: adds to the list's query what the column needs; called only when shown,
            filtered or sorted by, so a hidden column costs nothing.
        filters: makes filters that depend on the annotation, by parameter name.
        default: shown until the person chooses otherwise.
        first: stands before the model's own columns.
    """

    name: str
    column: Callable[[], tables.Column]
    annotate: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None
    filters: Mapping[str, Callable[[], django_filters.Filter]] = field(default_factory=dict)
    default: bool = True
    first: bool = False


_columns: dict[type[Model], list[ExtraColumn]] = defaultdict(list)


def register(model: type[Model], column: ExtraColumn) -> None:
    """Add a column to the lists of ``model``; call it in ``AppConfig.ready``."""
    others = [known for known in _columns[model] if known.name != column.name]
    _columns[model] = [*others, column]


def unregister(model: type[Model], name: str) -> None:
    """Take a column away again; for tests."""
    _columns[model] = [known for known in _columns[model] if known.name != name]


def extra_columns(model: type[Model]) -> list[ExtraColumn]:
    """The columns added to a model's lists."""
    return list(_columns[model])
