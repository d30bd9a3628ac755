"""A measure freezes what it was computed from; a different number is an amendment."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from govnet.evaluation.measures import MEASURES, MeasureError, freeze, measure, verify
from govnet.evaluation.models import SelfEvaluation, SpendingLine
from govnet.inventory.models import AcceptanceState, Region, RegionLevel, Unit

pytestmark = pytest.mark.django_db


@pytest.fixture
def city() -> Region:
    return Region.objects.create(code="430600", name="岳阳市", level=RegionLevel.CITY)


@pytest.fixture
def evaluation(city: Region) -> SelfEvaluation:
    return SelfEvaluation.objects.create(
        slug="x", region=city, period_start=date(2019, 8, 1), period_end=date(2020, 5, 31)
    )


def _unit(region: Region, code: str, accepted: date | None) -> Unit:
    return Unit.objects.create(
        code=code,
        name=f"单位{code}",
        region=region,
        level=RegionLevel.CITY,
        acceptance_state=AcceptanceState.ACCEPTED if accepted else AcceptanceState.BUILDING,
        acceptance_date=accepted,
    )


def test_accepted_units_are_counted_by_date_and_region(
    city: Region, evaluation: SelfEvaluation
) -> None:
    county = Region.objects.create(
        code="430624", name="湘阴县", level=RegionLevel.COUNTY, parent=city
    )
    other = Region.objects.create(code="430100", name="长沙市", level=RegionLevel.CITY)
    _unit(city, "first-day", date(2019, 8, 1))
    _unit(county, "last-day", date(2020, 5, 31))
    _unit(city, "too-late", date(2020, 6, 1))
    _unit(city, "building", None)
    _unit(other, "elsewhere", date(2020, 1, 1))
    snapshot = freeze(evaluation, "units_accepted", {})
    assert snapshot.value == 2
    assert [row["code"] for row in snapshot.inputs] == ["first-day", "last-day"]


def test_the_same_number_again_is_the_same_snapshot_and_another_is_an_amendment(
    city: Region, evaluation: SelfEvaluation
) -> None:
    _unit(city, "a", date(2020, 1, 1))
    first = freeze(evaluation, "units_accepted", {})
    assert freeze(evaluation, "units_accepted", {}).pk == first.pk
    _unit(city, "b", date(2020, 1, 2))
    second = freeze(evaluation, "units_accepted", {})
    assert second.amends == first
    first.refresh_from_db()
    assert first.value == 1


def test_a_changed_snapshot_is_found_out(city: Region, evaluation: SelfEvaluation) -> None:
    _unit(city, "a", date(2020, 1, 1))
    snapshot = freeze(evaluation, "units_accepted", {})
    snapshot.refresh_from_db()
    assert verify(snapshot)
    snapshot.value = Decimal(60)
    assert not verify(snapshot)


@pytest.mark.parametrize(("inclusive", "months"), [(True, 10), (False, 9)])
def test_months_name_their_convention(
    inclusive: bool, months: int, evaluation: SelfEvaluation
) -> None:
    snapshot = freeze(evaluation, "months_of_period", {"inclusive": inclusive})
    assert snapshot.value == months
    assert ("首月不计入" in snapshot.query) is not inclusive


def test_spending_without_a_voucher_is_listed_but_not_counted(evaluation: SelfEvaluation) -> None:
    assert freeze(evaluation, "amount_spent", {}).value is None
    SpendingLine.objects.create(
        evaluation=evaluation, content="建设费", amount=Decimal(2_070_000), voucher="48#"
    )
    SpendingLine.objects.create(evaluation=evaluation, content="其他", amount=Decimal(10_000))
    snapshot = freeze(evaluation, "amount_spent", {})
    assert snapshot.value == 2_070_000
    assert [row["counted"] for row in snapshot.inputs] == [True, False]


def test_what_cannot_be_measured_is_said_not_zero() -> None:
    evaluation = SelfEvaluation.objects.create(slug="no-period")
    with pytest.raises(MeasureError, match="no period"):
        freeze(evaluation, "units_accepted", {})
    evaluation.period_start = evaluation.period_end = date(2020, 1, 1)
    with pytest.raises(MeasureError, match="Mbit/s"):
        freeze(evaluation, "circuits_contracted_at", {"mbps": "fast"})


def test_a_key_is_registered_once() -> None:
    registered = MEASURES["units_accepted"]
    with pytest.raises(ValueError, match="registered twice"):
        measure("units_accepted", registered.name)(registered.compute)
