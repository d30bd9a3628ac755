"""Charts from a real store: units, directions, limits, raw samples, CSV."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.test import Client

from govnet.config import Config
from govnet.inventory.models import Circuit
from govnet.telemetry.writer import Writer
from tests.city import City, build_city
from tests.people import person
from tests.store_process import running_store
from tests.telemetry.samples import interface_columns, probe_columns

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    with running_store(tmp_path_factory.mktemp("store")) as config:
        yield config


@pytest.fixture
def city() -> City:
    return build_city()


@pytest.fixture
def chief(client: Client, city: City) -> Client:
    client.force_login(person("chief", "administrator", whole_site=True))
    return client


@pytest.fixture
def hour(store: Config, city: City) -> float:
    """An hour of samples that ends now: RTT 2 ms with a hole, 80 and 40 Mbit/s."""
    now = time.time()
    writer = Writer("test", store)
    ts = np.arange(now - 3600, now, 10.0)
    kept = (ts < now - 1800) | (ts > now - 1200)
    writer.append("probe_result", probe_columns(ts[kept], city.target_east.pk, 2.0))
    ts = np.arange(now - 3600, now, 60.0)
    octets = np.full(len(ts), int(80e6 * 60 / 8))
    seconds = np.full(len(ts), 60.0)
    columns = interface_columns(ts, octets, octets // 2, seconds, city.device.pk, 1)
    writer.append("interface_sample", columns)
    assert writer.close(30)
    return now


def load(client: Client, path: str) -> dict[str, Any]:
    response = client.get(path)
    assert response.status_code == 200, response.content
    return dict(response.json())


def values(body: dict[str, Any], name: str) -> list[float]:
    (line,) = (each for each in body["option"]["series"] if each["name"] == name)
    return [value for _at, value in line["data"] if value is not None]


def test_a_chart_shows_what_was_measured_and_a_gap_where_nothing_was(
    chief: Client, city: City, hour: float
) -> None:
    body = load(chief, f"/charts/latency/{city.target_east.pk}/?range=1h")
    assert set(values(body, "时延")) == {2.0}
    (line,) = (each for each in body["option"]["series"] if each["name"] == "时延")
    missing = [at for at, value in line["data"] if value is None]
    offset = body["meta"]["offset_s"]
    inside = [at for at in missing if hour - 1800 < at / 1000 - offset < hour - 1230]
    assert len(inside) >= 0.9 * 570 / body["meta"]["step_s"]
    assert body["meta"]["unit"] == "ms"
    assert any("最新 2.00" in note for note in body["meta"]["notes"])


def test_a_port_keeps_its_directions_and_an_access_circuit_shows_the_units(
    chief: Client, city: City, hour: float
) -> None:
    body = load(chief, f"/charts/traffic/{city.port.pk}/?range=1h")
    assert values(body, "入向")[-2] == pytest.approx(80)
    assert values(body, "出向")[-2] == pytest.approx(40)
    Circuit.objects.filter(pk=city.access.pk).update(z_port=city.port)
    body = load(chief, f"/charts/circuit/{city.access.pk}/?range=1h")
    assert values(body, "入向")[-2] == pytest.approx(40)
    assert values(body, "出向")[-2] == pytest.approx(80)


def test_a_circuit_shows_its_contract_and_its_95th_percentile(
    chief: Client, city: City, hour: float
) -> None:
    body = load(chief, f"/charts/circuit/{city.egress.pk}/?range=1h")
    assert set(values(body, "签约带宽")) == {1000.0}
    limits = {
        mark["name"]: mark["yAxis"]
        for each in body["option"]["series"]
        for mark in each.get("markLine", {}).get("data", [])
    }
    assert limits["入向 95 值"] == pytest.approx(80, rel=0.01)
    assert limits["出向 95 值"] == pytest.approx(40, rel=0.01)
    page = chief.get(city.egress.get_absolute_url()).content.decode()
    assert "95 值利用率" in page
    assert "25.00%" in page


def test_the_egress_is_the_sum_of_what_the_person_sees(
    chief: Client, city: City, hour: float
) -> None:
    body = load(chief, "/charts/egress/?range=1h")
    assert values(body, "入向")[-2] == pytest.approx(80)
    stranger = Client()
    stranger.force_login(person("east", "duty_officer", regions=[city.east]))
    assert load(stranger, "/charts/egress/?range=1h")["meta"]["empty"]


def test_the_csv_is_the_chart_and_excel_reads_it(chief: Client, city: City, hour: float) -> None:
    response = chief.get(f"/charts/latency/{city.target_east.pk}/?range=1h&format=csv")
    assert response["Content-Type"].startswith("text/csv")
    assert response.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert rows[0][:2] == ["time", "rtt (ms)"]
    assert {row[1] for row in rows[1:] if row[1]} == {"2.0"}


def test_the_samples_behind_a_point_are_the_raw_ones(
    chief: Client, city: City, hour: float
) -> None:
    page = chief.get(f"/samples/latency/{city.target_east.pk}/?at={hour - 400}").content.decode()
    assert "2.000" in page
    assert page.count("<tr>") >= 58
    page = chief.get(f"/samples/traffic/{city.port.pk}/?at={hour - 400}").content.decode()
    assert str(int(80e6 * 60 / 8)) in page
    gone = chief.get(f"/samples/latency/{city.target_east.pk}/?at=1000000000")
    assert "没有样本" in gone.content.decode()


def test_nothing_measured_is_said_and_is_no_zero(chief: Client, city: City, store: Config) -> None:
    body = load(chief, f"/charts/latency/{city.target_west.pk}/?range=1h")
    assert body["meta"]["empty"] == "该时段没有监测数据。"
    assert values(body, "时延") == []


@pytest.mark.parametrize("span", ["1h", "6h", "24h", "7d", "30d", "1y"])
def test_every_range_answers_with_at_most_about_600_points(
    chief: Client, city: City, hour: float, span: str
) -> None:
    body = load(chief, f"/charts/latency/{city.target_east.pk}/?range={span}")
    assert 0 < len(body["option"]["series"][0]["data"]) <= 602
