"""The map as one person sees it: nodes, links, states, what is hit by a supposed fault."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from govnet.accounts.models import User
from govnet.engine.result import State
from govnet.engine.topology import Diagnosis, diagnose
from govnet.inventory.models import (
    AccessPoint,
    Circuit,
    CircuitKind,
    Device,
    DeviceLayer,
    LifeCycle,
)
from govnet.monitor.models import PortState
from govnet.monitor.services import revision
from govnet.topology import services
from govnet.topology.layout import CHIP_HEIGHT, Block, Layout, arrange
from govnet.topology.ledger import OUTSIDE
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
LABEL_WIDTH: Final = 36.0
LABEL_HEIGHT: Final = 13.0
LABEL_PARTS: Final = tuple(
    part / 100 for part in sorted(range(15, 86, 3), key=lambda p: abs(p - 42))
)
"""Where on a line its label may stand, the best place first."""


@dataclass(slots=True)
class MapNode:
    """A device, an access point, or a closed block of them.

    Attributes:
        state: of ``State``; nothing measured is unknown.
        role: "root", "shadowed" or empty: what the present faults make of it.
        hit: would be lost with what is supposed to fail.
        counts: of a closed block, number by state.
        hits: of a closed block, how many of it would be lost.
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
    hits: int = 0
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
        room = (16 if self.chip else 19) - 2 * len(self.role_sign)
        if _width(self.name) <= room:
            return self.name
        end = self.name[-3:]
        begin = self.name[:-3]
        while _width(begin) + _width(end) + 2 > room:
            begin = begin[:-1]
        return f"{begin}…{end}"

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


@dataclass(slots=True)
class MapLink:
    """A drawn circuit.

    Attributes:
        use: busier direction over the contracted rate; None when either is unknown.
        mbps: contracted rate.
        label: where its label stands; None: it has none.
    """

    id: str
    name: str
    url: str
    ends: tuple[MapNode, MapNode]
    state: str
    role: str
    use: float | None
    mbps: int | None
    label: tuple[float, float] | None = None

    @property
    def use_class(self) -> str:
        """Class of the colour of its use."""
        return use_class(self.use)

    @property
    def width(self) -> float:
        """Thicker for a higher contracted rate: 1.5 below 100M to 5 from 10G."""
        return 1.5 + max(0, len(str(self.mbps or 1)) - 2)

    @property
    def use_text(self) -> str:
        """Its use in whole percent; the tooltip has the decimals."""
        return "" if self.use is None else f"{self.use:.0%}"

    def along(self, part: float) -> tuple[float, float]:
        """A point of the line; 0 is its lower end."""
        one, other = self.ends
        return one.x + (other.x - one.x) * part, one.y + (other.y - one.y) * part


def _width(text: str) -> int:
    """Room that a text takes: one for a Latin letter, two for a Chinese character."""
    return sum(1 if character < "\u2e80" else 2 for character in text)


def place_labels(links: Iterable[MapLink], nodes: Iterable[MapNode]) -> None:
    """Put a label on each line between backbone nodes, where no other label or node stands.

    The most used first: in a thicket some lines have only their colour and their title.
    """
    taken = [(node.x, node.y, 66.0, 21.0) for node in nodes if not node.chip]
    worst = sorted(links, key=lambda item: (item.state != State.DOWN, -(item.use or 0.0)))
    for link in worst:
        if link.ends[0].chip or link.ends[1].chip:
            continue
        places = map(link.along, LABEL_PARTS)
        free = (place for place in places if not any(_meets(place, box) for box in taken))
        link.label = next(free, None)
        if link.label is not None:
            taken.append((*link.label, LABEL_WIDTH / 2, LABEL_HEIGHT / 2))


def _meets(place: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    x, y, half_width, half_height = box
    near = abs(place[0] - x) < half_width + LABEL_WIDTH / 2
    return near and abs(place[1] - y) < half_height + LABEL_HEIGHT / 2


def use_class(use: float | None) -> str:
    """``use-0`` (idle) to ``use-4`` (over the contract); ``use-none`` when unknown."""
    if use is None:
        return "use-none"
    return f"use-{sum(use >= step for step in USE_STEPS)}"


@dataclass(slots=True)
class NetworkMap:
    """What the page draws.

    Attributes:
        names: id and name of every node, those in closed blocks too.
    """

    view: str
    nodes: list[MapNode]
    links: list[MapLink]
    headers: list[tuple[str, float, float]]
    width: float
    height: float
    names: list[tuple[str, str]]
    closed: bool

    @property
    def total(self) -> int:
        """How many nodes there are, those in closed blocks too."""
        return len(self.names)

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
        find: id of a node to point out, or of a circuit, whose ends are.
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
            .select_related("carrier", "a_port__state", "z_port__state")
            .order_by("number")
        )
        self.nodes: dict[str, MapNode] = {}
        self.outside: dict[int, tuple[MapNode, int]] = {}

    def drawn(self, fail: str, find: str) -> NetworkMap:
        for device in self.devices:
            chip = self._view == MapView.REGIONS or device.layer == DeviceLayer.TERMINAL
            chip = chip or device.access_point_id is not None
            self._add(f"device:{device.pk}", device.name, device.get_absolute_url(), chip)
        for point in self.points:
            name = point.unit.name if point.name.startswith(point.unit.name) else point.name
            self._add(f"accesspoint:{point.pk}", name, point.get_absolute_url(), chip=True)
        self._outside()
        names = [(name, node.name) for name, node in self.nodes.items()]
        self._mark(fail, find)
        rows, blocks = self._rows(), self._blocks()
        chips = sum(len(block.members) for block in blocks)
        closed = chips > COLLAPSE_FROM and "all" not in self._opened
        if closed:
            blocks = [self._close(block, {fail, find}) for block in blocks]
        layout = arrange(rows, blocks)
        self._place(layout)
        links = self._links()
        for node in [node for link in links if link.id == find for node in link.ends]:
            node.found = True
        place_labels(links, self.nodes.values())
        headers = self._headers(blocks, layout)
        nodes = list(self.nodes.values())
        return NetworkMap(
            self._view, nodes, links, headers, layout.width, layout.height, names, closed
        )

    def _outside(self) -> None:
        """What lies beyond the network: the far end of each line that the ledger leaves open."""
        for circuit in self.circuits:
            near = circuit.a_port or circuit.z_port
            if circuit.access_point_id or (circuit.a_port and circuit.z_port) or near is None:
                continue
            if f"device:{near.device_id}" not in self.nodes:
                continue
            internet = circuit.kind == CircuitKind.EGRESS
            text = _("%s Internet") if internet else _("%s upper network")
            chip = self._view == MapView.REGIONS
            name = f"{OUTSIDE}:{circuit.pk}"
            self._add(name, text % circuit.carrier, circuit.get_absolute_url(), chip)
            self.nodes[name].state = self._states.get(f"circuit:{circuit.pk}", State.UNKNOWN)
            self.outside[circuit.pk] = (self.nodes[name], near.device_id)

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
        beyond = [node.id for node, _device in self.outside.values()]
        return [row for row in (beyond, *(by_layer[layer] for layer in ROWS)) if row]

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
            regions = {device.pk: device.region_id for device in self.devices}
            for node, device_id in self.outside.values():
                yield node.id, f"region:{regions[device_id]}"
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

    def _close(self, block: Block, wanted: Collection[str]) -> Block:
        """One chip for a whole block, unless it was opened or holds what somebody looks for."""
        if block.key in self._opened or not set(wanted).isdisjoint(block.members):
            return block
        members = [self.nodes.pop(name) for name in block.members]
        states = Counter(node.state for node in members)
        worst = next(s for s in (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP) if states[s])
        name = f"block:{block.key}"
        node = MapNode(name, str(len(block.members)), block.key, chip=True, state=worst)
        node.counts = dict(states)
        node.hits = sum(member.hit for member in members)
        node.hit = node.hits > 0
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
            if circuit.pk in self.outside:
                upper, lower = self.outside[circuit.pk][0], upper or lower
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
    return _ratio(mbps, state.sampled_at, state.in_bps, state.out_bps) if state else None


def _ratio(mbps: int | None, sampled_at: datetime | None, *rates: float | None) -> float | None:
    known = [rate for rate in rates if rate is not None]
    if not mbps or not known or not sampled_at:
        return None
    if timezone.now() - sampled_at > PORT_STATE_FRESH:
        return None
    return max(known) / (mbps * 1e6)


def fingerprint(user: User, view: str, query: str) -> str:
    """Changes when the drawing would: ledger, states, places, or use as it is drawn.

    Far cheaper than the drawing. Use counts by whole percent where it stands as a number, on
    access circuits by its colour.
    """
    rows = (
        Circuit.objects.filter(status=LifeCycle.ACTIVE)
        .with_bandwidth()
        .order_by("pk")
        .annotate(
            measured_id=Coalesce("z_port_id", "a_port_id"),
        )
        .values_list("pk", "access_point_id", "contracted_mbps", "measured_id")
    )
    measured = {state.port_id: state for state in PortState.objects.all()}
    uses = []
    for pk, point, mbps, port in rows:
        state = measured.get(port)
        use = _ratio(mbps, state.sampled_at, state.in_bps, state.out_bps) if state else None
        drawn = use_class(use) if point or use is None else f"{use:.0%}"
        uses.append((pk, mbps, drawn))
    places = MapPosition.objects.filter(view=view).order_by("pk")
    parts = (
        user.pk,
        query,
        get_language(),
        revision(),
        sorted(services.states().items()),
        list(places.values_list("element", "x", "y")),
        uses,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
