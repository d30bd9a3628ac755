"""What a device has and the ledger lacks: seen on its page, entered by a click, never by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from auditlog import get_logentry_model
from django.test import Client

from govnet.accounts.models import User
from govnet.dashboards import found_interfaces
from govnet.engine.snmp import SnmpPoller
from govnet.engine.snmp.model import DevicePoll, SnmpDevice, V2cCredential
from govnet.inventory.models import Device, Port
from govnet.monitor import services
from govnet.monitor.services import Interface, InterfaceReading
from govnet.runtime.polls import interface_readings
from tests.city import City, build_city
from tests.peers_snmpd import COMMUNITY, running_snmpd
from tests.people import person

pytestmark = pytest.mark.django_db
TITLE = "设备上有而台账中没有的接口"


@pytest.fixture
def city() -> City:
    city = build_city()
    services.ensure_rows()
    return city


def tell(device: Device, *rows: tuple[int, str, int]) -> None:
    """The device has these: ifIndex, name, ifType."""
    found = tuple(
        Interface(index, name, "", kind, 1000, admin_up=True) for index, name, kind in rows
    )
    services.write_interface_readings([InterfaceReading(device.pk, 1_790_000_000, found)])


def page(client: Client, device: Device) -> str:
    return client.get(device.get_absolute_url()).content.decode()


def accept(client: Client, device: Device, **data: object) -> int:
    return client.post(f"/monitor/devices/{device.pk}/interfaces/", data).status_code


def signed_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def engineer(city: City) -> User:
    """Of the part of the network where the device is."""
    return person("own", "network_engineer", regions=[city.device.region])


def test_only_what_the_ledger_lacks_is_shown_and_nothing_is_entered_by_itself(
    client: Client, city: City
) -> None:
    signed_in(client, engineer(city))
    assert TITLE not in page(client, city.device), "never read"
    known = city.port
    tell(city.device, (known.if_index or 1, known.name, 6), (71, "GE0/0/71", 6), (72, "NULL0", 1))
    html = page(client, city.device)
    assert TITLE in html
    assert "71 GE0/0/71" in html
    assert "NULL0" not in html
    assert list(city.device.ports.all()) == [known]


def test_one_is_accepted_with_its_actor_in_the_audit_trail(client: Client, city: City) -> None:
    signed_in(client, engineer(city))
    tell(city.device, (71, "GE0/0/71", 6), (72, "GE0/0/72", 6))
    assert accept(client, city.device, interface="71 GE0/0/71") == 302
    port = Port.objects.get(device=city.device, name="GE0/0/71")
    assert port.if_index == 71
    assert get_logentry_model().objects.get_for_object(port).get().actor.username == "own"
    assert not Port.objects.filter(name="GE0/0/72").exists()
    assert "71 GE0/0/71" not in page(client, city.device)


def test_all_are_accepted_but_a_name_that_two_bear(client: Client, city: City) -> None:
    signed_in(client, engineer(city))
    before = city.device.ports.count()
    tell(city.device, (71, "GE0/0/71", 6), (72, "Gi0/0/72", 6), (73, "eth", 6), (74, "eth", 6))
    assert accept(client, city.device, all="1") == 302
    assert city.device.ports.count() == before + 2
    assert accept(client, city.device, all="1") == 302
    assert city.device.ports.count() == before + 2


def test_what_has_changed_on_the_device_meanwhile_is_not_entered(
    client: Client, city: City
) -> None:
    signed_in(client, engineer(city))
    before = city.device.ports.count()
    tell(city.device, (71, "another now", 6))
    accept(client, city.device, interface="71 GE0/0/71")
    assert city.device.ports.count() == before


def test_a_stranger_gets_nothing_and_a_reader_no_button(client: Client, city: City) -> None:
    tell(city.device, (71, "GE0/0/71", 6))
    stranger = person("stranger", "network_engineer", units=[city.unit_west])
    assert accept(signed_in(client, stranger), city.device, all="1") == 404
    reader = person("reader", "duty_officer", regions=[city.device.region])
    assert accept(signed_in(client, reader), city.device, all="1") == 403
    html = page(client, city.device)
    assert TITLE in html
    assert "GE0/0/71" in html
    assert "interfaces/" not in html
    client.logout()
    assert accept(client, city.device, all="1") == 302, "to the sign-in"
    assert not Port.objects.filter(name="GE0/0/71").exists()


async def poll(device: SnmpDevice) -> DevicePoll:
    poller = SnmpPoller()
    await poller.start()
    try:
        return await poller.poll(device)
    finally:
        await poller.close()


def test_the_interfaces_of_a_real_agent_are_found(city: City, tmp_path: Path) -> None:
    with running_snmpd(tmp_path) as snmpd:
        credential = V2cCredential(COMMUNITY)
        asked = SnmpDevice(city.device.pk, "127.0.0.1", credential, port=snmpd.port)
        polled = asyncio.run(poll(asked))
    services.write_interface_readings(interface_readings([polled]))
    read_at, interfaces = found_interfaces.reading(city.device)
    assert read_at is not None
    names = {each.name: each for each in interfaces}
    assert names["lo"].if_type == 24
    assert names["lo"].admin_up
    assert {
        each.interface.name for each in found_interfaces.not_in_ledger(city.device, interfaces)
    } == {
        each.name
        for each in interfaces
        if each.if_type != 24 and each.if_index != city.port.if_index
    }
