"""Targets follow the inventory in one idempotent pass."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from govnet.inventory.models import AccessPoint, LifeCycle, Port
from govnet.monitor.generate import Generated, sync_targets
from govnet.monitor.models import Flip, Target, TargetState
from govnet.monitor.watched import load
from tests.monitor import ledger

pytestmark = pytest.mark.django_db


def kinds() -> dict[str, str]:
    return {str(t.key): t.address for t in Target.objects.exclude(key=None)}


def test_every_address_in_service_gets_its_targets() -> None:
    point = ledger.access_point()
    point.ipv6 = "fd00::1"
    point.save()
    polled = ledger.device("D1", "127.2.0.1", credential=ledger.credential())
    pinged = ledger.device("D2", "127.2.0.2")
    sync_targets()
    assert kinds() == {
        f"access_point:{point.pk}:icmp:v4": "127.1.0.1",
        f"access_point:{point.pk}:icmp:v6": "fd00::1",
        f"device:{polled.pk}:icmp": "127.2.0.1",
        f"device:{polled.pk}:snmp": "127.2.0.1",
        f"device:{pinged.pk}:icmp": "127.2.0.2",
    }
    assert TargetState.objects.filter(state="unknown").count() == 5


def test_a_circuit_without_an_address_is_measured_by_the_ports_that_are_polled() -> None:
    polled = ledger.device("D1", "127.2.0.1", credential=ledger.credential())
    silent = ledger.device("D2", "127.2.0.2")
    a, z = (
        Port.objects.create(device=polled, name="a"),
        Port.objects.create(device=silent, name="z"),
    )
    line = ledger.circuit("骨干1", a_port=a, z_port=z)
    ledger.circuit("接入1", ledger.access_point(), z_port=a)
    ledger.circuit("无网管", a_port=z)
    bare = ledger.circuit("无地址", ledger.access_point("AP2", ipv4=None), z_port=a)
    sync_targets()
    Target.objects.filter(kind="snmp").update(interval_s=300)
    assert sync_targets() == Generated(updated=2)  # the interval is their devices'
    found = Target.objects.filter(kind="line").order_by("circuit_id")
    rows = [(t.circuit, t.name, t.address, t.interval_s) for t in found]
    assert rows == [(line, "骨干1 LINE", "D1 a", 300), (bare, "无地址 LINE", "D1 a", 300)]
    Port.objects.update(if_index=7)
    first, _second = load().lines
    assert (first.ports, first.interval_s) == ({a.pk: "D1 a"}, 300)
    assert all(target.kind != "line" for target in load().targets)


def test_a_second_pass_changes_nothing() -> None:
    ledger.access_point()
    assert sync_targets() == Generated(created=1)
    assert sync_targets() == Generated()


def test_no_secret_goes_into_a_target() -> None:
    ledger.device(credential=ledger.credential())
    sync_targets()
    assert all("public" not in str(target.params) for target in Target.objects.all())


def test_an_address_that_changes_moves_the_target() -> None:
    point = ledger.access_point()
    sync_targets()
    before = Target.objects.get()
    AccessPoint.objects.update(ipv4="127.1.9.9", name="新名")
    assert sync_targets() == Generated(updated=1)
    after = Target.objects.get()
    assert (after.pk, after.address, after.name) == (before.pk, "127.1.9.9", "新名 ICMP")
    assert after.access_point_id == point.pk


@pytest.mark.parametrize("status", [LifeCycle.WITHDRAWN, LifeCycle.SUSPENDED, LifeCycle.PLANNED])
def test_out_of_service_means_not_measured_and_unknown_but_history_stays(status: str) -> None:
    ledger.access_point()
    sync_targets()
    TargetState.objects.update(state="up")
    AccessPoint.objects.update(status=status)
    assert sync_targets() == Generated(withdrawn=1)
    assert not Target.objects.measured().exists()
    assert TargetState.objects.get().state == "unknown"
    assert Flip.objects.get().new_state == "unknown"
    AccessPoint.objects.update(status=LifeCycle.ACTIVE)
    assert sync_targets() == Generated(updated=1)
    assert Target.objects.measured().count() == 1


def test_what_an_operator_set_is_left_alone() -> None:
    ledger.access_point()
    sync_targets()
    Target.objects.update(interval_s=30, timeout_s=3, tries=4, enabled=False)
    sync_targets()
    target = Target.objects.get()
    assert (target.interval_s, target.timeout_s, target.tries) == (30, 3, 4)
    assert not target.enabled


def test_targets_made_by_hand_are_left_alone() -> None:
    manual = ledger.target("up", name="门户", kind="http", address="https://127.0.0.1/")
    assert sync_targets() == Generated()
    manual.refresh_from_db()
    assert (manual.withdrawn, manual.state.state) == (False, "up")


def test_a_name_at_its_longest_still_fits() -> None:
    point = ledger.access_point()
    AccessPoint.objects.filter(pk=point.pk).update(name="名" * 100)
    device = ledger.device("设" * 100)
    assert device.pk
    sync_targets()
    for target in Target.objects.all():
        target.full_clean()


def test_two_thousand_access_points_are_one_bulk_pass() -> None:
    owner = ledger.unit()
    AccessPoint.objects.bulk_create(
        AccessPoint(code=f"A{n}", name=f"A{n}", unit=owner, ipv4=f"127.3.{n // 250}.{n % 250 + 1}")
        for n in range(2000)
    )
    started = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        assert sync_targets() == Generated(created=2000)
    first = time.perf_counter() - started
    with CaptureQueriesContext(connection) as again:
        assert sync_targets() == Generated()
    print(f"first pass {first:.2f} s, {len(queries)} queries; second {len(again)} queries")
    assert len(queries) < 80
    assert len(again) < 15
