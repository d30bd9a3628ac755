"""The map as one person sees it: nodes, links, states, what is hit by a supposed fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.accounts.models import User
from govnet.engine.result import State
from govnet.engine.topology import Diagnosis, diagnose
from govnet.inventory.models import AccessPoint, Circuit, Device, DeviceLayer, LifeCycle
from govnet.topology import services
from govnet.topology.layout import CHIP_HEIGHT, Block, Layout, arrange
from govnet.topology.models import MapPosition, MapView
from govnet.topology.readings import PORT_STATE_FRESH

COLLAPSE_FROM: Final = 400
"""With more chips than this the blocks are closed until one is opened."""

SIGNS: Final[dict[str, tuple[str, str | Promise]]] = {
    State.UP: ("●", _("Normal")),
    State.DEGRADED: ("▲", _("Degraded")),
    State.DOWN: ("✖", _("Down")),
    State.UNKNOWN: ("?", _("Unknown")),
}
ROWS: Final = (DeviceLayer.EGRESS, DeviceLayer.CORE, DeviceLayer.AGGREGATION, DeviceLayer.ACCESS)
USE_STEPS: Final = (0.3, 0.6, 0.8, 1.0)


@dataclass(slots=True)
class MapNode:
    """A device, an access point, or a closed block of them.

    Attributes:
        state: of ``State``; nothing measured is unknown.
        role: "root", "shadowed" or empty: what the present faults make of it.
        hit: would be lost with what is supposed to fail.
        counts: of a closed block, number by state.
    """

    id: str
    name: str
    url: str
    chip: bool
    state: str = State.UNKNOWN
    role: str = ""
    hit: bool = False
    found: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    use: float | None = None
    x: float = 0.0
    y: float = 0.0

    @property
    def sign(self) -> str:
        """The shape of its state."""
        return SIGNS[self.state][0]

    @property
    def word(self) -> str:
        """The word for its state, and whether it is a root or in the shadow of one."""
        words = [str(SIGNS[self.state][1])]
        if self.role:
            words.append(str(_("root cause") if self.role == "root" else _("shadowed")))
        return " · ".join(words)

    @property
    def short(self) -> str:
        """As much of the name as fits: its beginning tells the county, its end the office."""
        room = 8 if self.chip else 11
        return self.name if len(self.name) <= room else f"{self.name[: room - 4]}…{self.name[-3:]}"

    @property
    def role_sign(self) -> str:
        """The shape of its role."""
        return {"root": "◎", "shadowed": "◌"}.get(self.role, "")

    @property
    def use_class(self) -> str:
        """Class of the colour of its use."""
        return use_class(self.use)

    @property
    def tally(self) -> list[tuple[str, str, int]]:
        """Of a closed block: state, shape and number, the worst first."""
        order = (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP)
        return [(s.value, SIGNS[s][0], self.counts[s]) for s in order if self.counts.get(s)]


@dataclass(frozen=True, slots=True)
class MapLink:
    """A drawn circuit.

    Attributes:
        use: busier direction over the contracted rate; None when either is unknown.
        mbps: contracted rate.
    """

    id: str
    name: str
    url: str
    ends: tuple[MapNode, MapNode]
    state: str
    role: str
    use: float | None
    mbps: int | None

    @property
    def use_class(self) -> str:
        """Class of the colour of its use."""
        return use_class(self.use)

    @property
    def width(self) -> float:
        """Thicker for a higher contracted rate: 1.5 below 100M to 5 from 10G."""
        return 1.5 + max(0, len(str(self.mbps or 1)) - 2)

    @property
    def middle(self) -> tuple[float, float]:
        """Where its label stands."""
        one, other = self.ends
        return one.x * 0.62 + other.x * 0.38, one.y * 0.62 + other.y * 0.38 - 3


def use_class(use: float | None) -> str:
    """``use-0`` (idle) to ``use-4`` (over the contract); ``use-none`` when unknown."""
    if use is None:
        return "use-none"
    return f"use-{sum(use >= step for step in USE_STEPS)}"


@dataclass(slots=True)
class NetworkMap:
    """What the page draws."""

    view: str
    nodes: list[MapNode]
    links: list[MapLink]
    headers: list[tuple[str, float, float]]
    width: float
    height: float
    total: int
    closed: bool

    @property
    def troubled(self) -> list[MapNode]:
        """Nodes that are not fine, roots first; for the list on small screens."""
        rank = {State.DOWN: 0, State.DEGRADED: 1, State.UNKNOWN: 2, State.UP: 3}
        rows = [node for node in self.nodes if not node.counts]
        return sorted(rows, key=lambda n: (n.role != "root", rank[State(n.state)], n.name))


def draw(
    user: User, view: str, opened: Collection[str] = (), fail: str = "", find: str = ""
) -> NetworkMap:
    """The map of what a person may see.

    Args:
        user: whose view it is.
        view: of ``MapView``.
        opened: keys of blocks that are open on a large map; "all" opens every one.
        fail: id of a node or link that is supposed to fail.
        find: id of a node to point out.
    """
    return _Drawing(user, view, opened).drawn(fail, find)


class _Drawing:
    def __init__(self, user: User, view: str, opened: Collection[str]) -> None:
        self._view = view
        self._opened = opened
        self._states = services.states()
        self._diagnosis: Diagnosis = diagnose(services.graph(), self._states)
        self._causes = self._diagnosis.causes()
        self._roots = self._diagnosis.by_element
        self.devices = list(
            Device.objects.restrict(user)
            .filter(status=LifeCycle.ACTIVE)
            .select_related("region")
            .order_by("name")
        )
        self.points = list(
            AccessPoint.objects.restrict(user)
            .filter(status=LifeCycle.ACTIVE)
            .select_related("unit__region")
            .order_by("unit__code", "code")
        )
        self.circuits = list(
            Circuit.objects.restrict(user)
            .filter(status=LifeCycle.ACTIVE)
            .with_bandwidth()
            .select_related("a_port__state", "z_port__state")
            .order_by("number")
        )
        self.nodes: dict[str, MapNode] = {}

    def drawn(self, fail: str, find: str) -> NetworkMap:
        for device in self.devices:
            chip = self._view == MapView.REGIONS or device.layer == DeviceLayer.TERMINAL
            chip = chip or device.access_point_id is not None
            self._add(f"device:{device.pk}", device.name, device.get_absolute_url(), chip)
        for point in self.points:
            name = point.unit.name if point.name.startswith(point.unit.name) else point.name
            self._add(f"accesspoint:{point.pk}", name, point.get_absolute_url(), chip=True)
        total = len(self.nodes)
        blocks = self._blocks()
        chips = sum(len(block.members) for block in blocks)
        closed = chips > COLLAPSE_FROM and "all" not in self._opened
        if closed:
            blocks = [self._close(block) for block in blocks]
        layout = arrange(self._rows(), blocks)
        self._place(layout)
        self._mark(fail, find)
        links = self._links()
        headers = self._headers(blocks, layout)
        nodes = list(self.nodes.values())
        return NetworkMap(
            self._view, nodes, links, headers, layout.width, layout.height, total, closed
        )

    def _add(self, name: str, label: str, url: str, chip: bool) -> None:
        role = "root" if name in self._roots else "shadowed" if name in self._causes else ""
        state = self._states.get(name, State.UNKNOWN)
        self.nodes[name] = MapNode(name, label, url, chip, state, role)

    # What stands where

    def _rows(self) -> list[list[str]]:
        if self._view == MapView.REGIONS:
            return []
        by_layer: dict[str, list[str]] = defaultdict(list)
        for device in self.devices:
            if not self.nodes[f"device:{device.pk}"].chip:
                by_layer[device.layer].append(f"device:{device.pk}")
        return [by_layer[layer] for layer in ROWS if by_layer[layer]]

    def _blocks(self) -> list[Block]:
        members: dict[str, list[str]] = defaultdict(list)
        for name, key in self._keys():
            members[key].append(name)
        return [Block(key, tuple(names)) for key, names in sorted(members.items())]

    def _keys(self) -> Iterable[tuple[str, str]]:
        """Each chip with the block that it stands in."""
        if self._view == MapView.REGIONS:
            for device in self.devices:
                yield f"device:{device.pk}", f"region:{device.region_id}"
            for point in self.points:
                yield f"accesspoint:{point.pk}", f"region:{point.unit.region_id}"
            return
        above = self._parents()
        for name, node in self.nodes.items():
            if node.chip:
                yield name, above.get(name, "none")

    def _parents(self) -> dict[str, str]:
        """The backbone device that each chip hangs on first."""
        found: dict[str, str] = {}
        for circuit in self.circuits:
            if circuit.access_point_id and circuit.z_port:
                upper = f"device:{circuit.z_port.device_id}"
                if upper in self.nodes:
                    found.setdefault(f"accesspoint:{circuit.access_point_id}", upper)
        for device in self.devices:
            point = f"accesspoint:{device.access_point_id}"
            if point in found:
                found.setdefault(f"device:{device.pk}", found[point])
        return found

    def _close(self, block: Block) -> Block:
        """One chip for a whole block, unless it was opened."""
        if block.key in self._opened:
            return block
        states = Counter(self.nodes.pop(name).state for name in block.members)
        worst = next(s for s in (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP) if states[s])
        name = f"block:{block.key}"
        node = MapNode(name, str(len(block.members)), block.key, chip=True, state=worst)
        node.counts = dict(states)
        self.nodes[name] = node
        return Block(block.key, (name,))

    def _place(self, layout: Layout) -> None:
        saved = dict[str, tuple[float, float]]()
        for element, x, y in MapPosition.objects.filter(view=self._view).values_list(
            "element", "x", "y"
        ):
            saved[element] = (x, y)
        for name, node in self.nodes.items():
            node.x, node.y = saved.get(name) or layout.places.get(name, (0.0, 0.0))
            layout.width = max(layout.width, node.x + 80)
            layout.height = max(layout.height, node.y + 40)

    def _headers(self, blocks: list[Block], layout: Layout) -> list[tuple[str, float, float]]:
        """Names of the regions above their blocks; what hangs on nothing is named too."""
        names = {f"region:{d.region_id}": d.region.name for d in self.devices}
        names |= {f"region:{p.unit.region_id}": p.unit.region.name for p in self.points}
        names["none"] = str(_("No circuit recorded"))
        shown = []
        for block in blocks:
            if block.key in names and block.members:
                x, y = layout.places[block.members[0]]
                shown.append((names[block.key], x - 48, y - CHIP_HEIGHT / 2 - 6))
        return shown

    def _mark(self, fail: str, find: str) -> None:
        if find in self.nodes:
            self.nodes[find].found = True
        if not fail:
            return
        failed = [root.element for root in self._diagnosis.roots if root.kind != "partial"]
        lost = services.impact_of([fail], failed).nodes | {fail}
        for name, node in self.nodes.items():
            node.hit = name in lost

    # Circuits

    def _links(self) -> list[MapLink]:
        links = []
        for circuit in self.circuits:
            use = _use(circuit)
            point = self.nodes.get(f"accesspoint:{circuit.access_point_id}")
            upper = self.nodes.get(f"device:{circuit.z_port.device_id}" if circuit.z_port else "")
            lower = self.nodes.get(f"device:{circuit.a_port.device_id}" if circuit.a_port else "")
            if point is not None:
                point.use = max(filter(None, (point.use, use)), default=None)
                lower = point
            if upper is not None and lower is not None:
                links.append(self._link(circuit, lower, upper, use))
        return links

    def _link(self, circuit: Circuit, one: MapNode, other: MapNode, use: float | None) -> MapLink:
        name = f"circuit:{circuit.pk}"
        role = "root" if name in self._roots else "shadowed" if name in self._causes else ""
        state = self._states.get(name, State.UNKNOWN)
        mbps: int | None = getattr(circuit, "contracted_mbps", None)
        url = circuit.get_absolute_url()
        return MapLink(name, circuit.number, url, (one, other), state, role, use, mbps)


def _use(circuit: Circuit) -> float | None:
    """The busier direction now over the contracted rate."""
    port = circuit.z_port or circuit.a_port
    state = getattr(port, "state", None)
    mbps: int | None = getattr(circuit, "contracted_mbps", None)
    if state is None or not mbps or not state.sampled_at:
        return None
    if timezone.now() - state.sampled_at > PORT_STATE_FRESH:
        return None
    rates = [rate for rate in (state.in_bps, state.out_bps) if rate is not None]
    return max(rates) / (mbps * 1e6) if rates else None
