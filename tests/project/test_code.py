from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 60
MEDIAN = 10


class Function(NamedTuple):
    where: str
    lines: int


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def functions(*folders: str) -> list[Function]:
    found = []
    for path in sources(*folders):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                where = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                found.append(Function(where, (node.end_lineno or 0) - node.lineno + 1))
    return found


def test_no_function_is_longer_than_sixty_lines() -> None:
    long = [f for f in functions("src", "tests", "benchmarks", "scripts") if f.lines > LONGEST]
    assert long == []


def test_half_of_all_functions_have_at_most_ten_lines() -> None:
    assert statistics.median(f.lines for f in functions("src")) <= MEDIAN


def test_no_except_without_naming_what_it_catches() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("src", "tests", "benchmarks", "scripts")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources("src")
        if (tree := ast.parse(path.read_text(encoding="utf-8"))).body
        and not ast.get_docstring(tree)
    ]
    assert silent == []
