"""What goes into root-cause analysis (nodes, links) and what comes out (roots, facts)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class NodeKind(StrEnum):
    """What a node is to the analysis.

    ``PROBE`` is the place that measures. ``SERVICE`` runs on a host, at the end of a one-way
    link: down with its host up, it is the service that is down and not the path.
    """

    PROBE = "probe"
    PLACE = "place"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Node:
    """A device, an access point or a service.

    Attributes:
        id: any string, unique among nodes and links.
    """

    id: str
    kind: NodeKind = NodeKind.PLACE


@dataclass(frozen=True, slots=True)
class Link:
    """A circuit or cable between two nodes; which end is up follows from the probe.

    Attributes:
        a: id of one end.
        b: id of the other.
        one_way: it leads from ``a`` to ``b`` only: ``b`` is reached by it, but carries nothing
            for others, as a unit with two uplinks does not join the two, or a service.
        real: False for "is at the same place as" and "runs on": it cannot fail by itself
            and is never named.
    """

    id: str
    a: str
    b: str
    one_way: bool = False
    real: bool = True


class RootKind(StrEnum):
    """What kind of fault a root is."""

    NODE_DOWN = "node_down"
    LINK_DOWN = "link_down"
    PARTIAL = "partial"
    """Loss or latency, or a device that answers while nothing behind it does."""
    SERVICE_DOWN = "service_down"
    """It does not answer, but the path to it is whole and what lies behind it answers."""
    BLIND = "blind"
    """Nothing answers at all: the probe point is cut off, and nobody else is blamed."""


class Reason(StrEnum):
    """What speaks for a root; ``Fact.elements`` and ``Fact.count`` belong to it."""

    UPSTREAM_ANSWERS = "upstream_answers"
    """The elements lie before it on the way from the probe, and are reached."""
    LINK_DOWN_SEEN = "link_down_seen"
    """The elements are links whose ports say that they are down."""
    LINK_UP_SEEN = "link_up_seen"
    """The elements are links to it that are up: the line is not the cause."""
    OTHER_PATH_HOLDS = "other_path_holds"
    """Both ends of the link answer: what it carried takes another way."""
    ALL_BEHIND_DOWN = "all_behind_down"
    """``count`` things behind it do not answer either."""
    BEHIND_ANSWERS = "behind_answers"
    """``count`` things that can only be reached through it answer."""
    ONLY_COMMON_CAUSE = "only_common_cause"
    """The elements failed independently otherwise; this is the nearest thing they share."""
    HOST_ANSWERS = "host_answers"
    """The elements are the hosts of the service; they answer."""
    NO_UPLINK_RECORDED = "no_uplink_recorded"
    """The ledger has no path from the probe to it, so nothing can be said about its upstream."""
    NOTHING_ANSWERS = "nothing_answers"
    """Not one of ``count`` measured things answers."""
    SHARED_LOSS = "shared_loss"
    """``count`` things behind it are degraded."""
    UPSTREAM_CLEAN = "upstream_clean"
    """The elements lie before it and are not degraded."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One reason with what it refers to."""

    reason: Reason
    elements: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Root:
    """One independent fault, as far as the present states tell.

    Attributes:
        element: id of the node or link that is blamed.
        inferred: no state of its own says so: it is named because it explains the others.
        alternatives: elements that would explain the same states just as well, nearest first.
        facts: what speaks for it.
        explained: ids that are down or degraded because of it; sets shared with other roots
            where only several faults together explain them.
        affected: ids of nodes that are cut off or degraded by it, measured or not; as above.
    """

    element: str
    kind: RootKind
    inferred: bool
    alternatives: tuple[str, ...]
    facts: tuple[Fact, ...]
    explained: tuple[frozenset[str], ...] = ()
    affected: tuple[frozenset[str], ...] = ()

    @property
    def certain(self) -> bool:
        """True when its own state says it and nothing else would explain the same."""
        return not self.inferred and not self.alternatives

    @property
    def shadowed(self) -> frozenset[str]:
        """Down or degraded nodes and links whose notices this root stands for."""
        return frozenset[str]().union(*self.explained) - {self.element}

    @property
    def impact(self) -> frozenset[str]:
        """Nodes that are cut off or degraded by it, itself included when it is a node."""
        return frozenset[str]().union(*self.affected)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The roots of everything that is not fine, in the order of their ids.

    It depends on the graph and the present states only, never on the order in which the
    states were learnt.
    """

    roots: tuple[Root, ...] = ()

    @property
    def by_element(self) -> Mapping[str, Root]:
        """Roots by the element blamed."""
        return {root.element: root for root in self.roots}

    def roots_of(self, element: str) -> tuple[Root, ...]:
        """The roots that explain an element: itself, one above it, or several together."""
        return tuple(
            root
            for root in self.roots
            if root.element == element or any(element in group for group in root.explained)
        )

    def causes(self) -> dict[str, tuple[str, ...]]:
        """For every node and link that is explained: the elements of its roots."""
        found: dict[str, tuple[str, ...]] = {}
        for root in self.roots:
            for name in _members(root):
                found[name] = (*found.get(name, ()), root.element)
        return found


def _members(root: Root) -> Iterable[str]:
    return root.shadowed | {root.element}
