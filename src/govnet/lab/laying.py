"""Lays the cables of a twin between its namespaces, and finds them again."""

from __future__ import annotations

from pathlib import Path

from govnet.lab import kernel
from govnet.lab.cables import Cable, Cables, Condition, End
from govnet.lab.description import CABLE_ROOM, Description
from govnet.lab.description import Cable as DescribedCable
from govnet.lab.description import End as DescribedEnd
from govnet.lab.description import Way as DescribedWay


def lay_cables(city: Description, directory: Path) -> None:
    """Start the process that moves the frames, and plug every cable in.

    Raises:
        govnet.lab.cables.CableError: a cable cannot be made.
    """
    with kernel.inside(city.namespace(CABLE_ROOM)):
        cables, _ = Cables.start(control_socket(directory), directory / "cables.log")
    cables.add(_cable(city, cable) for cable in city.cables)


def control_socket(directory: Path) -> Path:
    """Where the cables of a twin are commanded: ``Cables(control_socket(twin.directory))``."""
    return directory / "cables.sock"


def _cable(city: Description, cable: DescribedCable) -> Cable:
    return Cable(
        cable.name,
        _end(city, cable.a),
        _end(city, cable.z),
        cable.mbps,
        _condition(cable.forward),
        _condition(cable.backward),
    )


def _end(city: Description, end: DescribedEnd) -> End:
    return End(city.namespace(end.node), end.interface)


def _condition(way: DescribedWay) -> Condition:
    return Condition(way.delay_ms, way.jitter_ms, way.loss)
