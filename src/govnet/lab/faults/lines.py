"""Faults of cables and ports."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from govnet.lab import kernel
from govnet.lab.cables import Condition
from govnet.lab.description import CABLE_ROOM, Cable, Description, Role, Way
from govnet.lab.faults.base import (
    FaultError,
    Kind,
    Options,
    cable_named,
    cables_of,
    keep_running,
    node_named,
    register,
    revive,
)
from govnet.lab.truth import Damage
from govnet.lab.twin import Twin

DEGRADING_LOSS = 0.1
"""Share of packets lost from which GovNet's rules call a target degraded."""


class _OfCable(Kind):
    targets = "circuit number, or a node that hangs on one cable"

    @classmethod
    def resolve(cls, city: Description, target: str) -> str:
        """The circuit number."""
        return cable_named(city, target).name


@register
class Cut(_OfCable):
    """A cable is cut: both ends lose their light."""

    name = "cut"
    summary = "cut a cable; both ends lose carrier"

    def inject(self, twin: Twin) -> None:
        """Cut it."""
        cables_of(twin).cut(self.target)

    def heal(self, twin: Twin) -> None:
        """Splice it."""
        cables_of(twin).cut(self.target, cut=False)

    def damage(self, damage: Damage) -> None:
        """It carries nothing."""
        damage.cut.add(self.target)


class LineOptions(Options):
    """What a line does besides carrying; added to what the description says.

    ``way``: up is from the A end (the unit) into the network, down the other way.
    """

    delay_ms: Annotated[float, Field(ge=0, le=2000)] = 0.0
    jitter_ms: Annotated[float, Field(ge=0, le=2000)] = 0.0
    loss: Annotated[float, Field(ge=0, le=1)] = 0.0
    burst: Annotated[float, Field(ge=0, le=1000)] = 0.0
    way: Literal["both", "up", "down"] = "both"


@register
class Line(_OfCable):
    """A bad line: loss, delay, jitter, on one way or both."""

    name = "line"
    summary = "loss, delay or jitter on a line, one way or both"
    model = LineOptions
    options: LineOptions

    def inject(self, twin: Twin) -> None:
        """Make it bad."""
        cable = twin.city.cables_by_name[self.target]
        cables = cables_of(twin)
        if self.options.way in ("both", "up"):
            cables.set_condition(self.target, _worse(cable.forward, self.options), "forward")
        if self.options.way in ("both", "down"):
            cables.set_condition(self.target, _worse(cable.backward, self.options), "backward")

    def heal(self, twin: Twin) -> None:
        """Back to the description."""
        cable, cables = twin.city.cables_by_name[self.target], cables_of(twin)
        cables.set_condition(self.target, _worse(cable.forward, LineOptions()), "forward")
        cables.set_condition(self.target, _worse(cable.backward, LineOptions()), "backward")

    def damage(self, damage: Damage) -> None:
        """Who is behind is degraded by loss, and cut off where nothing passes."""
        if self.options.loss == 1:
            damage.cut.add(self.target)
        elif self.options.loss >= DEGRADING_LOSS:
            damage.poor.add(self.target)


def _worse(way: Way, options: LineOptions) -> Condition:
    try:
        return Condition(
            way.delay_ms + options.delay_ms,
            way.jitter_ms + options.jitter_ms,
            max(way.loss, options.loss),
            options.burst,
        )
    except ValueError as error:
        raise FaultError(str(error)) from error


class FlapOptions(Options):
    """Seconds down, seconds up, and for how long in all."""

    down_s: Annotated[float, Field(ge=0.2, le=60)] = 2.0
    up_s: Annotated[float, Field(ge=0.2, le=60)] = 3.0
    seconds: Annotated[float, Field(gt=0, le=600)] = 60.0


@register
class Flap(_OfCable):
    """A line that comes and goes, for a bounded time."""

    name = "flap"
    summary = "a line that comes and goes"
    model = FlapOptions
    options: FlapOptions

    def inject(self, twin: Twin) -> None:
        """Start to flap."""
        numbers = (str(self.options.down_s), str(self.options.up_s), str(self.options.seconds))
        socket = str(cables_of(twin).socket_path)
        self.pid = keep_running(
            twin, CABLE_ROOM, "govnet.lab.flapping", socket, self.target, *numbers
        )

    def heal(self, twin: Twin) -> None:
        """Steady again."""
        cables_of(twin).cut(self.target, cut=False)

    def damage(self, damage: Damage) -> None:
        """Nobody can say what is seen at a moment."""
        damage.unsettled.add(self.target)


@register
class PortDown(Kind):
    """A port is shut at one end; the other end loses its light."""

    name = "port-down"
    summary = "shut a port"
    targets = "node:interface"

    @classmethod
    def resolve(cls, city: Description, target: str) -> str:
        """Node and interface, checked."""
        _cable_at(city, target)
        return target

    def inject(self, twin: Twin) -> None:
        """Shut it."""
        node, interface = self.target.split(":")
        with kernel.inside(twin.namespace(node)):
            kernel.ip([f"link set {interface} down"])

    def heal(self, twin: Twin) -> None:
        """Open it; the kernel forgot its IPv6 address and routes meanwhile."""
        node = self.target.partition(":")[0]
        twin.plug_in(node)
        revive(twin, node)  # a flow exporter ends when its port is shut

    def damage(self, damage: Damage) -> None:
        """Its cable carries nothing."""
        damage.cut.add(_cable_at(self.city, self.target).name)


def _cable_at(city: Description, target: str) -> Cable:
    node, _, interface = target.partition(":")
    node_named(city, node)
    for end, _, cable in city.plugs(node):
        if end.interface == interface:
            return cable
    ports = ", ".join(f"{node}:{end.interface}" for end, _, _ in city.plugs(node))
    raise FaultError(f"{node} has no port {interface!r}. Its ports: {ports}.")


@register
class Blind(Kind):
    """The management cables of the operations room are cut: nothing can be known."""

    name = "blind"
    summary = "cut every cable of the operations room: GovNet sees nothing"
    targets = "the operations room (noc)"

    @classmethod
    def resolve(cls, city: Description, target: str) -> str:
        """Only the operations room."""
        return node_named(city, target, Role.OPERATIONS).name

    def inject(self, twin: Twin) -> None:
        """Cut them all."""
        for _, _, cable in twin.city.plugs(self.target):
            cables_of(twin).cut(cable.name)

    def heal(self, twin: Twin) -> None:
        """Splice them all."""
        for _, _, cable in twin.city.plugs(self.target):
            cables_of(twin).cut(cable.name, cut=False)

    def damage(self, damage: Damage) -> None:
        """All its cables carry nothing."""
        damage.cut.update(cable.name for _, _, cable in self.city.plugs(self.target))
