"""Every string that people read is marked, translated and compiled."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest

from govnet import locale_tools
from tests.peers import require

PACKAGE = locale_tools.PACKAGE
CHINESE = re.compile(r"[\u3400-\u9fff]")
# Where Chinese is data and not the words of a page: the demo city and its twin, device vendors'
# texts, the parsing of Chinese reports, and the scoring frameworks.
DATA = ("demo", "lab", "vendors", "evaluation", "locale")
# What people type into files: accepted spellings of headers and values, examples in help texts;
# what an installation starts with; official papers, which are Chinese whatever the page speaks.
EXAMPLES = (
    "core/imports",
    "alarms/forms.py",
    "inventory/forms.py",
    "inventory/resources.py",
    "projects/capital.py",  # amounts in Chinese capitals
    "projects/forms.py",
    "sla/hours.py",
    "sla/special_days.py",
    "sla/defaults.py",
    "sla/printing.py",
    "sla/workbook.py",
    "projects/seeds.py",
    "surveys/seeds.py",
)
PLACEHOLDER = re.compile(r"%\([a-z_]+\)[sd]|%[sd]|%%")


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(locale_tools.CATALOGUE), encoding="utf-8")


@pytest.fixture(scope="module")
def extracted() -> polib.POFile:
    require("xgettext")
    return locale_tools.extract()


def test_every_marked_string_is_in_the_catalogue_and_no_other(
    catalogue: polib.POFile, extracted: polib.POFile
) -> None:
    there = {locale_tools.key_of(entry) for entry in catalogue}
    wanted = {locale_tools.key_of(entry) for entry in extracted}
    assert wanted - there == set(), "run: uv run python -m govnet.locale_tools merge"
    assert there - wanted == set(), "run: uv run python -m govnet.locale_tools merge"


def test_every_string_has_a_chinese_translation(catalogue: polib.POFile) -> None:
    assert locale_tools.untranslated(catalogue) == []
    assert [entry.msgid for entry in catalogue if entry.fuzzy or entry.obsolete] == []


def test_a_translation_keeps_every_placeholder(catalogue: polib.POFile) -> None:
    for entry in catalogue:
        for text in [entry.msgstr, *entry.msgstr_plural.values()]:
            if text:
                wanted = sorted(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
                assert sorted(PLACEHOLDER.findall(text)) == wanted, entry.msgid


def test_the_compiled_catalogue_is_the_written_one(catalogue: polib.POFile) -> None:
    compiled = polib.mofile(str(locale_tools.CATALOGUE.with_suffix(".mo")))

    def texts(file: polib.POFile | polib.MOFile) -> dict[locale_tools.Key, tuple[str, str]]:
        return {
            (entry.msgctxt, entry.msgid, entry.msgid_plural or ""): (
                entry.msgstr,
                str(entry.msgstr_plural.get(0, "")),
            )
            for entry in file
            if entry.msgstr or any(entry.msgstr_plural.values())
        }

    assert texts(compiled) == texts(catalogue)


def test_an_untranslated_string_is_found(tmp_path: Path) -> None:
    require("xgettext")
    package = tmp_path / "package"
    (package / "templates").mkdir(parents=True)
    (package / "a.py").write_text('from x import gettext as _\n_("one “1”")\n', encoding="utf-8")
    (package / "templates" / "b.html").write_text(
        '{% load i18n %}{% translate "two" %}'
        "{% blocktranslate count n=n %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}",
        encoding="utf-8",
    )
    found = locale_tools.extract(package)
    assert {entry.msgid for entry in found} == {"one “1”", "two", "%(n)s row"}
    assert len(locale_tools.untranslated(found)) == 3


def _docstrings(tree: ast.AST) -> set[int]:
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, holders):
            for statement in node.body:
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                    found.add(id(statement.value))
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                found.add(id(statement.value))
    return found


def _chinese_strings(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = _docstrings(tree)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        if id(node) not in docstrings and CHINESE.search(node.value):
            yield f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.value[:60]}"


def _is_data(path: Path) -> bool:
    relative = path.relative_to(PACKAGE)
    if relative.parts[0] in DATA or "migrations" in relative.parts:
        return True
    return any(str(relative).startswith(prefix) for prefix in EXAMPLES)


def test_no_chinese_stands_in_code_or_templates() -> None:
    found = [
        line
        for path in sorted(PACKAGE.rglob("*.py"))
        if not _is_data(path)
        for line in _chinese_strings(path)
    ]
    found += [
        f"{path.relative_to(PACKAGE)}"
        for pattern in ("templates/**/*.html", "static/js/*.js")
        for path in sorted(PACKAGE.rglob(pattern))
        if CHINESE.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_fragments_do_not_contradict_each_other() -> None:
    _known, conflicts = locale_tools.translations()
    assert conflicts == []


def test_what_translates_bears_a_name_that_is_collected() -> None:
    """``gettext as _g`` works and shows English for ever: xgettext does not know ``_g``."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
                names = {alias.asname for alias in node.names if "gettext" in alias.name}
                assert names <= {None, "_", "_now"}, path
