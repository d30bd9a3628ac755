"""Played faults: which endpoint fails when, and for how long.

Reproducible: the same seed gives the same sequence. Only endpoints that this demo runs are ever
closed, one at a time, for about a minute, and the log says that it was played.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from govnet.demo.plan import SEED

FIRST_AFTER_S: Final = 150.0
"""Everything has been seen working before the first fault."""

PAUSE_S: Final = (90.0, 240.0)
Kind = Literal["port", "agent"]

FAULT_S: Final[dict[Kind, float]] = {"port": 30.0, "agent": 75.0}
"""Long enough to be seen: agents are asked every 30 s, ports every 10 s."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One played fault.

    Attributes:
        after_s: seconds of quiet before it.
        kind: "port" closes a unit's management port, "agent" stops a device's SNMP agent.
        name: the unit or device.
        for_s: how long it lasts.
    """

    after_s: float
    kind: Kind
    name: str
    for_s: float


def played_faults(ports: Sequence[str], agents: Sequence[str], seed: int = SEED) -> Iterator[Fault]:
    """The endless sequence of faults; units fail twice as often as devices."""
    dice = random.Random(seed)  # noqa: S311  # a stable play, not a secret
    after_s = FIRST_AFTER_S
    while ports or agents:
        from_ports = ports and (not agents or dice.random() < 2 / 3)
        kind: Kind = "port" if from_ports else "agent"
        name = dice.choice(ports if from_ports else agents)
        yield Fault(after_s, kind, name, FAULT_S[kind])
        after_s = dice.uniform(*PAUSE_S)
