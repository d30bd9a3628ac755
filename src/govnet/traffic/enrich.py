"""What the ledger knows of a flow, added to whole columns: unit, circuit, carrier, direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from govnet.engine.flow.columns import Array, Flows
from govnet.telemetry.schema import INTERNAL, INWARD, OUTWARD, TRANSIT
from govnet.traffic.applications import Classifier, shipped_rules
from govnet.traffic.prefixes import Network, PrefixTable

Ids = npt.NDArray[np.uint32]

_DIRECTIONS = np.array([TRANSIT, INWARD, OUTWARD, INTERNAL], np.uint8)
"""By whether the source (2) and the destination (1) are registered."""

CLOCK_BEHIND_MS = 3_600_000
CLOCK_AHEAD_MS = 5_000
"""An exporter's end of a flow is believed when it lies so near to the time of reception; else the
time of reception is taken, so that a wrong clock cannot put data where nobody looks."""


MOST = np.uint64(2**39)
"""Half a terabyte in one record is a lie, and times the largest sampling rate all that fits."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose a registered address is."""

    unit_id: int = 0
    access_point_id: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """The circuit behind an exporter's interface."""

    circuit_id: int
    carrier_id: int
    is_egress: bool


@dataclass(frozen=True)
class Ledger:
    """What is known, at one revision.

    Attributes:
        blocks: registered prefixes; single addresses too.
        lines: circuits by exporter id and interface index.
        sampling: rates that override what exporters say, by exporter id.
        classifier: application rules.
        countries: two letters as a number, by prefix; of a file that the user supplied.
        systems: autonomous system numbers by prefix; likewise.
    """

    blocks: Mapping[Network, Place] = field(default_factory=dict)
    lines: Mapping[tuple[int, int], Line] = field(default_factory=dict)
    sampling: Mapping[int, int] = field(default_factory=dict)
    classifier: Classifier = field(default_factory=lambda: Classifier.of(shipped_rules()))
    countries: PrefixTable | None = None
    systems: PrefixTable | None = None


class Enricher:
    """Adds the ledger's columns; made anew for each revision."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        places = [Place(), *dict.fromkeys(ledger.blocks.values())]
        number = {place: index for index, place in enumerate(places[1:], 1)}
        self._table = PrefixTable({net: number[p] for net, p in ledger.blocks.items()})
        self._units = np.array([place.unit_id for place in places], np.uint32)
        self._access_points = np.array([place.access_point_id for place in places], np.uint32)
        keys = sorted(ledger.lines)
        lines = [ledger.lines[key] for key in keys]
        self._line_keys = np.array([e << 32 | i for e, i in keys], np.uint64)
        self._circuits = _ids([line.circuit_id for line in lines])
        self._carriers = _ids([line.carrier_id for line in lines])
        self._egress = np.array([False, *(line.is_egress for line in lines)])

    def columns(self, flows: Flows, exporter_ids: Ids) -> dict[str, Array]:
        """The columns of the ``flow`` table.

        Args:
            flows: decoded flows.
            exporter_ids: the exporter's row of each flow, 0 where it has none.
        """
        src, dst = self._table.find(flows["src"]), self._table.find(flows["dst"])
        inside, back = src > 0, dst > 0
        own, peer = np.where(inside, src, dst), dst * (inside & back)
        line = self._line(flows, exporter_ids)
        sampling = self._sampling(flows["sampling"], exporter_ids)
        return {
            "ts": _moment(flows),
            "unit_id": self._units.take(own),
            "direction": _DIRECTIONS.take(inside * np.uint8(2) + back),
            "application": self._ledger.classifier.classify(
                flows["protocol"], flows["src_port"], flows["dst_port"]
            ),
            "protocol": flows["protocol"],
            "carrier_id": self._carriers.take(line),
            "circuit_id": self._circuits.take(line),
            "peer_unit_id": self._units.take(peer),
            "access_point_id": self._access_points.take(own),
            "exporter_id": exporter_ids,
            "in_if": flows["in_if"],
            "out_if": flows["out_if"],
            "src": flows["src"],
            "dst": flows["dst"],
            "src_port": flows["src_port"],
            "dst_port": flows["dst_port"],
            "tcp_flags": flows["tcp_flags"],
            "tos": flows["tos"],
            "src_as": self._system(flows, "src"),
            "dst_as": self._system(flows, "dst"),
            "country": self._country(flows, inside),
            "bytes": _scaled(flows["bytes"], sampling),
            "packets": _scaled(flows["packets"], sampling),
            "sampling": sampling,
            "duration_ms": flows["duration_ms"],
        }

    def _line(self, flows: Flows, exporter_ids: Ids) -> npt.NDArray[np.intp]:
        """The circuit out of which a flow went, else the one by which it came.

        The egress comes before any other: it is what a carrier is paid for.
        """
        if not len(self._line_keys):
            return np.zeros(len(exporter_ids), np.intp)
        out, into = (self._place(exporter_ids, flows[name]) for name in ("out_if", "in_if"))
        prefer_in = (out == 0) | (self._egress[into] & ~self._egress[out])
        return np.where(prefer_in, into, out)

    def _place(self, exporter_ids: Ids, interfaces: Array) -> npt.NDArray[np.intp]:
        keys = exporter_ids.astype(np.uint64) << np.uint64(32) | interfaces.astype(np.uint64)
        place = np.searchsorted(self._line_keys, keys)
        place[place == len(self._line_keys)] = 0
        return np.where(self._line_keys[place] == keys, place + 1, 0)

    def _sampling(self, told: Array, exporter_ids: Ids) -> npt.NDArray[np.uint32]:
        sampling = np.maximum(told, np.uint32(1))
        for exporter_id, rate in self._ledger.sampling.items():
            sampling[exporter_ids == exporter_id] = rate
        return sampling

    def _country(self, flows: Flows, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint16]:
        """Of the end that is not ours."""
        if self._ledger.countries is None:
            return np.zeros(len(inside), np.uint16)
        outside = np.where(inside, flows["dst"], flows["src"])
        return self._ledger.countries.find(outside).astype(np.uint16)

    def _system(self, flows: Flows, end: str) -> Array:
        """The exporter's own number where it knows one; it has the routing table."""
        told = flows[f"{end}_as"]
        if self._ledger.systems is None:
            return told
        return np.where(told == 0, self._ledger.systems.find(flows[end]).astype(np.uint32), told)


def _ids(values: Sequence[int]) -> Ids:
    """With 0 for "none" in front."""
    return np.array([0, *values], np.uint32)


def _moment(flows: Flows) -> Array:
    received, end = flows["received_ms"], flows["end_ms"]
    # One comparison of unsigned numbers for the two of signed ones.
    late = (received - end + CLOCK_AHEAD_MS).view(np.uint64)
    credible = late <= CLOCK_BEHIND_MS + CLOCK_AHEAD_MS
    if not credible.all():
        end = np.where(credible, end, received)
    return end.view("datetime64[ms]")


def _scaled(counted: Array, sampling: npt.NDArray[np.uint32]) -> Array:
    counted = np.minimum(counted, MOST)
    return counted * sampling if sampling.max(initial=1) > 1 else counted
