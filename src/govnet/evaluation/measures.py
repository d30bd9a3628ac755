"""Named measures that an indicator's actual value can be bound to.

A registry that other modules join: ``account_measures`` brings what contracts, budgets and
surveys say. A value that nothing measures is entered by hand with an attachment.
Computing freezes a ``Snapshot``; computing again must give the same number or
becomes an amendment that is shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from govnet.core.errors import ToldError, gettext_noop
from govnet.evaluation.models import Evidence, SelfEvaluation, Snapshot, TargetIndicator
from govnet.evaluation.quantity import wan
from govnet.inventory.models import AcceptanceState, Circuit, Region, Unit

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from govnet.accounts.models import User


class MeasureError(ToldError):
    """A measure cannot be computed; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and all that it was computed from.

    Attributes:
        value: the figure; None when there is nothing to measure (never shown as 0).
        unit: its unit.
        query: how it was computed, in words with every parameter.
        inputs: the rows counted, JSON-ready, so that a person can check each.
    """

    value: Decimal | None
    unit: str
    query: str
    inputs: list[dict[str, Any]]


MeasureFunction = Callable[[SelfEvaluation, Mapping[str, Any]], Measured]


@dataclass(frozen=True, slots=True)
class Measure:
    """A registered measure."""

    key: str
    name: StrPromise
    compute: MeasureFunction


MEASURES: dict[str, Measure] = {}
RATED = ("circuits_contracted_at", "circuits_upgraded_to")
"""Measures that ask for a rate in Mbit/s."""


def measure(key: str, name: StrPromise) -> Callable[[MeasureFunction], MeasureFunction]:
    """Register a measure under a key that snapshots keep for ever."""

    def register(function: MeasureFunction) -> MeasureFunction:
        if key in MEASURES:
            raise ValueError(f"measure {key!r} is registered twice")
        MEASURES[key] = Measure(key, name, function)
        return function

    return register


@transaction.atomic
def freeze(
    evaluation: SelfEvaluation, key: str, params: Mapping[str, Any], user: User | None = None
) -> Snapshot:
    """Compute a measure and keep it; the same number again is the same snapshot.

    Raises:
        KeyError: no such measure.
        MeasureError: it cannot be computed.
    """
    # In one language whoever measures: the same figure must be the same snapshot.
    with translation.override("zh-hans"):
        found = MEASURES[key].compute(evaluation, params)
    digest = _digest(key, params, found)
    last = evaluation.snapshots.filter(measure=key, params=dict(params)).first()
    if last is not None and last.digest == digest:
        return last
    return Snapshot.objects.create(
        evaluation=evaluation,
        measure=key,
        params=dict(params),
        value=found.value,
        unit=found.unit,
        query=found.query,
        inputs=found.inputs,
        computed_at=timezone.now(),
        computed_by=user,
        digest=digest,
        amends=last,
    )


@transaction.atomic
def fill(evaluation: SelfEvaluation, row: TargetIndicator, user: User | None = None) -> Snapshot:
    """Measure a bound indicator and bind the value to it.

    Raises:
        MeasureError: the measure is unknown or cannot be computed.
    """
    if row.measure not in MEASURES:
        raise MeasureError(gettext_noop("No measure “%(key)s”."), key=row.measure)
    snapshot = freeze(evaluation, row.measure, row.measure_params, user)
    bind(snapshot, row)
    return snapshot


@transaction.atomic
def bind(snapshot: Snapshot, row: TargetIndicator) -> None:
    """Print a frozen value as an indicator's actual value and keep what it rests on.

    Raises:
        MeasureError: there was nothing to measure.
    """
    if snapshot.value is None:
        name = str(MEASURES[snapshot.measure].name) if snapshot.measure in MEASURES else ""
        raise MeasureError(gettext_noop("%(measure)s: there is nothing to measure."), measure=name)
    row.actual = printed(snapshot)
    row.save(update_fields=["actual"])
    row.evidence.filter(snapshot__isnull=False).exclude(snapshot=snapshot).delete()
    Evidence.objects.get_or_create(
        evaluation=snapshot.evaluation,
        indicator=row,
        snapshot=snapshot,
        defaults={"title": row.content or row.level2, "digest": snapshot.digest},
    )


def printed(snapshot: Snapshot) -> str:
    """A frozen value as the form prints it: money in 万元, no needless zeros, a sample's size."""
    if snapshot.value is None:
        return ""
    if snapshot.unit == "元":
        return wan(snapshot.value).replace(" ", "")
    # A percentage of answers says nothing without their number (check EVD-02).
    valid = sum(row.get("valid") or 0 for row in snapshot.inputs)
    sample = f"（有效{valid}份）" if valid else ""
    return f"{snapshot.value.normalize():f}{snapshot.unit}{sample}"


def _digest(key: str, params: Mapping[str, Any], found: Measured) -> str:
    value = None if found.value is None else f"{found.value.normalize():f}"
    content = [key, dict(params), value, found.unit, found.query, found.inputs]
    return sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def verify(snapshot: Snapshot) -> bool:
    """Whether a stored snapshot still has the content that its hash was made of."""
    stored = Measured(snapshot.value, snapshot.unit, snapshot.query, snapshot.inputs)
    return _digest(snapshot.measure, snapshot.params, stored) == snapshot.digest


def in_period(evaluation: SelfEvaluation) -> tuple[date, date]:
    """First and last day of an evaluation.

    Raises:
        MeasureError: it has none.
    """
    if evaluation.period_start is None or evaluation.period_end is None:
        raise MeasureError(
            gettext_noop("The self-evaluation has no period: enter its first and last day.")
        )
    return evaluation.period_start, evaluation.period_end


def regions(evaluation: SelfEvaluation) -> list[int] | None:
    """Ids of the evaluation's subtree; None for the whole site."""
    if evaluation.region is None:
        return None
    below = Region.objects.descendants(evaluation.region, include_self=True)
    return list(below.values_list("pk", flat=True))


@measure("units_accepted", _("Units accepted in the period"))
def units_accepted(evaluation: SelfEvaluation, _params: Mapping[str, Any]) -> Measured:
    """Units of the ledger whose acceptance falls into the period, both days included."""
    start, end = in_period(evaluation)
    units = Unit.objects.filter(
        acceptance_state=AcceptanceState.ACCEPTED, acceptance_date__range=(start, end)
    )
    found = regions(evaluation)
    if found is not None:
        units = units.filter(region__in=found)
    rows = [
        {
            "code": unit.code,
            "name": unit.name,
            "acceptance_date": unit.acceptance_date.isoformat(),
            "page": unit.get_absolute_url(),
        }
        for unit in units.order_by("code")
        if unit.acceptance_date is not None
    ]
    query = (
        f"验收日期在 {start} 至 {end} 之间（含首尾）且已验收的接入单位，{scope_text(evaluation)}"
    )
    return Measured(Decimal(len(rows)), "家", query, rows)


@measure("circuits_contracted_at", _("Circuits contracted at a rate or above"))
def circuits_contracted_at(evaluation: SelfEvaluation, params: Mapping[str, Any]) -> Measured:
    """Access circuits whose contracted rate on the last day reaches ``mbps``.

    A figure of the ledger, not a measurement.
    """
    _start, end = in_period(evaluation)
    mbps = params.get("mbps")
    if not isinstance(mbps, int) or mbps < 1:
        raise MeasureError(gettext_noop("Enter the rate as a whole number of Mbit/s."))
    circuits = Circuit.objects.with_bandwidth(end).filter(
        access_point__isnull=False,
        contracted_mbps__gte=mbps,  # type: ignore[misc]  # with_bandwidth annotates it
    )
    found = regions(evaluation)
    if found is not None:
        circuits = circuits.filter(access_point__unit__region__in=found)
    rows = [
        {"number": number, "contracted_mbps": rate}
        for number, rate in circuits.order_by("number").values_list(
            "number",
            "contracted_mbps",  # type: ignore[misc]
        )
    ]
    query = f"{end} 当日签约带宽不低于 {mbps} Mbit/s 的接入线路（台账，非实测），"
    query += scope_text(evaluation)
    return Measured(Decimal(len(rows)), "条", query, rows)


@measure("months_of_period", _("Months of the period"))
def months_of_period(evaluation: SelfEvaluation, params: Mapping[str, Any]) -> Measured:
    """Months from the first to the last day's month; the convention is a parameter, printed."""
    start, end = in_period(evaluation)
    inclusive = bool(params.get("inclusive", True))
    months = (end.year - start.year) * 12 + end.month - start.month + int(inclusive)
    convention = "首尾两月均计入" if inclusive else "首月不计入"
    rows = [{"start": start.isoformat(), "end": end.isoformat(), "convention": convention}]
    return Measured(Decimal(months), "个月", f"{start} 至 {end} 的月数，{convention}", rows)


@measure("amount_spent", _("Amount spent"))
def amount_spent(evaluation: SelfEvaluation, _params: Mapping[str, Any]) -> Measured:
    """Spending lines with a voucher; a line without one is listed but not counted."""
    rows = []
    total = Decimal(0)
    for line in evaluation.spending.all():
        counted = bool(line.voucher) and line.amount is not None
        total += line.amount if counted and line.amount is not None else Decimal(0)
        rows.append(
            {
                "content": line.content,
                "amount": None if line.amount is None else str(line.amount),
                "voucher": line.voucher,
                "counted": counted,
            }
        )
    value = total if any(row["counted"] for row in rows) else None
    return Measured(value, "元", "有会计凭证号的支出明细之和，无凭证号的不计", rows)


def scope_text(evaluation: SelfEvaluation) -> str:
    """The evaluation's scope, for the text of a measure."""
    return f"区域 {evaluation.region.code}" if evaluation.region else "全平台"
