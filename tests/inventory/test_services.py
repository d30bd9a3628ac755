"""Ports find their interface on the device, and follow when it numbers anew."""

from __future__ import annotations

import pytest
from auditlog import get_logentry_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govnet.inventory.models import Device, Port
from govnet.inventory.services import Interfaces, NewPort, add_ports, bind_ports
from tests.core.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(world: World) -> Device:
    return Device.objects.create(name="a device", layer="access", region=world.east.region)


def ports(device: Device) -> dict[str, int | None]:
    return dict(device.ports.values_list("name", "if_index"))


def has(*rows: tuple[int, str, str]) -> Interfaces:
    return Interfaces.of(*([row[place] for row in rows] for place in range(3)))  # type: ignore[arg-type]


def test_a_port_without_an_index_gets_that_of_its_name_or_else_of_its_alias(
    device: Device,
) -> None:
    Port.objects.create(device=device, name="GE0/0/1")
    Port.objects.create(device=device, name="to the unit", alias="DX-0001")
    Port.objects.create(device=device, name="not there")
    found = has((7, " ge0/0/1", ""), (8, "GE0/0/2", "dx-0001"), (9, "GE0/0/3", ""))
    assert bind_ports({device.pk: found}) == 2
    assert ports(device) == {"GE0/0/1": 7, "to the unit": 8, "not there": None}
    assert bind_ports({device.pk: found}) == 0, "once is enough"
    entry = get_logentry_model().objects.filter(object_repr__endswith="GE0/0/1").latest("pk")
    assert entry.changes["if_index"] == ["None", "7"]


def test_ports_follow_when_the_device_numbers_anew(device: Device) -> None:
    for index, name in enumerate(("a", "b", "c"), 1):
        Port.objects.create(device=device, name=name, if_index=index)
    assert bind_ports({device.pk: has((2, "a", ""), (1, "b", ""), (3, "c", ""))}) == 2
    assert ports(device) == {"a": 2, "b": 1, "c": 3}


def test_a_port_that_is_gone_does_not_keep_the_index_of_another(device: Device) -> None:
    Port.objects.create(device=device, name="gone", if_index=1)
    Port.objects.create(device=device, name="kept by hand", if_index=40)
    Port.objects.create(device=device, name="new")
    bind_ports({device.pk: has((1, "new", ""))})
    assert ports(device) == {"gone": None, "kept by hand": 40, "new": 1}


def test_a_name_that_two_interfaces_bear_binds_nothing(device: Device) -> None:
    Port.objects.create(device=device, name="eth", if_index=5)
    assert bind_ports({device.pk: has((1, "eth", "x"), (2, "eth", "x"))}) == 0
    assert ports(device) == {"eth": 5}


def test_other_devices_are_left_alone(world: World) -> None:
    bind_ports({world.east.device.pk: has((9, world.west.port.name, ""))})
    world.west.port.refresh_from_db()
    assert world.west.port.if_index == 1


NAMES = st.sampled_from(["a", "b", "c", "d"])


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.dictionaries(NAMES, st.none() | st.integers(1, 5), max_size=4),
    st.lists(st.tuples(st.integers(1, 5), NAMES, NAMES), max_size=5, unique_by=lambda row: row[0]),
)
def test_whatever_there_was_every_name_has_its_index_and_no_index_two_ports(
    device: Device, ledger: dict[str, int | None], rows: list[tuple[int, str, str]]
) -> None:
    device.ports.all().delete()
    used: set[int] = set()
    for name, index in ledger.items():
        free = index if index not in used else None
        used |= {free} if free else set()
        Port.objects.create(device=device, name=name, if_index=free)
    bind_ports({device.pk: has(*rows)})
    names = [name for _index, name, _alias in rows]
    for index, name, _alias in rows:
        if names.count(name) == 1 and name in ledger:
            assert ports(device)[name] == index


def test_a_port_written_short_finds_its_interface_in_full(device: Device) -> None:
    Port.objects.create(device=device, name="XGE0/0/1")
    Port.objects.create(device=device, name="Gi 0/0/1")
    bind_ports({device.pk: has((5, "XGigabitEthernet0/0/1", ""), (6, "GigabitEthernet0/0/1", ""))})
    assert ports(device) == {"XGE0/0/1": 5, "Gi 0/0/1": 6}


def test_accepted_ports_are_entered_once_and_audited(device: Device) -> None:
    Port.objects.create(device=device, name="GE0/0/1")
    Port.objects.create(device=device, name="by hand", if_index=9)
    wanted = [
        NewPort("GigabitEthernet0/0/1", 1),
        NewPort("GE0/0/2", 2, "至单位" + "长" * 200),
        NewPort("GE0/0/9", 9),
    ]
    (new,) = add_ports(device, wanted)
    assert (new.name, new.if_index, len(new.alias)) == ("GE0/0/2", 2, 120)
    assert add_ports(device, wanted) == []
    assert ports(device) == {"GE0/0/1": None, "by hand": 9, "GE0/0/2": 2}
    entry = get_logentry_model().objects.get_for_object(new).get()
    assert entry.changes["if_index"] == ["None", "2"]
