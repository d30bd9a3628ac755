"""Pages of projects and contracts: who sees and does what, and what is said when it is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from govnet.core.due import due_items
from govnet.projects import models, services
from govnet.projects.services import PlannedInstalment
from tests.core.world import World, body
from tests.projects.world import contract_of, in_force, worker
from tests.query_counts import compare

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 a document of the east"


@pytest.fixture
def certificate(world: World) -> models.PaymentCertificate:
    """A certificate of the east's first instalment, with a document beside it."""
    contract = contract_of(world.east)
    first, _rest = in_force(
        contract,
        PlannedInstalment("east-advance", Decimal(600_000), due_on=date(2026, 3, 1)),
        PlannedInstalment(
            "east-rest", Decimal(400_000), date(2026, 6, 1), True, (("document", "invoice"),)
        ),
    )
    send(world.client(world.owner), contract, "contract.pdf", PDF)
    services.deduct_by_hand(contract, first, Decimal(1000), "east-late", world.owner)
    services.decide_deduction(contract.deductions.get(), world.owner, confirm=True)
    return services.certify(first, world.owner)


def send(client: Client, contract: models.Contract, name: str, content: bytes) -> str:
    data = {
        "contract": contract.pk,
        "kind": "contract",
        "title": "east-document",
        "file": SimpleUploadedFile(name, content),
    }
    url = f"/projects/project/{contract.lot.project_id}/upload/"
    return client.post(url, data, follow=True).content.decode()


def pages(certificate: models.PaymentCertificate) -> dict[str, str]:
    contract = certificate.contract
    document = models.Document.objects.get()
    project = contract.lot.project
    return {
        "project": f"/projects/project/{project.pk}/",
        "finance": f"/projects/project/{project.pk}/finance/",
        "plan": f"/projects/project/{project.pk}/plan/",
        "budget": f"/projects/project/{project.pk}/budget/",
        "contract": f"/projects/contract/{contract.pk}/",
        "deduct": f"/projects/contract/{contract.pk}/deduct/",
        "certificate": f"/projects/certificate/{certificate.pk}/",
        "docx": f"/projects/certificate/{certificate.pk}.docx",
        "pay": f"/projects/certificate/{certificate.pk}/pay/",
        "document": f"/projects/document/{document.pk}/",
    }


ALLOWED = {
    "owner": {
        "project",
        "finance",
        "plan",
        "budget",
        "contract",
        "deduct",
        "certificate",
        "docx",
        "pay",
        "document",
    },
    "colleague": {"project", "finance", "contract", "certificate", "docx", "document"},
    "contractor": {"contract", "certificate", "docx", "document"},
}


@pytest.mark.parametrize("who", ["owner", "colleague", "contractor"])
def test_each_person_opens_what_the_job_needs(
    world: World, certificate: models.PaymentCertificate, who: str
) -> None:
    user = worker(world.contractor) if who == "contractor" else getattr(world, who)
    client = world.client(user)
    for name, url in pages(certificate).items():
        answer = client.get(url)
        assert (answer.status_code == 200) == (name in ALLOWED[who]), (who, name)
        if answer.status_code == 200 and name in {"project", "contract"}:
            assert "east-document" in answer.content.decode()


@pytest.mark.parametrize("who", ["stranger", "other contractor", "nobody"])
def test_nobody_else_opens_any_of_it(
    world: World, certificate: models.PaymentCertificate, who: str
) -> None:
    other = contract_of(world.west).contractor
    user = worker(other) if who == "other contractor" else getattr(world, who.split(maxsplit=1)[0])
    client = world.client(user)
    for name, url in pages(certificate).items():
        assert client.get(url).status_code in {403, 404}, name
    for url in ("/projects/expiry/", "/core/due/", "/projects/contract/"):
        answer = client.get(url)
        assert answer.status_code == 403 or "east-" not in answer.content.decode(), url


def posts(certificate: models.PaymentCertificate) -> list[str]:
    contract = certificate.contract
    gate = models.Gate.objects.get()
    rest = contract.instalments.get(number=2)
    return [
        f"/projects/project/{contract.lot.project_id}/reach/",
        f"/projects/project/{contract.lot.project_id}/upload/",
        f"/projects/contract/{contract.pk}/terminate/",
        f"/projects/contract/{contract.pk}/settle/",
        f"/projects/instalment/{rest.pk}/certify/",
        f"/projects/gate/{gate.pk}/override/",
        f"/projects/certificate/{certificate.pk}/void/",
        f"/projects/certificate/{certificate.pk}/pay/",
    ]


@pytest.mark.parametrize("who", ["colleague", "stranger", "nobody", "contractor"])
def test_only_a_contract_officer_of_the_county_changes_anything(
    world: World, certificate: models.PaymentCertificate, who: str
) -> None:
    user = worker(world.contractor) if who == "contractor" else getattr(world, who)
    data = {"reason": "x", "kind": "start", "day": "2026-01-01", "amount": "1", "voucher": "1#"}
    for url in posts(certificate):
        assert world.client(user).post(url, data).status_code in {403, 404}, url
    contract = models.Contract.objects.get(pk=certificate.contract_id)
    assert (contract.state, contract.payments.count()) == ("active", 0)
    assert not models.GateOverride.objects.exists()
    assert not models.Milestone.objects.exists()


def test_a_reason_stands_on_the_page_when_a_gate_blocks(
    world: World, certificate: models.PaymentCertificate
) -> None:
    rest = certificate.contract.instalments.get(number=2)
    client = world.client(world.owner)
    page = client.post(f"/projects/instalment/{rest.pk}/certify/", follow=True).content.decode()
    assert "付款条件未满足" in page
    assert "未上传该文件" in page
    assert rest.certificates.count() == 0


def test_an_override_goes_through_two_people_on_the_pages(
    world: World, certificate: models.PaymentCertificate
) -> None:
    gate = models.Gate.objects.get()
    owner, leader = world.client(world.owner), world.client(world.colleague)
    owner.post(f"/projects/gate/{gate.pk}/override/", {"reason": "urgent"})
    request = gate.overrides.get()
    assert any(k.key == "overrides" for k, _items in due_items(world.colleague))
    assert not any(k.key == "overrides" for k, _items in due_items(world.owner))
    url = f"/projects/override/{request.pk}/decide/"
    owner.post(url, {"approve": "1"})
    assert gate.overrides.get().approved is None
    leader.post(url, {"approve": "1"})
    rest = certificate.contract.instalments.get(number=2)
    owner.post(f"/projects/instalment/{rest.pk}/certify/")
    assert rest.certificates.get().numbers["gates"][0]["override"] == "urgent"


def test_money_moves_from_certificate_to_payment_on_the_pages(
    world: World, certificate: models.PaymentCertificate
) -> None:
    client = world.client(world.owner)
    page = client.get(f"/projects/certificate/{certificate.pk}/").content.decode()
    assert "599,000.00" in page
    assert "人民币伍拾玖万玖仟元整" in page
    data = {
        "amount": "600000",
        "paid_on": "2026-04-01",
        "voucher": "2026年4月1#",
        "content": "advance",
        "source": "city",
    }
    url = f"/projects/certificate/{certificate.pk}/pay/"
    answer = client.post(url, data)
    assert answer.status_code == 422
    assert "599,000.00" in answer.content.decode()
    client.post(url, {**data, "amount": "599000"})
    page = client.get(f"/projects/contract/{certificate.contract_id}/").content.decode()
    assert "59.90" in page
    assert "2026年4月1#" in page


def test_a_contractor_never_learns_the_projects_budget(
    world: World, certificate: models.PaymentCertificate
) -> None:
    project = certificate.contract.lot.project
    models.BudgetEntry.objects.create(
        project=project, year=2026, source="city", kind="planned", amount=1_234_500,
        booked_on=date(2026, 1, 1),
    )  # fmt: skip
    client = world.client(worker(world.contractor))
    page = client.get(f"/projects/contract/{certificate.contract_id}/").content.decode()
    assert "123.45" not in page
    assert "/override/" not in page
    assert world.client(world.owner).get(project.get_absolute_url()).content.count(b"123.45") > 0


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("virus.exe", b"MZ", "不接受"),
        ("contract.pdf", b"MZ not a pdf", "内容"),
        ("contract.docx", b"PK\x03\x04 no archive", "内容"),
        ("page.html", b"<script>alert(1)</script>", "不接受"),
        ("big.pdf", b"%PDF-" + b"0" * (20 * 1024 * 1024), "20 MiB"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(
    world: World, name: str, content: bytes, word: str
) -> None:
    page = send(world.client(world.owner), contract_of(world.east), name, content)
    assert word in page
    assert not models.Document.objects.exists()


def test_a_document_comes_back_as_it_was_sent_or_not_at_all(
    world: World, certificate: models.PaymentCertificate
) -> None:
    client, document = world.client(world.owner), models.Document.objects.get()
    answer = client.get(f"/projects/document/{document.pk}/")
    assert body(answer) == PDF
    assert answer["Content-Disposition"].startswith("attachment")
    assert "contract" not in str(document.file.name)  # nobody guesses where it lies
    Path(document.file.path).write_bytes(b"%PDF-1.7 another content")
    assert client.get(f"/projects/document/{document.pk}/").status_code == 409


def test_instalments_are_planned_on_their_page(world: World) -> None:
    contract = contract_of(world.east)
    client, url = world.client(world.owner), f"/projects/contract/{contract.pk}/instalments/"
    assert client.get(url).status_code == 200
    data = {
        "form-TOTAL_FORMS": "2",
        "form-INITIAL_FORMS": "0",
        "form-0-name": "advance",
        "form-0-amount": "300000",
        "form-1-name": "rest",
        "form-1-amount": "600000",
        "form-1-retention": "on",
        "form-1-gates": ["milestone:final", "acceptance:final"],
        "form-1-not_before": "2027-01-01",
    }
    answer = client.post(url, data)
    assert answer.status_code == 422
    assert "100,000.00" in answer.content.decode()
    client.post(url, {**data, "form-1-amount": "700000"})
    rows = list(contract.instalments.all())
    assert [row.amount for row in rows] == [Decimal(300_000), Decimal(700_000)]
    assert rows[1].gates.count() == 3
    assert client.post(f"/projects/contract/{contract.pk}/in-force/").status_code == 302
    assert contract_of(world.east)
    assert models.Contract.objects.get(pk=contract.pk).state == "active"


def test_what_is_due_is_named_with_its_reason(
    world: World, certificate: models.PaymentCertificate
) -> None:
    project = certificate.contract.lot.project
    services.plan_milestones(project, {"trial": date(2026, 1, 1)})
    services.reach_milestone(project, "preliminary", date(2026, 5, 1))
    models.Contract.objects.filter(pk=certificate.contract_id).update(expires_on=date(2026, 10, 1))
    kinds = {kind.key: items for kind, items in due_items(world.owner, date(2026, 11, 1))}
    assert set(kinds) == {"expiring", "blocked", "unsigned", "milestones"}
    assert "31" in kinds["expiring"][0].note
    assert len(kinds["blocked"]) == 1  # the certified one does not wait any more
    page = world.client(world.owner).get("/core/due/").content.decode()
    assert "east-rest" in page
    assert "没有已签署的验收单" in page


def test_the_calendar_puts_contracts_into_90_30_and_7_days(world: World) -> None:
    from govnet.projects.due import expiries  # noqa: PLC0415

    contract = contract_of(world.east)
    in_force(contract)
    end = date(2027, 1, 31)
    for today, horizon in (
        (date(2026, 11, 2), 90),
        (date(2027, 1, 1), 30),
        (date(2027, 1, 24), 7),
        (date(2027, 2, 1), -1),
    ):
        assert [e.horizon for e in expiries(world.owner, today)] == [horizon], today
    assert expiries(world.owner, date(2026, 11, 1)) == []
    assert contract.expires_on == end
    assert world.client(world.owner).get("/projects/expiry/").status_code == 200


def test_the_pages_need_the_queries_of_the_baseline(
    world: World, certificate: models.PaymentCertificate
) -> None:
    client = world.client(world.owner)
    for name in ("project", "contract", "certificate"):
        url = pages(certificate)[name]
        client.get(url)
        with compare(f"projects:{name}"):
            client.get(url)
    contract = certificate.contract
    for number in range(3, 9):
        row = models.Instalment.objects.create(
            contract=contract, number=number, name="more", amount=1
        )
        models.Gate.objects.create(instalment=row, kind="milestone", argument="final")
    client.get(url := pages(certificate)["contract"])
    with compare("projects:contract"):
        client.get(url)
