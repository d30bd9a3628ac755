"""Projects and contracts in two counties, and the people who deal with them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group

from govnet.accounts.models import User
from govnet.inventory.models import Contractor
from govnet.projects import models, services
from govnet.projects.services import PlannedInstalment
from tests.core.world import Side, World, build_world
from tests.people import person


def contract_of(side: Side) -> models.Contract:
    """The contract of a county."""
    found: models.Contract = side.of(models.Contract)
    return found


def build_contract(side: Side, contractor: Contractor, **fields: Any) -> models.Contract:  # noqa: ANN401
    """A project with one lot and a draft contract over 1,000,000 yuan in a county."""
    mark = side.mark
    project = models.Project.objects.create(
        code=f"{mark}-P1", name=f"{mark}-project", kind="construction", region=side.region
    )
    lot = models.Lot.objects.create(project=project, number=1, name=f"{mark}-lot")
    values = {
        "number": f"{mark}-K1",
        "name": f"{mark}-contract",
        "lot": lot,
        "contractor": contractor,
        "amount": Decimal(1_000_000),
        "signed_on": date(2026, 1, 5),
        "starts_on": date(2026, 2, 1),
        "expires_on": date(2027, 1, 31),
    } | fields
    contract = models.Contract.objects.create(**values)
    line = models.LineItem.objects.create(
        contract=contract, name=f"{mark}-line", quantity=2, unit_price=500_000
    )
    vars(side).update(project=project, lot=lot, contract=contract, line=line)
    return contract


def build() -> World:
    """The world of the ledger with a contract in each county, and roles that fit."""
    world = build_world()
    table = models.DeductionTable.objects.create(name="the-table")
    for below, rate in ((99.9, 3), (99, 12), (95, 50)):
        models.DeductionStep.objects.create(
            table=table, below=Decimal(str(below)), rate=Decimal(rate)
        )
    other = Contractor.objects.create(name="other-contractor", kind="builder")
    build_contract(world.east, world.contractor, deduction_table=table, monthly_fee=Decimal(10_000))
    build_contract(world.west, other)
    world.common[models.DeductionTable] = table
    for user, role in (
        (world.owner, "contract_officer"),
        (world.colleague, "leader"),
        (world.stranger, "contract_officer"),
    ):
        user.groups.set(Group.objects.filter(name=role))
    return world


def worker(contractor: Contractor, name: str = "worker") -> User:
    """A person of a contractor."""
    user = person(name, "contractor")
    user.contractors.add(contractor)
    return user


def in_force(contract: models.Contract, *plan: PlannedInstalment) -> list[models.Instalment]:
    """Plan the instalments of a draft and put it in force."""
    rows = plan or (
        PlannedInstalment("advance", contract.amount * 6 / 10),
        PlannedInstalment("rest", contract.amount * 4 / 10),
    )
    made = services.plan_instalments(contract, rows)
    services.put_in_force(contract)
    return made
