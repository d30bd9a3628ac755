"""Changes of state out of the database, as arrays: a year of a city is a million rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, TypeVar

import numpy as np
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    BigIntegerField,
    Case,
    F,
    Func,
    OuterRef,
    QuerySet,
    SmallIntegerField,
    Subquery,
    Value,
    When,
)
from django.db.models.sql.compiler import SQLCompiler
from numpy.typing import NDArray

from govnet.engine.availability import Code
from govnet.engine.result import State
from govnet.engine.state import StateRules
from govnet.monitor.models import Flip, Target
from govnet.sla.inputs import TargetHistory

T = TypeVar("T")

BATCH: Final = 500
"""Ids in one query; for more flips than these all are read and the others passed over."""

LONG: Final = timedelta(days=92)
"""A period beyond this is most of the table: it is read from end to end."""

SWITCHED_OFF: Final = "not_measured"
"""Reason of the flip to unknown by which ``monitor`` says that a target is no longer measured."""

CODES: Final = {
    State.UP: Code.UP,
    State.DEGRADED: Code.DEGRADED,
    State.DOWN: Code.DOWN,
    State.UNKNOWN: Code.UNKNOWN,
}

_ROW: Final = np.dtype([("target", np.int64), ("at", np.int64), ("code", np.int8), ("pk", "i8")])


class Epoch(Func):
    """A moment as whole seconds since the epoch, cut off: no object is made for each row."""

    output_field = BigIntegerField()

    def as_sqlite(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        **context: Any,  # noqa: ANN401  # as Django declares it
    ) -> tuple[str, Any]:
        """SQLite keeps moments as text in UTC."""
        template = "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER)"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        **context: Any,  # noqa: ANN401  # as Django declares it
    ) -> tuple[str, Any]:
        """PostgreSQL keeps moments."""
        template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s))::bigint"
        return self.as_sql(compiler, connection, template=template, **context)


def _code() -> Case:
    """``Code`` of the state that a flip leads to."""
    states = [When(new_state=state.value, then=Value(int(code))) for state, code in CODES.items()]
    absent = When(new_state=State.UNKNOWN.value, reason=SWITCHED_OFF, then=Value(int(Code.ABSENT)))
    return Case(absent, *states, output_field=SmallIntegerField())


def batches(ids: Collection[T]) -> Iterator[list[T]]:
    """Ids in lists that one query takes."""
    ordered = list(ids)
    for first in range(0, len(ordered), BATCH):
        yield ordered[first : first + BATCH]


def _rows(queryset: QuerySet[Any]) -> NDArray[Any]:
    """Rows straight from the cursor: the ORM's converters would take longer than the database."""
    values = queryset.order_by().values_list("target_id", Epoch(F("at")), _code(), "pk")
    statement, parameters = values.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        parts = iter(lambda: cursor.fetchmany(10_000), [])
        return np.fromiter(chain.from_iterable(parts), dtype=_ROW)


def _between(ids: Collection[int], start: datetime, end: datetime) -> NDArray[Any]:
    if not ids:
        return np.empty(0, _ROW)
    flips = Flip.objects.filter(at__gt=start, at__lt=end)
    if len(ids) <= BATCH:
        return _rows(flips.filter(target_id__in=ids))
    if end - start > LONG:  # by the index on ``at`` each row would be looked up by itself
        first, after = int(start.timestamp()), int(end.timestamp())
        rows = Flip.objects.annotate(second=Epoch(F("at")))
        flips = rows.filter(second__gte=first, second__lt=after)
    found = _rows(flips)
    return found[np.isin(found["target"], np.fromiter(ids, np.int64, len(ids)))]


def _in_order(rows: NDArray[Any]) -> NDArray[Any]:
    """By target, then time, then row: both sorts are quick on what is nearly sorted."""
    rows = rows[np.argsort(rows["pk"], kind="stable")]
    key = (rows["target"] << 34) + rows["at"]
    return rows[np.argsort(key, kind="stable")]


def _before(ids: Collection[int], start: datetime) -> dict[int, Code]:
    """What held when the period began; targets without a flip before are left out."""
    last = Flip.objects.filter(target=OuterRef("pk"), at__lte=start).order_by("-at", "-pk")
    code = last.annotate(code=_code()).values("code")[:1]
    found: dict[int, Code] = {}
    for batch in batches(ids):
        rows = Target.objects.filter(pk__in=batch).order_by().annotate(before=Subquery(code))
        values = rows.values_list("pk", "before")
        found |= {pk: Code(before) for pk, before in values if before is not None}
    return found


@dataclass(frozen=True, slots=True)
class Watch:
    """How a target is measured, for what its silence means.

    Attributes:
        name: what people call it.
        state: the stored state; None without a state row.
        checked: when it was last measured, seconds since the epoch.
        interval_s: seconds between two runs.
        stale_s: seconds of silence after which nothing is known.
    """

    name: str
    state: str | None
    checked: int | None
    interval_s: float
    stale_s: float


def watches(ids: Collection[int]) -> dict[int, Watch]:
    """How targets are measured, by id."""
    stale = StateRules().stale_intervals
    found = {}
    names = ("pk", "name", "state__state", "interval_s", "timeout_s", "tries")
    for batch in batches(ids):
        rows = Target.objects.filter(pk__in=batch).order_by()
        for pk, name, state, interval, timeout, tries, checked in rows.values_list(
            *names, Epoch(F("state__checked_at"))
        ):
            silence = stale * interval + tries * timeout
            found[pk] = Watch(name, state, checked, interval, silence)
    return found


def histories(ids: Collection[int], start: datetime, end: datetime) -> dict[int, TargetHistory]:
    """The changes of targets inside a period, by id; every id that exists is there.

    Before a target's first flip nothing was measured: it is absent. While the engine did not
    run it is unknown: on its return the engine writes that, and until then the time of the
    last measurement says it.
    """
    known = watches(ids)
    before = _before(known, start)
    rows = _in_order(_between(known, start, end))
    ordered = sorted(known)
    edges = np.searchsorted(rows["target"], [*ordered, np.iinfo(np.int64).max])
    at, code = np.ascontiguousarray(rows["at"]), np.ascontiguousarray(rows["code"])
    stop = int(end.timestamp())
    found = {}
    for place, pk in enumerate(ordered):
        part = slice(edges[place], edges[place + 1])
        history = TargetHistory(known[pk].name, before.get(pk, Code.ABSENT), at[part], code[part])
        found[pk] = _until_silence(history, known[pk], stop)
    return found


def _until_silence(history: TargetHistory, watch: Watch, stop: int) -> TargetHistory:
    """Nothing is known of the time after the last measurement, whatever the stored state says."""
    measured = watch.state not in (None, State.UNKNOWN.value) and watch.checked is not None
    if not measured or watch.checked is None or stop - watch.checked <= watch.stale_s:
        return history
    silent = int(watch.checked + watch.interval_s)
    kept = history.at < silent
    return TargetHistory(
        history.name,
        history.before,
        np.append(history.at[kept], silent),
        np.append(history.code[kept], np.int8(Code.UNKNOWN)),
    )
