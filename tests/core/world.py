"""Two counties with one of everything in each, and the people of every access test."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import Workbook

from govnet.accounts.models import User
from govnet.core.models import ImportRun
from govnet.core.registry import Resource
from govnet.inventory import models
from tests.people import person

CommitHook = Callable[..., AbstractContextManager[Any]]

IMMEDIATE = {
    "default": {
        "BACKEND": "django_tasks.backends.immediate.ImmediateBackend",
        "QUEUES": ["default"],
    }
}


@dataclass
class Side:
    """One of everything in one county; every name holds the county's mark."""

    mark: str
    region: models.Region
    unit: models.Unit
    contact: models.Contact
    access_point: models.AccessPoint
    device: models.Device
    port: models.Port
    circuit: models.Circuit

    def of(self, model: type[Any]) -> Any:  # noqa: ANN401  # any model of the ledger
        """The object of a model."""
        for value in vars(self).values():
            if type(value) is model:
                return value
        raise KeyError(model)


@dataclass
class World:
    """The objects and the people."""

    city: models.Region
    carrier: models.Carrier
    contractor: models.Contractor
    credential: models.Credential
    east: Side
    west: Side
    admin: User
    owner: User
    colleague: User
    stranger: User
    nobody: User
    clients: dict[int, Client] = field(default_factory=dict)
    common: dict[type[Any], Any] = field(default_factory=dict)

    def client(self, user: User) -> Client:
        """A browser in which the person is signed in."""
        if user.pk not in self.clients:
            self.clients[user.pk] = Client()
            self.clients[user.pk].force_login(user, "django.contrib.auth.backends.ModelBackend")
        return self.clients[user.pk]

    def of(self, model: type[Any]) -> Any:  # noqa: ANN401  # any model
        """The object of a model in the owner's county, or the common one."""
        common: dict[type[Any], Any] = {
            models.Carrier: self.carrier,
            models.Contractor: self.contractor,
            models.Credential: self.credential,
            **self.common,
        }
        return common.get(model) or self.east.of(model)


def build_side(
    mark: str,
    code: str,
    city: models.Region,
    carrier: models.Carrier,
    credential: models.Credential,
) -> Side:
    """One of everything."""
    region = models.Region.objects.create(
        code=code, name=f"{mark}-region", level="county", parent=city
    )
    unit = models.Unit.objects.create(
        code=f"{mark}-U1", name=f"{mark}-unit", region=region, level="county"
    )
    contact = models.Contact.objects.create(
        unit=unit, role="liaison", name=f"{mark}-contact", phone="+86 730 8880001"
    )
    point = models.AccessPoint.objects.create(
        code=f"{mark}-AP1", name=f"{mark}-point", unit=unit, ipv4=f"10.73.{int(code[-1])}.1"
    )
    device = models.Device.objects.create(
        name=f"{mark}-device",
        layer="access",
        region=region,
        access_point=point,
        credential=credential,
    )
    port = models.Port.objects.create(device=device, name=f"{mark}-GE0/0/1", if_index=1)
    circuit = models.Circuit.objects.create(
        number=f"{mark}-C1",
        carrier=carrier,
        access_point=point,
        z_port=port,
        monthly_rent="1200.50",
        opened_on=date(2020, 1, 1),
    )
    for day, mbps in ((date(2020, 1, 1), 10), (date(2022, 5, 1), 100)):
        models.BandwidthChange.objects.create(circuit=circuit, effective_on=day, mbps=mbps)
    return Side(mark, region, unit, contact, point, device, port, circuit)


def build_world() -> World:
    """Everything."""
    city = models.Region.objects.create(code="430600", name="the-city", level="city")
    carrier = models.Carrier.objects.create(name="the-carrier", service_phone="10000")
    contractor = models.Contractor.objects.create(
        name="the-contractor", kind="carrier", carrier=carrier
    )
    credential = models.Credential.objects.create(
        name="the-credential", version="2c", community="Top-Secret-Community"
    )
    east = build_side("east", "430601", city, carrier, credential)
    west = build_side("west", "430602", city, carrier, credential)
    engineer = "network_engineer"
    return World(
        city,
        carrier,
        contractor,
        credential,
        east,
        west,
        admin=person("admin", superuser=True),
        owner=person("owner", engineer, regions=[east.region]),
        colleague=person("colleague", "duty_officer", regions=[east.region]),
        stranger=person("stranger", engineer, regions=[west.region]),
        nobody=person("nobody", regions=[east.region]),
    )


def workbook(rows: list[list[Any]], *, title: str = "") -> bytes:
    """An XLSX with these rows, below a merged title when there is one."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    if title:
        sheet.append([title])
        sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=max(2, len(rows[0])))
    for row in rows:
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@dataclass
class Importer:
    """Sends files and presses the buttons, as a person does; the jobs run at once."""

    commit: CommitHook

    def send(
        self, client: Client, resource: Resource, content: bytes | str, name: str = "file.csv"
    ) -> ImportRun:
        """Upload bytes, or paste text, and have it checked."""
        data: dict[str, Any] = (
            {"pasted": content}
            if isinstance(content, str)
            else {"file": SimpleUploadedFile(name, content)}
        )
        with self.commit(execute=True):
            answer = client.post(resource.url("import"), data)
        assert answer.status_code == 302, answer.content.decode()[-2000:]
        return ImportRun.objects.get(pk=int(answer["Location"].rstrip("/").split("/")[-1]))

    def press(self, client: Client, run: ImportRun, button: str) -> ImportRun:
        """Apply or undo."""
        with self.commit(execute=True):
            client.post(f"/core/imports/{run.pk}/{button}/")
        return ImportRun.objects.get(pk=run.pk)

    def apply(
        self, client: Client, resource: Resource, content: bytes | str, name: str = "file.csv"
    ) -> ImportRun:
        """Send and apply; the file must be right."""
        run = self.send(client, resource, content, name)
        assert run.status == "ready", run.errors
        return self.press(client, run, "apply")


def body(response: Any) -> bytes:  # noqa: ANN401  # the test client's own kind of response
    """The content of a response, streamed or not."""
    if response.streaming:
        return b"".join(response.streaming_content)
    content: bytes = response.content
    return content
