from __future__ import annotations

from datetime import date
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from govnet.demo import data
from govnet.demo.layout import DemoSecrets, Layout
from govnet.demo.targets import load_targets
from govnet.inventory.models import (
    AccessPoint,
    BandwidthChange,
    Carrier,
    Circuit,
    Contact,
    Credential,
    Device,
    Port,
    Region,
    RegionLevel,
    Unit,
    ledger_models,
)
from govnet.monitor.models import Target

pytestmark = pytest.mark.django_db

SECRETS = DemoSecrets()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "demo")


def load(layout: Layout, *, force: bool = False) -> None:
    data.load(layout.city, SECRETS, lambda: load_targets(layout, "", with_v6=True), force=force)


def counts() -> dict[str, int]:
    models: tuple[Any, ...] = (*ledger_models(), BandwidthChange, Target)
    return {model.__name__: model.objects.count() for model in models}


def own_unit(name: str = "本市某局") -> Unit:
    region, _ = Region.objects.get_or_create(
        code="439999", defaults={"name": "某市", "level": RegionLevel.CITY}
    )
    return Unit.objects.create(code="X-1", name=name, region=region, level="city")


def rates(on: date) -> list[int | None]:
    access: Any = Circuit.objects.filter(kind="access")  # django-stubs loses the annotation
    return list(access.with_bandwidth(on).values_list("contracted_mbps", flat=True))


def test_every_unit_has_a_point_a_circuit_a_contact_and_something_measured(layout: Layout) -> None:
    load(layout)
    assert Unit.objects.filter(demo=True).count() == 163
    for unit in Unit.objects.prefetch_related("access_points__circuits", "contacts"):
        point = unit.access_points.get()
        assert point.circuits.get().z_port is not None
        assert unit.contacts.count() == 1
        assert Target.objects.filter(access_point=point, kind="icmp").count() == 1
    assert Region.objects.filter(level=RegionLevel.COUNTY).count() == 9
    assert Device.objects.filter(layer="core").count() == 2


def test_bandwidth_history_says_10m_then_the_contracted_rate(layout: Layout) -> None:
    load(layout)
    before, after = date(2019, 8, 31), date(2020, 5, 31)
    old, new = rates(before), rates(after)
    assert (old.count(10), old.count(None)) == (103, 60)
    assert (new.count(100), new.count(1000)) == (133, 30)
    assert Unit.objects.filter(access_date__gte=before, acceptance_state="accepted").count() == 60


def test_loading_twice_changes_nothing_and_keeps_what_a_person_edited(layout: Layout) -> None:
    load(layout)
    first = counts()
    Unit.objects.filter(code="YS-0007").update(name="改过的名称")
    Target.objects.filter(name__startswith="政府门户网站 (").update(interval_s=77)
    load(layout)
    assert counts() == first
    assert Unit.objects.get(code="YS-0007").name == "改过的名称"
    assert Target.objects.get(name="政府门户网站 (演示)").interval_s == 77


def test_addresses_follow_another_network(layout: Layout, tmp_path: Path) -> None:
    load(layout)
    load(Layout(tmp_path / "demo", IPv4Network("127.62.0.0/16")))
    assert not AccessPoint.objects.filter(ipv4__startswith="127.59.").exists()
    assert not Device.objects.filter(management_ipv4__startswith="127.59.").exists()
    assert not Target.objects.filter(address__contains="127.59.").exists()


def test_it_refuses_a_ledger_that_holds_real_units(layout: Layout) -> None:
    own_unit()
    with pytest.raises(data.DemoError, match="1 units that are not demo data"):
        load(layout)
    assert not Unit.objects.filter(demo=True).exists()


def test_forced_it_still_refuses_a_clash_of_names(layout: Layout) -> None:
    own_unit("岳阳市财政局")
    with pytest.raises(data.DemoError, match="X-1 岳阳市财政局"):
        load(layout, force=True)


def test_removal_leaves_only_what_is_not_demo_data(layout: Layout) -> None:
    own_unit()
    before = counts()
    load(layout, force=True)
    data.ensure_user("a-long-demo-password")
    assert counts() != before
    data.remove()
    assert counts() == before
    assert not get_user_model().objects.exists()


def test_removal_stops_at_something_of_your_own_and_names_it(layout: Layout) -> None:
    load(layout)
    point = AccessPoint.objects.get(code="YS-0001-01")
    Circuit.objects.create(number="MINE-1", carrier=Carrier.objects.all()[0], access_point=point)
    with pytest.raises(data.DemoError, match="MINE-1"):
        data.remove()
    assert Unit.objects.filter(demo=True).count() == 163


def test_nothing_real_is_in_it_no_person_and_no_telephone(layout: Layout) -> None:
    load(layout)
    assert set(Contact.objects.values_list("name", flat=True)) == {"联络员(演示)"}
    assert set(Contact.objects.values_list("phone", flat=True)) == {"000-0000000"}
    assert not Port.objects.exclude(notes__contains=data.MARK).exists()


def test_credentials_are_encrypted_at_rest(layout: Layout) -> None:
    load(layout)
    assert Credential.objects.get(version="2c").community == SECRETS.community
    with connection.cursor() as cursor:
        cursor.execute("SELECT community, auth_key, priv_key FROM inventory_credential")
        stored = repr(cursor.fetchall())
    assert SECRETS.community not in stored
    assert SECRETS.auth_key not in stored


def test_the_printed_password_signs_in_even_after_a_change() -> None:
    data.ensure_user("first-password-1")
    user = get_user_model().objects.get(username="demo")
    user.set_password("something-else-2")
    user.save()
    data.ensure_user("first-password-1")
    assert get_user_model().objects.get(username="demo").check_password("first-password-1")
