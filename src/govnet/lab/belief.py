"""What GovNet believes of a twin beside what is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from govnet.accounts.models import User
from govnet.engine.result import State
from govnet.inventory.models import AccessPoint, Device
from govnet.lab import faults
from govnet.lab.description import Description
from govnet.lab.scenario import truth_now
from govnet.lab.truth import Seen, Sense, Truth
from govnet.lab.twin import Twin
from govnet.lab.words import SENSES
from govnet.monitor.models import Target

SERVICES = {"snmp": Sense.SNMP, "http": Sense.HTTP, "tcp": Sense.SIP}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One target: what its state should be and what GovNet says.

    Attributes:
        truth: None where it changes faster than anybody measures.
        believed: "unknown" also where nothing was measured yet.
        since: since when the two agree or differ; None where nothing was measured.
    """

    node: str
    title: str
    sense: Sense
    target: Target
    truth: State | None
    believed: State
    since: datetime | None

    @property
    def sense_word(self) -> str:
        """What people call the probe."""
        return str(SENSES[self.sense])

    @property
    def agrees(self) -> bool:
        """Whether GovNet shows what is true, as far as that can be said."""
        return self.truth in {None, self.believed}

    @property
    def is_remarkable(self) -> bool:
        """Whether something is wrong there, truly or as GovNet sees it."""
        return not self.agrees or self.truth is not State.UP


def compare(user: User, twin: Twin) -> list[Comparison]:
    """Every target that the person may see and whose truth is known, what differs first."""
    truth, changed = truth_now(twin), datetime.fromtimestamp(faults.changed_at(twin), UTC)
    found = [
        _comparison(twin.city, target, seen, truth, changed)
        for target, seen in _targets(user, twin.city)
        if seen in truth.states
    ]
    return sorted(found, key=lambda row: (row.agrees, not row.is_remarkable, row.title, row.sense))


def _targets(user: User, city: Description) -> Iterator[tuple[Target, Seen]]:
    at = {
        str(address): (node.name, sense)
        for node in city.nodes
        for address, sense in zip(
            city.address_of(node.name), (Sense.ICMP4, Sense.ICMP6), strict=True
        )
    }
    measured = Target.objects.restrict(user).measured().filter(reference=False)
    for target in measured.select_related("state"):
        host = urlsplit(target.address).hostname if target.kind == "http" else target.address
        if target.kind == "dns":
            yield target, ("resolver", Sense.DNS)
        elif host in at:
            node, sense = at[host]
            yield target, (node, SERVICES.get(target.kind, sense))


def _comparison(
    city: Description, target: Target, seen: Seen, truth: Truth, changed: datetime
) -> Comparison:
    node, sense = seen
    measured = getattr(target, "state", None)
    believed = State(measured.state) if measured else State.UNKNOWN
    true = None if seen in truth.unsettled else truth.states[seen]
    since = measured.since if measured else None
    if since and true is not believed:  # they differ since the later of the two changed
        since = max(since, changed)
    return Comparison(node, city.by_name[node].title, sense, target, true, believed, since)


def truly_broken(user: User, city: Description, truth: Truth) -> set[str]:
    """Elements of the topology that are not as they should be."""
    nodes = [city.by_name[node] for node, _ in truth.affected]
    devices = Device.objects.restrict(user).filter(name__in={node.system_name for node in nodes})
    units = {node.unit_code for node in nodes if node.unit_code}
    points = AccessPoint.objects.restrict(user).filter(unit__code__in=units)
    return {f"device:{key}" for key in devices.values_list("pk", flat=True)} | {
        f"accesspoint:{key}" for key in points.values_list("pk", flat=True)
    }
