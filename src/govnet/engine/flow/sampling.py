"""How many packets stand for one that an exporter looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from govnet.engine.flow.templates import Rows, Template

MAX_SELECTORS: Final = 64
MAX_RATE: Final = 2**24
"""A rate above this is nonsense and would make the traffic of a city out of one packet."""


@dataclass
class Sampling:
    """What one observation domain told of its sampling.

    Attributes:
        rate: one of so many packets is looked at; 1 until told otherwise.
        by_selector: the same per selector (IPFIX) or sampler (NetFlow v9).
        told: whether the exporter told anything at all.
    """

    rate: int = 1
    by_selector: dict[int, int] = field(default_factory=dict)
    told: bool = False

    def tell(self, rate: int, selector: int | None = None) -> None:
        """Take one announcement; nonsense is ignored."""
        if not 1 <= rate <= MAX_RATE:
            return
        self.told = True
        if selector is None:
            self.rate = rate
            return
        if selector in self.by_selector or len(self.by_selector) < MAX_SELECTORS:
            self.by_selector[selector] = rate
        if len(set(self.by_selector.values())) == 1:  # records need not name their selector
            self.rate = rate

    def read_options(self, template: Template, rows: Rows) -> None:
        """Take what options records say: v9 types 34, 48 and 50, or PSAMP's (RFC 5477)."""
        for row in range(min(len(rows), MAX_SELECTORS)):
            one = rows[row : row + 1]
            said = {
                role: int(template.number_of(one, role)[0])
                for role in template.roles
                if role.startswith("sampling_") or role == "selector"
            }
            rate = _rate(said)
            if rate:
                self.tell(rate, said.get("selector"))


def _rate(said: dict[str, int]) -> int:
    if "sampling_interval" in said:
        return said["sampling_interval"]
    if said.get("sampling_packets"):
        packets = said["sampling_packets"]
        return round((packets + said.get("sampling_space", 0)) / packets)
    if said.get("sampling_size"):
        return round(said.get("sampling_population", 0) / said["sampling_size"])
    return 0
