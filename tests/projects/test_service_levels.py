"""From an outage to what is paid: statement, gate, deduction, certificate."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from govnet.evaluation.measures import freeze
from govnet.evaluation.models import SelfEvaluation
from govnet.monitor.models import Target
from govnet.operations.models import WorkOrder
from govnet.operations.services import open_order
from govnet.projects import gates, models, service_levels, services
from govnet.projects.services import GateBlockedError, PlannedInstalment, ProjectError
from govnet.projects.standing import contract_facts
from govnet.sla.models import PeriodKind, Statement
from govnet.sla.periods import Period
from govnet.sla.services import Scope, availability
from govnet.sla.statements import issue
from tests.core.world import World
from tests.projects.world import contract_of, in_force, worker
from tests.sla.history import at, down

pytestmark = pytest.mark.django_db
NOVEMBER = Period(PeriodKind.MONTH, date(2025, 11, 1))


@pytest.fixture
def contract(world: World) -> models.Contract:
    """A contract for the east's circuit, which was down for eight hours of November."""
    contract = contract_of(world.east)
    models.LineItem.objects.create(
        contract=contract, name="line", unit_price=1, circuit=world.east.circuit
    )
    point = world.east.access_point
    target = Target.objects.create(
        name="t", kind="icmp", address=str(point.ipv4), access_point=point
    )
    down(target, [("2025-11-10 08:00", "2025-11-10 16:00")])
    return contract


def statement(contract: models.Contract) -> Statement:
    made, _new = issue(Scope("contract", contract.pk), NOVEMBER)
    return made


def plan(contract: models.Contract, bar: str) -> models.Instalment:
    gate = ("availability", bar)
    row = PlannedInstalment("all", contract.amount, date(2026, 1, 31), gates=(gate,))
    contract.starts_on = date(2025, 11, 1)
    contract.save()
    return in_force(contract, row)[0]


def test_eight_hours_of_outage_become_a_deduction_of_twelve_percent(
    world: World, contract: models.Contract
) -> None:
    instalment, made = plan(contract, "90"), statement(contract)
    terms = availability(Scope("contract", contract.pk), at("2025-11-01"), at("2025-12-01")).terms
    assert terms.down_s == 8 * 3600
    found = service_levels.deduct(made, instalment, world.owner)
    assert found is not None
    assert found.amount == Decimal("1200.00")
    assert "98.888" in found.formula
    assert found.inputs["statement"] == {"id": made.pk, "version": 1, "digest": made.digest}
    with pytest.raises(ProjectError, match="already"):
        service_levels.deduct(made, instalment, world.owner)
    services.decide_deduction(found, world.owner, confirm=True)
    certificate = services.certify(instalment, world.owner)
    assert certificate.amount == contract.amount - Decimal("1200.00")
    assert certificate.numbers["deductions"][0]["why"] == found.formula


def test_circuits_are_found_by_the_contract_number_of_the_ledger(
    world: World, contract: models.Contract
) -> None:
    contract.lines.all().delete()
    assert service_levels.members(contract.pk) == []
    circuit = world.east.circuit
    circuit.contract_number = contract.number
    circuit.save()
    assert service_levels.members(contract.pk) == [Scope("circuit", circuit.pk)]


@pytest.mark.parametrize(("bar", "passes"), [("98.5", True), ("99", False)])
def test_the_gate_asks_every_statement_of_the_period(
    world: World, contract: models.Contract, bar: str, passes: bool
) -> None:
    instalment = plan(contract, bar)
    with pytest.raises(GateBlockedError, match=r"No availability statement|没有出具"):
        services.certify(instalment, world.owner)
    statement(contract)
    gate = gates.status(instalment.gates.get(), instalment, contract_facts(contract))
    assert gate.passed == passes
    assert "98.8888" in str(gate.verdict.reason)


def test_a_month_without_data_is_never_met(world: World, contract: models.Contract) -> None:
    instalment = plan(contract, "90")
    Target.objects.all().delete()
    statement(contract)
    gate = gates.status(instalment.gates.get(), instalment, contract_facts(contract))
    assert not gate.passed


@pytest.mark.parametrize("bar", ["101", "-1", "much", ""])
def test_a_bar_that_is_no_percentage_is_refused(contract: models.Contract, bar: str) -> None:
    with pytest.raises(ProjectError):
        plan(contract, bar)


def test_a_statement_of_another_contract_is_refused(
    world: World, contract: models.Contract
) -> None:
    plan(contract, "90")
    other = contract_of(world.west)
    part = in_force(other)[0]
    with pytest.raises(ProjectError, match="not about this contract"):
        service_levels.deduct(statement(contract), part, world.owner)


def test_the_page_leads_from_month_to_deduction(world: World, contract: models.Contract) -> None:
    instalment, made = plan(contract, "90"), statement(contract)
    client, url = world.client(world.owner), f"/projects/contract/{contract.pk}/"
    assert "98.8888%" in client.get(url).content.decode()
    data = {"statement": made.pk, "instalment": instalment.pk}
    for user in (world.colleague, world.stranger, worker(world.contractor)):
        answer = world.client(user).post(f"{url}from-statement/", data)
        assert answer.status_code in {403, 404}
    client.post(f"{url}from-statement/", data)
    assert contract.deductions.get().amount == Decimal("1200.00")
    assert "1,200.00" in client.get(url).content.decode()
    seen = world.client(worker(world.contractor, "another")).get(url).content.decode()
    assert "98.8888%" in seen


def test_a_self_evaluation_measures_availability_with_coverage(
    world: World, contract: models.Contract
) -> None:
    evaluation = SelfEvaluation.objects.create(
        slug="up",
        region=world.east.region,
        period_start=date(2025, 11, 1),
        period_end=date(2025, 11, 30),
    )
    snapshot = freeze(evaluation, "availability", {})
    assert snapshot.value == Decimal("98.8888")
    assert "监测覆盖率 100.00%" in snapshot.query
    assert [row["down_s"] for row in snapshot.inputs] == [8 * 3600]
    page = world.client(world.owner).get(snapshot.inputs[0]["page"])
    assert "98.8888" in page.content.decode()
    evaluation.period_start, evaluation.period_end = date(2024, 1, 1), date(2024, 1, 31)
    assert freeze(evaluation, "availability", {}).value is None  # nothing was known then


def test_nothing_is_paid_while_an_order_of_the_contractor_is_late(world: World) -> None:
    contract = contract_of(world.east)
    row = PlannedInstalment("all", contract.amount, gates=(("orders", ""),))
    instalment = in_force(contract, row)[0]
    order = WorkOrder(
        title="fault",
        source="phone",
        level="critical",
        contractor=contract.contractor,
        reported_at=timezone.now() - timedelta(days=2),
    )
    open_order(order, None)
    with pytest.raises(GateBlockedError, match=order.number):
        services.certify(instalment, world.owner)
    WorkOrder.objects.update(contractor=contract_of(world.west).contractor)
    assert services.certify(instalment, world.owner).amount == contract.amount
