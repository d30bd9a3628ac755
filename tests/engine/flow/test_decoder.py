"""Messages of every protocol decoded, against what was written into them."""

from __future__ import annotations

import ipaddress
import struct

import numpy as np
import pytest

from govnet.engine.flow.columns import DTYPES, Flows
from govnet.engine.flow.decoder import PARK_BYTES, PARK_S, Decoder
from govnet.engine.flow.exporters import MAX_TEMPLATES, Exporter, Sequence
from tests.engine.flow import frames, wire
from tests.engine.flow.wire import FieldSpec

NOW = 1_790_000_001.5
HERE = bytes(10) + b"\xff\xff" + bytes([10, 0, 0, 1])
V4 = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4))


def decode(*datagrams: bytes, decoder: Decoder | None = None) -> Flows:
    decoder = decoder or Decoder()
    for datagram in datagrams:
        decoder.add(datagram, HERE, NOW)
    flows = decoder.flush()
    decoder.settle(NOW)
    return flows


def only(decoder: Decoder) -> Exporter:
    (exporter,) = decoder.exporters
    return exporter


def address(value: np.void) -> str:
    found = ipaddress.IPv6Address(value.tobytes())
    return str(found.ipv4_mapped or found)


def v4_record(number: int, octets: int = 100, packets: int = 1) -> bytes:
    return struct.pack(
        ">IIHHBII", 0x0A000000 + number, 0xCB007101, 1000 + number, 443, 6, octets, packets
    )


def test_every_column_of_version_5() -> None:
    src, dst = bytes([10, 1, 2, 3]), bytes([203, 0, 113, 1])
    one = wire.v5_record(src, dst, 5_000, 5, first=9_000, last=9_750, ports=(1024, 53), protocol=17)
    flows = decode(wire.v5([one, one], uptime=10_000, at=1_790_000_000, interval=0x4000 | 100))
    assert list(flows) == list(DTYPES)
    assert {name: column.dtype for name, column in flows.items()} == DTYPES
    row = {name: column[1] for name, column in flows.items()}
    assert address(row.pop("src")) == "10.1.2.3"
    assert address(row.pop("dst")) == "203.0.113.1"
    assert {name: int(value) for name, value in row.items()} == {
        "received_ms": 1_790_000_001_500,
        "end_ms": 1_789_999_999_750,
        "duration_ms": 750,
        "exporter": 0,
        "in_if": 3,
        "out_if": 4,
        "src_port": 1024,
        "dst_port": 53,
        "protocol": 17,
        "tos": 0,
        "tcp_flags": 0x12,
        "vlan": 0,
        "src_as": 65001,
        "dst_as": 65002,
        "bytes": 5_000,
        "packets": 5,
        "sampling": 100,
    }


def test_an_uptime_that_wrapped_between_start_and_end() -> None:
    one = wire.v5_record(bytes(4), bytes(4), 1, 1, first=0xFFFFFE00, last=0x100)
    flows = decode(wire.v5([one], uptime=0x200, at=1_790_000_000))
    assert flows["end_ms"].tolist() == [1_790_000_000_000 - 0x100]
    assert flows["duration_ms"].tolist() == [0x300]


def test_several_sets_padding_and_a_template_in_the_same_message() -> None:
    sets = [
        wire.a_set(0, wire.template(256, V4) + wire.template(257, (*V4, (27, 16)))),
        wire.a_set(256, v4_record(1) + v4_record(2), pad=3),
        wire.a_set(257, v4_record(3) + b"\x20\x01" + bytes(13) + b"\x05"),
    ]
    flows = decode(wire.v9(sets))
    assert sorted(map(address, flows["src"])) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6, 7, 8])
def test_counters_of_reduced_and_odd_length(length: int) -> None:
    fields: tuple[FieldSpec, ...] = ((8, 4), (1, length), (2, length))
    value = (1 << 8 * length) - 2
    record = bytes([10, 0, 0, 9]) + value.to_bytes(length) + bytes(length - 1) + b"\x07"
    sets = [wire.a_set(2, wire.template(300, fields)), wire.a_set(300, record * 2)]
    flows = decode(wire.ipfix(sets))
    assert flows["bytes"].tolist() == [value, value]
    assert flows["packets"].tolist() == [7, 7]


def test_fields_of_variable_length_and_of_enterprises() -> None:
    fields: tuple[FieldSpec, ...] = (
        (8, 4),
        (82, 65535),
        (1, 4),
        (95, 65535, 9),
        (2, 2),
        (100, 3, 9),
    )
    records = b"".join(
        bytes([10, 0, 0, number])
        + wire.varlen(b"eth" * number, long=number % 2 == 0)
        + struct.pack(">I", 1000 * number)
        + wire.varlen(b"x" * (300 if number == 3 else 0))
        + struct.pack(">H", number)
        + b"abc"
        for number in (1, 2, 3)
    )
    flows = decode(
        wire.ipfix([wire.a_set(2, wire.template(256, fields)), wire.a_set(256, records)])
    )
    assert flows["bytes"].tolist() == [1000, 2000, 3000]
    assert flows["packets"].tolist() == [1, 2, 3]


def test_two_way_records_become_two_flows() -> None:
    fields: tuple[FieldSpec, ...] = (*V4, (1, 4, 29305), (2, 4, 29305))
    records = v4_record(1, 500, 5) + struct.pack(">II", 9000, 9)
    records += v4_record(2, 600, 6) + struct.pack(">II", 0, 0)
    flows = decode(
        wire.ipfix([wire.a_set(2, wire.template(256, fields)), wire.a_set(256, records)])
    )
    ends = [(address(a), address(b)) for a, b in zip(flows["src"], flows["dst"], strict=True)]
    assert ends == [
        ("10.0.0.1", "203.0.113.1"),
        ("10.0.0.2", "203.0.113.1"),
        ("203.0.113.1", "10.0.0.1"),
    ]
    assert flows["bytes"].tolist() == [500, 600, 9000]
    assert flows["src_port"].tolist() == [1001, 1002, 443]


TIMES: dict[str, tuple[tuple[FieldSpec, ...], bytes]] = {
    "milliseconds": (
        ((152, 8), (153, 8)),
        struct.pack(">QQ", 1_790_000_000_100, 1_790_000_000_900),
    ),
    "ntp": (
        ((154, 8), (155, 8)),
        struct.pack(">II", 1_790_000_000 + 2_208_988_800, int(0.1 * 2**32) + 1)
        + struct.pack(">II", 1_790_000_000 + 2_208_988_800, int(0.9 * 2**32) + 1),
    ),
    "delta": (((158, 4), (159, 4)), struct.pack(">II", 900_000, 100_000)),
    "boot": (
        ((160, 8), (22, 4), (21, 4)),
        struct.pack(">QII", 1_789_999_990_000, 10_100, 10_900),
    ),
}


@pytest.mark.parametrize("kind", TIMES)
def test_every_way_to_tell_the_time(kind: str) -> None:
    fields, value = TIMES[kind]
    sets = [
        wire.a_set(2, wire.template(256, (*V4, *fields))),
        wire.a_set(256, v4_record(1) + value),
    ]
    flows = decode(wire.ipfix(sets, at=1_790_000_001))
    assert flows["end_ms"].tolist() == [1_790_000_000_900]
    assert flows["duration_ms"].tolist() == [800]


def test_data_before_its_template_waits_for_it() -> None:
    decoder = Decoder()
    early = wire.v9([wire.a_set(256, v4_record(1))], 0, uptime=5_000)
    assert decode(early, early, decoder=decoder) == {}
    flows = decode(wire.v9([wire.a_set(0, wire.template(256, V4))], 2), decoder=decoder)
    assert len(flows["bytes"]) == 2
    assert only(decoder).counters["no_template"] == 0


def test_data_without_a_template_is_given_up_and_counted() -> None:
    decoder = Decoder()
    decode(wire.v9([wire.a_set(256, v4_record(1))]), decoder=decoder)
    decoder.settle(NOW + PARK_S)
    assert only(decoder).counters["no_template"] == 1
    flows = decode(wire.v9([wire.a_set(0, wire.template(256, V4))]), decoder=decoder)
    assert flows == {}


def test_parked_data_are_bounded() -> None:
    decoder = Decoder()
    large = wire.v9([wire.a_set(256, bytes(60_000))])
    for _ in range(2 * PARK_BYTES // 60_000):
        decoder.add(large, HERE, NOW)
    assert decoder._parked_bytes <= PARK_BYTES
    assert decoder.counters["parked_lost"] > 0


def test_a_template_of_another_domain_is_not_used() -> None:
    decoder = Decoder()
    decode(wire.v9([wire.a_set(0, wire.template(256, V4))], source=1), decoder=decoder)
    assert decode(wire.v9([wire.a_set(256, v4_record(1))], source=2), decoder=decoder) == {}


def test_a_changed_template_reads_only_what_comes_after_it() -> None:
    decoder = Decoder()
    wider = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 8), (2, 8))
    record = struct.pack(">IIHHBQQ", 0x0A000001, 0xCB007101, 1, 2, 17, 2**40, 3)
    flows = decode(
        wire.v9([wire.a_set(0, wire.template(256, V4))], 0),
        *[wire.v9([wire.a_set(256, v4_record(n))], n) for n in (1, 2, 3)],
        wire.v9([wire.a_set(0, wire.template(256, wider))], 4),
        *[wire.v9([wire.a_set(256, record)], n) for n in (5, 6, 7)],
        decoder=decoder,
    )
    assert sorted(flows["bytes"].tolist()) == [100] * 3 + [2**40] * 3
    assert only(decoder).counters["datagrams"] == 8
    assert only(decoder).counters["missing"] == 0


def test_a_withdrawn_template_is_forgotten() -> None:
    decoder = Decoder()
    withdrawal = wire.a_set(2, struct.pack(">HH", 256, 0))
    decode(wire.ipfix([wire.a_set(2, wire.template(256, V4))]), decoder=decoder)
    assert only(decoder).templates == 1
    assert decode(wire.ipfix([withdrawal]), decoder=decoder) == {}
    assert decode(wire.ipfix([wire.a_set(256, v4_record(1))]), decoder=decoder) == {}
    assert only(decoder).templates == 0


@pytest.mark.parametrize(
    ("scopes", "fields", "record", "rate"),
    [
        (((1, 4),), ((34, 4), (35, 1)), struct.pack(">IIB", 0, 100, 2), 100),
        (((3, 2),), ((48, 1), (50, 4)), struct.pack(">HBI", 0, 1, 1000), 1000),
    ],
)
def test_sampling_that_version_9_announces(
    scopes: tuple[FieldSpec, ...], fields: tuple[FieldSpec, ...], record: bytes, rate: int
) -> None:
    sets = [
        wire.a_set(1, wire.v9_options(512, scopes, fields)),
        wire.a_set(512, record),
        wire.a_set(0, wire.template(256, V4)),
        wire.a_set(256, v4_record(1)),
    ]
    assert decode(wire.v9(sets))["sampling"].tolist() == [rate]


@pytest.mark.parametrize(
    ("fields", "record", "rate"),
    [
        (((305, 4), (306, 4)), struct.pack(">QII", 7, 1, 99), 100),
        (((309, 4), (310, 4)), struct.pack(">QII", 7, 2, 1000), 500),
        (((34, 4),), struct.pack(">QI", 7, 64), 64),
    ],
)
def test_sampling_that_ipfix_announces_by_selector(
    fields: tuple[FieldSpec, ...], record: bytes, rate: int
) -> None:
    sets = [
        wire.a_set(3, wire.ipfix_options(512, ((302, 8),), fields)),
        wire.a_set(512, record),
        wire.a_set(512, struct.pack(">Q", 8) + record[8:-4] + struct.pack(">I", 3)),
        wire.a_set(2, wire.template(256, (*V4, (302, 8)))),
        wire.a_set(256, v4_record(1) + struct.pack(">Q", 7)),
    ]
    assert decode(wire.ipfix(sets))["sampling"].tolist() == [rate]


def sflow_frame(*vlans: int, source: str = "10.9.8.7", fragment: bool = False) -> bytes:
    destination = "2001:db8::80" if ":" in source else "203.0.113.80"
    packet = bytearray(
        frames.ip(source, destination, 6, frames.tcp(1234, 443, 0x12, b"y" * 60), tos=8)
    )
    if fragment:
        packet[6:8] = struct.pack(">H", 100)
    return frames.ethernet(bytes(packet), *vlans)


@pytest.mark.parametrize("expanded", [False, True])
@pytest.mark.parametrize("vlans", [(), (30,), (30, 40)])
@pytest.mark.parametrize("source", ["10.9.8.7", "2001:db8::9"])
def test_sflow_samples(source: str, vlans: tuple[int, ...], expanded: bool) -> None:
    frame = sflow_frame(*vlans, source=source)
    sample = wire.flow_sample([wire.raw_header(frame, 1514)], rate=512, expanded=expanded)
    flows = decode(wire.sflow([sample, sample]))
    assert address(flows["src"][1]) == source
    assert flows["bytes"].tolist() == [(40 if ":" in source else 20) + 80] * 2
    expected = {"src_port": 1234, "dst_port": 443, "protocol": 6, "tcp_flags": 0x12, "tos": 8}
    expected |= {"in_if": 3, "out_if": 4, "sampling": 512, "packets": 1, "vlan": (*vlans, 0)[0]}
    assert {name: int(flows[name][0]) for name in expected} == expected


def test_sflow_counters_fragments_and_what_is_not_ip() -> None:
    decoder = Decoder()
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    flows = decode(
        wire.sflow(
            [
                wire.counter_sample(7, 10**12, 5),
                wire.flow_sample([wire.raw_header(arp)]),
                wire.flow_sample([wire.raw_header(sflow_frame(fragment=True))]),
            ]
        ),
        decoder=decoder,
    )
    assert flows["dst_port"].tolist() == [0]
    assert decoder.counters["not_ip"] == 1
    assert only(decoder).counters["counter_samples"] == 1


def test_missing_numbers_are_counted_in_the_unit_of_the_protocol() -> None:
    record = wire.v5_record(bytes(4), bytes(4), 1, 1)
    decoder = Decoder()
    for number in (100, 102, 110, 112):
        decoder.add(wire.v5([record, record], number), HERE, NOW)
    decoder.flush()
    decoder.settle(NOW)
    assert only(decoder).counters["missing"] == 6


def settled(*numbers: int, units: int = 1) -> Sequence:
    sequence = Sequence()
    for number in numbers:
        sequence.note(number, units)
    sequence.settle()
    return sequence


@pytest.mark.parametrize(
    ("numbers", "missing", "restarts"),
    [
        ((5, 6, 7), 0, 0),
        ((5, 7, 6, 8), 0, 0),
        ((6, 5, 7), 0, 0),
        ((5, 9), 3, 0),
        ((0xFFFFFFFE, 0xFFFFFFFF, 0, 1), 0, 0),
        ((0xFFFFFFFE, 2), 3, 0),
        ((900_000, 900_001, 1, 2, 3), 0, 1),
        ((1, 2, 4_000_000_000), 0, 1),
        ((7, 7), 0, 0),
    ],
)
def test_sequence_numbers(numbers: tuple[int, ...], missing: int, restarts: int) -> None:
    sequence = settled(*numbers)
    assert (sequence.missing, sequence.restarts) == (missing, restarts)


def test_a_late_datagram_takes_back_its_gap() -> None:
    sequence = settled(1, 2, 4)
    assert sequence.missing == 1
    sequence.note(3, 1)
    sequence.settle()
    assert (sequence.missing, sequence.expected) == (0, 5)


def test_templates_of_one_exporter_are_bounded() -> None:
    decoder = Decoder()
    for first in range(256, 256 + 2 * MAX_TEMPLATES, 8):
        bomb = b"".join(wire.template(number, V4) for number in range(first, first + 8))
        decoder.add(wire.v9([wire.a_set(0, bomb)]), HERE, NOW)
    assert only(decoder).templates == MAX_TEMPLATES
    assert only(decoder).counters["malformed"] == MAX_TEMPLATES // 8


def test_what_is_no_flow_protocol_is_counted() -> None:
    decoder = Decoder()
    decode(b"\0\x08" + bytes(30), b"", b"\0", decoder=decoder)
    counters = only(decoder).counters
    assert (counters["datagrams"], counters["unsupported"], counters["malformed"]) == (3, 1, 2)
