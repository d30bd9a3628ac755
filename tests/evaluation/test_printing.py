"""What is printed reads back the same; what was issued stays as it was issued."""

from __future__ import annotations

import io
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from docx import Document
from openpyxl import load_workbook

from govnet.core.office import as_pdf
from govnet.evaluation import printing
from govnet.evaluation.audit.extract import extract
from govnet.evaluation.audit.readers import docx as docx_reader
from govnet.evaluation.audit.readers.detect import read_document
from govnet.evaluation.intake import IntakeError, take_in
from govnet.evaluation.models import SelfEvaluation
from govnet.evaluation.seeds import FOLDER, SEEDS, load

pytestmark = pytest.mark.django_db


@pytest.fixture
def evaluations() -> dict[str, SelfEvaluation]:
    return {evaluation.slug: evaluation for evaluation in load()}


@pytest.mark.parametrize("slug", SEEDS)
def test_a_printed_report_reads_back_as_the_same_self_evaluation(
    slug: str, evaluations: dict[str, SelfEvaluation]
) -> None:
    printed = printing.numbers(evaluations[slug])
    again = extract(docx_reader.read(printing.render_docx(printed)))
    copy = take_in(again, f"{slug}-copy", framework=SEEDS[slug])
    assert printing.numbers(copy) == printed


def test_loading_the_seeds_again_changes_nothing(evaluations: dict[str, SelfEvaluation]) -> None:
    before = {slug: printing.numbers(e) for slug, e in evaluations.items()}
    assert {e.slug: printing.numbers(e) for e in load()} == before
    assert SelfEvaluation.objects.count() == 2


def test_the_city_prints_money_in_wan_yuan_and_ticks_its_box(
    evaluations: dict[str, SelfEvaluation],
) -> None:
    printed = printing.numbers(evaluations["yueyang-2020"])
    assert printed["funds"]["total"] == {
        "planned": "369",
        "arrived": "369",
        "spent": "207",
        "balance": "162",
    }
    assert (printed["box_process"], printed["box_result"]) == ("☑", "□")
    assert (printed["score_total"], printed["points_total"]) == ("98", "100")


def test_the_county_keeps_its_negative_balance(evaluations: dict[str, SelfEvaluation]) -> None:
    printed = printing.numbers(evaluations["xiangyin-2022"])
    assert printed["funds"]["total"]["balance"] == "-6.2"


def test_an_issued_report_stays_when_the_data_change(
    evaluations: dict[str, SelfEvaluation],
) -> None:
    evaluation = evaluations["yueyang-2020"]
    issued = printing.issue(evaluation)
    evaluation.stated_score = Decimal(60)
    evaluation.save()
    issued.refresh_from_db()
    assert issued.numbers["score"] == "98"
    again = extract(docx_reader.read(bytes(issued.document)))
    assert again.total_score is not None
    assert again.total_score[0] == 98


def test_text_of_a_report_is_never_a_template(evaluations: dict[str, SelfEvaluation]) -> None:
    evaluation = evaluations["yueyang-2020"]
    evaluation.goal = "{{ 7 * 7 }} <w:p/> & 目标"
    text = "\n".join(
        cell.text
        for table in Document(io.BytesIO(printing.render_docx(printing.numbers(evaluation)))).tables
        for row in table.rows
        for cell in row.cells
    )
    assert "{{ 7 * 7 }} <w:p/> & 目标" in text


def test_the_score_workbook_adds_up_and_runs_no_formula(
    evaluations: dict[str, SelfEvaluation],
) -> None:
    data = printing.numbers(evaluations["yueyang-2020"])
    data["items"][0]["standard"] = "=1+1"
    sheet = load_workbook(io.BytesIO(printing.score_workbook(data))).active
    assert sheet is not None
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert sum(Decimal(str(row[8])) for row in rows[:-1]) == Decimal(str(rows[-1][8])) == 98
    assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}


def test_a_table_of_another_framework_is_refused_by_name() -> None:
    report = extract(read_document(FOLDER / "yueyang-2020.txt"))
    report.items[0] = type(report.items[0])(
        **{
            **{f: getattr(report.items[0], f) for f in report.items[0].__slots__},
            "points": Decimal(5),
        }
    )
    with pytest.raises(IntakeError, match="目标内容"):
        take_in(report, "other", framework="yueyang-annex-3-2")


@pytest.mark.peer
def test_pdf_by_libreoffice_carries_the_figures(
    evaluations: dict[str, SelfEvaluation], tmp_path: Path
) -> None:
    if shutil.which("soffice") is None:
        pytest.skip("PDF needs LibreOffice, which is optional")
    document = printing.render_docx(printing.numbers(evaluations["yueyang-2020"]))
    path = tmp_path / "report.pdf"
    path.write_bytes(as_pdf(document))
    read = extract(read_document(path))
    assert read.total_score is not None
    assert read.total_score[0] == 98
    planned = {int(amount.yuan) for (_, source), amount in read.funds.items() if source == "total"}
    assert planned == {3_690_000, 2_070_000, 1_620_000}
