"""Lists: columns, saved filters, pages, columns and panels of other apps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import django_filters
import django_tables2 as tables
import pytest
from django.db.models import Value
from django.http import HttpRequest

from govnet.core import columns, panels
from govnet.core.columns import ExtraColumn
from govnet.core.imports.plan import Planner
from govnet.core.models import SavedFilter, TablePreference
from govnet.core.registry import get_resource
from govnet.core.views.objects import RELATED_ROWS
from govnet.inventory import models
from tests.core.world import World, body

pytestmark = pytest.mark.django_db

UNITS = "/inventory/unit/"


def test_a_person_keeps_the_own_columns_and_their_order(world: World) -> None:
    mine, other = world.client(world.owner), world.client(world.colleague)
    chosen = ["code", "name", "notes"]
    mine.post("/core/lists/inventory.unit/columns/", {"columns": [*chosen, "no-such-column"]})
    shown = [c.name for c in mine.get(UNITS).context["table"].columns]
    assert shown == ["selection", *chosen]
    assert "region" in [c.name for c in other.get(UNITS).context["table"].columns]
    mine.post("/core/lists/inventory.unit/columns/", {"reset": "1"})
    assert "region" in [c.name for c in mine.get(UNITS).context["table"].columns]


def test_a_page_is_never_longer_than_is_offered(world: World) -> None:
    for n in range(30):
        models.Unit.objects.create(code=f"U{n}", name=f"u{n}", region=world.city, level="city")
    client = world.client(world.admin)
    assert len(client.get(f"{UNITS}?per_page=1000000").context["table"].page.object_list) == 25
    assert len(client.get(f"{UNITS}?per_page=50").context["table"].page.object_list) == 32
    assert client.get(f"{UNITS}?page=999").context["table"].page.number == 2
    assert client.get(f"{UNITS}?page=x").context["table"].page.number == 1


def test_a_saved_filter_is_private_until_it_is_shared(world: World) -> None:
    mine, other = world.client(world.owner), world.client(world.colleague)
    url = "/core/lists/inventory.unit/filters/"
    mine.post(url, {"name": "accepted ones", "query": "acceptance_state=accepted&evil=1&page=3"})
    saved = SavedFilter.objects.get()
    assert saved.query == "acceptance_state=accepted"
    assert "accepted ones" in mine.get(UNITS).content.decode()
    assert "accepted ones" not in other.get(UNITS).content.decode()
    mine.post(url, {"name": "accepted ones", "query": saved.query, "shared": "on"})
    assert "accepted ones" in other.get(UNITS).content.decode()
    assert other.post(f"/core/filters/{saved.pk}/delete/").status_code == 404
    mine.post(f"/core/filters/{saved.pk}/delete/")
    assert not SavedFilter.objects.exists()


def test_what_a_person_keeps_for_a_list_needs_its_permission(world: World) -> None:
    client = world.client(world.nobody)
    assert client.post("/core/lists/inventory.unit/columns/", {}).status_code == 403
    assert client.post("/core/lists/inventory.unit/filters/", {"name": "x"}).status_code == 403
    assert client.post("/core/lists/no.such/columns/", {}).status_code == 404
    assert not TablePreference.objects.exists()


def test_a_region_filter_covers_everything_below_it(world: World) -> None:
    client = world.client(world.admin)
    both = client.get(f"{UNITS}?region={world.city.pk}").content.decode()
    assert "east-unit" in both
    assert "west-unit" in both
    one = client.get(f"{UNITS}?region={world.east.region.pk}").content.decode()
    assert "east-unit" in one
    assert "west-unit" not in one


def test_a_filter_offers_and_takes_only_what_the_person_may_see(world: World) -> None:
    client = world.client(world.owner)
    page = client.get(f"{UNITS}?region={world.west.region.pk}")
    text = page.content.decode()
    assert page.context["filterset"].form.errors["region"]
    assert "west-" not in text
    assert page.context["total"] == 0  # a wrong filter shows nothing rather than everything


def test_a_unit_is_filtered_by_its_name_and_never_by_a_menu_of_all_units(world: World) -> None:
    client = world.client(world.admin)
    page = client.get("/inventory/circuit/?unit=east-unit")
    assert [row.record.number for row in page.context["table"].rows] == ["east-C1"]
    text = page.content.decode()
    assert 'value="east-unit"' in text
    assert 'hx-get="/inventory/unit/choices/"' in text
    assert "west-unit" not in text


def test_a_unit_filter_knows_only_what_the_person_may_see(world: World) -> None:
    page = world.client(world.owner).get("/inventory/accesspoint/?unit=west-unit")
    assert page.context["filterset"].form.errors["unit"]
    assert page.context["total"] == 0


def test_the_address_of_a_filtered_list_is_short(world: World) -> None:
    client = world.client(world.owner)
    query = "q=east&level=&unit_class=&xueliang=&region=&evil=1&page=1"
    page = client.get(f"{UNITS}?{query}", headers={"HX-Request": "true"})
    assert page["HX-Push-Url"] == f"{UNITS}?q=east&page=1"
    assert page.context["filterset"].active == 0


def test_words_are_searched_in_any_order(world: World) -> None:
    client = world.client(world.admin)
    page = client.get("/inventory/circuit/?q=the-carrier+east")
    assert [row.record.number for row in page.context["table"].rows] == ["east-C1"]


def test_an_empty_list_says_what_to_do_next(world: World) -> None:
    client = world.client(world.owner)
    client.cookies["govnet_language"] = "en"
    assert "Nothing matches." in client.get(f"{UNITS}?q=zzz").content.decode()
    models.Contact.objects.all().delete()
    assert "Nothing here yet." in client.get("/inventory/contact/").content.decode()


@pytest.fixture
def mark_column() -> Iterator[None]:
    """A column as monitoring adds one."""
    column = ExtraColumn(
        "mark",
        lambda: tables.Column(verbose_name="The mark"),
        annotate=lambda rows: rows.annotate(mark=Value("seen-by-all")),
        filters={"mark": lambda: django_filters.CharFilter(field_name="mark", label="mark")},
        first=True,
    )
    columns.register(models.Unit, column)
    yield
    columns.unregister(models.Unit, "mark")


@pytest.mark.usefixtures("mark_column")
def test_another_app_adds_a_column_with_a_filter(world: World) -> None:
    client = world.client(world.owner)
    page = client.get(UNITS)
    names = [c.name for c in page.context["table"].columns]
    assert names.index("mark") < names.index("name")
    assert "seen-by-all" in page.content.decode()
    assert client.get(f"{UNITS}?mark=seen-by-all&sort=-mark").context["total"] == 1
    assert client.get(f"{UNITS}?mark=other").context["total"] == 0
    text = body(client.get("/inventory/unit/export/?format=csv")).decode("utf-8-sig")
    assert "The mark" in text.splitlines()[0]
    assert "seen-by-all" in text


def test_another_app_adds_a_panel_to_an_objects_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def context(request: HttpRequest, unit: models.Unit) -> dict[str, object]:
        return {"options": [("panel-of", f"{unit.name}/{request.user}")]}

    monkeypatch.setattr(panels, "_panels", defaultdict(list))
    panels.register(models.Unit, template="core/partials/choices.html", context=context)
    page = world.client(world.owner).get(f"{UNITS}{world.east.unit.pk}/").content.decode()
    assert "east-unit/owner" in page


def test_an_export_follows_the_filter_and_the_columns(world: World) -> None:
    client = world.client(world.admin)
    client.post("/core/lists/inventory.circuit/columns/", {"columns": ["carrier", "status"]})
    text = body(client.get("/inventory/circuit/export/?format=csv&q=east")).decode("utf-8-sig")
    header, *rows = text.strip().splitlines()
    assert len(header.split(",")) == 3  # what identifies a row leads, so it can be imported
    assert [row.split(",")[0] for row in rows] == ["east-C1"]


def test_the_state_is_exported_as_words_and_ignored_by_import(world: World) -> None:
    columns.register(
        models.Unit,
        ExtraColumn(
            "sign",
            lambda: tables.TemplateColumn("<b class='x'>up</b>", verbose_name="Sign"),
        ),
    )
    try:
        client = world.client(world.owner)
        text = body(client.get("/inventory/unit/export/?format=csv"))
        plan = Planner(get_resource(models.Unit), world.owner).run(text)
    finally:
        columns.unregister(models.Unit, "sign")
    assert "<" not in text.decode()
    assert (plan.errors, plan.changed, plan.unchanged) == ([], [], 1)
    assert any("Sign" in note for note in plan.notes)


def test_an_unknown_export_format_is_not_found(world: World) -> None:
    assert world.client(world.admin).get("/inventory/unit/export/?format=exe").status_code == 404


def test_a_picker_offers_what_fits_under_the_name_that_the_form_takes(world: World) -> None:
    client = world.client(world.owner)
    text = client.get("/inventory/port/choices/?z_port=east+GE0").content.decode()
    assert 'value="east-device east-GE0/0/1"' in text
    found = get_resource(models.Port).key.find(
        models.Port.objects.all(), "east-device east-GE0/0/1"
    )
    assert found == world.east.port


def test_a_page_shows_the_first_of_many_related_objects_and_leads_to_all(world: World) -> None:
    region = models.Region.objects.create(code="92", name="wide", level="city")
    models.Unit.objects.bulk_create(
        models.Unit(code=f"W{n:02}", name=f"wide-{n:02}", region=region, level="county")
        for n in range(RELATED_ROWS + 1)
    )
    page = world.client(world.admin).get(f"/inventory/region/{region.pk}/").content.decode()
    assert f"wide-{RELATED_ROWS - 1:02}" in page
    assert f"wide-{RELATED_ROWS:02}" not in page
    everything = f"/inventory/unit/?region={region.pk}"
    assert f'href="{everything}"' in page
    listed = world.client(world.admin).get(f"{everything}&page=2").content.decode()
    assert f"wide-{RELATED_ROWS:02}" in listed
