"""Who changes what: states, plans, gates, deductions and payments, and what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govnet.accounts.models import User
from govnet.projects import gates, models, services
from govnet.projects.services import GateBlockedError, PlannedInstalment, ProjectError, SlaFigure
from govnet.projects.standing import balances, contract_facts, project_budget
from tests.core.world import World
from tests.projects.world import contract_of, in_force

pytestmark = pytest.mark.django_db
D = Decimal
TODAY = date(2026, 11, 1)
FIGURE = SlaFigure(date(2026, 10, 1), date(2026, 10, 31), 1, D("98.7654"), {"statement": 1})


def pay(certificate: models.PaymentCertificate, amount: Decimal, user: User) -> models.Payment:
    return services.pay(
        certificate,
        amount,
        paid_on=TODAY,
        voucher="2026年11月1#",
        content="fee",
        source="city",
        user=user,
    )


def plan(contract: models.Contract, *amounts: str) -> list[models.Instalment]:
    rows = [PlannedInstalment(f"part {n}", D(a)) for n, a in enumerate(amounts, start=1)]
    return services.plan_instalments(contract, rows)


# ---- Contracts -----------------------------------------------------------------------------


@given(st.lists(st.decimals("0.01", 400_000, places=2), min_size=1, max_size=5))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_instalments_must_add_up_to_the_contract(world: World, amounts: list[Decimal]) -> None:
    contract = contract_of(world.east)
    fits = sum(amounts) == contract.amount
    if not fits:
        with pytest.raises(ProjectError):
            plan(contract, *map(str, amounts))
    rest = contract.amount - sum(amounts)
    if rest > 0:
        made = plan(contract, *map(str, [*amounts, rest]))
        assert sum(row.amount for row in made) == contract.amount


def test_a_contract_without_its_instalments_is_not_put_in_force(world: World) -> None:
    contract = contract_of(world.east)
    with pytest.raises(ProjectError, match=r"difference is 1,000,000.00"):
        services.put_in_force(contract)
    plan(contract, "1000000")
    models.Contract.objects.filter(pk=contract.pk).update(signed_on=None)
    with pytest.raises(ProjectError, match="signed"):
        services.put_in_force(contract)


def test_what_was_agreed_stays_while_money_rests_on_it(world: World) -> None:
    contract = contract_of(world.east)
    first, _rest = in_force(contract)
    with pytest.raises(ProjectError, match="draft"):
        plan(contract, "1000000")
    services.certify(first, world.owner)
    with pytest.raises(ProjectError, match="rest on it"):
        services.back_to_draft(contract, "typing error")


def test_a_contract_without_money_on_it_goes_back_to_draft(world: World) -> None:
    contract = contract_of(world.east)
    in_force(contract)
    assert services.back_to_draft(contract, "typing error").state == "draft"
    plan(contract, "1000000")


def test_a_contract_is_settled_when_nothing_is_left(world: World) -> None:
    contract = contract_of(world.east)
    for instalment in in_force(contract):
        with pytest.raises(ProjectError, match="neither paid nor deducted"):
            services.settle(contract)
        certificate = services.certify(instalment, world.owner)
        pay(certificate, certificate.amount, world.owner)
    assert services.settle(contract).state == "closed"


def test_a_terminated_contract_is_not_paid(world: World) -> None:
    contract = contract_of(world.east)
    first, _rest = in_force(contract)
    with pytest.raises(ProjectError, match="reason"):
        services.terminate(contract, "  ")
    services.terminate(contract, "breach")
    with pytest.raises(ProjectError, match="in force"):
        services.certify(first, world.owner)


def test_a_contract_is_renewed_once_with_its_lines(world: World) -> None:
    contract = contract_of(world.east)
    new = services.renew(contract, "K2", date(2027, 2, 1), date(2028, 1, 31), D(900_000))
    assert (new.state, new.renewed_from, new.lines.get().name) == ("draft", contract, "east-line")
    with pytest.raises(ProjectError, match="already"):
        services.renew(contract, "K3", date(2027, 2, 1), date(2028, 1, 31), D(1))


# ---- Gates ---------------------------------------------------------------------------------


def gated(world: World) -> models.Instalment:
    contract = contract_of(world.east)
    rows = in_force(
        contract,
        PlannedInstalment(
            "all",
            contract.amount,
            gates=(
                ("milestone", "final"),
                ("acceptance", "final"),
                ("document", "invoice"),
                ("not_before", "2026-03-01"),
            ),
        ),
    )
    return rows[0]


def add_document(world: World, kind: str, signed_on: date | None = None) -> models.Document:
    contract = contract_of(world.east)
    return models.Document.objects.create(
        project=contract.lot.project,
        contract=contract,
        kind=kind,
        title=kind,
        signed_on=signed_on,
        size=1,
        file_name="a.pdf",
    )


def test_an_unmet_gate_blocks_with_its_reason(world: World) -> None:
    instalment = gated(world)
    with pytest.raises(GateBlockedError) as caught:
        services.certify(instalment, world.owner)
    assert [item.gate.kind for item in caught.value.blocking] == [
        "milestone",
        "acceptance",
        "document",
    ]
    assert len(caught.value.note.localized()) > 30
    services.reach_milestone(instalment.contract.lot.project, "final", date(2026, 5, 1))
    add_document(world, "final")
    add_document(world, "invoice")
    with pytest.raises(GateBlockedError) as caught:
        services.certify(instalment, world.owner)
    assert [item.gate.kind for item in caught.value.blocking] == ["acceptance"]  # not signed
    models.Document.objects.filter(kind="final").update(signed_on=date(2026, 5, 2))
    assert services.certify(instalment, world.owner).amount == instalment.amount


def test_a_day_that_has_not_come_is_not_met(world: World) -> None:
    contract = contract_of(world.east)
    later = timezone.localdate() + timedelta(days=10)
    gate = ("not_before", later.isoformat())
    rows = in_force(contract, PlannedInstalment("all", contract.amount, gates=(gate,)))
    with pytest.raises(GateBlockedError, match=later.isoformat()):
        services.certify(rows[0], world.owner)


@pytest.mark.parametrize(
    ("kind", "argument"),
    [("milestone", "nonsense"), ("not_before", "soon"), ("nonsense", ""), ("acceptance", "")],
)
def test_a_gate_that_makes_no_sense_is_refused(world: World, kind: str, argument: str) -> None:
    contract = contract_of(world.east)
    with pytest.raises(ProjectError, match="gate"):
        services.plan_instalments(
            contract, [PlannedInstalment("all", contract.amount, gates=((kind, argument),))]
        )


def test_a_gate_whose_kind_is_not_installed_is_not_met(world: World) -> None:
    instalment = gated(world)
    gate = models.Gate.objects.create(instalment=instalment, kind="of-a-removed-app")
    found = gates.status(gate, instalment, contract_facts(instalment.contract))
    assert not found.passed


def test_an_override_needs_two_people_and_is_audited(world: World) -> None:
    instalment = gated(world)
    requests = [
        services.request_override(gate, "urgent", world.owner)
        for gate in instalment.gates.exclude(kind="not_before")
    ]
    with pytest.raises(ProjectError, match="waits"):
        services.request_override(requests[0].gate, "again", world.owner)
    with pytest.raises(ProjectError, match="second person"):
        services.decide_override(requests[0], world.owner, approve=True)
    with pytest.raises(GateBlockedError):
        services.certify(instalment, world.owner)
    for request in requests:
        services.decide_override(request, world.colleague, approve=True)
    certificate = services.certify(instalment, world.owner)
    assert {row["override"] for row in certificate.numbers["gates"]} == {"urgent", ""}
    history = requests[0].__class__.objects.get(pk=requests[0].pk)
    assert (history.requested_by, history.decided_by) == (world.owner, world.colleague)
    from auditlog.models import LogEntry  # noqa: PLC0415

    assert LogEntry.objects.get_for_object(requests[0]).count() == 2


def test_a_refused_override_opens_nothing(world: World) -> None:
    instalment = gated(world)
    gate = instalment.gates.get(kind="document")
    request = services.request_override(gate, "urgent", world.owner)
    services.decide_override(request, world.colleague, approve=False)
    with pytest.raises(GateBlockedError):
        services.certify(instalment, world.owner)
    with pytest.raises(ProjectError, match="already"):
        services.decide_override(request, world.colleague, approve=True)
    services.request_override(gate, "now with minutes of the meeting", world.owner)


# ---- Deductions ----------------------------------------------------------------------------


def test_a_deduction_follows_from_the_table_and_keeps_its_inputs(world: World) -> None:
    contract = contract_of(world.east)
    first, _rest = in_force(contract)
    found = services.propose_deduction(contract, first, FIGURE, world.owner)
    assert found is not None
    assert found.amount == D("1200.00")  # 12 % of 10,000
    assert found.formula == "98.7654% < 99% → 10000.00 × 12% = 1200.00"
    table = contract.deduction_table
    assert table is not None
    table.steps.all().delete()
    fresh = models.Deduction.objects.get(pk=found.pk)
    assert len(fresh.inputs["steps"]) == 3
    with pytest.raises(ProjectError, match="already"):
        services.propose_deduction(contract, first, FIGURE, world.owner)


def test_a_good_month_costs_nothing_and_an_unknown_one_is_refused(world: World) -> None:
    contract = contract_of(world.east)
    first, _rest = in_force(contract)
    good = SlaFigure(FIGURE.start, FIGURE.end, 1, D("99.95"), {})
    assert services.propose_deduction(contract, first, good, world.owner) is None
    unknown = SlaFigure(FIGURE.start, FIGURE.end, 1, None, {})
    with pytest.raises(ProjectError, match="do not suffice"):
        services.propose_deduction(contract, first, unknown, world.owner)


def test_an_undecided_deduction_stops_the_certificate_and_a_confirmed_one_is_taken_off(
    world: World,
) -> None:
    contract = contract_of(world.east)
    first, _rest = in_force(contract)
    found = services.propose_deduction(contract, first, FIGURE, world.owner)
    assert found is not None
    with pytest.raises(ProjectError, match="waits for its decision"):
        services.certify(first, world.owner)
    services.decide_deduction(found, world.owner, confirm=True)
    assert services.certify(first, world.owner).amount == D("598800.00")


def test_a_waived_deduction_has_a_reason_and_lets_the_month_be_computed_again(
    world: World,
) -> None:
    contract = contract_of(world.east)
    first, _rest = in_force(contract)
    found = services.propose_deduction(contract, first, FIGURE, world.owner)
    assert found is not None
    with pytest.raises(ProjectError, match="reason"):
        services.decide_deduction(found, world.owner, confirm=False)
    services.decide_deduction(found, world.owner, confirm=False, reason="storm")
    assert services.propose_deduction(contract, first, FIGURE, world.owner) is not None


def test_no_more_is_deducted_than_the_instalment_holds(world: World) -> None:
    contract = contract_of(world.east)
    first, _rest = in_force(contract)
    with pytest.raises(ProjectError, match=r"600,000.00"):
        services.deduct_by_hand(contract, first, D("600000.01"), "breach", world.owner)
    services.certify(first, world.owner)
    with pytest.raises(ProjectError, match=r"holds only 0.00"):
        services.deduct_by_hand(contract, first, D(1), "late", world.owner)


# ---- Payments ------------------------------------------------------------------------------

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["certify", "pay", "deduct", "void"]),
        st.integers(0, 1),
        st.decimals("0.01", 700_000, places=2),
    ),
    max_size=12,
)


@given(ACTIONS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_people_try_nothing_is_overpaid(
    world: World, actions: list[tuple[str, int, Decimal]]
) -> None:
    contract = models.Contract.objects.create(
        number=f"K-{models.Contract.objects.count()}",
        name="any",
        lot=contract_of(world.east).lot,
        contractor=world.contractor,
        amount=D(1_000_000),
        signed_on=date(2026, 1, 1),
    )
    parts = in_force(contract)
    for action, which, amount in actions:
        open_ones = contract.certificates.filter(instalment=parts[which], void_reason="")
        certificate = open_ones.order_by("-pk").first()
        try:
            if action == "certify":
                services.certify(parts[which], None)
            elif action == "deduct":
                found = services.deduct_by_hand(contract, parts[which], amount, "breach", None)
                services.decide_deduction(found, None, confirm=True)
            elif action == "pay" and certificate:
                pay(certificate, amount, world.owner)
            elif action == "void" and certificate:
                services.void_certificate(certificate, "wrong")
        except ProjectError:
            pass
        for balance in balances(contract).values():
            assert balance.paid <= balance.certified
            assert balance.certified + balance.deducted <= balance.amount


def test_a_payment_needs_a_voucher_and_a_day_that_has_come(world: World) -> None:
    first, _rest = in_force(contract_of(world.east))
    certificate = services.certify(first, world.owner)
    values: dict[str, Any] = {"content": "fee", "source": "city", "user": world.owner}
    with pytest.raises(ProjectError, match="voucher"):
        services.pay(certificate, D(1), paid_on=TODAY, voucher=" ", **values)
    tomorrow = timezone.localdate() + timedelta(days=1)
    with pytest.raises(ProjectError, match="future"):
        services.pay(certificate, D(1), paid_on=tomorrow, voucher="1#", **values)
    pay(certificate, D(600_000), world.owner)
    with pytest.raises(ProjectError, match=r"0.00 yuan and no more"):
        pay(certificate, D("0.01"), world.owner)


def test_a_certificate_with_a_payment_cannot_be_made_void(world: World) -> None:
    first, _rest = in_force(contract_of(world.east))
    certificate = services.certify(first, world.owner)
    pay(certificate, D(1), world.owner)
    with pytest.raises(ProjectError, match="Money was paid"):
        services.void_certificate(certificate, "wrong")


# ---- Milestones and budget -----------------------------------------------------------------


def test_milestones_are_reached_in_their_order_and_not_in_the_future(world: World) -> None:
    project = contract_of(world.east).lot.project
    services.reach_milestone(project, "field", date(2026, 3, 1))
    with pytest.raises(ProjectError, match="Out of order"):
        services.reach_milestone(project, "start", date(2026, 3, 2))
    with pytest.raises(ProjectError, match="Out of order"):
        services.reach_milestone(project, "indoor", date(2026, 2, 28))
    with pytest.raises(ProjectError, match="future"):
        services.reach_milestone(project, "final", timezone.localdate() + timedelta(days=1))
    with pytest.raises(ProjectError, match="precedes"):
        services.plan_milestones(project, {"start": date(2026, 3, 1), "field": date(2026, 2, 1)})


@given(
    st.lists(
        st.tuples(
            st.integers(2020, 2023),
            st.sampled_from(["arrived", "spent"]),
            st.decimals("0.01", 1_000_000, places=2),
        ),
        max_size=6,
    )
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_carrying_over_moves_money_and_makes_none(
    world: World, entries: list[tuple[int, str, Decimal]]
) -> None:
    project = models.Project.objects.create(
        code=f"P-{models.Project.objects.count()}", name="any", kind="maintenance"
    )
    for year, kind, amount in entries:
        models.BudgetEntry.objects.create(
            project=project,
            year=year,
            source="city",
            kind=kind,
            amount=amount,
            booked_on=date(year, 1, 1),
        )
    before = project_budget(project).total().available
    for year in range(2020, 2024):
        left = project_budget(project).total(year).available
        try:
            services.carry_over(project, year, "city", "unspent", None)
        except ProjectError:
            assert left <= 0
        else:
            assert project_budget(project).total(year).available == 0
    assert project_budget(project).total().available == before


def test_payments_are_the_spending_of_their_year_and_source(world: World) -> None:
    contract = contract_of(world.east)
    first, _rest = in_force(contract)
    pay(services.certify(first, world.owner), D(207_000), world.owner)
    budget = project_budget(contract.lot.project)
    assert budget.total(2026, "city").spent == D(207_000)
    assert budget.total(2025).spent == 0
