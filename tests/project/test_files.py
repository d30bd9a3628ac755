from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "src" / "govnet" / "static" / "vendor"

# Home directories and work directories of whoever wrote a file; `/tmp` and `/home` alone are
# words of documentation, followed by a name they are somebody's path.
MACHINE_PATH = re.compile(r"(?<![\w.])(/root/|/work/|/home/\w|/Users/\w|/tmp/[\w-]{3,}/)")
# A number that ends in eight zeros is an example, not a person's.
MOBILE_PHONE = re.compile(r"(?<!\d)1[3-9]\d(?!0{8})\d{8}(?!\d)")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"```(?:sh|bash|console)\n(.*?)```", re.DOTALL)


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked():
        if VENDOR in path.parents or path.name == "uv.lock":
            continue
        try:
            found.append((path, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def matches(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path, text in texts()
        if path != Path(__file__)
        for match in pattern.finditer(text)
    ]


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert matches(MACHINE_PATH) == []


def test_no_file_holds_a_mobile_telephone_number() -> None:
    assert matches(MOBILE_PHONE) == []


def test_files_are_small_and_no_database_or_key_is_among_them() -> None:
    large = [str(p.relative_to(ROOT)) for p in tracked() if p.stat().st_size > 2_000_000]
    secret = [
        str(p.relative_to(ROOT))
        for p in tracked()
        if p.suffix in {".key", ".pem", ".sqlite3"} or p.name == "secrets.json"
    ]
    assert (large, secret) == ([], [])


def markdown() -> list[tuple[Path, str]]:
    return [(path, text) for path, text in texts() if path.suffix == ".md"]


def test_every_link_and_picture_in_the_documents_is_there() -> None:
    broken = []
    for path, text in markdown():
        for target in (*LINK.findall(text), *IMAGE.findall(text)):
            if re.match(r"[a-z]+:|#", target):
                continue
            file = path.parent / unquote(target.split("#")[0])
            if not file.exists():
                broken.append(f"{path.relative_to(ROOT)} -> {target}")
    assert broken == []


def test_every_page_is_found_from_the_index() -> None:
    docs = ROOT / "docs"
    index = docs / "index.md"
    linked = {(docs / link).resolve() for link in LINK.findall(index.read_text(encoding="utf-8"))}
    pages = [path for path, _ in markdown() if docs in path.parents and path != index]
    # A folder that is linked lists its pages by itself.
    lost = [p for p in pages if p.resolve() not in linked and p.parent.resolve() not in linked]
    assert pages
    assert [str(path.relative_to(docs)) for path in lost] == []


def test_both_readmes_name_the_same_commands_pictures_and_documents() -> None:
    english = (ROOT / "README.md").read_text(encoding="utf-8")
    chinese = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    assert commands(english) == commands(chinese) != []
    assert IMAGE.findall(english) == IMAGE.findall(chinese)
    others = {"README.md", "README.zh-CN.md"}
    assert set(LINK.findall(english)) - others == set(LINK.findall(chinese)) - others
    assert english.count("\n## ") == chinese.count("\n## ")


def commands(text: str) -> list[str]:
    lines = (line for block in FENCE.findall(text) for line in block.splitlines())
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def test_every_make_target_that_a_document_names_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        (str(path.relative_to(ROOT)), target)
        for path, text in markdown()
        for target in re.findall(r"`make ([a-z-]+)", text)
    }
    assert {target for _, target in named} >= {"demo", "test"}
    assert [item for item in sorted(named) if item[1] not in targets] == []


def test_every_dependency_is_explained_and_nothing_else_is() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = project[project.index("\ndependencies = [") : project.index("[project.scripts]")]
    declared = set(re.findall(r'^    "([A-Za-z0-9-]+)', block, re.MULTILINE))
    page = (ROOT / "docs" / "reference" / "dependencies.md").read_text(encoding="utf-8")
    running = page[: page.index("## Tools")]
    explained = set(re.findall(r"^\| `([A-Za-z0-9-]+)`", running, re.MULTILINE))
    assert explained == declared


def test_vendored_files_come_with_licence_version_and_origin() -> None:
    folders = [path for path in VENDOR.iterdir() if path.is_dir()]
    page = (ROOT / "docs" / "reference" / "dependencies.md").read_text(encoding="utf-8")
    assert folders
    assert [p.name for p in folders if not list(p.glob("LICENSE*"))] == []
    assert [p.name for p in folders if f"vendor/{p.name}`" not in page] == []


def test_pages_load_nothing_from_elsewhere() -> None:
    elsewhere = re.compile(r"(?:src|href)=[\"'](?:https?:)?//(?!www\.w3\.org)")
    templates = (p for p in tracked() if p.suffix == ".html" and "templates" in p.parts)
    assert [str(p.relative_to(ROOT)) for p in templates if elsewhere.search(p.read_text())] == []


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(p.name[:4]) for p in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers == list(takewhile(lambda n: n in numbers, range(1, len(numbers) + 1)))


@pytest.mark.parametrize("script", ["setup.sh", "install-packages.sh", "common.sh"])
def test_scripts_are_valid_bash(script: str) -> None:
    bash = shutil.which("bash")
    assert bash
    subprocess.run([bash, "-n", str(ROOT / "scripts" / script)], check=True)


def test_what_is_to_be_run_is_executable() -> None:
    for name in ("scripts/uv", "scripts/setup.sh", "scripts/install-packages.sh", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), name
