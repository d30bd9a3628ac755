"""What the decoder knows of each exporter: templates, sampling, sequence, counters; bounded.

An exporter is a source address. Its *observation domains* (source ids of NetFlow v9, engine of
v5, sub-agent of sFlow) each have their own templates, sampling and sequence numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from govnet.engine.flow.columns import Integers
from govnet.engine.flow.elements import element_name
from govnet.engine.flow.sampling import Sampling
from govnet.engine.flow.templates import BadTemplateError, Field, Template

MAX_EXPORTERS: Final = 4_096
MAX_DOMAINS: Final = 256
MAX_TEMPLATES: Final = 1_024
"""Templates of one exporter, over all its domains."""

MAX_TEMPLATES_TOTAL: Final = 32_768
FORGET_S: Final = 86_400.0
FORGET_STRANGER_S: Final = 60.0
"""When all places are taken, an exporter gives its own to another after this silence; one that
never sent a record, such as a forged source, much sooner."""

REORDERED: Final = 64
"""A sequence number up to so many datagrams back is a late datagram; further back, a restart."""

LEAP: Final = 2**20
"""More than so many missing at once is a restart too, or forged."""


@dataclass
class Sequence:
    """Gaps in one domain's sequence numbers, in the unit of its protocol (records or datagrams).

    Attributes:
        gaps: how often numbers were missing.
        missing: how many were.
        restarts: how often the numbers started again.
    """

    expected: int | None = None
    gaps: int = 0
    missing: int = 0
    restarts: int = 0
    _noted: list[tuple[int, int]] = field(default_factory=list)
    _found: int = 0

    def note(self, number: int, units: int) -> None:
        """One datagram's number, and how many it counts; judged by the next :meth:`settle`."""
        self._noted.append((number, units))

    def lose_track(self) -> None:
        """A datagram whose units cannot be counted: start again from the next one."""
        self.settle()
        self.expected = None

    def settle(self, *more: tuple[Integers, Integers]) -> int:
        """Judge what was noted, and more numbers with their units; returns how many miss.

        Datagrams are judged in the order of their numbers: those that overtook others on their
        way are nothing to report.
        """
        noted = np.array(self._noted, np.int64).reshape(-1, 2)
        self._noted.clear()
        numbers = np.concatenate([noted[:, 0], *(one[0] for one in more)])
        units = np.concatenate([noted[:, 1], *(one[1] for one in more)])
        if not len(numbers):
            return 0
        missed = self._run(numbers, units)
        while len(missed[0]):  # an exporter that started again: its numbers are another run
            self.restarts += 1
            self.expected = None
            missed = self._run(*missed)
        found, self._found = self._found, 0
        return found

    def _run(self, numbers: Integers, units: Integers) -> tuple[Integers, Integers]:
        """Judge the numbers near what is expected; returns the others."""
        if self.expected is None:
            self.expected = int(numbers[0])
            if len(numbers) > 1:  # the first to arrive need not be the first sent
                step = _signed(numbers - self.expected)
                close = step[np.abs(step) <= REORDERED * max(int(units.max()), 1)]
                self.expected = (self.expected + int(close.min())) & 0xFFFFFFFF
        ahead = _signed(numbers - self.expected)
        late = (ahead < 0) & (ahead >= -REORDERED * np.maximum(units, 1))
        near = (ahead >= 0) & (ahead <= LEAP)
        self.missing = max(self.missing - int(units[late].sum()), 0)  # they were counted
        if near.any():
            self._gaps(ahead[near], units[near])
        others = ~late & ~near
        return numbers[others], units[others]

    def _gaps(self, ahead: Integers, units: Integers) -> None:
        order = np.argsort(ahead, kind="stable")
        start = ahead[order]
        end = np.maximum.accumulate(start + units[order])
        gap = np.maximum(start - np.concatenate([[0], end[:-1]]), 0)
        self.gaps += int((gap > 0).sum())
        self.missing += int(gap.sum())
        self._found += int(gap.sum())
        assert self.expected is not None
        self.expected = (self.expected + int(end[-1])) & 0xFFFFFFFF


def _signed(difference: Integers) -> Integers:
    """Differences of 32-bit numbers as the smallest step, forward or back."""
    return (difference + 2**31 & 0xFFFFFFFF) - 2**31


@dataclass
class Domain:
    """One observation domain of one exporter.

    Attributes:
        numbers: sequence numbers and their units that ``sequence`` has not judged yet.
    """

    exporter: Exporter
    version: int
    number: int
    templates: dict[int, Template] = field(default_factory=dict)
    sampling: Sampling = field(default_factory=Sampling)
    sequence: Sequence = field(default_factory=Sequence)
    numbers: list[tuple[Integers, Integers]] = field(default_factory=list)

    def learn(self, number: int, fields: list[Field], scopes: int = 0) -> bool:
        """Take a template; True when it is new or another one than before.

        Raises:
            BadTemplateError: it describes nothing, or there are too many already.
        """
        known = self.templates.get(number)
        if known is not None and known.same(fields, scopes):
            return False
        template = Template(number, fields, scopes)
        if known is None:
            self.exporter.take_place()
        self.templates[number] = template
        return True

    def withdraw(self, number: int) -> bool:
        """Forget a template, 2 or 3 all flow or options templates (RFC 7011, 8.1)."""
        if number in {2, 3}:
            gone = [n for n, t in self.templates.items() if t.is_options == (number == 3)]
        else:
            gone = [number] if number in self.templates else []
        for one in gone:
            del self.templates[one]
        self.exporter.give_place(len(gone))
        return bool(gone)

    def described(self) -> list[dict[str, object]]:
        """Its templates for people: number, kind and fields by name."""
        return [
            {
                "number": template.number,
                "options": template.is_options,
                "octets": template.length,
                "variable": template.variable,
                "fields": [element_name(f.enterprise, f.element) for f in template.fields],
            }
            for template in self.templates.values()
        ]


@dataclass
class Exporter:
    """One source address.

    Attributes:
        number: the ``exporter`` column of its flows.
        address: 16 octets, IPv4 mapped.
        counters: ``datagrams``, ``octets``, ``records``, ``malformed``, ``no_template``,
            ``missing`` (by sequence numbers), ``templates``, ``options``, ``counter_samples``,
            ``unsupported``; since the process started.
    """

    number: int
    address: bytes
    places: Places
    first_seen: float
    last_seen: float = 0.0
    last_record: float = 0.0
    domains: dict[tuple[int, int], Domain] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    templates: int = 0

    def domain(self, version: int, number: int) -> Domain | None:
        """A domain of this exporter, made when it is new; None when there are too many."""
        found = self.domains.get((version, number))
        if found is None and len(self.domains) < MAX_DOMAINS:
            found = self.domains[version, number] = Domain(self, version, number)
        return found

    def saw_datagrams(self, count: int, size: int, at: float) -> None:
        """So many datagrams of one size came, the last at ``at``."""
        self.counters["datagrams"] += count
        self.counters["octets"] += count * size
        self.last_seen = max(self.last_seen, at)

    def saw_records(self, count: int, at: float) -> None:
        """So many records were decoded."""
        self.counters["records"] += count
        self.last_record = max(self.last_record, at)

    def take_place(self) -> None:
        """One more template.

        Raises:
            BadTemplateError: there are too many.
        """
        if self.templates >= MAX_TEMPLATES or self.places.templates >= MAX_TEMPLATES_TOTAL:
            raise BadTemplateError("too many templates")
        self.templates += 1
        self.places.templates += 1

    def give_place(self, count: int) -> None:
        """Some templates fewer."""
        self.templates -= count
        self.places.templates -= count


@dataclass
class Places:
    """How much of what is bounded is taken."""

    templates: int = 0


class Exporters:
    """All exporters, by source address."""

    def __init__(self) -> None:
        self._by_address: dict[bytes, Exporter] = {}
        self._by_number: dict[int, Exporter] = {}
        self._places = Places()
        self._next = 0
        self._look_again_at = 0.0
        self.refused = 0

    def __iter__(self) -> Iterator[Exporter]:
        return iter(list(self._by_address.values()))

    def __len__(self) -> int:
        return len(self._by_address)

    @property
    def numbers(self) -> int:
        """How many numbers were given so far: one more than the highest."""
        return self._next

    def numbered(self, number: int) -> Exporter | None:
        """The exporter of a flow's ``exporter`` column; None when it was forgotten."""
        return self._by_number.get(number)

    def at(self, address: bytes, now: float) -> Exporter | None:
        """The exporter of an address; None (counted) when no place is left for a new one."""
        found = self._by_address.get(address)
        if found is None:
            if len(self._by_address) >= MAX_EXPORTERS and not self._forget_silent(now):
                self.refused += 1
                return None
            found = Exporter(self._next, address, self._places, now, now)
            self._next += 1
            self._by_address[address] = self._by_number[found.number] = found
        return found

    def _forget_silent(self, now: float) -> bool:
        """Make room for a new exporter; looked for once a second, a storm must not cost more."""
        if now < self._look_again_at:
            return False
        self._look_again_at = now + 1.0
        for exporter in self:
            patience = FORGET_S if exporter.last_record else FORGET_STRANGER_S
            if now - exporter.last_seen > patience:
                self._forget(exporter)
        return len(self._by_address) < MAX_EXPORTERS

    def _forget(self, exporter: Exporter) -> None:
        exporter.give_place(exporter.templates)
        del self._by_address[exporter.address], self._by_number[exporter.number]
