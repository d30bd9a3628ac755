"""Follows the states and says at any time which faults explain them."""

from __future__ import annotations

from collections.abc import Mapping

from govnet.engine.result import State
from govnet.engine.topology.degradation import find_degradation
from govnet.engine.topology.graph import Graph
from govnet.engine.topology.model import Diagnosis
from govnet.engine.topology.outages import find_outages
from govnet.engine.topology.states import States


class Correlator:
    """Root-cause analysis on one graph.

    It remembers the present states and nothing else, so the answer cannot depend on the order
    in which they came: a fault found later above takes over what was found earlier below.
    """

    def __init__(self, graph: Graph, states: Mapping[str, State] | None = None) -> None:
        self.graph = graph
        self._states = States(graph)
        self._states.change(states or {})

    def update(self, states: Mapping[str, State]) -> Diagnosis:
        """Take over changed states of nodes and links, and explain the present ones.

        ``State.UNKNOWN`` takes knowledge back. Ids that the graph lacks are ignored.
        """
        self._states.change(states)
        return self.diagnose()

    def diagnose(self) -> Diagnosis:
        """The roots of what is down and of what is degraded now."""
        roots = [*find_outages(self._states), *find_degradation(self._states)]
        return Diagnosis(tuple(sorted(roots, key=lambda root: root.element)))


def diagnose(graph: Graph, states: Mapping[str, State]) -> Diagnosis:
    """Explain states once; see ``Correlator`` for following them."""
    return Correlator(graph, states).diagnose()
