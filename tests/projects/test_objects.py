"""Every object of projects and contracts passes the tests of the generic layer."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

import pytest

from govnet.projects import models, services
from govnet.projects.services import PlannedInstalment
from tests.core.cases import ObjectCase
from tests.core.world import Importer, World
from tests.projects.world import contract_of

pytestmark = pytest.mark.django_db


class TestProjects(ObjectCase):
    model = models.Project
    form_data: ClassVar[dict[str, Any]] = {
        "code": "N1",
        "name": "new project",
        "kind": "construction",
        "region": "the-city/east-region",
    }
    edit: ClassVar[dict[str, Any]] = {"name": "renamed", "unit_name": "the centre"}
    csv_data: ClassVar[list[str]] = [
        "code,name,kind,region,starts_on,ends_on",
        "N2,project 2,maintenance,east-region,2026-01-01,2026-12-31",
        "N3,项目3,建设,430601,2026/1/1,",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("N4,p,nonsense,east-region,,", "kind", "/"),
        ("N4,p,maintenance,west-region,,", "region", "west-region"),
        ("N4,p,maintenance,east-region,2026-02-01,2026-01-01", "ends_on", ""),
        ("N2,p,maintenance,east-region,,", "code", "2"),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"unit_name": "other centre"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Project.objects.count()
        return [
            models.Project.objects.create(
                code=f"east-{n}", name=f"east-p {n}", kind="maintenance", region=world.east.region
            )
            for n in range(start, start + number)
        ]


class TestLots(ObjectCase):
    model = models.Lot
    form_data: ClassVar[dict[str, Any]] = {"number": "7", "name": "new lot"}
    edit: ClassVar[dict[str, Any]] = {"name": "renamed lot"}
    csv_data: ClassVar[list[str]] = ["project,number,name", "east-P1,8,lot 8", "east-P1,9,lot 9"]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("west-P1,2,lot", "project", "west-P1"),
        ("east-P1,0,lot", "number", ""),
        ("east-P1,8,lot", "project", "2"),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"notes": "seen"}

    @pytest.fixture(autouse=True)
    def _project(self, world: World) -> None:
        type(self).form_data = {**self.form_data, "project": world.east.of(models.Project).pk}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Lot.objects.count() + 20
        return [
            models.Lot.objects.create(
                project=world.east.of(models.Project), number=n, name=f"east-lot {n}"
            )
            for n in range(start, start + number)
        ]


class TestContracts(ObjectCase):
    model = models.Contract
    form_data: ClassVar[dict[str, Any]] = {
        "number": "N1",
        "name": "new contract",
        "amount": "100.00",
        "signed_on": "2026-01-01",
    }
    edit: ClassVar[dict[str, Any]] = {"amount": "200.00"}
    csv_data: ClassVar[list[str]] = [
        "number,name,lot,contractor,amount,starts_on,expires_on",
        "N2,contract 2,east-P1 1,the-contractor,10.50,2026-01-01,2026-12-31",
        "N3,contract 3,east-P1 1,the-contractor,1000000,,",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("N4,c,west-P1 1,the-contractor,1,,", "lot", "west-P1"),
        ("N4,c,east-P1 1,the-contractor,-1,,", "amount", ""),
        ("N4,c,east-P1 1,nobody,1,,", "contractor", "nobody"),
        ("N4,c,east-P1 1,the-contractor,1,2026-02-01,2026-01-01", "expires_on", ""),
        ("N2,c,east-P1 1,the-contractor,1,,", "number", "2"),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"notes": "seen"}

    @pytest.fixture(autouse=True)
    def _references(self, world: World) -> None:
        lot = world.east.of(models.Lot)
        type(self).form_data = {
            **self.form_data,
            "lot": lot.pk,
            "contractor": world.contractor.pk,
        }

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Contract.objects.count()
        return [
            models.Contract.objects.create(
                number=f"east-N{n}",
                name="more",
                lot=world.east.of(models.Lot),
                contractor=world.contractor,
                amount=100,
            )
            for n in range(start, start + number)
        ]

    def test_what_was_agreed_cannot_be_changed_by_form_or_file(
        self, world: World, importer: Importer
    ) -> None:
        contract = contract_of(world.east)
        services.plan_instalments(contract, [PlannedInstalment("all", contract.amount)])
        services.put_in_force(contract)
        client = world.client(world.owner)
        data = {**self.form_data, "number": contract.number, "amount": "5.00"}
        answer = client.post(self.resource.url("edit", contract.pk), data)
        assert answer.status_code == 422
        assert "amount" in answer.context["form"].errors
        run = importer.send(client, self.resource, f"number,amount\n{contract.number},5")
        assert run.status == "rejected"
        assert models.Contract.objects.get(pk=contract.pk).amount == contract.amount
        assert models.Contract.objects.get(pk=contract.pk).signed_on == date(2026, 1, 5)


class TestLines(ObjectCase):
    model = models.LineItem
    form_data: ClassVar[dict[str, Any]] = {
        "contract": "east-K1",
        "name": "new line",
        "quantity": "1.00",
        "unit_price": "5.00",
        "circuit": "east-C1",
    }
    edit: ClassVar[dict[str, Any]] = {"quantity": "3.00"}
    csv_data: ClassVar[list[str]] = [
        "contract,name,quantity,unit_price,circuit,unit",
        "east-K1,line 2,1,100,east-C1,",
        "east-K1,line 3,2.5,100,,east-unit",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("west-K1,line 4,1,1,,", "contract", "west-K1"),
        ("east-K1,line 4,1,1,west-C1,", "circuit", "west-C1"),
        ("east-K1,line 4,0,1,,", "quantity", ""),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"notes": "seen"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.LineItem.objects.count()
        return [
            models.LineItem.objects.create(
                contract=contract_of(world.east),
                name=f"east-l{n}",
                unit_price=1,
                circuit=world.east.circuit,
            )
            for n in range(start, start + number)
        ]


class TestDeductionTables(ObjectCase):
    model = models.DeductionTable
    common = True
    form_data: ClassVar[dict[str, Any]] = {"name": "new table"}
    edit: ClassVar[dict[str, Any]] = {"name": "newer table"}
    csv_data: ClassVar[list[str]] = ["name,notes", "table 2,two", "table 3,three"]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [("table 2,again", "name", "2")]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"notes": "seen"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.DeductionTable.objects.count()
        return [
            models.DeductionTable.objects.create(name=f"table no {n}")
            for n in range(start, start + number)
        ]
