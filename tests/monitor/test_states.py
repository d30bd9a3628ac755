"""The state of a thing is the worst of what is measured of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from govnet.accounts.models import User
from govnet.engine.result import State
from govnet.inventory.models import AccessPoint, Circuit, Device, Port, Unit
from govnet.monitor.models import PortState, Target, TargetState
from govnet.monitor.states import state_counts, with_state
from tests.monitor import ledger

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        (["up"], "up"),
        (["up", "unknown"], "unknown"),
        (["up", "unknown", "degraded"], "degraded"),
        (["degraded", "down", "up", "unknown"], "down"),
    ],
)
def test_the_worst_target_decides(states: list[str], worst: str) -> None:
    point = ledger.access_point()
    for state in states:
        ledger.target(state, access_point=point)
    assert with_state(AccessPoint.objects.all()).get().state == worst
    assert with_state(Unit.objects.all()).get().state == worst


def test_nothing_measured_is_unknown_and_said_to_be_unmonitored() -> None:
    ledger.access_point()
    found = with_state(AccessPoint.objects.all()).get()
    assert (found.state, found.monitored) == ("unknown", False)


@pytest.mark.parametrize("off", [{"enabled": False}, {"withdrawn": True}])
def test_targets_that_are_not_measured_do_not_count(off: dict[str, bool]) -> None:
    point = ledger.access_point()
    ledger.target("down", access_point=point, **off)
    ledger.target("up", access_point=point)
    assert with_state(AccessPoint.objects.all()).get().state == "up"


def test_a_target_without_a_state_row_is_unknown_not_good() -> None:
    point = ledger.access_point()
    Target.objects.create(name="t", kind="icmp", address="127.0.0.1", access_point=point)
    found = with_state(AccessPoint.objects.all()).get()
    assert (found.state, found.monitored) == ("unknown", True)


def test_a_units_own_application_counts_for_the_unit_only() -> None:
    point = ledger.access_point()
    ledger.target("up", access_point=point)
    ledger.target("down", unit=point.unit)
    assert with_state(Unit.objects.all()).get().state == "down"
    assert with_state(AccessPoint.objects.all()).get().state == "up"


def test_a_circuit_is_down_when_its_port_is_though_the_point_answers() -> None:
    point = ledger.access_point()
    ledger.target("up", access_point=point)
    port = Port.objects.create(device=ledger.device(), name="GE0/0/1")
    ledger.circuit("C1", point, z_port=port)
    assert with_state(Circuit.objects.all()).get().state == "up"
    PortState.objects.create(port=port, oper_up=False)
    assert with_state(Circuit.objects.all()).get().state == "down"


def test_an_egress_circuit_without_access_point_follows_its_ports() -> None:
    port = Port.objects.create(device=ledger.device(), name="GE0/0/1")
    ledger.circuit("C1", None, a_port=port)
    assert not with_state(Circuit.objects.all()).get().monitored
    PortState.objects.create(port=port, oper_up=True)
    assert with_state(Circuit.objects.all()).get().state == "up"


def test_a_list_filters_and_sorts_by_state_in_its_own_query() -> None:
    for number, state in enumerate(["up", "down", "degraded"]):
        made = ledger.device(f"D{number}", f"127.2.0.{number}")
        ledger.target(state, device=made)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        ordered = [d.state for d in with_state(Device.objects.all()).order_by("-state_rank")]
        down = with_state(Device.objects.all()).filter(state="down").count()
    assert ordered == ["down", "degraded", "up"]
    assert down == 1
    assert len(queries) == 2


def test_counts_tell_every_state_and_what_is_not_monitored() -> None:
    ledger.target("down", access_point=ledger.access_point("A1", ipv4="127.1.0.1"))
    ledger.target("up", access_point=ledger.access_point("A2", ipv4="127.1.0.2"))
    ledger.access_point("A3", ipv4="127.1.0.3")
    user = User.objects.create(username="u", whole_site=True)
    counts = state_counts(user)
    assert counts["unit"].by_state == {
        State.UP: 1,
        State.DEGRADED: 0,
        State.DOWN: 1,
        State.UNKNOWN: 0,
    }
    assert counts["unit"].not_monitored == 1
    assert counts["unit"].total == 3
    assert counts["target"].by_state[State.DOWN] == 1


def test_counts_tell_nobody_of_what_they_may_not_see() -> None:
    ledger.target("down", access_point=ledger.access_point())
    user = User.objects.create(username="u")
    assert all(counts.total == 0 for counts in state_counts(user).values())


@pytest.fixture
def two_thousand() -> None:
    owner = ledger.unit()
    points = AccessPoint.objects.bulk_create(
        AccessPoint(code=f"A{n}", name=f"A{n}", unit=owner, ipv4=f"127.3.{n // 250}.{n % 250 + 1}")
        for n in range(2000)
    )
    targets = Target.objects.bulk_create(
        Target(name=p.name, kind="icmp", address=p.ipv4 or "", access_point=p) for p in points
    )
    TargetState.objects.bulk_create(
        TargetState(target=t, state="up", since=datetime.now(UTC)) for t in targets
    )
    for point in points:
        ledger.circuit(point.code, point)


@pytest.mark.usefixtures("two_thousand")
def test_two_thousand_targets_cost_little() -> None:
    user = User.objects.create(username="u", whole_site=True)

    def took(work: Callable[[], object]) -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    by_state = with_state(Circuit.objects.all()).order_by("-state_rank", "number")
    seconds = {
        "counts": took(lambda: state_counts(user)),
        "page": took(lambda: list(by_state[:50])),
        "one state": took(lambda: with_state(Circuit.objects.all()).filter(state="down").count()),
    }
    print(seconds)
    assert max(seconds.values()) < 0.5, seconds


def test_a_circuit_judged_by_its_ports_shows_that_not_their_last_reading() -> None:
    """The last reading of a device that has fallen silent still says up."""
    device = ledger.device()
    port = Port.objects.create(device=device, name="p")
    circuit = ledger.circuit("C9", a_port=port)
    PortState.objects.create(port=port, oper_up=True)
    ledger.target("unknown", kind="line", circuit=circuit)
    found = with_state(Circuit.objects.all()).get()
    assert (found.state, found.monitored) == ("unknown", True)
