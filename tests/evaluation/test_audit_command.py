"""``govnet audit`` as a person runs it: formats, exit status, a batch that always goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from openpyxl import load_workbook

import govnet
from govnet.evaluation.audit.runner import (
    WORKER_MIB,
    AuditedFile,
    Status,
    audit_file,
    audit_files,
    find_files,
)
from govnet.evaluation.framework import Framework, shipped_frameworks

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
    assert "文件是空的" in run.stdout.decode()


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


def _misbehave(path: Path, _framework: Framework | None = None) -> AuditedFile:
    """Stands in for a reader's C code: runs in the worker, which imports this module."""
    if path.name == "hang.txt":
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        time.sleep(600)
    if path.name == "die.txt":
        os._exit(9)
    if path.name == "hog.txt":
        return AuditedFile(str(bytearray((WORKER_MIB + 1) << 20)), Status.CLEAN)
    return AuditedFile(str(path), Status.CLEAN)


def test_a_worker_that_hangs_dies_or_eats_memory_spoils_its_own_file_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govnet.evaluation.audit.runner.audit_file", _misbehave)
    files = [tmp_path / f"{name}.txt" for name in ("a", "hang", "die", "hog", "b", "c")]
    # Not shorter: the time includes the start of a fresh interpreter on a busy machine.
    found = {Path(r.file).stem: r for r in audit_files(files, jobs=2, seconds=8)}
    assert {name for name, r in found.items() if r.status is Status.CLEAN} == {"a", "b", "c"}
    assert [str(note) for note in found["hang"].unread] == ["took over 8 s"]
    assert "memory" in str(found["hog"].unread[0])
    assert "died" in str(found["die"].unread[0])


def test_a_report_of_no_known_form_is_unreadable_not_clean(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("各位同事：周五下午开会。\n", encoding="utf-8")
    result = audit_file(letter)
    assert result.status is Status.UNREADABLE
    assert "none of the known forms" in str(result.unread[0])


def test_a_named_framework_is_compared_item_by_item(tmp_path: Path) -> None:
    seed = SEEDS_FOLDER / "yueyang-2020.txt"
    own = audit_file(seed, shipped_frameworks()["yueyang-annex-3-2"])
    assert not [f for f in own.findings if f.check == "FRM-01"]
    other = audit_file(seed, shipped_frameworks()["transfer-payment-2025"])
    found = [f for f in other.findings if f.check == "FRM-01"]
    assert any("目标内容" in f.message for f in found)
    text = seed.read_text(encoding="utf-8")
    assert all(q.text == text[q.start : q.end] and q.text for f in found for q in f.quotes)
    county = audit_file(
        SEEDS_FOLDER / "xiangyin-2022.txt", shipped_frameworks()["yueyang-annex-3-2"]
    )
    assert "no score table to compare with yueyang-annex-3-2" in map(str, county.unread)


def test_a_framework_may_be_named_by_id_or_file_and_a_wrong_one_is_said(tmp_path: Path) -> None:
    seed = str(SEEDS_FOLDER / "yueyang-2020.txt")
    run = _govnet(tmp_path, seed, "--framework", "transfer-payment-2025")
    assert run.returncode == 1
    assert "FRM-01" in run.stdout.decode()
    wrong = _govnet(tmp_path, seed, "--framework", "nothing")
    assert wrong.returncode == 2
    assert "yueyang-annex-3-2" in wrong.stderr.decode()
    file = tmp_path / "own.yaml"
    file.write_text("id: own\nversion: never\n", encoding="utf-8")
    broken = _govnet(tmp_path, seed, "--framework", str(file))
    assert broken.returncode == 2
    assert "own.yaml, line 2, version" in broken.stderr.decode()


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


def test_a_fresh_installation_loads_prints_and_audits_the_seeds(tmp_path: Path) -> None:
    environment = {**os.environ, "GOVNET_DATA_DIR": str(tmp_path / "data")}

    def govnet(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "govnet", *arguments],
            env=environment,
            capture_output=True,
            check=False,
            timeout=180,
        )

    word = tmp_path / "y.docx"
    for command in (
        ("seed", "load"),
        ("report", "evaluation", "yueyang-2020", "--out", str(word)),
        ("seed", "load"),  # again, beside an issued report
    ):
        run = govnet(*command)
        assert run.returncode == 0, run.stderr.decode()
    facts = audit_file(word).facts
    wanted = audit_file(SEEDS_FOLDER / "yueyang-2020.txt").facts
    figures = {key: value for key, value in wanted.items() if "." in key or key == "score"}
    assert {key: facts[key] for key in figures} == figures
    missing = govnet("report", "evaluation", "nobody", "--out", str(word))
    assert missing.returncode == 2
    assert "yueyang-2020" in missing.stderr.decode()
