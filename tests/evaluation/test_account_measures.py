"""The seeds' money, dates and satisfaction: loaded, measured, and led back to their rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import translation
from pytest_django import Settings

from govnet.evaluation.measures import MeasureError, freeze, printed
from govnet.evaluation.models import SelfEvaluation
from govnet.evaluation.quantity import parse_quantity
from govnet.evaluation.seeds import load
from govnet.evaluation.takeover import take_over
from govnet.inventory.models import BandwidthChange, Circuit
from govnet.projects import gates
from govnet.projects.models import Contract, Project
from govnet.projects.standing import balances, contract_facts, project_budget
from tests.core.world import build_world

pytestmark = pytest.mark.django_db
WAN = Decimal(10_000)


@pytest.fixture
def seeds(settings: Settings, tmp_path: Path) -> dict[str, SelfEvaluation]:
    settings.MEDIA_ROOT = tmp_path / "media"
    return {evaluation.slug: evaluation for evaluation in load()}


def test_the_lots_of_yueyang_are_345_with_207_paid_and_24_with_nothing(
    seeds: dict[str, SelfEvaluation],
) -> None:
    lot1, lot2 = Contract.objects.order_by("lot__number")
    assert (lot1.lot.number, lot2.lot.number) == (1, 2)
    assert (lot1.amount, lot2.amount) == (345 * WAN, 24 * WAN)
    paid1 = sum(b.paid for b in balances(lot1).values())
    paid2 = sum(b.paid for b in balances(lot2).values())
    assert (paid1, paid2) == (207 * WAN, 0)
    assert paid1 / lot1.amount == Decimal("0.6")
    assert lot1.payments.get().voucher == "2019年12月48#"
    total = project_budget(lot1.lot.project).total()
    assert [x / WAN for x in (total.planned, total.arrived, total.spent, total.balance)] == [
        369, 369, 207, 162,
    ]  # fmt: skip


def test_what_blocks_the_rest_of_yueyang_is_what_its_report_lacks(
    seeds: dict[str, SelfEvaluation],
) -> None:
    blocked = {}
    for contract in Contract.objects.select_related("lot__project"):
        facts = contract_facts(contract)
        for row in contract.instalments.all():
            found = gates.blocking(gates.statuses(row, facts))
            blocked[contract.lot.number, row.number] = [
                (item.gate.kind, item.gate.argument) for item in found
            ]
    assert blocked == {
        (1, 1): [],
        (1, 2): [("acceptance", "final"), ("document", "settlement")],
        (1, 3): [("acceptance", "final")],
        (2, 1): [("acceptance", "final"), ("document", "invoice")],
    }


def test_the_balance_of_xiangyin_is_negative_and_says_why(
    seeds: dict[str, SelfEvaluation],
) -> None:
    project = Project.objects.get(code="XY-2022-YW")
    total = project_budget(project).total()
    assert [
        x / WAN for x in (total.planned, total.arrived, total.carried, total.spent, total.balance)
    ] == [Decimal("220.2"), 200, Decimal("6.2"), Decimal("206.2"), Decimal("-6.2")]
    assert total.available == 0
    assert "结余为 -6.2 万元" in project.budget.get(kind="carried").reason


@pytest.mark.parametrize(
    ("slug", "key", "params", "value", "words"),
    [
        ("yueyang-2020", "construction_months", {}, "9", "首月不计 8 个月，首尾两月均计 9 个月"),
        ("yueyang-2020", "construction_months", {"inclusive": False}, "8", "采用首月不计"),
        ("yueyang-2020", "construction_months", {"from": "bidding"}, "10", "自招标 2019-08-21"),
        (
            "yueyang-2020",
            "contract_cost",
            {},
            "3690000",
            "已付 207 万元，未付 162 万元；尚未全部结算",
        ),
        ("yueyang-2020", "budget_execution", {}, "56.10", "207 万元 ÷ 计划安排资金 369 万元"),
        ("yueyang-2020", "satisfaction", {}, "96", "144 份 ÷ 有效 150 份"),
        ("xiangyin-2022", "satisfaction", {}, "98", "49 份 ÷ 有效 50 份"),
        ("xiangyin-2022", "budget_execution", {}, "93.64", "206.2 万元 ÷ 计划安排资金 220.2 万元"),
    ],
)
def test_a_measure_states_its_value_and_its_arithmetic(
    seeds: dict[str, SelfEvaluation],
    slug: str,
    key: str,
    params: dict[str, object],
    value: str,
    words: str,
) -> None:
    snapshot = freeze(seeds[slug], key, params)
    assert snapshot.value == Decimal(value)
    assert words in snapshot.query
    assert snapshot.inputs
    assert all(row["page"].startswith("/") for row in snapshot.inputs)


def test_a_satisfaction_is_printed_with_its_sample(seeds: dict[str, SelfEvaluation]) -> None:
    text = printed(freeze(seeds["yueyang-2020"], "satisfaction", {}))
    assert text == "96%（有效150份）"
    found = parse_quantity(text)
    assert found is not None
    assert (found.number, found.unit) == (Decimal(96), "%")


def test_the_language_of_the_person_changes_no_snapshot(seeds: dict[str, SelfEvaluation]) -> None:
    first = freeze(seeds["yueyang-2020"], "contract_cost", {})
    with translation.override("en"):
        assert freeze(seeds["yueyang-2020"], "contract_cost", {}).pk == first.pk


def test_a_measure_without_its_project_says_what_is_missing() -> None:
    evaluation = SelfEvaluation.objects.create(slug="bare")
    for key in ("contract_cost", "budget_execution", "construction_months", "satisfaction"):
        with pytest.raises(MeasureError, match="names no"):
            freeze(evaluation, key, {})


def test_funds_and_spending_come_from_the_accounts(seeds: dict[str, SelfEvaluation]) -> None:
    evaluation = seeds["yueyang-2020"]
    evaluation.funds.all().delete()
    assert take_over(evaluation) == 1
    total = evaluation.funds.get(source="total")
    assert [total.planned, total.arrived, total.spent, total.balance] == [
        369 * WAN, 369 * WAN, 207 * WAN, 162 * WAN,
    ]  # fmt: skip
    assert evaluation.funds.get(source="city").spent == 207 * WAN
    line = evaluation.spending.get()
    assert (line.amount, line.voucher) == (207 * WAN, "2019年12月48#")
    other = seeds["xiangyin-2022"]
    take_over(other)
    fund = other.funds.get(source="total")
    assert (fund.balance, fund.carried_over) == (Decimal(-62_000), Decimal(62_000))


def test_an_upgrade_is_proven_by_the_dated_history() -> None:
    world = build_world()
    evaluation = SelfEvaluation.objects.create(
        slug="up", period_start=date(2022, 1, 1), period_end=date(2022, 12, 31)
    )
    new = Circuit.objects.create(
        number="new", carrier=world.carrier, access_point=world.east.access_point
    )
    BandwidthChange.objects.create(circuit=new, effective_on=date(2022, 3, 1), mbps=1000)
    BandwidthChange.objects.create(
        circuit=world.west.circuit, effective_on=date(2022, 9, 1), mbps=10
    )
    snapshot = freeze(evaluation, "circuits_upgraded_to", {"mbps": 100})
    # The west went up in May and down in September; the new circuit was never below.
    assert [row["number"] for row in snapshot.inputs] == ["east-C1"]
    assert snapshot.inputs[0]["before_mbps"] == 10


def test_loading_again_changes_nothing(seeds: dict[str, SelfEvaluation]) -> None:
    before = (Project.objects.count(), Contract.objects.count())
    load()
    assert (Project.objects.count(), Contract.objects.count()) == before
