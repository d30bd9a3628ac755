"""Pages of exporters and address blocks: owner, colleague and stranger."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import ValidationError
from django.db.models.signals import post_save
from django.test import Client
from django.urls import reverse

from govnet.core.windows import window_of
from govnet.inventory.models import AccessPoint, Device, Region, Unit
from govnet.monitor.services import revision
from govnet.telemetry import flow_queries
from govnet.telemetry.flow_queries import FlowTotal
from govnet.telemetry.schema import INWARD, OUTWARD
from govnet.traffic import services, views
from govnet.traffic.models import AddressBlock, FlowExporter
from tests.people import person

pytestmark = pytest.mark.django_db

TOLD = {
    "domains": [
        {
            "protocol": "IPFIX",
            "number": 7,
            "sampling": 1000,
            "selectors": {"1": 1000},
            "gaps": 2,
            "missing": 31,
            "restarts": 0,
            "templates": [
                {
                    "number": 256,
                    "options": False,
                    "octets": 52,
                    "variable": False,
                    "fields": ["<b>octets"],
                }
            ],
        }
    ]
}


@pytest.fixture
def regions() -> tuple[Region, Region]:
    city = Region.objects.create(code="430600", name="city", level="city")
    made = [
        Region.objects.create(code=f"43060{n}", name=f"county {n}", level="county", parent=city)
        for n in (1, 2)
    ]
    return made[0], made[1]


def exporter(region: Region, address: str) -> FlowExporter:
    device = Device.objects.create(
        name=f"router {address}", layer="egress", region=region, management_ipv4=address
    )
    return FlowExporter.objects.create(
        address=address, device=device, told=TOLD, counters={"records": 12_345, "malformed": 3}
    )


def signed_in(username: str, *roles: str, **fields: object) -> Client:
    client = Client()
    user = person(username, *roles, **fields)  # type: ignore[arg-type]
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def test_an_exporter_is_shown_to_its_region_with_what_it_told(
    regions: tuple[Region, Region],
) -> None:
    here, there = exporter(regions[0], "10.0.0.1"), exporter(regions[1], "10.0.0.2")
    owner = signed_in("owner", "network_engineer", regions=[regions[0]])
    listed = owner.get(reverse("traffic:flowexporter_list"))
    text = listed.content.decode()
    assert "10.0.0.1" in text
    assert "10.0.0.2" not in text
    assert re.search(r"12\D?345", text)
    page = owner.get(here.get_absolute_url()).content.decode()
    assert "IPFIX" in page
    assert re.search(r"1:1\D?000", page)
    assert "&lt;b&gt;octets" in page
    assert owner.get(there.get_absolute_url()).status_code == 404
    for stranger in (signed_in("stranger"), signed_in("contact", "unit_contact", whole_site=True)):
        assert stranger.get(here.get_absolute_url()).status_code in (403, 404)


def test_a_colleague_looks_but_does_not_write(regions: tuple[Region, Region]) -> None:
    here = exporter(regions[0], "10.0.0.1")
    colleague = signed_in("colleague", "duty_officer", whole_site=True)
    assert colleague.get(here.get_absolute_url()).status_code == 200
    assert colleague.get(f"{here.get_absolute_url()}edit/").status_code == 403


def test_an_unknown_exporter_is_listed_and_knows_its_device_by_address(
    regions: tuple[Region, Region],
) -> None:
    device = Device.objects.create(
        name="edge", layer="egress", region=regions[0], management_ipv4="10.9.0.1"
    )
    ids = services.ensure_exporters({"10.9.0.1", "10.9.0.2"}, 1_790_000_000)
    assert FlowExporter.objects.get(pk=ids["10.9.0.1"]).device == device
    assert FlowExporter.objects.get(pk=ids["10.9.0.2"]).device is None
    assert services.ensure_exporters({"10.9.0.2"}, 1_790_000_100) == {"10.9.0.2": ids["10.9.0.2"]}


def test_forged_sources_do_not_fill_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_EXPORTERS", 3)
    services.ensure_exporters({f"10.9.1.{n}" for n in range(10)}, 1_790_000_000)
    assert FlowExporter.objects.count() == 3


@pytest.mark.parametrize("prefix", ["10.1.2.3/8", "10.0.0.0/33", "nonsense", ""])
def test_a_block_that_is_none_is_refused(prefix: str) -> None:
    with pytest.raises(ValidationError, match="prefix"):
        AddressBlock(prefix=prefix).full_clean()


def test_a_block_of_an_access_point_is_its_units(regions: tuple[Region, Region]) -> None:
    units = [
        Unit.objects.create(code=f"U{n}", name=f"unit {n}", region=regions[0], level="county")
        for n in (1, 2)
    ]
    point = AccessPoint.objects.create(code="P1", name="point", unit=units[0])
    block = AddressBlock(prefix="2001:DB8::/48", access_point=point)
    block.full_clean()
    assert (block.unit, block.prefix) == (units[0], "2001:db8::/48")
    with pytest.raises(ValidationError, match="access_point"):
        AddressBlock(prefix="10.0.0.0/8", access_point=point, unit=units[1]).full_clean()


@pytest.mark.django_db(transaction=True)
def test_a_change_of_a_block_is_followed() -> None:
    assert post_save.has_listeners(AddressBlock)
    before = revision()
    AddressBlock.objects.create(prefix="10.0.0.0/8")
    assert revision() > before


def test_the_ledger_as_the_receiver_reads_it(
    regions: tuple[Region, Region], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data_dir = tmp_path_factory.mktemp("data")
    unit = Unit.objects.create(code="U1", name="unit", region=regions[0], level="county")
    AccessPoint.objects.create(code="P1", name="point", unit=unit, ipv4="10.1.0.9")
    AddressBlock.objects.create(prefix="10.0.0.0/8")
    (data_dir / "countries.csv").write_text("\ufeff# source\n203.0.113.0/24,cn\n")
    (data_dir / "systems.csv").write_text("203.0.113.0/24,x\n")
    ledger = services.load_ledger(data_dir)
    assert {str(net): place.unit_id for net, place in ledger.blocks.items()} == {
        "10.1.0.9/32": unit.pk,
        "10.0.0.0/8": 0,
    }
    assert ledger.countries is not None
    assert ledger.systems is None  # a wrong file is logged, not half-used


def test_a_talker_is_one_address_whatever_the_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    totals = [
        FlowTotal(("::ffff:10.20.0.1", 1, direction), octets, 1, 1)
        for direction, octets in ((OUTWARD, 60), (INWARD, 40))
    ]
    totals.append(FlowTotal(("::ffff:10.20.0.2", 1, INWARD), 90, 1, 1))
    monkeypatch.setattr(views, "shared_client", lambda _config: None)
    monkeypatch.setattr(flow_queries, "flow_hosts", lambda *_: totals)
    rows = views._talkers(person("all", whole_site=True), window_of({}, "6h"))["rows"]
    assert [(row["label"], row["octets"]) for row in rows] == [
        ("10.20.0.1", 100),
        ("10.20.0.2", 90),
    ]
