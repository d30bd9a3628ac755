"""Datagrams of any flow protocol to columns, a batch at a time.

The decoder walks headers only: data sets are put to their template as they lie, and
:meth:`Decoder.flush` turns each template's sets, of any number of datagrams, into columns at once.
A datagram that looks like an earlier one is not even walked (``lanes``). Everything that the
network can make grow is bounded, and what is given up is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, NamedTuple

import numpy as np

from govnet.engine.flow import sflow
from govnet.engine.flow.columns import Flows, joined
from govnet.engine.flow.descriptions import learn_options, learn_templates
from govnet.engine.flow.exporters import Domain, Exporter, Exporters
from govnet.engine.flow.headers import read_samples
from govnet.engine.flow.lanes import SHORTEST, Lane, Lanes
from govnet.engine.flow.netflow5 import V5_HEADER, V5_TEMPLATE
from govnet.engine.flow.reading import Origins, read_flows
from govnet.engine.flow.templates import BadTemplateError, Template

V5, V9, IPFIX, SFLOW = 5, 9, 10, 5 << 8
"""Domains are told apart by protocol too; sFlow's own version is 5 as well."""

PARK_BYTES: Final = 4 * 2**20
PARK_S: Final = 120.0
"""Data sets that came before their template wait so long, and so many octets of them."""

_V9_HEADER: Final = Struct(">HHIIII")
_IPFIX_HEADER: Final = Struct(">HHIII")
_TWO: Final = Struct(">HH")
_PARKED_OVERHEAD: Final = 300
_DATA_SET: Final = 256
_V9_TEMPLATES, _V9_OPTIONS, _IPFIX_TEMPLATES, _IPFIX_OPTIONS = 0, 1, 2, 3


class MalformedError(ValueError):
    """A datagram that does not follow its protocol; the message says where."""


class Moment(NamedTuple):
    """The times that a datagram's records refer to, milliseconds since the epoch."""

    received_ms: int
    export_ms: int
    boot_ms: int


@dataclass(slots=True)
class _Parked:
    domain: Domain
    number: int
    payload: bytes
    moment: Moment

    @property
    def size(self) -> int:
        """Octets of memory, about."""
        return len(self.payload) + _PARKED_OVERHEAD


@dataclass(slots=True)
class _Waiting:
    """Sets of one template of one domain since the last flush."""

    domain: Domain
    template: Template
    payloads: list[bytes | memoryview] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)


class Decoder:
    """Everything known of all exporters of one socket's datagrams; not thread-safe.

    Attributes:
        exporters: what each told, and its counters.
        counters: ``malformed``, ``unsupported``, ``parked``, ``parked_lost``, ``not_ip``.
        templates_changed: a template was learnt or withdrawn since this was last set to False.
    """

    def __init__(self) -> None:
        self.exporters = Exporters()
        self.counters: Counter[str] = Counter()
        self.templates_changed = False
        self._waiting: dict[int, _Waiting] = {}
        self._lanes = Lanes()
        self._sampled: list[tuple[sflow.Sample, int, int]] = []
        self._parked: dict[tuple[int, int], list[_Parked]] = {}
        self._parked_bytes = 0
        self._learnt: dict[int, Domain] = {}

    # Taking datagrams

    def add(self, datagram: bytes, address: bytes, received: float) -> None:
        """Take one datagram; what it holds comes with the next :meth:`flush`.

        Args:
            datagram: the UDP payload.
            address: the sender, 16 octets.
            received: when it was received, seconds since the epoch.
        """
        for _ in self._lanes.others((datagram,), (address,), received):
            self._add(datagram, address, received)

    def others(
        self, datagrams: Sequence[bytes], addresses: Sequence[bytes], received: float
    ) -> Iterator[tuple[bytes, bytes]]:
        """Take at once the datagrams that look like earlier ones; yields those to :meth:`add`.

        To be added while this runs: they may change how later ones are read.
        """
        return self._lanes.others(datagrams, addresses, received)

    def _add(self, datagram: bytes, address: bytes, received: float) -> None:
        exporter = self.exporters.at(address, received)
        if exporter is None:
            return
        exporter.last_seen = received
        exporter.counters["datagrams"] += 1
        exporter.counters["octets"] += len(datagram)
        try:
            self._dispatch(datagram, exporter, int(received * 1000))
        except MalformedError:
            exporter.counters["malformed"] += 1
            self.counters["malformed"] += 1
        if self._learnt:  # once a datagram, however many templates it brought
            for domain in self._learnt.values():
                self._unpark(domain)
            self._learnt.clear()
            self._lanes.close_all()

    def _dispatch(self, datagram: bytes, exporter: Exporter, now: int) -> None:
        if len(datagram) < 4:
            raise MalformedError("no header")
        version = datagram[0] << 8 | datagram[1]
        if version == V9:
            self._netflow9(datagram, exporter, now)
        elif version == IPFIX:
            self._ipfix(datagram, exporter, now)
        elif version == V5:
            self._netflow5(datagram, exporter, now)
        elif datagram[:4] == b"\0\0\0\5":
            self._sflow(datagram, exporter, now)
        else:
            exporter.counters["unsupported"] += 1
            self.counters["unsupported"] += 1

    def _domain(self, exporter: Exporter, version: int, number: int) -> Domain:
        domain = exporter.domains.get((version, number)) or exporter.domain(version, number)
        if domain is None:
            raise MalformedError("too many observation domains")
        return domain

    def _netflow5(self, datagram: bytes, exporter: Exporter, now: int) -> None:
        if len(datagram) < V5_HEADER.size:
            raise MalformedError("short v5 header")
        _, records, uptime, seconds, nanos, number, engine, interval = V5_HEADER.unpack_from(
            datagram
        )
        payload = memoryview(datagram)[V5_HEADER.size :]
        if not records or len(payload) < records * V5_TEMPLATE.length:
            raise MalformedError("v5 count does not fit")
        domain = self._domain(exporter, V5, engine)
        if interval & 0x3FFF:
            domain.sampling.tell(interval & 0x3FFF)
        domain.sequence.note(number, records)
        export = seconds * 1000 + nanos // 1_000_000
        moment = Moment(now, export, export - uptime)
        data = payload[: records * V5_TEMPLATE.length]
        self._put(domain, V5_TEMPLATE, data, records, moment)
        if len(data) == len(payload):
            self._lanes.open(datagram, domain, V5_TEMPLATE, records)

    def _netflow9(self, datagram: bytes, exporter: Exporter, now: int) -> None:
        if len(datagram) < _V9_HEADER.size:
            raise MalformedError("short v9 header")
        _, _, uptime, seconds, number, source = _V9_HEADER.unpack_from(datagram)
        domain = self._domain(exporter, V9, source)
        domain.sequence.note(number, 1)
        moment = Moment(now, seconds * 1000, seconds * 1000 - uptime)
        self._sets(memoryview(datagram), _V9_HEADER.size, domain, moment)
        self._open_lane(datagram, _V9_HEADER.size, domain)

    def _ipfix(self, datagram: bytes, exporter: Exporter, now: int) -> None:
        if len(datagram) < _IPFIX_HEADER.size:
            raise MalformedError("short IPFIX header")
        _, length, seconds, number, source = _IPFIX_HEADER.unpack_from(datagram)
        if not _IPFIX_HEADER.size <= length <= len(datagram):
            raise MalformedError("IPFIX length does not fit")
        domain = self._domain(exporter, IPFIX, source)
        moment = Moment(now, seconds * 1000, seconds * 1000)
        records = 0
        try:
            records = self._sets(memoryview(datagram)[:length], _IPFIX_HEADER.size, domain, moment)
        finally:
            if records < 0:
                domain.sequence.lose_track()
            else:
                domain.sequence.note(number, records)
        self._open_lane(datagram, _IPFIX_HEADER.size, domain)

    def _sets(self, data: memoryview, at: int, domain: Domain, moment: Moment) -> int:
        """Walk the sets of a message; data records in it, -1 when they cannot be counted."""
        records, known = 0, True
        while len(data) - at >= 4:
            number, length = _TWO.unpack_from(data, at)
            if length < 4 or at + length > len(data):
                raise MalformedError("set length does not fit")
            payload = data[at + 4 : at + length]
            at += length
            if number >= _DATA_SET:
                found = self._data_set(domain, number, payload, moment)
                known, records = known and found >= 0, records + found
            else:
                self._description(domain, number, payload)
        return records if known else -1

    def _open_lane(self, datagram: bytes, at: int, domain: Domain) -> None:
        """Expect more like this one, when it is a single set of whole records."""
        if len(datagram) < SHORTEST:
            return
        number, length = _TWO.unpack_from(datagram, at)
        template = domain.templates.get(number)
        if at + length != len(datagram) or template is None:
            return
        if not template.variable and template.is_flow:
            records = (length - 4) // template.length
            if records:
                self._lanes.open(datagram, domain, template, records)

    # Templates

    def _description(self, domain: Domain, number: int, payload: memoryview) -> None:
        try:
            changed = self._learn(domain, number, payload)
        except BadTemplateError as error:
            raise MalformedError(str(error)) from error
        if changed:
            self.templates_changed = True
            self._learnt[id(domain)] = domain

    def _learn(self, domain: Domain, number: int, payload: memoryview) -> bool:
        ipfix = domain.version == IPFIX
        if number == (_IPFIX_TEMPLATES if ipfix else _V9_TEMPLATES):
            return learn_templates(domain, payload, ipfix=ipfix)
        if number == (_IPFIX_OPTIONS if ipfix else _V9_OPTIONS):
            return learn_options(domain, payload, ipfix=ipfix)
        domain.exporter.counters["unsupported"] += 1
        return False

    # Data

    def _data_set(self, domain: Domain, number: int, payload: memoryview, moment: Moment) -> int:
        """Records in a data set; -1 when its template is unknown and it was parked."""
        template = domain.templates.get(number)
        if template is None:
            self._park(domain, number, payload, moment)
            return -1
        if template.variable:
            packed, records, cut = template.pack(payload)
            if cut:
                domain.exporter.counters["malformed"] += 1
                self.counters["malformed"] += 1
            data: bytes | memoryview = packed
        else:
            records = len(payload) // template.length
            data = payload[: records * template.length]
        if template.is_options:
            domain.exporter.counters["options"] += records
            domain.sampling.read_options(template, template.rows(bytes(data)))
        elif not template.is_flow:
            domain.exporter.counters["unsupported"] += records
        elif records:
            self._put(domain, template, data, records, moment)
        return records

    def _put(
        self,
        domain: Domain,
        template: Template,
        data: bytes | memoryview,
        records: int,
        moment: Moment,
    ) -> None:
        waiting = self._waiting_for(domain, template)
        waiting.payloads.append(data)
        waiting.counts.append(records)
        waiting.moments.append(moment)

    def _waiting_for(self, domain: Domain, template: Template) -> _Waiting:
        key = id(template) if template is not V5_TEMPLATE else id(domain)
        found = self._waiting.get(key)
        if found is None:
            found = self._waiting[key] = _Waiting(domain, template)
        return found

    # Data sets before their template

    def _park(self, domain: Domain, number: int, payload: memoryview, moment: Moment) -> None:
        parked = _Parked(domain, number, bytes(payload), moment)
        self._parked.setdefault((id(domain), number), []).append(parked)
        self._parked_bytes += parked.size
        self.counters["parked"] += 1
        while self._parked_bytes > PARK_BYTES:
            self._give_up(next(iter(self._parked)))

    def _give_up(self, key: tuple[int, int]) -> None:
        for lost in self._parked.pop(key):
            self._parked_bytes -= lost.size
            lost.domain.exporter.counters["no_template"] += 1
            self.counters["parked_lost"] += 1

    def _unpark(self, domain: Domain) -> None:
        """Decode what waited for templates of this domain."""
        for number in list(domain.templates) if self._parked else ():
            for parked in self._parked.pop((id(domain), number), ()):
                self._parked_bytes -= parked.size
                self._data_set(domain, number, memoryview(parked.payload), parked.moment)

    def _expire(self, now: float) -> None:
        """Give up, counted, what has waited too long for its template."""
        for key, waiting in list(self._parked.items()):
            if waiting[0].moment.received_ms / 1000 + PARK_S <= now:
                self._give_up(key)

    # sFlow

    def _sflow(self, datagram: bytes, exporter: Exporter, now: int) -> None:
        try:
            message = sflow.parse(datagram)
        except sflow.MalformedSflowError as error:
            raise MalformedError(str(error)) from error
        domain = self._domain(exporter, SFLOW, message.sub_agent)
        domain.sequence.note(message.sequence, 1)
        exporter.counters["counter_samples"] += len(message.counters)
        exporter.counters["unsupported"] += message.skipped
        if message.cut:
            exporter.counters["malformed"] += 1
            self.counters["malformed"] += 1
        if message.samples:
            domain.sampling.tell(message.samples[-1].rate)
            self._sampled.extend((sample, exporter.number, now) for sample in message.samples)

    # Giving columns

    def flush(self) -> Flows:
        """The flows of all datagrams since the last call; empty when there were none."""
        for lane in self._lanes.take():
            self._waiting_for(lane.domain, lane.template).lanes.append(lane)
        waiting, self._waiting = self._waiting, {}
        parts = [_read(one) for one in waiting.values()]
        sampled, self._sampled = self._sampled, []
        if sampled:
            flows, skipped = read_samples(sampled)
            self.counters["not_ip"] += skipped
            self._count_samples(sampled)
            parts.append(flows)
        return joined(parts) if parts else {}

    def settle(self, now: float) -> None:
        """Judge sequence numbers and give up what waits for a template for too long.

        To be called every few seconds: the longer, the later a datagram may come that overtook.
        """
        for exporter in self.exporters:
            for domain in exporter.domains.values():
                exporter.counters["missing"] += domain.sequence.settle(*domain.numbers)
                domain.numbers.clear()
        self._expire(now)

    def _count_samples(self, sampled: list[tuple[sflow.Sample, int, int]]) -> None:
        for number, samples in Counter(number for _, number, _ in sampled).items():
            exporter = self.exporters.numbered(number)
            if exporter is not None:
                exporter.saw_records(samples, exporter.last_seen)


def _read(waiting: _Waiting) -> Flows:
    """One template's sets as flows."""
    template, domain = waiting.template, waiting.domain
    payloads, counts = waiting.payloads, [np.array(waiting.counts, np.int64)]
    moments = [np.array(waiting.moments, np.int64).reshape(-1, 3)]
    for lane in waiting.lanes:
        taken, times, numbers = lane.take()
        payloads.append(taken)
        moments.append(times)
        counts.append(np.full(len(times), lane.records))
        units = 1 if domain.version == V9 else lane.records
        domain.numbers.append((numbers, np.full(len(times), units)))
        domain.exporter.saw_datagrams(len(times), lane.size, times[-1, 0] / 1000)
    rows = template.rows(b"".join(payloads))
    received, export, boot = np.concatenate(moments).T
    domain.exporter.saw_records(len(rows), received[-1] / 1000)
    origins = Origins(domain.exporter.number, received, export, boot, np.concatenate(counts))
    return read_flows(template, rows, origins, domain.sampling)
