"""The codec: exact on what is well-formed, only ``BerError`` on everything else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.snmp import ber
from govnet.engine.snmp.ber import BerError, Pdu, Tag
from tests.engine.snmp.agent import response, varbind

oids = st.builds(
    lambda a, b, rest: ".".join(map(str, (a, b, *rest))),
    st.integers(0, 2),
    st.integers(0, 39),
    st.lists(st.integers(0, 2**32 - 1), max_size=40),
)


@given(oids)
def test_an_oid_survives_encoding(oid: str) -> None:
    assert ber.decode_oid(ber.encode_oid(oid)) == oid


@pytest.mark.parametrize("oid", ["", "1", "1.2.x", "3.1", "1.40.1", "1.3.-1", f"1.3.{2**32}"])
def test_what_is_no_oid_is_refused(oid: str) -> None:
    with pytest.raises(BerError):
        ber.encode_oid(oid)


@given(st.integers(-(2**31), 2**31 - 1))
def test_an_integer_survives_encoding(value: int) -> None:
    encoded = ber.encode_integer(value)
    assert ber.decode_value(Tag.INTEGER, encoded[2:]) == value
    assert len(encoded) == 2 + max(1, (value + (value < 0)).bit_length() // 8 + 1)


@given(st.integers(0, 2**64 - 1))
def test_a_counter64_is_read_with_and_without_its_leading_zero(value: int) -> None:
    shortest = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    assert ber.decode_unsigned(Tag.COUNTER64, shortest) == value
    assert ber.decode_unsigned(Tag.COUNTER64, b"\x00" + shortest) == value


@pytest.mark.parametrize(
    ("tag", "octets"),
    [
        (Tag.COUNTER32, b""),
        (Tag.COUNTER32, b"\x01\x00\x00\x00\x00"),
        (Tag.COUNTER64, b"\x01" + bytes(8)),
        (Tag.INTEGER, b""),
        (Tag.INTEGER, bytes(5)),
        (Tag.IP_ADDRESS, b"\x01\x02\x03"),
        (Tag.OID, b"\x2b\x86"),
        (Tag.OID, b"\x2b\x80\x01"),
        (Tag.OID, b"\x2b" + b"\xff" * 5 + b"\x7f"),
        (Tag.OID, b"\x01" * 129),
        (0x99, b"\x00"),
    ],
)
def test_a_value_out_of_its_type_is_refused(tag: int, octets: bytes) -> None:
    with pytest.raises(BerError):
        ber.decode_value(tag, octets)


@given(st.binary(max_size=400))
def test_any_octets_give_a_header_or_an_error(data: bytes) -> None:
    try:
        header = ber.read_header(data)
        ber.read_varbinds(data, header.start, header.end)
    except BerError:
        pass


@given(st.data())
def test_a_damaged_answer_gives_varbinds_or_an_error(data: st.DataObject) -> None:
    good = response(
        0x40000001,
        [varbind(ber.encode_oid(f"1.3.6.1.2.1.2.2.1.10.{i}"), 0x41, b"\x05") for i in range(9)],
    )
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(good)))])
    try:
        header = ber.read_header(cut)
        for raw in ber.read_varbinds(cut, header.start, header.end):
            ber.decode_oid(raw.oid)
            ber.decode_value(raw.tag, raw.value)
    except BerError:
        pass


@given(st.data())
def test_the_quick_header_agrees_with_the_thorough_one(data: st.DataObject) -> None:
    community = data.draw(st.binary(max_size=200))
    body = data.draw(st.binary(max_size=300))
    cells = [varbind(ber.encode_oid("1.3.6.1"), 4, body)]
    message = bytearray(response(2**30 + 5, cells, data.draw(st.integers(0, 20)), community))
    assert ber.read_header(bytes(message)) == ber.read_any_header(bytes(message))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(message) - 1, 40 + len(community))))
        message[at] = data.draw(st.integers(0, 255))
    assert _header(ber.read_header, message) == _header(ber.read_any_header, message)


def _header(read: Callable[[bytes], ber.Header], message: bytearray) -> ber.Header | str:
    try:
        return read(bytes(message))
    except BerError:
        return "error"


@given(st.lists(oids, min_size=1, max_size=60), st.integers(2**30, 2**31 - 1))
def test_a_request_reads_back_as_what_was_asked(asked: list[str], request_id: int) -> None:
    tail = ber.request_tail([ber.encode_oid(oid) for oid in asked], 2, 10)
    head = ber.request_head(b"community", Pdu.GETBULK, len(tail))
    message = head + request_id.to_bytes(4, "big") + tail
    header = ber.read_header(message)
    assert (header.community, header.pdu, header.request_id) == (
        b"community",
        Pdu.GETBULK,
        request_id,
    )
    assert (header.error_status, header.error_index) == (2, 10)  # non-repeaters, repetitions
    found = ber.read_varbinds(message, header.start, header.end)
    assert [ber.decode_oid(raw.oid) for raw in found] == asked
    assert all(raw.tag == Tag.NULL for raw in found)


def test_a_v1_answer_is_refused() -> None:
    v1 = ber.tlv(0x30, ber.encode_integer(0) + ber.tlv(4, b"public") + ber.tlv(0xA2, b""))
    with pytest.raises(BerError, match="version"):
        ber.read_header(v1)
