"""GovNet asks the twin's devices who their neighbours are, on their cables and in their routing."""

from __future__ import annotations

from govnet.lab import kernel
from govnet.lab.description import Role
from tests.e2e.twins import City

OTHERS = (Role.PROVINCE, Role.ISP)
# One round over every device; the wrong end is only in the ledger, and not for long.
SWEEP = """
from django.db import transaction
from govnet.accounts.models import User
from govnet.inventory.models import Circuit
from govnet.topology.differences import differences
from govnet.topology.models import SweepRun
from govnet.topology.sweep import sweep
def tell():
    for found in differences(User.objects.get(username="demo")):
        print(found.kind.value, found.circuit or "", found.ledger, found.seen, sep="|")
run = SweepRun.objects.create()
sweep(run)
run.refresh_from_db()
print("devices", run.devices, "failed", run.failed)
tell()
print("wrong")
with transaction.atomic():
    wrong = Circuit.objects.get(number="YS-GG-02A").z_port
    Circuit.objects.filter(number="YS-GG-01A").update(z_port=wrong)
    tell()
    transaction.set_rollback(True)
"""


def test_what_the_devices_tell_is_what_the_ledger_says(city: City) -> None:
    with kernel.inside(city.twin.namespace("noc")):
        lines = city.govnet.django(SWEEP).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("devices "))
    agents = [node for node in city.twin.city.nodes if node.agent and node.role not in OTHERS]
    assert lines[start] == f"devices {len(agents)} failed 0"
    wrong = lines.index("wrong")
    # Nobody enters the cable of the operations room into the ledger of circuits.
    ours = city.twin.city.by_name["noc"].title
    assert [line for line in lines[start + 1 : wrong] if ours not in line] == []
    assert any(line.startswith("peer|YS-GG-01A|") for line in lines[wrong + 1 :])


# What is lost is only believed here, and not for long.
LOST = """
from datetime import timedelta
from django.db import transaction
from django.utils import timezone
from govnet.alarms.models import EventState
from govnet.alarms.neighbours import end_what_routers_disprove
from govnet.inventory.models import Device
fields = {{"raised": True, "count": 1, "source": "syslog"}}
fields["since"] = timezone.now() - timedelta(minutes=5)
pk = Device.objects.get(name={router!r}).pk
for kind, about in {lost!r}:
    with transaction.atomic():
        fields["evidence"] = [{{"about": about, "raised": True}}]
        EventState.objects.update_or_create(
            kind=kind, object_kind="device", object_id=pk, defaults=fields
        )
        print("over", end_what_routers_disprove())
        transaction.set_rollback(True)
"""


def test_a_router_says_that_a_neighbour_is_back_when_no_message_did(city: City) -> None:
    twin = city.twin.city
    other = str(twin.address_of("core1")[0])  # of OSPF in both versions, and of BGP
    lost = [("ospf_down", other), ("ospf_down", "192.0.2.1")]
    lost += [("bgp_down", other), ("bgp_down", "192.0.2.1")]
    with kernel.inside(city.twin.namespace("noc")):
        told = city.govnet.django(LOST.format(router=twin.by_name["core2"].title, lost=lost))
    found = [line for line in told.splitlines() if line.startswith("over ")]
    assert found == ["over 1", "over 0", "over 1", "over 0"]
