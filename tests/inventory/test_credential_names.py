"""Who may not see credentials sees their names nowhere, and cannot change them unseen."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from govnet.core.models import TablePreference
from govnet.core.registry import get_resource
from govnet.inventory import models
from tests.core.world import Importer, World, body
from tests.people import person

pytestmark = pytest.mark.django_db

NAME = "the-credential"


@pytest.fixture
def editor(world: World) -> Client:
    """Somebody who may change devices and import them, but not see credentials."""
    user = person("editor", "duty_officer", regions=[world.east.region])
    wanted = ("add_device", "change_device")
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    TablePreference.objects.create(
        user=user, model="inventory.device", columns=["name", "credential"]
    )
    return world.client(user)


def pages(world: World) -> list[str]:
    resource, pk = get_resource(models.Device), world.east.device.pk
    return [
        resource.url("", pk),
        f"{resource.url('', pk)}?tab=history",
        resource.url("edit", pk),
        resource.url("list"),
        f"{resource.url('list')}?sort=credential",
        f"{resource.url('export')}?format=csv",
        f"{resource.url('export')}?format=csv&columns=all",
        get_resource(models.Port).url("", world.east.port.pk),
    ]


def test_no_page_and_no_file_names_a_credential_to_who_may_not_see_it(
    world: World, editor: Client
) -> None:
    TablePreference.objects.create(
        user=world.owner, model="inventory.device", columns=["name", "credential"]
    )
    device = world.east.device
    device.credential = None
    device.save()
    device.credential = world.credential
    device.save()
    seen = [NAME in body(world.client(world.owner).get(path)).decode() for path in pages(world)]
    assert sum(seen) >= 5, "the engineer sees it, or this test proves nothing"
    for path in pages(world):
        answer = editor.get(path)
        assert answer.status_code == 200, path
        assert NAME not in body(answer).decode(), path


def test_a_device_saved_without_seeing_the_credential_keeps_it(
    world: World, editor: Client
) -> None:
    resource, device = get_resource(models.Device), world.east.device
    data = {
        "name": "renamed",
        "layer": "access",
        "region": "the-city/east-region",
        "snmp_port": 161,
        "status": "active",
        "credential": "",
    }
    assert editor.post(resource.url("edit", device.pk), data).status_code == 302
    device.refresh_from_db()
    assert (device.name, device.credential) == ("renamed", world.credential)


def test_export_and_import_by_such_a_person_leave_the_credential_alone(
    world: World, editor: Client, importer: Importer
) -> None:
    resource, device = get_resource(models.Device), world.east.device
    file = body(editor.get(f"{resource.url('export')}?format=csv&columns=all"))
    run = importer.send(editor, resource, file)
    assert (run.status, run.changed_count, run.created_count) == ("ready", 0, 0)
    for cell in ("", "another", NAME):
        run = importer.send(editor, resource, f"name,credential,notes\neast-device,{cell},n\n")
        assert run.status == "ready", run.errors
        assert run.changed_count == 1, "the note is changed"
        importer.press(editor, run, "apply")
        device.refresh_from_db()
        assert device.credential == world.credential
        device.notes = ""
        device.save()


def test_bulk_edit_offers_such_a_person_no_credential(world: World, editor: Client) -> None:
    resource, device = get_resource(models.Device), world.east.device
    page = body(editor.post(resource.url("bulk_edit"), {"pk": [device.pk]})).decode()
    assert "bulk-model" in page
    assert "bulk-credential" not in page
    data = {"pk": [device.pk], "apply": "1", "bulk-notes": "n", "bulk-clear_credential": "on"}
    editor.post(resource.url("bulk_edit"), data)
    device.refresh_from_db()
    assert (device.notes, device.credential) == ("n", world.credential)
