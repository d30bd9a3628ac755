"""``govnet audit`` as a person runs it: formats, exit status, a batch that always goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import load_workbook

import govnet
from govnet.evaluation.audit.runner import Status, audit_file, audit_files, find_files

SEEDS_FOLDER = Path(govnet.__file__).parent / "evaluation" / "seeds"
CLEAN = "评价等次：优\n"


def _govnet(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "govnet", "audit", *arguments],
        env={**os.environ, "GOVNET_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "clean.txt").write_text(CLEAN, encoding="utf-8")
    for name in ("yueyang-2020.txt", "xiangyin-2022.txt"):
        (reports / name).write_bytes((SEEDS_FOLDER / name).read_bytes())
    return reports


def test_json_names_file_status_facts_and_findings_with_their_places(
    folder: Path, tmp_path: Path
) -> None:
    run = _govnet(tmp_path, str(folder), "--format", "json")
    assert run.returncode == 1, run.stderr
    files = {Path(item["file"]).name: item for item in json.loads(run.stdout)}
    assert files["clean.txt"]["status"] == "clean"
    seed = files["yueyang-2020.txt"]
    assert seed["facts"]["spent.total"] == "2070000"
    source = (folder / "yueyang-2020.txt").read_text(encoding="utf-8")
    for finding in seed["findings"]:
        for quote in finding["quotes"]:
            assert source[quote["start"] : quote["end"]] == quote["text"]


def test_exit_status_tells_clean_findings_and_unreadable(tmp_path: Path) -> None:
    clean = tmp_path / "clean.txt"
    clean.write_text(CLEAN, encoding="utf-8")
    assert _govnet(tmp_path, str(clean)).returncode == 0
    empty = tmp_path / "empty.docx"
    empty.touch()
    run = _govnet(tmp_path, str(clean), str(empty))
    assert run.returncode == 2
    assert "the file is empty" in run.stdout.decode()


def test_an_empty_folder_is_said_not_passed(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert _govnet(tmp_path, str(tmp_path / "none")).returncode == 2


def test_a_workbook_of_findings_runs_no_formula(folder: Path, tmp_path: Path) -> None:
    (folder / "=evil.txt").write_text("评价等次：优秀\n", encoding="utf-8")
    out = tmp_path / "findings.xlsx"
    cwd_relative = _govnet(tmp_path, str(folder), "--format", "xlsx", "--out", str(out))
    assert cwd_relative.returncode == 1
    sheet = load_workbook(out).active
    assert sheet is not None
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds


def test_a_page_of_findings_escapes_what_the_report_says(tmp_path: Path) -> None:
    report = tmp_path / "x.txt"
    report.write_text("<script>alert(1)</script>包2已未支付\n", encoding="utf-8")
    run = _govnet(tmp_path, str(report), "--format", "html")
    assert b"<script>" not in run.stdout


def test_a_file_that_takes_too_long_is_unreadable_and_the_batch_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "slow.txt"
    report.write_text(CLEAN, encoding="utf-8")

    def stall(_path: Path) -> None:
        while True:
            pass

    monkeypatch.setattr("govnet.evaluation.audit.runner.read_document", stall)
    result = audit_file(report, seconds=1)
    assert result.status is Status.UNREADABLE
    assert result.unread == ["took over 1 s"]


def test_a_table_of_five_thousand_rows_is_read(tmp_path: Path) -> None:
    rows = "\n".join(f"线路{n}\t1万\t{n}#" for n in range(5000))
    report = tmp_path / "long.txt"
    report.write_text(f"支出内容\t实际支出数\t凭证\n{rows}\n支出合计\t4999万\t\n", encoding="utf-8")
    result = audit_file(report)
    assert [finding.check for finding in result.findings] == ["FND-05"]


def test_a_batch_gives_each_file_once(folder: Path) -> None:
    files = find_files([folder, folder / "clean.txt"])
    assert len(files) == 3
    assert sorted(result.file for result in audit_files(files, jobs=2)) == [str(f) for f in files]
