"""One fault, one alarm: what GovNet blames for each kind of fault, who is told, how it ends.

The notices are counted where they arrive: at a web service in the operations room.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from govnet.lab import faults
from govnet.lab.scenario import truth_now
from govnet.lab.truth import Sense
from tests.e2e.notices import notices_heard
from tests.e2e.twins import City
from tests.running import until

INTERVAL_S = 5
"""The intervals of a real site would need minutes."""

TOLD_S = 15.0
"""What the duty officer is promised for a router; the benchmark of alarms measures all kinds."""

PLAN = """
from datetime import timedelta
from django.utils import timezone
from govnet.alarms.models import MaintenanceWindow
from govnet.inventory.models import Device
now = timezone.now()
MaintenanceWindow.objects.create(
    device=Device.objects.get(name={device!r}), reason="割接", subtree=True,
    starts_at=now - timedelta(minutes=1), ends_at=now + timedelta(hours=1),
)
"""
PLANNED = """
from datetime import timedelta
from django.utils import timezone
from govnet.alarms.services import planned_spans
from govnet.monitor.models import Target
targets = list(Target.objects.filter(device__name={device!r}))
now = timezone.now()
print(len(targets), len(planned_spans(targets, now - timedelta(hours=1), now)))
"""
ACTIVE = """
SELECT a.object_name, a.kind, r.object_name, a.window_id FROM alarms_alarm a
LEFT JOIN alarms_alarm r ON r.id = a.root_id
WHERE a.state IN ('raised', 'acknowledged') AND a.object_kind <> 'contract'
"""


@dataclass
class Told:
    """What arrived: (name of the object, raised or cleared), once for each notice, and when."""

    notices: list[tuple[str, str]] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)

    def hear(self, name: str, state: str) -> None:
        """Keep one."""
        self.first.setdefault(name, time.monotonic())
        self.notices.append((name, state))

    def of(self, state: str) -> Counter[str]:
        """Objects of the alarms that were raised, or cleared, each with how often it was told."""
        return Counter(name for name, told in self.notices if told == state)


@dataclass
class Watched:
    """The twin, and what is told of it."""

    city: City
    told: Told

    def roots(self) -> set[tuple[str, str]]:
        """(object, kind) of the active alarms that no other explains."""
        rows = self.city.govnet.rows(ACTIVE)
        return {(str(name), str(kind)) for name, kind, root, _window in rows if root is None}

    def explained(self) -> dict[str, str]:
        """Object of each active alarm that another explains, with that one's."""
        rows = self.city.govnet.rows(ACTIVE)
        return {str(name): str(root) for name, _kind, root, _window in rows if root is not None}

    def explain(self) -> str:
        """For the message of a failed test."""
        return f"{self.roots()}\n{self.explained()}\n{self.told.notices}\n{self.city.explain()}"

    def wait_for(self, roots: set[tuple[str, str]]) -> None:
        """Wait until exactly these are to blame, and all of them have been told."""
        until(lambda: self.roots() == roots, 90, f"{roots}", self.explain)

    def wait_until_told(self, *names: str) -> None:
        """Wait until all of these were told."""
        until(lambda: self.told.of("raised").keys() >= set(names), 60, f"{names}", self.explain)

    def heal(self) -> None:
        """Mend everything, and wait until nothing is wrong any more and that was told."""
        faults.heal(self.city.twin)
        until(lambda: not self.city.govnet.rows(ACTIVE), 120, "no alarm", self.explain)
        ended = self.told.of("raised")
        until(lambda: self.told.of("cleared") == ended, 30, "the end is told", self.explain)

    def titles_of_dark(self) -> set[str]:
        """Names of the access points and devices that truly do not answer."""
        city = self.city.twin.city
        dark = [n for (n, sense), state in truth_now(self.city.twin).affected.items()
                if sense is Sense.ICMP4 and state == "down"]  # fmt: skip
        nodes = [city.by_name[name] for name in dark]
        return {f"{node.title}机房" if node.unit_code else node.title for node in nodes}


@pytest.fixture(scope="module")
def told(city: City) -> Iterator[Told]:
    """The service, and everything up, with a policy that tells it of every level."""
    found = Told()
    with notices_heard(city, INTERVAL_S, found.hear):
        yield found


@pytest.fixture
def watched(city: City, told: Told) -> Iterator[Watched]:
    """All is well, and nothing has been told yet."""
    found = Watched(city, told)
    until(lambda: not city.govnet.rows(ACTIVE), 120, "no alarm", found.explain)
    until(lambda: set(city.states().values()) == {"up"}, 120, "all up", found.explain)
    told.notices.clear()
    told.first.clear()
    yield found
    faults.heal(city.twin)


def test_a_router_without_power_and_what_else_happens_are_one_alarm_each(watched: Watched) -> None:
    """Four faults at once: a router with all behind it, one of two ways, an agent, a website."""
    twin = watched.city.twin
    faults.inject(twin, "off", "agg2")
    behind = watched.titles_of_dark() - {"汇聚-2"}
    cut_at = time.monotonic()
    faults.inject(twin, "cut", "YS-JR-10A")
    line = ("YS-JR-10A", "link_down")
    faults.inject(twin, "mute", "u001")
    faults.inject(twin, "portal-500", "portal")
    agent = f"{twin.city.by_name['u001'].title}接入设备 SNMP"
    site = "政府门户网站"
    roots = {("汇聚-2", "unreachable"), line, (agent, "snmp_silent")}
    roots |= {(f"{site} (演示)", "service_down"), (f"{site} IPv6 (演示)", "service_down")}
    watched.wait_for(roots)
    until(lambda: watched.explained().keys() >= behind, 60, "what is behind", watched.explain)
    explained = watched.explained()
    assert {explained[name] for name in behind} == {"汇聚-2"}
    # Routers on the other side say that they lost a neighbour: by the power cut or the line.
    assert set(explained.values()) <= {"汇聚-2", "YS-JR-10A"}
    watched.wait_until_told(*(name for name, _kind in roots))
    assert watched.told.of("raised") == Counter(name for name, _kind in roots)
    after = {name: round(at - cut_at, 1) for name, at in watched.told.first.items()}
    print("told after", after)
    assert after["汇聚-2"] <= TOLD_S, after
    watched.heal()


def test_planned_work_is_not_told_and_counts_as_planned(watched: Watched) -> None:
    """A router in its window loses power; a carrier's network and the name server fail, too."""
    twin = watched.city.twin
    watched.city.govnet.django(PLAN.format(device="接入-09"))
    faults.inject(twin, "off", "acc09")
    faults.inject(twin, "isp-down", "isp1")
    faults.inject(twin, "kill", "resolver:dnsmasq")
    others = {"电信互联网 (演示)", "电信互联网 IPv6 (演示)", "政府门户网站域名 (演示)"}
    others |= {"岳阳核心-1"}  # whose BGP neighbour is the carrier
    # Seen from afar its only line and itself fail alike; both are inside the window.
    planned = {"YS-JR-09A"}
    until(lambda: {name for name, _ in watched.roots()} == planned | others, 90, "roots",
          watched.explain)  # fmt: skip
    watched.wait_until_told(*others)
    assert watched.told.of("raised") == Counter(others)
    windows = {name: window for name, _k, _r, window in watched.city.govnet.rows(ACTIVE)}
    assert windows["接入-09"]
    assert windows["YS-JR-09A"]
    targets, covered = watched.city.govnet.django(PLANNED.format(device="接入-09")).split()[-2:]
    assert targets == covered != "0"
    watched.heal()


def test_the_monitors_own_cables_cut_are_one_alarm_and_no_unit_is_blamed(watched: Watched) -> None:
    faults.inject(watched.city.twin, "blind", "noc")
    until(lambda: {kind for _n, kind in watched.roots()} == {"probe_blind"}, 90, "blindness",
          watched.explain)  # fmt: skip
    assert watched.explained() == {}
    watched.heal()
    assert len(watched.told.notices) == 2, watched.told.notices
