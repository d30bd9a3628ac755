"""The page of the twin: who may see and use it, what it shows, what it lets happen."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from govnet.accounts.models import User
from govnet.inventory.models import AccessPoint, Region, RegionLevel, Unit
from govnet.lab import belief, director, faults, pages, words
from govnet.lab.control import ControlError
from govnet.lab.description import Role
from govnet.lab.models import Order
from govnet.lab.truth import Sense
from govnet.lab.twin import Twin
from govnet.monitor.models import Target, TargetState
from tests.lab.paper import paper_twin
from tests.people import person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.lab.lab_urls")]


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Twin:
    settings.LANGUAGE_CODE = "en"
    found = paper_twin(tmp_path, monkeypatch)
    monkeypatch.setattr(pages, "twin_here", lambda: found)
    return found


@pytest.fixture
def orders(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the director is told; it refuses whatever concerns the province."""
    given: list[dict[str, Any]] = []

    def told(_: Twin, request: dict[str, Any]) -> None:
        given.append(request)
        if request.get("target") == "province":
            raise ControlError("Not the province.")

    monkeypatch.setattr(director, "order", told)
    return given


@pytest.fixture
def administrator(client: Client) -> User:
    user = person("chief", "administrator", whole_site=True)
    client.force_login(user)
    return user


@pytest.fixture
def units(twin: Twin) -> dict[str, Target]:
    """Targets of every unit's IPv4 address, all up for an hour."""
    region = Region.objects.create(code="430600", name="岳阳市", level=RegionLevel.CITY)
    made = {}
    for node in twin.city.of_role(Role.UNIT):
        unit = Unit.objects.create(
            code=node.unit_code, name=node.title, region=region, level=RegionLevel.COUNTY
        )
        address = str(twin.city.address_of(node.name)[0])
        point = AccessPoint.objects.create(
            code=f"{node.unit_code}-01", name=node.title, unit=unit, ipv4=address
        )
        target = Target.objects.create(
            name=node.title, kind="icmp", address=address, access_point=point
        )
        since = timezone.now() - timedelta(hours=1)
        TargetState.objects.update_or_create(
            target=target, defaults={"state": "up", "since": since, "checked_at": since}
        )
        made[node.name] = target
    return made


def text(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("role", ["duty_officer", "network_engineer", "leader", "unit_contact"])
def test_only_administrators_see_the_page_and_give_orders(
    client: Client, twin: Twin, orders: list[dict[str, Any]], role: str
) -> None:
    client.force_login(person("other", role, whole_site=True))
    for url in ("/lab/", "/lab/fault/cut/"):
        assert client.get(url).status_code == 403
    for url in ("/lab/heal/", "/lab/play/", "/lab/stop/", "/lab/fault/cut/"):
        assert client.post(url, {"target": "u001", "act": "inject"}).status_code == 403
    assert "/lab/" not in text(client, "/")
    assert orders == []


def test_without_a_twin_there_is_no_page(
    client: Client, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "twin_here", lambda: None)
    assert client.get("/lab/").status_code == 404


@pytest.mark.urls("govnet.urls")
def test_outside_of_a_twin_the_navigation_does_not_know_it(
    client: Client, administrator: User
) -> None:
    assert client.get("/lab/").status_code == 404
    assert "/lab/" not in text(client, "/")


def test_truth_stands_beside_belief_and_since_when_they_differ(
    client: Client, administrator: User, twin: Twin, units: dict[str, Target]
) -> None:
    assert "Everything works, and GovNet says so." in text(client, "/lab/")
    faults.inject(twin, "cut", "u003")
    rows = {row.node: row for row in belief.compare(administrator, twin)}
    assert len(rows) == len(units)
    wrong = rows["u003"]
    assert (wrong.truth, wrong.believed, wrong.agrees) == ("down", "up", False)
    assert wrong.since is not None
    assert timezone.now() - wrong.since < timedelta(minutes=1)
    assert wrong.sense is Sense.ICMP4
    assert all(row.agrees for node, row in rows.items() if node != "u003")
    shown = text(client, "/lab/")
    assert f"{len(units) - 1} of {len(units)} agree" in shown
    assert "≠ differ" in shown
    assert "1 unit truly has no path:" in shown
    assert shown.count("is-hit") >= 1
    TargetState.objects.filter(target=units["u003"]).update(state="down", since=timezone.now())
    assert all(row.agrees for row in belief.compare(administrator, twin))
    assert "≠ differ" not in text(client, "/lab/")
    assert text(client, "/lab/?show=all").count("✓ agree") == len(units)


def test_a_target_without_a_measurement_is_unknown_and_not_good(
    administrator: User, twin: Twin, units: dict[str, Target]
) -> None:
    TargetState.objects.filter(target=units["u001"]).delete()
    (first, *_) = belief.compare(administrator, twin)
    assert (first.node, first.believed, first.agrees, first.since) == (
        "u001",
        "unknown",
        False,
        None,
    )


def test_who_sees_a_part_compares_that_part(twin: Twin, units: dict[str, Target]) -> None:
    unit = units["u002"].access_point
    assert unit is not None
    colleague = person("colleague", "administrator", units=[unit.unit])
    assert [row.node for row in belief.compare(colleague, twin)] == ["u002"]
    assert belief.compare(person("stranger", "administrator"), twin) == []


@pytest.mark.parametrize("kind", sorted(faults.KINDS))
def test_every_kind_has_words_a_place_and_a_form_with_its_options(
    client: Client, administrator: User, twin: Twin, kind: str
) -> None:
    for node in twin.city.nodes:
        room = twin.directory / "nodes" / node.name
        room.mkdir(parents=True)
        (room / "daemons.json").write_text('[{"name": "snmpd", "argv": []}]', encoding="utf-8")
    shown = text(client, f"/lab/fault/{kind}/")
    assert sum(kind in of for _, of in words.GROUPS) == 1
    assert "<option value=" in shown
    for name in faults.KINDS[kind].model.model_fields:
        assert f'name="option_{name}"' in shown
        assert name in words.OPTIONS


def test_a_fault_is_looked_at_first_and_then_let_happen(
    client: Client, administrator: User, twin: Twin, orders: list[dict[str, Any]]
) -> None:
    data = {"target": "u003", "option_loss": "0.3", "option_way": "up", "option_delay_ms": ""}
    looked = client.post("/lab/fault/line/", data | {"act": "look"}).content.decode()
    assert "Truly broken with it" in looked
    assert "Degraded" in looked
    assert "Let it happen" in looked
    assert orders == []
    answer = client.post("/lab/fault/line/", data | {"act": "inject"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/lab/")
    options, line = {"loss": 0.3, "way": "up"}, twin.city.plugs("u003")[0][2].name
    expected = {"do": "inject", "kind": "line", "target": line, "options": options}
    assert orders == [expected]
    kept = Order.objects.get()
    assert (kept.person, kept.what, kept.refusal) == (administrator, "inject", "")
    assert line in kept.subject
    assert LogEntry.objects.get_for_object(kept).count() == 1


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        ("cut", {"target": "nobody"}, "no cable nobody"),
        ("cut", {"target": "<script>"}, "no cable &lt;script&gt;"),
        ("line", {"target": "u001", "option_loss": "7"}, "loss"),
        ("line", {"target": "u001", "option_way": "sideways"}, "sideways"),
        ("cut", {"target": ""}, "required"),
    ],
)
def test_a_wrong_target_or_option_is_refused_on_the_form(
    client: Client,
    administrator: User,
    twin: Twin,
    orders: list[dict[str, Any]],
    kind: str,
    data: dict[str, str],
    sentence: str,
) -> None:
    answer = client.post(f"/lab/fault/{kind}/", data | {"act": "inject"})
    assert sentence in answer.content.decode()
    assert orders == []
    assert not Order.objects.exists()


def test_what_the_director_refuses_is_said_and_kept(
    client: Client, administrator: User, twin: Twin, orders: list[dict[str, Any]]
) -> None:
    answer = client.post("/lab/heal/", {"kind": "off", "target": "province"}, follow=True)
    assert "Not the province." in answer.content.decode()
    assert Order.objects.get().refusal == "Not the province."


def test_scenarios_are_listed_played_and_stopped(
    client: Client, administrator: User, twin: Twin, orders: list[dict[str, Any]]
) -> None:
    assert "骨干断缆" in text(client, "/lab/")
    client.post("/lab/play/", {"name": "backbone-cut"})
    client.post("/lab/stop/")
    client.post("/lab/heal/")
    assert [order["do"] for order in orders] == ["play", "stop", "heal"]
    told = director.Progress("backbone-cut", timezone.now().timestamp() - 5, 60.0, 2)
    director.Director._tell(type("D", (), {"twin": twin})(), told)
    shown = text(client, "/lab/")
    assert "step 2 of" in shown
    assert "Stop and heal" in shown


def test_the_live_part_is_asked_for_alone(
    client: Client, administrator: User, twin: Twin, units: dict[str, Target]
) -> None:
    state = client.get("/lab/?part=state", headers={"HX-Request": "true"}).content.decode()
    assert "Faults in force" in state
    assert "<svg" not in state.partition("Faults in force")[2].partition("Newest orders")[0]
    drawing = client.get("/lab/?part=map", headers={"HX-Request": "true"}).content.decode()
    assert "map-node" in drawing
    assert "Faults in force" not in drawing
