"""Root-cause analysis: a graph around the probe point, states on it, and what explains them.

``Graph`` holds the network, ``Correlator`` follows the states, ``Diagnosis`` names the roots.
The rules and their limits: docs/explanation/root-cause.md.
"""

from govnet.engine.topology.correlator import Correlator, diagnose
from govnet.engine.topology.graph import Graph
from govnet.engine.topology.model import (
    Diagnosis,
    Fact,
    Link,
    Node,
    NodeKind,
    Reason,
    Root,
    RootKind,
)

__all__ = [
    "Correlator",
    "Diagnosis",
    "Fact",
    "Graph",
    "Link",
    "Node",
    "NodeKind",
    "Reason",
    "Root",
    "RootKind",
    "diagnose",
]
