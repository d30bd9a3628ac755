"""Forms and deletion: children, secrets, scope, what protects an object."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from auditlog.models import LogEntry

from govnet.core.changes import StillReferencedError, delete_all
from govnet.inventory import models
from tests.core.world import World

pytestmark = pytest.mark.django_db

UNIT: dict[str, Any] = {
    "code": "N1",
    "name": "new unit",
    "region": "the-city/east-region",
    "level": "county",
    "unit_class": "B",
    "acceptance_state": "requested",
}


def test_a_unit_is_saved_with_its_contacts_in_one_screen(world: World) -> None:
    data = {
        **UNIT,
        "contact-TOTAL_FORMS": "2",
        "contact-INITIAL_FORMS": "0",
        "contact-0-role": "liaison",
        "contact-0-name": "王敏",
        "contact-0-phone": "13800000000",
        "contact-1-role": "finance",
        "contact-1-name": "李四",
    }
    answer = world.client(world.owner).post("/inventory/unit/add/", data)
    assert answer.status_code == 302
    unit = models.Unit.objects.get(code="N1")
    assert set(unit.contacts.values_list("name", flat=True)) == {"王敏", "李四"}
    past = world.client(world.owner).get(f"/inventory/unit/{unit.pk}/?tab=history")
    assert "13800000000" in past.content.decode()


def test_a_wrong_contact_saves_nothing_and_keeps_everything_typed(world: World) -> None:
    data = {
        **UNIT,
        "contact-TOTAL_FORMS": "1",
        "contact-INITIAL_FORMS": "0",
        "contact-0-role": "liaison",
        "contact-0-name": "typed-and-kept",
        "contact-0-email": "not an address",
    }
    answer = world.client(world.owner).post("/inventory/unit/add/", data)
    assert answer.status_code == 422
    assert "typed-and-kept" in answer.content.decode()
    assert not models.Unit.objects.filter(code="N1").exists()


def test_a_circuit_is_saved_with_the_history_of_its_bandwidth(world: World) -> None:
    circuit = world.east.circuit
    first, second = circuit.bandwidths.order_by("effective_on")
    data = {
        "number": circuit.number,
        "kind": "access",
        "carrier": str(world.carrier.pk),
        "access_point": "east-AP1",
        "status": "active",
        "bandwidthchange-TOTAL_FORMS": "3",
        "bandwidthchange-INITIAL_FORMS": "2",
        "bandwidthchange-0-id": str(first.pk),
        "bandwidthchange-0-effective_on": "2020-01-01",
        "bandwidthchange-0-mbps": "10",
        "bandwidthchange-0-DELETE": "on",
        "bandwidthchange-1-id": str(second.pk),
        "bandwidthchange-1-effective_on": "2022-05-01",
        "bandwidthchange-1-mbps": "200",
        "bandwidthchange-2-effective_on": "2024-06-01",
        "bandwidthchange-2-mbps": "1000",
    }
    url = f"/inventory/circuit/{circuit.pk}/edit/"
    assert world.client(world.owner).post(url, data).status_code == 302
    rates = dict(circuit.bandwidths.values_list("effective_on", "mbps"))
    assert rates == {date(2022, 5, 1): 200, date(2024, 6, 1): 1000}
    past = world.client(world.owner).get(f"/inventory/circuit/{circuit.pk}/?tab=history")
    assert "2024-06-01" in past.content.decode()


def test_two_rates_from_the_same_day_are_refused(world: World) -> None:
    data = {
        "number": "N1",
        "kind": "access",
        "carrier": str(world.carrier.pk),
        "access_point": "east-AP1",
        "status": "active",
        "bandwidthchange-TOTAL_FORMS": "2",
        "bandwidthchange-INITIAL_FORMS": "0",
    }
    for row in ("0", "1"):
        data[f"bandwidthchange-{row}-effective_on"] = "2020-01-01"
        data[f"bandwidthchange-{row}-mbps"] = "10"
    assert world.client(world.owner).post("/inventory/circuit/add/", data).status_code == 422
    assert not models.Circuit.objects.filter(number="N1").exists()


def test_a_secret_is_never_shown_and_stays_when_left_empty(world: World) -> None:
    secret, credential = "Top-Secret-Community", world.credential
    client = world.client(world.owner)
    pages = ["", "edit/", "?tab=history", "delete/"]
    for page in pages:
        text = client.get(f"/inventory/credential/{credential.pk}/{page}").content.decode()
        assert secret not in text
    data = {"name": "renamed", "version": "2c", "community": ""}
    answer = client.post(f"/inventory/credential/{credential.pk}/edit/", data)
    assert answer.status_code == 302
    assert models.Credential.objects.get(pk=credential.pk).community == secret
    client.post(f"/inventory/credential/{credential.pk}/edit/", {**data, "community": "Fresh-One"})
    assert models.Credential.objects.get(pk=credential.pk).community == "Fresh-One"
    trail = str(list(LogEntry.objects.values_list("changes", "serialized_data", "object_repr")))
    assert secret not in trail
    assert "Fresh-One" not in trail
    assert "community" in trail


def test_a_wrong_form_does_not_send_a_typed_secret_back(world: World) -> None:
    data = {"name": "", "version": "2c", "community": "Typed-Secret"}
    answer = world.client(world.owner).post("/inventory/credential/add/", data)
    assert answer.status_code == 422
    assert "Typed-Secret" not in answer.content.decode()


def test_a_secret_under_a_lost_key_is_absent_not_cipher_text(world: World) -> None:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inventory_credential SET community = %s WHERE id = %s",
            ["gAAAA-not-for-this-key", world.credential.pk],
        )
    assert models.Credential.objects.get(pk=world.credential.pk).community is None


def test_a_person_cannot_refer_to_what_lies_outside_the_scope(world: World) -> None:
    answer = world.client(world.owner).post(
        "/inventory/unit/add/",
        {**UNIT, "region": "the-city/west-region", "contact-TOTAL_FORMS": 0,
         "contact-INITIAL_FORMS": 0},
    )  # fmt: skip
    assert answer.status_code == 422
    assert answer.context["form"].errors["region"]


def test_an_object_cannot_be_made_outside_the_scope(world: World) -> None:
    data = {
        "number": "N1",
        "kind": "egress",
        "carrier": str(world.carrier.pk),
        "status": "active",
        "bandwidthchange-TOTAL_FORMS": "0",
        "bandwidthchange-INITIAL_FORMS": "0",
    }
    assert world.client(world.owner).post("/inventory/circuit/add/", data).status_code == 422
    assert world.client(world.admin).post("/inventory/circuit/add/", data).status_code == 302


def test_a_reference_outside_the_scope_stays_when_the_form_leaves_it(world: World) -> None:
    circuit = world.east.circuit
    circuit.z_port = world.west.port
    circuit.save()
    client, url = world.client(world.owner), f"/inventory/circuit/{circuit.pk}/edit/"
    form = client.get(url).context["form"]
    data = {
        "number": circuit.number,
        "kind": "access",
        "carrier": str(world.carrier.pk),
        "access_point": "east-AP1",
        "z_port": form["z_port"].value(),
        "status": "suspended",
        "bandwidthchange-TOTAL_FORMS": "0",
        "bandwidthchange-INITIAL_FORMS": "0",
    }
    assert client.post(url, data).status_code == 302
    fresh = models.Circuit.objects.get(pk=circuit.pk)
    assert (fresh.status, fresh.z_port) == ("suspended", world.west.port)


def test_control_characters_are_refused(world: World) -> None:
    data = {"name": "bad\x0bname"}
    answer = world.client(world.owner).post("/inventory/carrier/add/", data)
    assert answer.status_code == 422


def test_outer_white_space_is_not_stored(world: World) -> None:
    region = models.Region.objects.create(code=" 77 ", name="\t x \u3000", level="city")
    assert (region.code, region.name) == ("77", "x")


def test_deletion_says_what_protects_an_object(world: World) -> None:
    client = world.client(world.owner)
    url = f"/inventory/accesspoint/{world.east.access_point.pk}/delete/"
    assert "east-C1" in client.get(url).content.decode()
    assert client.post(url).status_code == 409
    assert models.AccessPoint.objects.filter(pk=world.east.access_point.pk).exists()


def test_deletion_names_nothing_outside_the_scope(world: World) -> None:
    client = world.client(world.owner)
    page = client.get(f"/inventory/carrier/{world.carrier.pk}/delete/")
    text = page.content.decode()
    assert "east-C1" in text
    assert "west-C1" not in text
    assert page.context["hidden"] == 1


def test_deletion_says_what_goes_along(world: World) -> None:
    page = world.client(world.owner).get(f"/inventory/unit/{world.east.unit.pk}/delete/")
    assert page.context["blocked"]
    models.Circuit.objects.all().delete()
    page = world.client(world.owner).get(f"/inventory/device/{world.east.device.pk}/delete/")
    assert page.context["goes"] == [(str(models.Port._meta.verbose_name_plural), 1)]


def test_a_region_goes_after_those_below_it_however_they_were_chosen(world: World) -> None:
    top = models.Region.objects.create(code="9", name="top", level="city")
    low = models.Region.objects.create(code="91", name="low", level="county", parent=top)
    with pytest.raises(StillReferencedError):
        delete_all([top])
    data = {"pk": [top.pk, low.pk], "confirm": "1"}
    assert world.client(world.admin).post("/inventory/region/bulk-delete/", data).status_code == 302
    assert not models.Region.objects.filter(code__startswith="9").exists()


def test_a_bulk_deletion_that_is_blocked_deletes_nothing(world: World) -> None:
    free = models.Carrier.objects.create(name="free")
    data = {"pk": [free.pk, world.carrier.pk], "confirm": "1"}
    answer = world.client(world.admin).post("/inventory/carrier/bulk-delete/", data)
    assert answer.status_code == 409
    assert models.Carrier.objects.filter(pk=free.pk).exists()


def test_a_reference_that_deletion_loosens_is_audited(world: World) -> None:
    other = models.Circuit.objects.create(
        number="other",
        carrier=world.carrier,
        access_point=world.east.access_point,
        diverse_from=world.east.circuit,
    )
    delete_all([world.east.circuit])
    other.refresh_from_db()
    assert other.diverse_from is None
    entry = LogEntry.objects.get_for_object(other).filter(action=LogEntry.Action.UPDATE).get()
    assert set(entry.changes) == {"diverse_from"}


def test_bulk_edit_names_each_object_that_would_break_a_rule(world: World) -> None:
    models.Region.objects.create(code="9", name="same", level="city", parent=world.city)
    lone = models.Region.objects.create(code="7", name="same", level="city")
    data = {"pk": [lone.pk], "apply": "1", "bulk-parent": "the-city"}
    answer = world.client(world.admin).post("/inventory/region/bulk-edit/", data)
    assert answer.status_code == 422
    assert answer.context["object_errors"][0][0] == "same"
    lone.refresh_from_db()
    assert lone.parent is None


def test_bulk_edit_that_would_make_objects_collide_changes_nothing(world: World) -> None:
    made = [models.Region.objects.create(code=c, name="same", level="city") for c in ("8", "7")]
    data = {"pk": [item.pk for item in made], "apply": "1", "bulk-parent": "the-city"}
    answer = world.client(world.admin).post("/inventory/region/bulk-edit/", data)
    assert answer.status_code == 422
    assert not models.Region.objects.filter(name="same", parent__isnull=False).exists()


def test_bulk_edit_can_empty_a_field(world: World) -> None:
    point = world.east.access_point
    point.place = "3号楼"
    point.save()
    data = {"pk": [point.pk], "apply": "1", "bulk-clear_place": "on"}
    client = world.client(world.owner)
    assert client.post("/inventory/accesspoint/bulk-edit/", data).status_code == 302
    point.refresh_from_db()
    assert point.place == ""
