"""Every format reads to the same report; damaged and hostile files end in a clear word."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

import govnet
from govnet.evaluation.audit.document import Cell, Document, Table
from govnet.evaluation.audit.extract import extract
from govnet.evaluation.audit.readers import html, text
from govnet.evaluation.audit.readers.detect import UnreadableError, detect, read_document
from govnet.evaluation.audit.registry import Severity, audit
from govnet.evaluation.audit.report import Report

SEEDS_FOLDER = Path(govnet.__file__).parent / "evaluation" / "seeds"
SEEDS = ("yueyang-2020", "xiangyin-2022")


def _seed(name: str) -> Document:
    return read_document(SEEDS_FOLDER / f"{name}.txt")


def _as_docx(document: Document, path: Path) -> Path:
    target = docx.Document()
    for block in document.blocks:
        if isinstance(block, Cell):
            target.add_paragraph(block.text)
        else:
            _docx_table(target, block)
    target.save(str(path))
    return path


def _docx_table(target: docx.document.Document, block: Table) -> None:
    width = max(len(row) for row in block.rows)
    table = target.add_table(rows=len(block.rows), cols=width)
    for cells, row in zip(table.rows, block.rows, strict=True):
        for cell, source in zip(cells.cells, row, strict=False):
            cell.text = source.text


def _as_xlsx(document: Document, path: Path) -> Path:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for block in document.blocks:
        rows = (
            [[block.text]] if isinstance(block, Cell) else [[c.text for c in r] for r in block.rows]
        )
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def _as_html(document: Document, path: Path) -> Path:
    parts = []
    for block in document.blocks:
        if isinstance(block, Cell):
            parts.append(f"<p>{block.text}</p>")
        else:
            rows = ("".join(f"<td>{c.text}</td>" for c in row) for row in block.rows)
            parts.append("<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>")
    path.write_text(f"<!doctype html><html><body>{''.join(parts)}</body></html>", encoding="utf-8")
    return path


def _as_markdown(document: Document, path: Path) -> Path:
    lines = []
    for block in document.blocks:
        if isinstance(block, Cell):
            lines.append(block.text + "\n")
        else:
            lines.extend(
                "| " + " | ".join(c.text.replace("\n", " ") for c in row) + " |"
                for row in block.rows
            )
            lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _as_gb18030(document: Document, path: Path) -> Path:
    path.write_bytes(document.text.encode("gb18030"))
    return path


LAYOUTS: dict[str, Callable[[Document, Path], Path]] = {
    "docx": _as_docx,
    "html": _as_html,
    "md": _as_markdown,
    "txt": _as_gb18030,
}


def _figures(report: Report) -> dict[str, object]:
    return {
        "funds": {key: amount.yuan for key, amount in report.funds.items()},
        "items": [(i.name.squeezed, i.points, i.score) for i in report.items],
        "indicators": [
            (i.level2, i.content.squeezed, i.target.squeezed, i.actual.squeezed)
            for i in report.indicators
        ],
        "score": report.total_score and report.total_score[0],
        "people": [e.title.text for e in report.evaluators],
        "sections": [(s.number, s.title.squeezed) for s in report.sections],
    }


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_of_a_report_reads_the_same(name: str, layout: str, tmp_path: Path) -> None:
    seed = _seed(name)
    again = read_document(LAYOUTS[layout](seed, tmp_path / f"report.{layout}"))
    expected, found = extract(seed), extract(again)
    assert _figures(found) == _figures(expected)
    majors = [f.check for f in audit(found) if f.severity is Severity.MAJOR]
    assert majors == [f.check for f in audit(expected) if f.severity is Severity.MAJOR]


@pytest.mark.parametrize("name", SEEDS)
def test_a_workbook_of_a_report_reads_the_same_figures(name: str, tmp_path: Path) -> None:
    seed = _seed(name)
    found = extract(read_document(_as_xlsx(seed, tmp_path / "report.xlsx")))
    assert _figures(found)["funds"] == _figures(extract(seed))["funds"]
    assert _figures(found)["items"] == _figures(extract(seed))["items"]


def test_merged_cells_of_word_leave_their_other_places_empty(tmp_path: Path) -> None:
    target = docx.Document()
    table = target.add_table(rows=2, cols=3)
    table.cell(0, 0).merge(table.cell(1, 0)).text = "产出指标"
    table.cell(0, 1).merge(table.cell(0, 2)).text = "数量指标"
    table.cell(1, 2).text = "60"
    target.save(str(tmp_path / "merged.docx"))
    document = read_document(tmp_path / "merged.docx")
    assert [[c.text for c in row] for row in document.tables[0].rows] == [
        ["产出指标", "数量指标", ""],
        ["", "", "60"],
    ]


def test_spanning_cells_of_a_page_leave_their_other_places_empty() -> None:
    document = html.read(
        b"<table><tr><td rowspan=2>a<td colspan=2>b</tr><tr><td>c<td>d</tr></table>"
    )
    assert [[c.text for c in row] for row in document.tables[0].rows] == [
        ["a", "b", ""],
        ["", "c", "d"],
    ]


def test_scripts_and_styles_of_a_page_are_not_text() -> None:
    document = html.read("<body><script>得分 1</script><style>p{}</style><p>得分 98</p>".encode())
    assert document.text.strip() == "得分 98"


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE w:document [<!ENTITY a "'
    + b"A" * 1000
    + b'">'
    + b"".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">'.encode() for i in range(8))
    + b']><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    b"<w:body><w:p><w:r><w:t>&i;</w:t></w:r></w:p></w:body></w:document>"
)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "password-protected"),
        (b"PK\x03\x04 not a zip", "damaged"),
        (b"%PDF-1.7 nothing here", "damaged"),
        (bytes(range(256)) * 20, "binary"),
        (_zip({"word/document.xml": bytes(80_000_000)}), "zip bomb"),
        (_zip({"mimetype": b"application/epub"}), "neither"),
        (_zip({"word/document.xml": b"<broken"}), "damaged"),
        (_zip({"xl/workbook.xml": b"<broken"}), "damaged"),
        (_zip({"word/document.xml": BILLION_LAUGHS}), "damaged"),
        (b" \n\t \n", "no text"),
    ],
)
def test_a_bad_file_ends_in_a_clear_word(data: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / "report.docx"
    path.write_bytes(data)
    with pytest.raises(UnreadableError, match=word):
        read_document(path)


def test_content_counts_not_the_extension(tmp_path: Path) -> None:
    path = _as_docx(_seed("xiangyin-2022"), tmp_path / "report.txt")
    assert detect(path.read_bytes()) == "docx"
    assert extract(read_document(path)).total_score is not None


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(
        alphabet="一二、（）()1、\t\n |项目支出明细合计得分分值一级指标三级评价标准 -.%≥万元6☑",
        max_size=400,
    )
)
def test_any_text_reads_without_an_error_and_quotes_itself(source: str) -> None:
    document = text.parse(source)
    for block in document.blocks:
        cells = [block] if isinstance(block, Cell) else [c for row in block.rows for c in row]
        assert all(document.quote(cell.span) == cell.text for cell in cells)
    for finding in audit(extract(document)):
        assert all(0 <= span.start <= span.end <= len(source) for span in finding.spans)


@settings(max_examples=100)
@given(st.binary(max_size=300), st.integers(0, 300))
def test_a_cut_or_changed_seed_never_raises(noise: bytes, place: int) -> None:
    data = (SEEDS_FOLDER / "xiangyin-2022.txt").read_bytes()
    at = place * len(data) // 300
    try:
        document = text.read(data[:at] + noise + data[at + len(noise) :])
    except UnicodeDecodeError:
        return
    audit(extract(document))


CONTENT_TYPES = "[Content_Types].xml"


def _rewritten(path: Path, changes: dict[str, Callable[[bytes], bytes]], **added: bytes) -> bytes:
    with zipfile.ZipFile(path) as archive:
        members = {
            name: changes[name](archive.read(name)) if name in changes else archive.read(name)
            for name in archive.namelist()
        }
    return _zip(members | {name.replace("__", "/"): data for name, data in added.items()})


def test_a_document_with_macros_is_read_and_says_so(tmp_path: Path) -> None:
    source = _as_docx(_seed("xiangyin-2022"), tmp_path / "plain.docx")
    macro = (
        b'<Override PartName="/word/vbaProject.bin"'
        b' ContentType="application/vnd.ms-office.vbaProject"/></Types>'
    )
    relation = (
        b'<Relationship Id="rIdMacro" Target="vbaProject.bin" Type='
        b'"http://schemas.microsoft.com/office/2006/relationships/vbaProject"/></Relationships>'
    )
    data = _rewritten(
        source,
        {
            CONTENT_TYPES: lambda xml: xml.replace(
                b"openxmlformats-officedocument.wordprocessingml.document.main",
                b"ms-word.document.macroEnabled.main",
            ).replace(b"</Types>", macro),
            "word/_rels/document.xml.rels": lambda xml: xml.replace(b"</Relationships>", relation),
        },
        **{"word__vbaProject.bin": b"\xd0\xcf\x11\xe0 Shell"},
    )
    path = tmp_path / "macro.docm"
    path.write_bytes(data)
    document = read_document(path)
    assert [str(note) for note in document.unread] == ["macros: not run, not read"]
    assert _figures(extract(document)) == _figures(extract(_seed("xiangyin-2022")))


def test_a_workbook_with_macros_links_and_a_false_size_is_read(tmp_path: Path) -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append(["综合得分", 98, "='[1]x'!A1"])
    plain = tmp_path / "plain.xlsx"
    workbook.save(plain)
    data = _rewritten(
        plain,
        {
            "xl/worksheets/sheet1.xml": lambda xml: xml.replace(
                b'ref="A1:C1"', b'ref="A1:XFD1048576"'
            )
        },
        **{"xl__vbaProject.bin": b"\xd0\xcf"},
    )
    path = tmp_path / "macro.xlsm"
    path.write_bytes(data)
    document = read_document(path)
    assert [str(note) for note in document.unread] == ["macros: not run, not read"]
    assert document.text.split() == ["综合得分", "98"]


def test_a_scanned_pdf_is_unreadable_and_names_its_pages(tmp_path: Path) -> None:
    page = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\n"
        b"trailer<</Root 1 0 R/Size 4>>\n%%EOF"
    )
    path = tmp_path / "scan.pdf"
    path.write_bytes(page)
    with pytest.raises(UnreadableError, match=r"no text on page 1 \(scanned"):
        read_document(path)


def test_a_file_of_200_mib_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.pdf"
    with path.open("wb") as file:
        file.write(b"%PDF-1.7")
        file.truncate(200 << 20)  # sparse: takes no space
    with pytest.raises(UnreadableError, match="200 MiB is over the limit of 64 MiB"):
        read_document(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["docx", "xlsx", "html", "pdf"]),
    noise=st.binary(max_size=40),
    place=st.floats(0, 1),
)
def test_a_damaged_file_of_any_kind_reads_or_is_unreadable(
    kind: str,
    noise: bytes,
    place: float,
    whole_files: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = whole_files[kind]
    at = int(place * len(data))
    path = tmp_path_factory.mktemp("fuzz") / "x"
    path.write_bytes(data[:at] + noise + data[at + len(noise) :])
    try:
        document = read_document(path)
    except UnreadableError:
        return
    audit(extract(document))


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    seed = _seed("xiangyin-2022")
    pdf = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n" + bytes(range(200))
    return {
        "docx": _as_docx(seed, folder / "a.docx").read_bytes(),
        "xlsx": _as_xlsx(seed, folder / "a.xlsx").read_bytes(),
        "html": _as_html(seed, folder / "a.html").read_bytes(),
        "pdf": pdf,
    }
