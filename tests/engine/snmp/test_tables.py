"""The table walk: fast path and slow path read the same, and no agent makes it run on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govnet.engine.snmp import ber
from govnet.engine.snmp.ber import BerError, Tag
from govnet.engine.snmp.tables import COUNTERS_64, INVENTORY, BulkWalk, TableRead, matrix
from tests.engine.snmp.agent import FakeAgent, Mib, interface_mib

indexes = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=12, unique=True)


def walk_through(
    mib: Mib, rows: int = 5, width: int = 10, *, max_varbinds: int = 10_000, stop: int | None = None
) -> tuple[TableRead, int]:
    """Walk a MIB without a network; how many requests it took."""
    agent = FakeAgent(mib, max_varbinds=max_varbinds)
    walk = BulkWalk(COUNTERS_64, (), stop, 0)
    for request in range(1, 2000):
        ask = walk.ask(rows, width)
        message = ber.request_head(b"public", ask.pdu, len(ask.tail)) + bytes(4) + ask.tail
        header = ber.read_header(message)
        asked = [v.oid for v in ber.read_varbinds(message, header.start, header.end)]
        answer = b"".join(agent._varbinds(header, asked))
        walk.feed(answer, 0, len(answer))
        if walk.done:
            return walk.read, request
        if not walk.cells_taken and not walk.columns_ended:
            raise AssertionError("no progress")
    raise AssertionError("the walk does not end")


def assert_same(one: TableRead, other: TableRead) -> None:
    (index, values, valid), (other_index, other_values, other_valid) = matrix(one), matrix(other)
    assert np.array_equal(index, other_index)
    assert np.array_equal(values, other_values)
    assert np.array_equal(valid, other_valid)


@given(indexes)
@settings(max_examples=40, deadline=None)
def test_huge_and_sparse_indexes_are_read_exactly(found: list[int]) -> None:
    read, _ = walk_through(interface_mib(found))
    index, values, valid = matrix(read)
    assert index.tolist() == sorted(found)
    assert valid.all()
    assert values[:, 0].tolist() == [10**12 + i for i in sorted(found)]
    assert not read.problem


@given(indexes, st.integers(0, 6), st.integers(1, 10))
@settings(max_examples=40, deadline=None)
def test_every_request_size_reads_the_same_table(found: list[int], rows: int, width: int) -> None:
    mib = interface_mib(found)
    assert_same(walk_through(mib)[0], walk_through(mib, rows, width)[0])


@given(indexes, st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_answers_cut_anywhere_read_the_same_table(found: list[int], cut: int) -> None:
    mib = interface_mib(found)
    assert_same(walk_through(mib)[0], walk_through(mib, max_varbinds=cut)[0])


@given(indexes, st.data())
@settings(max_examples=40, deadline=None)
def test_missing_cells_are_masked_and_nothing_else(found: list[int], data: st.DataObject) -> None:
    mib = interface_mib(found)
    cells = sorted(oid for oid in mib if oid.startswith("1.3.6.1.2.1.31.1.1.1.10."))
    gone = data.draw(st.sets(st.sampled_from(cells)))
    for oid in gone:
        del mib[oid]
    index, values, valid = matrix(walk_through(mib)[0])
    missing = {int(oid.rsplit(".", 1)[1]) for oid in gone}
    assert index.tolist() == sorted(found)
    assert [i for i, ok in zip(index.tolist(), valid[:, 1], strict=True) if not ok] == sorted(
        missing
    )
    assert valid[:, 0].all()
    assert (values[~valid] == 0).all()


def test_a_known_last_row_saves_the_request_that_finds_the_end() -> None:
    mib = interface_mib(list(range(1, 11)))
    _, requests = walk_through(mib)
    _, with_stop = walk_through(mib, stop=10)
    assert (requests, with_stop) == (3, 2)


def test_a_wrong_type_masks_the_cell_and_is_told() -> None:
    mib = interface_mib([1, 2])
    mib["1.3.6.1.2.1.31.1.1.1.6.2"] = (Tag.OCTET_STRING, b"many")
    read, _ = walk_through(mib)
    _, _, valid = matrix(read)
    assert read.problem == "wrong_type"
    assert valid[:, 0].tolist() == [True, False]


def test_a_counter32_where_a_counter64_belongs_is_a_wrong_type() -> None:
    mib = interface_mib([1])
    mib["1.3.6.1.2.1.31.1.1.1.6.1"] = (Tag.COUNTER32, b"\x05")
    assert walk_through(mib)[0].problem == "wrong_type"


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_octets_end_in_rows_or_an_error_and_agree_with_the_slow_path(
    data: st.DataObject,
) -> None:
    agent = FakeAgent(interface_mib([1, 2, 300]))
    ask = BulkWalk(COUNTERS_64).ask(4, 10)
    message = ber.request_head(b"public", ask.pdu, len(ask.tail)) + bytes(4) + ask.tail
    header = ber.read_header(message)
    asked = [v.oid for v in ber.read_varbinds(message, header.start, header.end)]
    answer = bytearray(b"".join(agent._varbinds(header, asked)))
    for _ in range(data.draw(st.integers(1, 4))):
        answer[data.draw(st.integers(0, len(answer) - 1))] = data.draw(st.integers(0, 255))
    octets = bytes(answer)
    assert _outcome(octets, slow=False) == _outcome(octets, slow=True)


def _outcome(octets: bytes, *, slow: bool) -> object:
    walk = BulkWalk(COUNTERS_64)
    walk.ask(4, 10)
    if slow:
        walk._out_of_step()
    try:
        walk.feed(octets, 0, len(octets))
    except BerError:
        return "error"
    return walk.read.rows, walk.read.problem


@pytest.mark.parametrize("text", [b"", b"lo", b"eth0", b"GigabitEthernet0/0/1"])
def test_names_are_text_however_short(text: bytes) -> None:
    values = {Tag.OCTET_STRING: text}
    columns = zip(INVENTORY.prefixes, INVENTORY.tags, strict=True)
    cells = [
        ber.tlv(Tag.OID, prefix + b"\x07") + ber.tlv(tag, values.get(tag, b"\x01"))
        for prefix, tag in columns
    ]
    answer = b"".join(ber.tlv(0x30, cell) for cell in cells)
    walk = BulkWalk(INVENTORY)
    walk.ask(1, len(INVENTORY.columns))
    walk.feed(answer, 0, len(answer))
    assert walk.read.rows == {7: [text, text, 1, 1, 1, 1, text]}


def test_an_index_that_stands_still_ends_the_walk() -> None:
    agent = FakeAgent(interface_mib([7]))
    walk = BulkWalk(COUNTERS_64)
    for _ in range(2):
        walk.ask(1, 10)
        cells = [p + ber.encode_sub_id(7) for p in COUNTERS_64.prefixes]
        answer = b"".join(agent._get(oid) for oid in cells)
        walk.feed(answer, 0, len(answer))
    assert walk.done
    assert walk.read.problem == "not_increasing"
    assert list(walk.read.rows) == [7]


def test_rows_are_capped() -> None:
    agent = FakeAgent(interface_mib(list(range(1, 40))))
    walk = BulkWalk(COUNTERS_64, max_rows=20)
    while not walk.done:
        ask = walk.ask(5, 10)
        message = ber.request_head(b"public", ask.pdu, len(ask.tail)) + bytes(4) + ask.tail
        header = ber.read_header(message)
        asked = [v.oid for v in ber.read_varbinds(message, header.start, header.end)]
        answer = b"".join(agent._varbinds(header, asked))
        walk.feed(answer, 0, len(answer))
    assert walk.read.problem == "too_many_rows"
    assert len(walk.read) <= 25


@pytest.mark.parametrize("columns", [COUNTERS_64, INVENTORY])
def test_the_first_request_asks_for_what_fits_one_datagram(columns: object) -> None:
    assert columns in (COUNTERS_64, INVENTORY)
    rows, width = (COUNTERS_64 if columns is COUNTERS_64 else INVENTORY).ladder[0]
    assert 4 <= rows <= 6
    assert width >= 6


def test_an_empty_table_is_an_empty_matrix() -> None:
    index, values, valid = matrix(TableRead(COUNTERS_64))
    assert (len(index), values.shape, valid.shape) == (0, (0, 10), (0, 10))
