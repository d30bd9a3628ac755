"""What other apps ask of the topology: the graph, the present roots, what a fault reaches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils.functional import Promise

from govnet.core.querysets import RestrictedQuerySet
from govnet.engine.result import State
from govnet.engine.topology import Diagnosis, Graph, Root, diagnose
from govnet.inventory.models import AccessPoint, Circuit, Device, Port, Unit
from govnet.monitor.models import Target
from govnet.monitor.services import bump_revision_on_commit, revision
from govnet.topology.elements import element_of, keys
from govnet.topology.ledger import Placed, read_ledger
from govnet.topology.models import MapPosition, ProbeAttachment
from govnet.topology.readings import present_states

# The graph

_kept: tuple[int, Placed] | None = None


def placed() -> Placed:
    """The ledger as a graph; read again only when the inventory's revision has moved."""
    global _kept  # noqa: PLW0603  # one per process
    now = revision()
    if _kept is None or _kept[0] != now:
        _kept = (now, read_ledger())
    return _kept[1]


def graph() -> Graph:
    """Nodes ``device:1``, ``accesspoint:1``, ``target:1`` (services); links ``circuit:1``."""
    return placed().graph


def forget_graph() -> None:
    """Read the ledger again next time; for tests, whose revision does not only rise."""
    global _kept  # noqa: PLW0603  # one per process
    _kept = None


def element_of_target(target_id: int) -> str | None:
    """The node whose state a target tells, or that it is; None for a reference target."""
    here = placed()
    if target_id in here.services:
        return here.services[target_id]
    return next((node for node, ids in here.paths.items() if target_id in ids), None)


# The present states


def states() -> dict[str, State]:
    """The state of every node and link of which something is known now."""
    return present_states(placed())


def present() -> Diagnosis:
    """The roots of what is down or degraded now."""
    return diagnose(graph(), states())


# What a fault reaches


@dataclass(frozen=True, slots=True)
class Impact:
    """What is lost with some nodes and links, as objects; restrict the sets before showing them.

    Attributes:
        elements: what fails.
        nodes: ids of nodes that the probe point would not reach, failed ones included.
    """

    elements: frozenset[str]
    nodes: frozenset[str]

    def access_points(self) -> RestrictedQuerySet[AccessPoint]:
        """Access points that are cut off."""
        return AccessPoint.objects.filter(pk__in=keys(self.nodes, AccessPoint))

    def units(self) -> RestrictedQuerySet[Unit]:
        """Units one of whose access points is cut off."""
        return Unit.objects.filter(pk__in=self.access_points().values("unit_id"))

    def devices(self) -> RestrictedQuerySet[Device]:
        """Devices that are cut off."""
        return Device.objects.filter(pk__in=keys(self.nodes, Device))

    def circuits(self) -> RestrictedQuerySet[Circuit]:
        """Circuits that fail, or lead only to what is cut off."""
        dead = [link.id for link in graph().links if {link.a, link.b} <= self.nodes]
        return Circuit.objects.filter(pk__in=keys([*dead, *self.elements], Circuit))

    def targets(self) -> RestrictedQuerySet[Target]:
        """Measured services that are cut off."""
        return Target.objects.filter(pk__in=keys(self.nodes, Target))


Extra = Callable[[Impact], QuerySet[Any]]
_extras: dict[str, tuple[str | Promise, Extra]] = {}


def register_impact(name: str, label: str | Promise, find: Extra) -> None:
    """Let another app say what of its own is lost: hall windows, cameras, meetings.

    Args:
        name: stable key; registering it again replaces it.
        label: what the objects are called, in the plural.
        find: the objects lost, as a restrictable queryset.
    """
    _extras[name] = (label, find)


def extra_impact(impact: Impact) -> list[tuple[str | Promise, QuerySet[Any]]]:
    """What the registered apps lose, each with its name."""
    return [(label, find(impact)) for label, find in _extras.values()]


def elements_of(instance: Model) -> list[str]:
    """The nodes and links that an object stands for: of a unit its access points."""
    if isinstance(instance, Unit):
        return [element_of(point) for point in instance.access_points.all()]
    if isinstance(instance, Port):
        circuits = Circuit.objects.filter(Q(a_port=instance) | Q(z_port=instance))
        return [element_of(circuit) for circuit in circuits]
    return [element_of(instance)]


def with_neighbours(elements: Iterable[str]) -> set[str]:
    """Some elements and the nodes one link away from them; of a link both of its ends."""
    here = graph()
    found = {element for element in elements if element in here.index}
    links = [link for link in here.links if {link.id, link.a, link.b} & found]
    return found | {end for link in links for end in (link.a, link.b)}


def impact(instance: Model) -> Impact:
    """What would be lost if a device, circuit, port, access point or unit failed alone.

    Raises:
        KeyError: objects of this model are not in the graph.
    """
    return impact_of(elements_of(instance))


def impact_of(elements: Collection[str], failed: Collection[str] = ()) -> Impact:
    """What nodes and links of the graph would take with them.

    Args:
        elements: what fails.
        failed: what has failed already: the second uplink matters more while the first is cut.
    """
    here = graph()
    known = frozenset(element for element in elements if element in here.index)
    before = here.cut_off(failed)
    return Impact(known, here.cut_off({*known, *failed}) - (before - known))


def impact_of_root(root: Root) -> Impact:
    """What a present fault has cut off or degraded."""
    return Impact(frozenset({root.element}), root.impact)


# Writing


def attach_probe(devices: Collection[Device]) -> None:
    """Set the devices that the probe point hangs on; none means every core device."""
    wanted = {device.pk for device in devices}
    with transaction.atomic():
        for attachment in ProbeAttachment.objects.exclude(device_id__in=wanted):
            attachment.delete()
        for pk in wanted - set(ProbeAttachment.objects.values_list("device_id", flat=True)):
            ProbeAttachment.objects.create(device_id=pk)
        bump_revision_on_commit()


def move(view: str, element: str, x: float, y: float) -> MapPosition:
    """Remember where somebody put a node."""
    position, _made = MapPosition.objects.update_or_create(
        view=view, element=element, defaults={"x": x, "y": y}
    )
    return position


def reset_positions(view: str) -> int:
    """Let the layout place everything again; returns how many nodes had been moved."""
    positions = list(MapPosition.objects.filter(view=view))
    for position in positions:  # one by one: each is audited
        position.delete()
    return len(positions)
