"""The ledger as a graph: what is in service, and how it is connected.

Circuits are links; an egress circuit leads outside. A device at an access point and the access
point are at the same place; a probed application runs at its owner. Those are links too, but
such as cannot fail by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from govnet.engine.result import ProbeKind
from govnet.engine.topology import Graph, Link, Node, NodeKind
from govnet.inventory.models import AccessPoint, Circuit, Device, DeviceLayer, LifeCycle
from govnet.monitor.models import Target
from govnet.topology.elements import PROBE
from govnet.topology.models import ProbeAttachment

OUTSIDE: Final = "outside"
"""Prefix of the far end of a circuit that leaves the network."""


@dataclass(slots=True)
class Placed:
    """What the graph was made of.

    Attributes:
        graph: see ``govnet.engine.topology``.
        paths: ids of the targets whose state is the state of a node, by the node.
        services: target id to its node, for targets that are nodes of their own.
        ports: ids of the ports at both ends of a circuit, by the link; None where the ledger
            has none there.
    """

    graph: Graph
    paths: dict[str, list[int]] = field(default_factory=dict)
    services: dict[int, str] = field(default_factory=dict)
    ports: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)


def read_ledger() -> Placed:
    """Read everything in service; eight queries, whatever the size."""
    return _Reading().placed()


class _Reading:
    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {PROBE: Node(PROBE, NodeKind.PROBE)}
        self.links: list[Link] = []
        self.paths: dict[str, list[int]] = {}
        self.services: dict[int, str] = {}
        self.ports: dict[str, tuple[int | None, int | None]] = {}

    def placed(self) -> Placed:
        self._places()
        self._probe()
        self._circuits()
        self._targets()
        graph = Graph(self.nodes.values(), self.links)
        return Placed(graph, self.paths, self.services, self.ports)

    def _add(self, name: str, kind: NodeKind = NodeKind.PLACE) -> str:
        self.nodes.setdefault(name, Node(name, kind))
        return name

    def _places(self) -> None:
        points = AccessPoint.objects.filter(status=LifeCycle.ACTIVE).order_by("pk")
        for pk in points.values_list("pk", flat=True):
            self._add(f"accesspoint:{pk}")
        devices = Device.objects.filter(status=LifeCycle.ACTIVE).order_by("pk")
        for pk, point in devices.values_list("pk", "access_point_id"):
            self._add(f"device:{pk}")
            if point:
                ends = f"device:{pk}", f"accesspoint:{point}"
                self.links.append(Link(f"at:{pk}", *ends, real=False))

    def _probe(self) -> None:
        for pk in attached_devices():
            self.links.append(Link(f"probe:{pk}", PROBE, f"device:{pk}"))

    def _circuits(self) -> None:
        rows = Circuit.objects.filter(status=LifeCycle.ACTIVE).order_by("pk")
        for pk, point, a_port, a_device, z_port, z_device in rows.values_list(
            "pk", "access_point_id", "a_port_id", "a_port__device_id",
            "z_port_id", "z_port__device_id",
        ):  # fmt: skip
            ends = [f"device:{device}" for device in (z_device, a_device) if device]
            if point:
                ends.append(f"accesspoint:{point}")
            elif len(ends) == 1:
                ends.append(self._add(f"{OUTSIDE}:{pk}"))
            if len(ends) == 2:
                name = f"circuit:{pk}"
                # A unit with two access circuits is reached by both but joins nothing.
                leaves = bool(point) or ends[1].startswith(OUTSIDE)
                self.links.append(Link(name, ends[0], ends[1], one_way=leaves))
                self.ports[name] = (a_port, z_port)

    def _targets(self) -> None:
        """ICMP tells whether a place is reached; without it whatever else is measured there."""
        pings: dict[str, list[int]] = {}
        others: dict[str, list[int]] = {}
        rows = Target.objects.measured().filter(reference=False).order_by("pk")
        rows = rows.exclude(kind=ProbeKind.LINE)  # no place of its own: ports tell of links
        by_unit = self._points_by_unit()
        for pk, kind, point, device, unit in rows.values_list(
            "pk", "kind", "access_point_id", "device_id", "unit_id"
        ):
            if owner := _owner(point, device):
                group = pings if kind == ProbeKind.ICMP else others
                group.setdefault(owner, []).append(pk)
            else:
                # What nobody has placed in the network is reached from the probe point somehow.
                self._service(pk, by_unit.get(unit or 0) or [PROBE])
        for owner, targets in others.items():
            if owner not in pings:
                pings[owner] = targets
                continue
            for pk in targets:
                self._service(pk, [owner])
        self.paths = {owner: ids for owner, ids in pings.items() if owner in self.nodes}

    def _points_by_unit(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        points = AccessPoint.objects.filter(status=LifeCycle.ACTIVE).order_by("pk")
        for pk, unit in points.values_list("pk", "unit_id"):
            found.setdefault(unit, []).append(f"accesspoint:{pk}")
        return found

    def _service(self, target: int, hosts: list[str]) -> None:
        name = self._add(f"target:{target}", NodeKind.SERVICE)
        self.services[target] = name
        self.links += [
            Link(f"runs:{target}:{host}", host, name, one_way=True, real=False) for host in hosts
        ]


def _owner(point: int | None, device: int | None) -> str:
    if point:
        return f"accesspoint:{point}"
    return f"device:{device}" if device else ""


def attached_devices() -> Iterator[int]:
    """Devices that the probe point hangs on: as set, else every core device in service."""
    chosen = ProbeAttachment.objects.filter(device__status=LifeCycle.ACTIVE)
    ids = list(chosen.values_list("device_id", flat=True))
    if not ids:
        cores = Device.objects.filter(status=LifeCycle.ACTIVE, layer=DeviceLayer.CORE)
        ids = list(cores.order_by("pk").values_list("pk", flat=True))
    yield from ids
