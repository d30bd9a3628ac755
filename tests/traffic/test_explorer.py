"""Traffic pages over a real store: what they answer, and to whom."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import openpyxl
import pytest
from django.test import Client

from govnet.config import Config
from govnet.inventory.models import Unit
from govnet.telemetry.schema import INWARD, OUTWARD, TRANSIT
from govnet.traffic.models import FlowExporter
from tests import query_counts
from tests.city import City, build_city
from tests.people import person
from tests.store_process import running_store
from tests.traffic.rows import write_flows

pytestmark = pytest.mark.django_db

EXPLORER, CHART = "/traffic/explorer/", "/traffic/explorer/chart/"
PAGES = ("/traffic/", EXPLORER, CHART, "/traffic/egress/")
STEP_S = 20


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    with running_store(tmp_path_factory.mktemp("store")) as config:
        yield config


@dataclass(frozen=True)
class Site:
    """A city, and when its two hours of flows began and ended."""

    city: City
    start: float
    end: float

    def window(self, **more: str) -> dict[str, str]:
        return {"from": str(self.start), "to": str(self.end), **more}


@pytest.fixture
def site(store: Config, request: pytest.FixtureRequest) -> Site:
    """Two hours at 8 Mbit/s in and 2 out for the east, 1 out for the west, with ten minutes' gap.

    Each test has hours of its own in the store.
    """
    city = build_city()
    place = request.session.items.index(request.node)
    end = (time.time() // 3600 - 3 - 4 * (place % 60)) * 3600
    start = end - 7200
    ts = np.arange(start, end, STEP_S)
    ts = ts[(ts < start + 3600) | (ts >= start + 4200)]
    common = {"carrier_id": city.egress.carrier_id, "circuit_id": city.egress.pk, "protocol": 6}
    rates = (
        (city.unit_east, INWARD, 8, 2, "10.20.0.1"),
        (city.unit_east, OUTWARD, 2, 4, "10.20.0.2"),
        (city.unit_west, OUTWARD, 1, 2, "10.21.0.1"),
    )
    for unit, direction, mbps, application, own in rates:
        ends = ("203.0.113.1", own) if direction == INWARD else (own, "203.0.113.1")
        octets = mbps * 125_000 * STEP_S
        write_flows(
            store, ts, unit_id=unit.pk, direction=direction, bytes=octets, dst_port=443,
            application=application, src=ends[0], dst=ends[1], packets=octets // 1000, **common,
        )  # fmt: skip
    write_flows(store, ts[:3], direction=TRANSIT, bytes=500, src="192.168.7.7", dst="198.51.100.1")
    return Site(city, start, end)


def signed_in(username: str, *roles: str, **fields: Any) -> Client:  # noqa: ANN401
    client = Client()
    client.force_login(person(username, *roles, **fields))
    return client


@pytest.fixture
def engineer(site: Site) -> Client:
    return signed_in("engineer", "network_engineer", whole_site=True)


def table(client: Client, site: Site, **more: str) -> list[dict[str, str]]:
    response = client.get(EXPLORER, site.window(format="csv", **more))
    assert response.status_code == 200
    text = response.getvalue().decode()
    return list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))


def chart(client: Client, site: Site, **more: str) -> dict[str, Any]:
    response = client.get(CHART, site.window(**more))
    assert response.status_code == 200, response.content
    return dict(response.json())


def points(body: dict[str, Any], name: str) -> list[float | None]:
    (line,) = (one for one in body["option"]["series"] if one["name"] == name)
    return [value for _at, value in line["data"]]


def test_who_uses_how_much_is_exact(engineer: Client, site: Site) -> None:
    rows = table(engineer, site, by1="unit_id", by2="direction")
    seconds = 7200 - 600
    octets = {(row["单位"], row["方向"]): int(row["字节"]) for row in rows}
    assert octets[site.city.unit_east.name, "入向"] == 8 * 125_000 * seconds
    assert octets[site.city.unit_west.name, "出向"] == 125_000 * seconds
    assert float(rows[0]["平均(Mbit/s)"]) == pytest.approx(8 * seconds / 7200)
    assert sum(float(row["占比"]) for row in rows) == pytest.approx(1)


def test_the_chart_draws_rates_with_the_gap_as_a_gap(engineer: Client, site: Site) -> None:
    body = chart(engineer, site, by1="unit_id")
    values = points(body, site.city.unit_east.name)
    known = [value for value in values if value is not None]
    assert np.median(known) == pytest.approx(10)
    step = body["meta"]["step_s"]
    assert values.count(None) == pytest.approx(600 / step, abs=1)
    assert any("没有收到" in note for note in body["meta"]["notes"])
    assert any("flow_1m" in note for note in body["meta"]["notes"])
    assert any("未采样" in note for note in body["meta"]["notes"])
    stacked = [one.get("stack") for one in body["option"]["series"]]
    assert set(stacked) == {"all"}


def test_sampled_exporters_are_told(engineer: Client, site: Site) -> None:
    FlowExporter.objects.create(address="10.9.9.9", sampling=1000)
    told = {"domains": [{"sampling": 500, "selectors": {"1": 200}}]}
    FlowExporter.objects.create(address="10.9.9.8", told=told)
    notes = " ".join(chart(engineer, site)["meta"]["notes"])
    assert "1:200, 1:500, 1:1000" in notes


@pytest.mark.parametrize(
    ("question", "octets_per_s"),
    [
        ({"unit": "east"}, 10), ({"direction": "2"}, 8), ({"application": "4"}, 2),
        ({"address": "10.20.0.0/30"}, 10), ({"address": "10.21.0.1"}, 1),
        ({"carrier": "carrier"}, 11), ({"circuit": "egress", "direction": "1"}, 3),
    ],
)  # fmt: skip
def test_filters(
    engineer: Client, site: Site, question: dict[str, str], octets_per_s: float
) -> None:
    names = {
        "east": site.city.unit_east.code,
        "carrier": site.city.egress.carrier.name,
        "egress": site.city.egress.number,
    }
    asked = {name: names.get(text, text) for name, text in question.items()}
    rows = table(engineer, site, by1="protocol", **asked)
    assert sum(int(row["字节"]) for row in rows) == octets_per_s * 125_000 * 6600


def test_packets_and_flows(engineer: Client, site: Site) -> None:
    body = chart(engineer, site, by1="direction", amount="packets_total")
    assert np.nanmedian(np.array(points(body, "入向"), float)) == pytest.approx(1000)
    body = chart(engineer, site, by1="direction", amount="flows")
    assert np.nanmedian(np.array(points(body, "入向"), float)) == pytest.approx(1 / STEP_S)


def test_the_span_before_is_compared(engineer: Client, site: Site) -> None:
    half = {"from": str(site.start + 4800), "to": str(site.start + 6000)}
    response = engineer.get(EXPLORER, {**half, "by1": "unit_id", "compare": "on"})
    page = response.content.decode()
    assert response.status_code == 200
    assert "▲ +" in page  # the span before has half the gap in it
    body = engineer.get(CHART, {**half, "by1": "unit_id", "compare": "on"}).json()
    before = points(body, "上一时段合计")
    assert None in before
    assert 11 in [round(value) for value in before if value is not None]


def test_three_dimensions_as_a_sankey(engineer: Client, site: Site) -> None:
    asked = site.window(by1="unit_id", by2="application", by3="direction", show="sankey")
    page = engineer.get(EXPLORER, asked).content.decode()
    assert page.count("sankey-link") == 4 + 4  # what nobody registered is the fourth
    assert site.city.unit_west.name in page


def test_the_whole_table_as_a_workbook(engineer: Client, site: Site) -> None:
    response = engineer.get(EXPLORER, site.window(by1="src", by2="dst", format="xlsx"))
    book = openpyxl.load_workbook(io.BytesIO(response.getvalue()))
    rows = list(book.active.values)  # type: ignore[union-attr]
    assert ("203.0.113.1", "10.20.0.1") in {row[:2] for row in rows}


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "10.0.0.0/99"}, {"by1": "bytes"}, {"unit": "nobody"}, {"amount": "euro"},
        {"from": "x"}, {"direction": "9"}, {"by1": "unit_id); DROP"},
    ],
)  # fmt: skip
def test_nonsense_is_refused_and_nothing_typed_is_lost(
    engineer: Client, site: Site, wrong: dict[str, str]
) -> None:
    asked = {**site.window(), **wrong}
    page = engineer.get(EXPLORER, asked)
    assert page.status_code == 400
    assert engineer.get(CHART, asked).status_code == 400
    if "address" in wrong:
        assert "10.0.0.0/99" in page.content.decode()


# Who sees what


def test_a_colleague_sees_the_units_of_the_own_county_only(site: Site) -> None:
    colleague = signed_in("colleague", "network_engineer", regions=[site.city.west])
    other = site.city.unit_east
    rows = table(colleague, site, by1="unit_id", by2="src")
    assert {row["单位"] for row in rows} == {site.city.unit_west.name}
    body = chart(colleague, site, by1="unit_id")
    assert [one["name"] for one in body["option"]["series"]] == [site.city.unit_west.name]
    page = colleague.get(EXPLORER, site.window(by1="unit_id")).content.decode()
    assert site.city.unit_west.name in page
    assert other.name not in page
    overview = colleague.get("/traffic/", site.window()).content.decode()
    assert other.name not in overview
    assert "10.20.0" not in overview
    assert "192.168.7.7" not in overview
    for path in (EXPLORER, CHART):
        assert colleague.get(path, site.window(unit=other.code)).status_code == 400


def test_a_stranger_sees_nothing(site: Site) -> None:
    contact = signed_in("contact", "unit_contact", whole_site=True)
    charts = f"/traffic/egress/{site.city.egress.carrier_id}/chart/"
    for path in (*PAGES, charts):
        assert contact.get(path, site.window()).status_code == 403
        assert Client().get(path).status_code in (302, 403)
    nobody = signed_in("nobody", "network_engineer")
    assert table(nobody, site, by1="unit_id") == []
    assert chart(nobody, site)["option"]["series"] == []


# The other pages


def test_the_overview_names_the_largest_and_the_unregistered(engineer: Client, site: Site) -> None:
    page = engineer.get("/traffic/", site.window()).content.decode()
    for text in (site.city.unit_east.name, "10.20.0.1", "192.168.7.7"):
        assert text in page
    assert "198.51.100.1" not in page  # unregistered, but no private address


def test_the_egress_of_a_carrier_against_its_contract(engineer: Client, site: Site) -> None:
    page = engineer.get("/traffic/egress/", site.window()).content.decode()
    assert site.city.egress.number in page
    assert "8.00 Mbit/s" in page
    assert "3.00 Mbit/s" in page
    path = f"/traffic/egress/{site.city.egress.carrier_id}/chart/"
    body = engineer.get(path, site.window()).json()
    assert np.nanmedian(np.array(points(body, "出向"), float)) == pytest.approx(3)
    (marks,) = (one["markLine"] for one in body["option"]["series"] if "markLine" in one)
    assert {mark["name"]: mark["yAxis"] for mark in marks["data"]} == {
        "签约带宽": 1000, "入向 95 值": 8, "出向 95 值": 3,
    }  # fmt: skip


def test_a_unit_shows_what_it_moves(engineer: Client, site: Site) -> None:
    unit = Unit.objects.get(pk=site.city.unit_east.pk)
    assert CHART in engineer.get(unit.get_absolute_url()).content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_queries_do_not_grow(engineer: Client, site: Site, path: str) -> None:
    asked = site.window(by1="unit_id", by2="carrier_id", by3="exporter_id")
    engineer.get(path, asked)
    with query_counts.compare(f"traffic {path}"):
        assert engineer.get(path, asked).status_code == 200


def test_without_an_exporter_the_page_says_how_to_point_one_here(
    engineer: Client, site: Site
) -> None:
    FlowExporter.objects.all().delete()
    for path in ("/traffic/", EXPLORER):
        page = engineer.get(path, site.window()).content.decode()
        assert "ip netstream export host" in page
        assert "2055" in page
