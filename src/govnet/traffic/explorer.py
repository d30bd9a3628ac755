"""One question of the traffic explorer and its answer, inside what a person may see."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.accounts.models import User
from govnet.config import get_config
from govnet.core.charts import Line, Number, Series
from govnet.core.windows import Window
from govnet.inventory.models import Unit
from govnet.telemetry import flow_queries
from govnet.telemetry.client import shared_client
from govnet.telemetry.flow_queries import Amount, FlowTotal, Where
from govnet.telemetry.queries import Floats, Grid
from govnet.traffic.dimensions import Named, named
from govnet.traffic.models import FlowExporter

Truths: TypeAlias = npt.NDArray[np.bool_]

DRAWN: Final = 10
"""Groups of a chart; the rest is one more."""

MAX_GAPS_TOLD: Final = 3
MEGA: Final = 1e6

AMOUNTS: Final[Mapping[Amount, tuple[str | Promise, str | Promise]]] = {
    "octets": (gettext_lazy("Bits per second"), "Mbit/s"),
    "packets_total": (gettext_lazy("Packets per second"), gettext_lazy("packets/s")),
    "flows": (gettext_lazy("Flows per second"), gettext_lazy("flows/s")),
}
"""What can be asked for, and the unit of its charts."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the flows.

    Attributes:
        window: when.
        by: up to three columns.
        where: filters; :func:`within` puts the person's scope into them.
        amount: bits, packets or flows.
        compare: show the same span of time before, too.
    """

    window: Window
    by: tuple[str, ...] = ()
    where: Where = flow_queries.ANY
    amount: Amount = "octets"
    compare: bool = False

    @property
    def before(self) -> Question:
        """The same of the span of time before, as long."""
        window = self.window
        return replace(
            self, window=Window(window.start - (window.end - window.start), window.start)
        )


@dataclass(frozen=True, slots=True)
class Group:
    """One row of the answer: names of its values, amounts, and what it was before."""

    names: tuple[Named, ...]
    total: FlowTotal
    share: float | None
    mean: float
    before: FlowTotal | None = None
    change: float | None = None


def unit_scope(user: User) -> list[int] | None:
    """Ids of the units whose traffic a person may see; None: all, and what is nobody's."""
    if user.sees_everything:
        return None
    return list(Unit.objects.restrict(user).values_list("pk", flat=True))


def within(question: Question, user: User) -> Question:
    """The question, of nothing but the units that the person may see."""
    scope = unit_scope(user)
    if scope is None:
        return question
    asked = question.where.values.get("unit_id", scope)
    values = {**question.where.values, "unit_id": [pk for pk in asked if pk in set(scope)]}
    return replace(question, where=replace(question.where, values=values))


def amount_of(total: FlowTotal, amount: Amount) -> int:
    """Octets, packets or flows of a total."""
    return total.packets if amount == "packets_total" else int(getattr(total, amount))


def per_second(value: float, amount: Amount, seconds: float) -> float:
    """A total as the mean rate of a period, in the unit of ``AMOUNTS``."""
    return value * (8 / MEGA if amount == "octets" else 1) / seconds


def _totals(question: Question, limit: int) -> list[FlowTotal]:
    window = question.window
    return flow_queries.flow_totals(
        shared_client(get_config()),
        question.by,
        window.start,
        window.end,
        question.where,
        limit,
        amount=question.amount,
    )


def groups(question: Question, user: User, limit: int) -> list[Group]:
    """The largest groups of the window.

    Raises:
        TelemetryUnavailableError: the store does not answer.
    """
    asked = within(question, user)
    totals = _totals(asked, limit)
    whole = _totals(replace(asked, by=()), 1)
    all_of_it = sum(amount_of(total, asked.amount) for total in whole)
    earlier: dict[tuple[object, ...], FlowTotal] = {}
    if asked.compare:
        earlier = {t.key: t for t in _totals(asked.before, flow_queries.MAX_GROUPS)}
    names = named(user, asked.by, [total.key for total in totals])
    return [
        _group(names[total.key], total, all_of_it, earlier.get(total.key), asked)
        for total in totals
    ]


def _group(
    names: tuple[Named, ...],
    total: FlowTotal,
    whole: int,
    before: FlowTotal | None,
    asked: Question,
) -> Group:
    value = amount_of(total, asked.amount)
    was = amount_of(before, asked.amount) if before else 0
    return Group(
        names,
        total,
        value / whole if whole else None,
        per_second(value, asked.amount, asked.window.seconds),
        before,
        value / was - 1 if was else None,
    )


@dataclass(frozen=True, slots=True)
class Drawing:
    """The answer over time, ready for a chart.

    Attributes:
        series: stacked groups, and the total of the span before.
        grid: the buckets, and which table answered.
        notes: what a reader must know of it.
    """

    series: Series
    grid: Grid
    notes: tuple[str, ...]


def drawing(question: Question, user: User) -> Drawing:
    """The largest groups over time, inside what the person may see, stacked.

    Raises:
        TelemetryUnavailableError: the store does not answer.
    """
    return draw(within(question, user), user, stacked=True)


def draw(asked: Question, user: User, *, stacked: bool, now: float | None = None) -> Drawing:
    """The same of a question that is already inside what the person may see."""
    found = _series(asked)
    running = found.grid.times + found.grid.bucket_s > (time.time() if now is None else now)
    names = named(user, asked.by, found.rates)
    lines = [
        Line(f"group{n}", _joined(names[key]), _values(rates, running, asked), stacked=stacked)
        for n, (key, rates) in enumerate(found.rates.items(), 1)
    ]
    if not asked.by or np.nansum(found.other) > 0:
        label = _("Others") if asked.by else _("Total")
        lines.append(Line("others", label, _values(found.other, running, asked), stacked=stacked))
    if asked.compare:
        lines.append(_earlier(asked, len(found.grid.times)))
    unit = str(AMOUNTS[asked.amount][1])
    series = Series(found.grid.times.tolist(), lines, found.grid.bucket_s, unit)
    notes = (*_gap_notes(found.grid, np.isnan(found.total) & ~running), *sampling_notes())
    return Drawing(series, found.grid, notes)


def _series(asked: Question) -> flow_queries.FlowSeries:
    window = asked.window
    return flow_queries.flow_series(
        shared_client(get_config()),
        asked.by,
        window.start,
        window.end,
        asked.where,
        groups=DRAWN,
        amount=asked.amount,
    )


def _joined(names: Sequence[Named]) -> str:
    return " · ".join(name.label for name in names)


def _values(rates: Floats, running: Truths, asked: Question) -> list[Number]:
    """What is drawn: a bucket that is not over yet would look like a fall."""
    scaled = rates / MEGA if asked.amount == "octets" else rates
    return [
        None if unknown else float(value)
        for value, unknown in zip(scaled, np.isnan(rates) | running, strict=True)
    ]


def _earlier(asked: Question, length: int) -> Line:
    """The total of the span before, moved onto this one."""
    total = _series(replace(asked.before, by=())).total
    fitted = np.full(length, np.nan)
    fitted[: min(length, len(total))] = total[:length]
    values = _values(fitted, np.zeros(length, np.bool_), asked)
    return Line("before", _("Total of the span before"), values, dashed=True)


def _gap_notes(grid: Grid, missing: Truths) -> list[str]:
    """The spans in which nothing came: of a receiver or exporters that were away, not silence."""
    spans = []
    for is_gap, places in groupby(range(len(missing)), key=lambda place: bool(missing[place])):
        if is_gap:
            inside = list(places)
            spans.append((grid.times[inside[0]], grid.times[inside[-1]] + grid.bucket_s))
    told = [
        _("No flow came from any exporter from %(start)s to %(end)s: a gap, not silence.")
        % {"start": _clock(start), "end": _clock(end)}
        for start, end in spans[-MAX_GAPS_TOLD:]
    ]
    if len(spans) > len(told):
        told.append(_("Gaps in all: %d") % len(spans))
    return told


def _clock(seconds: float) -> str:
    return f"{timezone.localtime(datetime.fromtimestamp(float(seconds), UTC)):%m-%d %H:%M:%S}"


def sampling_notes() -> list[str]:
    """Whether what is shown was measured or scaled up from samples."""
    rates: set[int] = set()
    for by_hand, told in FlowExporter.objects.values_list("sampling", "told"):
        rates |= {by_hand} if by_hand else _told_rates(told)
    sampled = sorted(rate for rate in rates if rate > 1)
    if not sampled:
        return [_("Not sampled: every packet counts.")]
    text = ", ".join(f"1:{rate}" for rate in sampled)
    return [_("Exporters sample (%s); octets and packets are scaled up.") % text]


def _told_rates(told: Mapping[str, Any]) -> set[int]:
    return {
        rate
        for domain in told.get("domains", ())
        for rate in (domain.get("sampling"), *domain.get("selectors", {}).values())
        if rate
    }
