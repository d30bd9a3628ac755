"""Targets by hand: who may watch what, errors beside their field, no secret in a page."""

from __future__ import annotations

import pytest
from auditlog import get_logentry_model
from django.core.cache import cache
from django.db import connection
from django.test import Client

from govnet.dashboards import platform
from govnet.inventory.models import AccessPoint
from govnet.monitor import services
from govnet.monitor.generate import sync_targets
from govnet.monitor.models import Target
from tests.city import City, build_city
from tests.people import person

pytestmark = pytest.mark.django_db
ADD = "/monitor/targets/add/"
LIST = "/monitor/targets/"
USUAL = {"interval_s": 30, "timeout_s": 3, "tries": 2, "enabled": "on"}


@pytest.fixture
def city(monkeypatch: pytest.MonkeyPatch) -> City:
    cache.clear()
    monkeypatch.setattr(platform, "ask_all", lambda _config: {})
    return build_city()


def whole(client: Client) -> Client:
    client.force_login(person("chief", "network_engineer", whole_site=True))
    return client


def east(client: Client, city: City) -> Client:
    client.force_login(person("east", "network_engineer", regions=[city.east]))
    return client


def refused(client: Client, path: str = ADD, **fields: object) -> dict[str, list[str]]:
    """Send the form; its errors by field."""
    response = client.post(path, {**USUAL, "name": "x", **fields})
    assert response.status_code == 200
    errors: dict[str, list[str]] = response.context["form"].errors
    assert errors
    return errors


def saved(client: Client, path: str = ADD, **fields: object) -> Target:
    response = client.post(path, {**USUAL, "name": "新目标", **fields})
    assert response.status_code == 302, response.context["form"].errors
    return Target.objects.get(pk=int(response["Location"].rstrip("/").rsplit("/", 1)[1]))


def test_an_https_target_of_a_unit_is_added_and_audited(
    client: Client, city: City, django_capture_on_commit_callbacks: object
) -> None:
    connection.run_on_commit.clear()  # the city's own change; one waiting bump stands for all
    before = services.revision()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]  # fixture
        made = saved(
            whole(client),
            kind="http",
            address="https://127.20.0.1/",
            expected_status="200-299,401",
            params='{"certificate": "warn", "headers": {"Authorization": "hush-hush"}}',
            unit=city.unit_east.code,
        )
    assert (made.unit, made.key, made.interval_s) == (city.unit_east, None, 30)
    assert made.params["expected_status"] == "200-299,401"
    assert made.params["certificate"] == "warn"
    assert services.revision() > before
    entry = get_logentry_model().objects.get_for_object(made).get()
    assert entry.actor.username == "chief"
    assert "hush-hush" not in str(entry.changes)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "tcp", "address": "127.20.0.1"}, "port"),
        ({"kind": "dns", "address": "gov.cn"}, "server"),
        ({"kind": "dns", "address": "gov.cn", "server": "not an address"}, "server"),
        ({"kind": "http", "address": "ftp://127.20.0.1/"}, "address"),
        ({"kind": "icmp", "address": "nonsense"}, "address"),
        (
            {"kind": "http", "address": "http://127.20.0.1/", "expected_status": "many"},
            "expected_status",
        ),
        ({"kind": "icmp", "address": "127.20.0.1", "params": '{"cuont": 3}'}, "params"),
        ({"kind": "icmp", "address": "127.20.0.1", "params": "[1]"}, "params"),
        ({"kind": "snmp", "address": "127.20.1.1"}, "kind"),
        ({"kind": "icmp", "address": "127.20.0.1", "interval_s": 0}, "interval_s"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_its_field(
    client: Client, city: City, fields: dict[str, str | int], field: str
) -> None:
    assert list(refused(whole(client), ADD, **fields)) == [field]
    assert Target.objects.count() == 2


def test_a_part_of_the_network_watches_only_its_own_ledger(client: Client, city: City) -> None:
    east(client, city)
    mine = {"kind": "icmp", "unit": city.unit_east.code}
    AccessPoint.objects.create(code="AP-10", name="10", unit=city.unit_east, ipv4="10.20.0.1")
    assert saved(client, address="10.20.0.1", **mine).unit == city.unit_east
    assert "address" in refused(client, address="127.20.0.1", **mine), "this machine"
    assert "address" in refused(client, address="127.20.0.2", **mine)
    assert "address" in refused(client, address="10.99.0.1", **mine)
    assert "address" in refused(client, address="127.0.0.1", **mine)
    assert "unit" in refused(client, kind="icmp", address="127.20.0.1", unit=city.unit_west.code)
    assert "__all__" in refused(client, kind="icmp", address="10.20.0.1"), "nobody's"
    assert client.get(f"{LIST}{city.target_west.pk}/edit/").status_code == 404


def test_nobody_watches_link_local_or_metadata_addresses(client: Client, city: City) -> None:
    url = "http://169.254.169.254/latest/"
    assert "address" in refused(whole(client), kind="http", address=url)


def test_references_are_for_people_who_see_the_whole_site(client: Client, city: City) -> None:
    east(client, city)
    assert 'name="reference"' not in client.get(ADD).content.decode()
    AccessPoint.objects.create(code="AP-10", name="10", unit=city.unit_east, ipv4="10.20.0.1")
    made = saved(client, kind="icmp", address="10.20.0.1", unit=city.unit_east.code, reference="on")
    assert not made.reference
    client.logout()
    assert saved(whole(client), kind="icmp", address="127.0.0.1", reference="on").reference
    owned = {"kind": "icmp", "address": "127.0.0.1", "unit": city.unit_east.code}
    assert "reference" in refused(client, reference="on", **owned)


def test_a_generated_target_keeps_how_it_is_measured(client: Client, city: City) -> None:
    sync_targets()
    made = Target.objects.get(key=f"access_point:{city.point_east.pk}:icmp:v4")
    name = made.name
    path = f"{LIST}{made.pk}/"
    whole(client)
    asked = {"interval_s": 60, "timeout_s": 2, "tries": 3, "name": "x", "address": "10.0.0.1"}
    assert client.post(f"{path}edit/", asked).status_code == 302
    sync_targets()
    made.refresh_from_db()
    assert (made.interval_s, made.timeout_s, made.tries, made.enabled) == (60, 2, 3, False)
    assert (made.name, made.address) == (name, "127.20.0.1")
    assert client.post(f"{path}delete/").status_code == 404
    assert Target.objects.filter(pk=made.pk).exists()


def test_stored_header_values_stay_hidden_and_never_go_elsewhere(
    client: Client, city: City
) -> None:
    headers = {"Authorization": "hush-hush"}
    target = Target.objects.create(
        name="w", kind="http", address="https://127.20.0.1/", params={"headers": headers}
    )
    path = f"{LIST}{target.pk}/edit/"
    page = whole(client).get(path)
    assert "hush-hush" not in page.content.decode()
    hidden = {"kind": "http", "params": '{"headers": {"Authorization": "••••••••"}}'}
    saved(client, path, address="https://127.20.0.1/other", **hidden)
    target.refresh_from_db()
    assert target.address.endswith("/other")
    assert target.params == {"headers": headers}
    assert "params" in refused(client, path, address="https://127.20.0.2/", **hidden)
    assert "params" in refused(client, path, address="http://127.20.0.1/", **hidden)


def test_a_target_by_hand_is_switched_off_emptied_and_deleted(client: Client, city: City) -> None:
    whole(client)
    made = saved(client, kind="http", address="http://127.20.0.1/", body_contains="政务")
    path = f"{LIST}{made.pk}/"
    off = {"interval_s": 30, "timeout_s": 3, "tries": 1, "name": "n", "kind": "http", "params": ""}
    assert client.post(f"{path}edit/", {**off, "address": made.address}).status_code == 302
    made.refresh_from_db()
    assert (made.enabled, made.params) == (False, {})
    assert f"{path}delete/" in client.get(path).content.decode()
    assert client.get(f"{path}delete/").status_code == 200
    assert client.post(f"{path}delete/").status_code == 302
    assert not Target.objects.filter(pk=made.pk).exists()


def test_who_may_only_look_changes_nothing(client: Client, city: City) -> None:
    client.force_login(person("duty", "duty_officer", whole_site=True))
    path = f"{LIST}{city.target_east.pk}/"
    for page in (ADD, f"{path}edit/", f"{path}delete/"):
        assert client.get(page).status_code == 403
        assert client.post(page).status_code == 403
    for page in (LIST, path):
        content = client.get(page).content.decode()
        assert ADD not in content
        assert f"{path}edit/" not in content


@pytest.mark.parametrize("page", ["/", LIST])
def test_a_missing_reference_is_said_with_the_next_step(
    client: Client, city: City, page: str
) -> None:
    whole(client)
    step = f"{ADD}?reference=1"
    assert step in client.get(page).content.decode()
    assert "checked" in str(client.get(step).context["form"]["reference"])
    Target.objects.create(name="r", kind="icmp", address="127.0.0.1", reference=True)
    assert step not in client.get(page).content.decode()
