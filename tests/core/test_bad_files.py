"""Files as people and attackers send them: a clear sentence, bounded memory, no crash."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.core.imports import sheet
from govnet.core.imports.filecolumns import guard, unguard
from govnet.core.imports.sheet import SheetError, open_upload
from tests.core.world import workbook

HEADER = ["code", "name"]


def rows(content: bytes) -> list[list[object]]:
    return [list(cells) for _number, cells in open_upload(content).rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_every_encoding_that_excel_writes_is_read(encoding: str) -> None:
    text = "单位编码,名称\nU1,岳阳市自然资源和规划局\n"
    assert rows(text.encode(encoding)) == [
        ["单位编码", "名称"],
        ["U1", "岳阳市自然资源和规划局"],
    ]


def test_text_in_no_known_encoding_is_refused() -> None:
    with pytest.raises(SheetError, match=r"UTF-8"):
        open_upload(b"a,b\n\xff\xff\x80\x80,1\n")


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_every_usual_delimiter_is_found(delimiter: str) -> None:
    assert rows(f"a{delimiter}b\n1{delimiter}2\n".encode()) == [["a", "b"], ["1", "2"]]


def test_blank_rows_are_skipped_and_numbers_stay_those_of_the_file() -> None:
    content = workbook([["code", "name"], [None, None], ["1", "a"], ["", "  "], ["2", "b"]])
    assert [number for number, _cells in open_upload(content).rows] == [1, 3, 5]


def test_merged_cells_are_reported_with_their_range() -> None:
    content = workbook([["code", "name"], ["1", "a"]], title="台账")
    merged = open_upload(content).merged
    assert [(item.text, item.first_row, item.last_row) for item in merged] == [("A1:B1", 1, 1)]


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 not a zip at all",
        b"PK\x05\x06" + b"\0" * 18,
        b"\xd0\xcf\x11\xe0 old xls",
        workbook([HEADER])[:-200],
        workbook([HEADER])[:300],
    ],
)
def test_a_damaged_or_foreign_workbook_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(SheetError) as caught:
        list(open_upload(content).rows)
    assert len(str(caught.value)) > 10


@given(st.binary(max_size=200), st.integers(0, 4000))
def test_no_byte_of_a_workbook_can_be_changed_into_a_crash(noise: bytes, at: int) -> None:
    good = workbook([HEADER, ["1", "a"]])
    bad = good[:at] + noise + good[at + len(noise) :]
    with suppress(SheetError):
        list(open_upload(bad).rows)


def _repack(replace: dict[str, bytes]) -> bytes:
    """A workbook with some parts replaced."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook([HEADER, ["1", "a"]]))) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, replace.get(name, old.read(name)))
    return buffer.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = _repack({"xl/worksheets/sheet1.xml": b"0" * (sheet.MAX_UNPACKED + 1)})
    assert len(bomb) < 1024 * 1024
    tracemalloc.start()
    with pytest.raises(SheetError, match=r"\d+ MiB"):
        open_upload(bomb)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


def test_one_row_of_many_megabytes_is_refused() -> None:
    cells = b"<c><v>1</v></c>" * 700_000
    xml = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b'<sheetData><row r="1">' + cells + b"</row></sheetData></worksheet>"
    )
    with pytest.raises(SheetError, match="MiB"):
        open_upload(_repack({"xl/worksheets/sheet1.xml": xml}))


def test_entities_are_refused() -> None:
    xml = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    with pytest.raises(SheetError):
        open_upload(_repack({"xl/workbook.xml": xml}))


def test_a_row_far_below_the_end_does_not_hang_the_reader() -> None:
    xml = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b'<sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
        b'<row r="1048576"><c r="A1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    started = time.process_time()
    with pytest.raises(SheetError):
        list(open_upload(_repack({"xl/worksheets/sheet1.xml": xml})).rows)
    assert time.process_time() - started < 10


def test_more_rows_than_a_ledger_has_are_refused() -> None:
    content = ("code\n" + "1\n" * (sheet.MAX_ROWS + 100)).encode()
    with pytest.raises(SheetError, match=str(sheet.MAX_ROWS)):
        list(open_upload(content).rows)


def test_more_columns_than_a_ledger_has_are_refused() -> None:
    with pytest.raises(SheetError, match=str(sheet.MAX_COLUMNS)):
        list(open_upload(b"a," * 300 + b"z\n").rows)


def test_a_broken_quote_is_named_by_its_row() -> None:
    with pytest.raises(SheetError, match="2"):
        list(open_upload(b'a,b\n"x"y,2\n').rows)


@given(st.text())
def test_guarding_a_text_is_undone_exactly(text: str) -> None:
    assert unguard(guard(text)) == text


@given(st.text(min_size=1))
def test_a_guarded_text_never_starts_a_formula(text: str) -> None:
    assert guard(text)[0] not in "=+-@\t\r"
