"""A contract's end is told at 90, 30 and 7 days, each once, through the notice channels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta

import pytest
import time_machine
from django.utils import timezone

from govnet.alarms.models import Alarm, Rule
from govnet.alarms.rulebook import faults_now, kinds
from govnet.alarms.services import reconcile
from govnet.alarms.templatetags.alarms import impact_text
from govnet.config import get_config
from govnet.inventory.models import Carrier, Circuit
from govnet.notices.dispatch import dispatch
from govnet.notices.models import Channel, Policy, Step
from govnet.notices.sender import Sender
from govnet.projects import services
from govnet.projects.models import Contract
from tests.core.world import World
from tests.notices.peers import HttpPeer, http_peer
from tests.projects.world import contract_of, in_force

pytestmark = pytest.mark.django_db


@pytest.fixture
def contract(world: World) -> Contract:
    """In force until the last of January 2027."""
    found = contract_of(world.east)
    in_force(found)
    Rule.objects.filter(source="metric").update(enabled=False)
    return found


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpPeer]:
    monkeypatch.setenv("GOVNET_NOTICE_LOOPBACK", "true")
    get_config.cache_clear()
    with http_peer() as found:
        yield found
    monkeypatch.undo()
    get_config.cache_clear()


def morning(contract: Contract, left: int) -> datetime:
    """Nine o'clock, some days before the contract's last day."""
    assert contract.expires_on is not None
    day = contract.expires_on - timedelta(days=left)
    return datetime.combine(day, time(9), timezone.get_default_timezone())


def look(now: datetime) -> None:
    """What the correlator does with rules, and the worker with notices."""
    with time_machine.travel(now, tick=False):
        reconcile(faults_now(now), kinds(), now=now)
        dispatch()
        for channel in Channel.objects.all():
            Sender().send_due(channel)


@pytest.mark.parametrize(
    ("left", "rule"),
    [
        (91, None),
        (90, "term_90"),
        (31, "term_90"),
        (30, "term_30"),
        (8, "term_30"),
        (7, "term_7"),
        (0, "term_7"),
        (-40, "term_7"),
    ],
)
def test_each_horizon_has_its_rule(contract: Contract, left: int, rule: str | None) -> None:
    look(morning(contract, left))
    found = list(Alarm.objects.active().values_list("kind", "object_name"))
    assert found == ([(rule, f"{contract.number} {contract.name}")] if rule else [])


def test_each_horizon_is_told_once_and_its_end_to_nobody(
    contract: Contract, peer: HttpPeer
) -> None:
    channel = Channel.objects.create(name="room", kind="wecom", address=peer.url, secret="key")
    policy = Policy.objects.create(name="contracts", least="notice")
    Step.objects.create(policy=policy, channel=channel, repeat_min=30)
    for left in range(92, -3, -1):
        look(morning(contract, left))
        look(morning(contract, left) + timedelta(hours=5))
    told = [json.loads(request.body)["text"]["content"] for request in peer.requests]
    assert [text.splitlines()[0].partition("合同 ")[2][:4] for text in told] == [
        "90 天",
        "30 天",
        "7 天内",
    ]


def test_a_renewal_ends_the_reminder(contract: Contract) -> None:
    look(morning(contract, 20))
    assert Alarm.objects.active().count() == 1
    ends = contract.expires_on
    assert ends is not None
    starts = ends + timedelta(days=1)
    services.renew(contract, "K2", starts, starts + timedelta(days=364), contract.amount)
    look(morning(contract, 19))
    assert Alarm.objects.active().count() == 0


def test_a_contract_of_the_ledger_is_one_alarm_however_many_circuits_hang_on_it(
    contract: Contract, world: World
) -> None:
    """Those of a contract in force tell nothing beside it; one without a number is on its own."""
    ends = contract.expires_on
    carrier = Carrier.objects.create(name="电信")

    def circuits(prefix: str, number: str, count: int, **fields: object) -> None:
        for n in range(count):
            given = {"contract_number": number, "contract_expires_on": ends, **fields}
            Circuit.objects.create(number=f"{prefix}{n}", carrier=carrier, **given)

    circuits("A", "HT-1", 40)
    circuits("B", "HT-2", 3)
    circuits("C", "", 2)
    circuits("D", contract.number, 7)
    circuits("E", "HT-1", 1, contract_expires_on=None)
    look(morning(contract, 20))
    found = Alarm.objects.active().order_by("object_kind", "object_name")
    assert [
        (a.object_name, impact_text(a.impact)) for a in found if a.object_kind == "circuit"
    ] == [
        ("A0", "合同 HT-1 的 40 条线路"),
        ("B0", "合同 HT-2 的 3 条线路"),
        ("C0", ""),
        ("C1", ""),
    ]
    (own,) = [a for a in found if a.object_kind == "contract"]
    assert impact_text(own.impact) == f"合同 {contract.number} 的 7 条线路"


def test_only_who_may_see_the_region_sees_the_reminder(contract: Contract, world: World) -> None:
    look(morning(contract, 20))
    alarm = Alarm.objects.get()
    assert Alarm.objects.restrict(world.owner).get() == alarm
    assert not Alarm.objects.restrict(world.stranger).exists()
