"""What a twin's faults truly break, worked out from the description alone.

The operations room is where GovNet looks from. A node answers there while a path of whole
cables and working routers leads to it; what a probe of it should then say follows from what was
done to the node itself. Nothing here asks the running twin: that is what it is compared with.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from govnet.engine.result import State
from govnet.lab.description import INSIDE, Description, Node, Role


class Sense(StrEnum):
    """By which probe GovNet looks at a node."""

    ICMP4 = "icmp4"
    ICMP6 = "icmp6"
    SNMP = "snmp"
    HTTP = "http"
    DNS = "dns"
    SIP = "sip"

    @property
    def version(self) -> int:
        """IP version that it travels by."""
        return 6 if self is Sense.ICMP6 else 4


Seen = tuple[str, Sense]
"""A node, and the probe that it is seen by."""

SERVICE: Final = {Role.PORTAL: Sense.HTTP, Role.RESOLVER: Sense.DNS, Role.PHONES: Sense.SIP}


@dataclass(slots=True)
class Damage:
    """What is done to a twin, added up over its faults.

    Attributes:
        cut: cables that carry nothing, whether cut or with a port down.
        off: nodes that neither answer nor forward.
        unrouted: nodes that do neither in one IP version (4 or 6).
        poor: cables that lose or delay frames so that who is behind them is degraded.
        unsettled: cables that come and go.
        states: what single probes see for a reason of the node's own.
    """

    cut: set[str] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    unrouted: set[tuple[str, int]] = field(default_factory=set)
    poor: set[str] = field(default_factory=set)
    unsettled: set[str] = field(default_factory=set)
    states: dict[Seen, State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Truth:
    """How a damaged twin really is.

    Attributes:
        states: what GovNet should say of each node by each probe.
        unsettled: of these it may say anything, as they change faster than it measures.
        without_path: units that the network does not connect to the operations room, on either
            IP version; the others have service whatever their probes say.
        blind: whether the operations room itself is cut off, so that nothing can be known.
    """

    states: dict[Seen, State]
    unsettled: frozenset[Seen]
    without_path: frozenset[str]
    blind: bool

    @property
    def affected(self) -> dict[Seen, State]:
        """What is not as it should be."""
        return {seen: state for seen, state in self.states.items() if state is not State.UP}


def senses(city: Description) -> list[Seen]:
    """Everything of a twin that GovNet measures."""
    return [
        (node.name, sense)
        for node in city.nodes
        if node.role is not Role.OPERATIONS
        for sense in _senses_of(node)
    ]


def _senses_of(node: Node) -> list[Sense]:
    found = [Sense.ICMP4, Sense.ICMP6]
    if node.agent:
        found.append(Sense.SNMP)
    if node.role in SERVICE:
        found.append(SERVICE[node.role])
    return found


def work_out(city: Description, damage: Damage) -> Truth:
    """The truth about a twin with this damage."""
    reached = {version: _reached(city, damage, version) for version in (4, 6)}
    blind = not (reached[4] or reached[6])
    unsettled = _behind(city, damage, damage.unsettled)
    states = {
        seen: State.UNKNOWN if blind else _state(seen, damage, reached) for seen in senses(city)
    }
    for seen in _behind(city, damage, damage.poor):
        if states[seen] is State.UP:
            states[seen] = State.DEGRADED
    units = {node.name for node in city.of_role(Role.UNIT)}
    return Truth(states, unsettled, frozenset(units - reached[4] - reached[6]), blind)


def _state(seen: Seen, damage: Damage, reached: dict[int, set[str]]) -> State:
    node, sense = seen
    if node not in reached[sense.version]:
        return State.DOWN
    return damage.states.get(seen, State.UP)


def _reached(
    city: Description, damage: Damage, version: int, without: frozenset[str] = frozenset()
) -> set[str]:
    """Nodes that the operations room reaches: through routers of the city only."""
    broken = damage.off | {node for node, of in damage.unrouted if of == version}
    (start,) = (node.name for node in city.of_role(Role.OPERATIONS))
    found, waiting = {start}, deque([start])
    while waiting:
        for _, far, cable in city.plugs(waiting.popleft()):
            whole = cable.name not in damage.cut and cable.name not in without
            if whole and far.node not in found and far.node not in broken:
                found.add(far.node)
                if city.by_name[far.node].role in INSIDE:
                    waiting.append(far.node)
    return found - {start}


def _behind(city: Description, damage: Damage, cables: set[str]) -> frozenset[Seen]:
    """What is reached over these cables only, so that their quality is felt for certain."""
    if not cables:
        return frozenset()
    lost = {
        version: _reached(city, damage, version)
        - _reached(city, damage, version, frozenset(cables))
        for version in (4, 6)
    }
    return frozenset(seen for seen in senses(city) if seen[0] in lost[seen[1].version])
