"""Attack traffic inside the twin, bounded in rate and time; nothing of it is a real attack.

The packets are made in the namespace of one node and sent to the address of another. Forged
sources are documentation addresses (RFC 5737), whose answers end at a border router.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from govnet.lab.description import Description
from govnet.lab.faults.base import FaultError, Kind, Options, keep_running, node_named, register
from govnet.lab.truth import Damage
from govnet.lab.twin import Twin

MOST_PACKETS = 2000
LONGEST_S = 120


class AttackOptions(Options):
    """Who sends, how many packets a second, for how long."""

    source: str = "isp1"
    rate: Annotated[int, Field(ge=1, le=MOST_PACKETS)] = 500
    seconds: Annotated[float, Field(gt=0, le=LONGEST_S)] = 30.0


class _Attack(Kind):
    targets = "node that is attacked"
    model = AttackOptions
    options: AttackOptions
    packets: ClassVar[str]

    @classmethod
    def resolve(cls, city: Description, target: str) -> str:
        """Any node."""
        return node_named(city, target).name

    def inject(self, twin: Twin) -> None:
        """Start to send."""
        source = node_named(twin.city, self.options.source).name
        if source == self.target:
            raise FaultError("A node does not attack itself: give another source.")
        address = str(twin.city.address_of(self.target)[0])
        arguments = (self.packets, address, str(self.options.rate), str(self.options.seconds))
        self.pid = keep_running(twin, source, "govnet.lab.attack", *arguments)

    def heal(self, twin: Twin) -> None:
        """Nothing is left to mend when nobody sends."""

    def damage(self, damage: Damage) -> None:
        """Nothing breaks: the rate stays below what the lines carry."""


@register
class SynFlood(_Attack):
    """Connections begun and never finished, from many forged sources."""

    name = "syn-flood"
    summary = "TCP SYN from forged sources to port 443"
    packets = "syn"


@register
class Amplification(_Attack):
    """Large answers of name servers that nobody asked."""

    name = "amplification"
    summary = "large UDP answers from port 53 of forged reflectors"
    packets = "amplified"


@register
class Scan(_Attack):
    """One source tries one port after the other."""

    name = "scan"
    summary = "one source tries the TCP ports one by one"
    packets = "scan"
