"""Whatever arrives: no exception, no growth, counted. Examples that once mattered are kept."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from govnet.engine.flow.columns import DTYPES
from govnet.engine.flow.decoder import Decoder
from govnet.engine.flow.exporters import MAX_EXPORTERS
from tests.engine.flow import frames, wire

HERE, NOW = bytes(10) + b"\xff\xff\x0a\0\0\1", 1_790_000_000.0
FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4))
RECORD = bytes(range(21))
PACKET = frames.ip("10.0.0.1", "10.0.0.2", 17, frames.udp(1, 2, b""))
SAMPLE = wire.flow_sample([wire.raw_header(frames.ethernet(PACKET))])
GOOD = (
    wire.v5([wire.v5_record(bytes(4), bytes(4), 1, 1)] * 3),
    wire.v9([wire.a_set(0, wire.template(256, FIELDS)), wire.a_set(256, RECORD * 3, 2)]),
    wire.v9([wire.a_set(256, RECORD * 3)]),
    wire.v9(
        [wire.a_set(1, wire.v9_options(257, ((1, 4),), ((34, 4),))), wire.a_set(257, bytes(8))]
    ),
    wire.ipfix(
        [
            wire.a_set(2, wire.template(256, (*FIELDS, (82, 65535)))),
            wire.a_set(256, RECORD + wire.varlen(b"x")),
        ]
    ),
    wire.ipfix(
        [
            wire.a_set(3, wire.ipfix_options(258, ((302, 8),), ((305, 4), (306, 4)))),
            wire.a_set(258, bytes(16)),
        ]
    ),
    wire.ipfix([wire.a_set(2, struct.pack(">HH", 256, 0))]),
    wire.sflow([SAMPLE, wire.counter_sample(1, 2, 3), SAMPLE]),
)


def survive(*datagrams: bytes) -> Decoder:
    decoder = Decoder()
    for datagram in datagrams:
        decoder.add(datagram, HERE, NOW)
    flows = decoder.flush()
    decoder.settle(NOW)
    if flows:
        assert {name: column.dtype for name, column in flows.items()} == DTYPES
        assert len({len(column) for column in flows.values()}) == 1
    return decoder


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good datagram with some octets changed, cut, repeated or drawn out to 64 KiB."""
    data = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(
            st.sampled_from([0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF, draw(st.integers(0, 255))])
        )
    kind = draw(st.sampled_from(["whole", "cut", "longer", "twice", "huge"]))
    if kind == "cut":
        data = data[: draw(st.integers(0, len(data)))]
    elif kind == "longer":
        data += draw(st.binary(max_size=64))
    elif kind == "twice":
        data += data[draw(st.integers(0, len(data) - 1)) :]
    elif kind == "huge":
        data += bytes([draw(st.integers(0, 255))]) * (65_507 - len(data))
    return bytes(data)


@settings(max_examples=400)
@given(st.lists(damaged(), min_size=1, max_size=6))
@example([wire.v9([struct.pack(">HH", 0, 0)])])
@example([wire.v9([struct.pack(">HH", 256, 65_535)])])
@example([wire.v9([wire.a_set(0, struct.pack(">HHHH", 256, 1, 1, 0))]), GOOD[2]])
@example([wire.ipfix([wire.a_set(2, wire.template(256, [(1, 0)] * 3))]), GOOD[4]])
@example(
    [
        wire.ipfix(
            [wire.a_set(2, wire.template(256, [(1, 65_535)] * 500)), wire.a_set(256, bytes(60_000))]
        )
    ]
)
@example([wire.ipfix([], length=0)])
@example([wire.sflow([], count=2**32 - 1)])
@example([wire.sflow([SAMPLE], count=2**32 - 1)])
def test_damaged_datagrams(datagrams: list[bytes]) -> None:
    survive(*datagrams)


@settings(max_examples=300)
@given(st.sampled_from([5, 9, 10]), st.binary(max_size=300))
def test_noise_behind_a_version_number(version: int, noise: bytes) -> None:
    survive(struct.pack(">H", version) + noise, b"\0\0\0\5" + noise, noise)


def test_the_good_ones_are_all_read() -> None:
    decoder = survive(*GOOD)
    (exporter,) = decoder.exporters
    assert exporter.counters["malformed"] == 0
    assert exporter.counters["records"] == 3 + 3 + 3 + 1 + 2


def test_forged_sources_fill_a_bounded_table_and_cost_little_more() -> None:
    decoder = Decoder()
    for number in range(3 * MAX_EXPORTERS):
        source = bytes(10) + b"\xff\xff" + struct.pack(">I", number)
        decoder.add(GOOD[0][:20], source, NOW + number / 10_000)
    assert len(decoder.exporters) == MAX_EXPORTERS
    assert decoder.exporters.refused == 2 * MAX_EXPORTERS


def test_a_stranger_gets_a_place_when_the_silent_leave() -> None:
    decoder = Decoder()
    for number in range(MAX_EXPORTERS):
        decoder.add(GOOD[0][:20], struct.pack(">QQ", 1, number), NOW)
    late = NOW + 61
    decoder.add(GOOD[0], bytes(16), late)
    assert np.sum(decoder.flush()["packets"]) == 3
    assert len(decoder.exporters) == 1
