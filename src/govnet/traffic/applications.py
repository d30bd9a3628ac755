"""What an application is called, by its port or protocol: rules as data, ``applications.yaml``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import yaml
from django.utils.translation import get_language
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

SHIPPED: Final = Path(__file__).with_name("applications.yaml")
OWN_NAME: Final = "applications.yaml"
OTHER: Final = 0
"""Number of what no rule fits."""

FIRST_OWN: Final = 10_000
_PROTOCOLS: Final = {
    "icmp": 1, "ipip": 4, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58,
    "ospf": 89, "sctp": 132,
}  # fmt: skip
_PORTS: Final = 65_536
_WITH_PORTS: Final = {6: 0, 132: 0, 17: _PORTS}
"""Where the slots of their ports begin: SCTP's services have TCP's ports."""


class RulesError(ValueError):
    """A file of rules is wrong; the message says what."""


class Rule(BaseModel, extra="forbid"):
    """One application: protocols, and ports unless the protocol has none."""

    number: int = Field(ge=1, le=65_535)
    name: str = Field(min_length=1, max_length=60)
    zh: str = ""
    protocol: list[str]
    ports: list[int | str] = Field(default_factory=list)

    def ranges(self) -> list[tuple[int, int]]:
        """First and last port of each entry.

        Raises:
            ValueError: one is no port or range.
        """
        found = []
        for entry in self.ports:
            first, _, last = str(entry).partition("-")
            ends = int(first), int(last or first)
            if not 0 <= ends[0] <= ends[1] < _PORTS:
                raise ValueError(f"{self.name}: {entry} is no port or range of ports")
            found.append(ends)
        return found


_RULES: Final = TypeAdapter(list[Rule])


def read_rules(path: Path) -> list[Rule]:
    """The rules of one file.

    Raises:
        RulesError: it cannot be read or a rule is wrong.
    """
    try:
        rules = _RULES.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or [])
        for rule in rules:
            rule.ranges()
            unknown = set(rule.protocol) - _PROTOCOLS.keys()
            if unknown:
                raise RulesError(f"{path.name}: {rule.name}: unknown protocol {unknown.pop()}")
    except (OSError, yaml.YAMLError, ValidationError, ValueError) as error:
        raise RulesError(f"{path.name}: {error}") from error
    return rules


def rules_of(data_dir: Path) -> list[Rule]:
    """The site's own rules, then those that came with GovNet.

    Raises:
        RulesError: the site's file is wrong.
    """
    own = data_dir / OWN_NAME
    site = read_rules(own) if own.exists() else []
    if any(rule.number < FIRST_OWN for rule in site):
        raise RulesError(f"{OWN_NAME}: own rules have numbers from {FIRST_OWN} on")
    return [*site, *shipped_rules()]


@lru_cache(maxsize=1)
def shipped_rules() -> tuple[Rule, ...]:
    """The rules that came with GovNet."""
    return tuple(read_rules(SHIPPED))


def name_of(number: int, rules: Sequence[Rule]) -> str:
    """What people call an application."""
    chinese = (get_language() or "").startswith("zh")
    for rule in rules:
        if rule.number == number:
            return (rule.zh if chinese else "") or rule.name
    return ""


@dataclass(frozen=True)
class Classifier:
    """Rules as one table of ranks: the ports of TCP, those of UDP, the protocols without ports.

    Attributes:
        ranks: the rule's place among the rules by slot, the last rank where none fits.
        numbers: application by rank.
        first_slots: where a protocol's slots begin, by protocol.
        port_masks: which bits of a port choose among them, by protocol.
    """

    ranks: npt.NDArray[np.uint16]
    numbers: npt.NDArray[np.uint16]
    first_slots: npt.NDArray[np.uint32]
    port_masks: npt.NDArray[np.uint16]

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> Classifier:
        """Earlier rules win, also between a flow's two ports."""
        first_slots = np.arange(256, dtype=np.uint32) + 2 * _PORTS
        port_masks = np.zeros(256, np.uint16)
        for protocol, first in _WITH_PORTS.items():
            first_slots[protocol], port_masks[protocol] = first, _PORTS - 1
        ranks = np.full(2 * _PORTS + 256, len(rules), np.uint16)
        for rank, rule in reversed(list(enumerate(rules))):
            for number in map(_PROTOCOLS.__getitem__, rule.protocol):
                start, whole = int(first_slots[number]), [(0, int(port_masks[number]))]
                for first, last in (number in _WITH_PORTS and rule.ranges()) or whole:
                    ranks[start + first : start + last + 1] = rank
        numbers = np.array([*(rule.number for rule in rules), OTHER], np.uint16)
        return cls(ranks, numbers, first_slots, port_masks)

    def classify(
        self,
        protocol: npt.NDArray[np.uint8],
        src_port: npt.NDArray[np.uint16],
        dst_port: npt.NDArray[np.uint16],
    ) -> npt.NDArray[np.uint16]:
        """The application of each flow, ``OTHER`` where no rule fits."""
        start, mask = self.first_slots.take(protocol), self.port_masks.take(protocol)
        ours, theirs = (self.ranks.take(start + (port & mask)) for port in (src_port, dst_port))
        found: npt.NDArray[np.uint16] = self.numbers.take(np.minimum(ours, theirs))
        return found
