"""Frameworks are data: the shipped ones hold together, a wrong one names line and field."""

from __future__ import annotations

from decimal import Decimal

import pytest

from govnet.evaluation.framework import FrameworkError, parse_framework, shipped_frameworks

MINIMAL = """\
id: county-x
version: 2026-01-01
name: 县级自评
name_en: County self-evaluation
source: 某县财政局
total: 10
execution_denominator: planned
grades:
- {name: 优, at_least: 90}
- {name: 差, at_least: 0}
indicators:
- id: '1'
  name: 产出
  points: 10
  children:
  - id: '1.1'
    name: 数量
    points: 6
    rule: {kind: proportional}
  - id: '1.2'
    name: 满意度
    points: 4
    rule:
      kind: bands
      bands:
      - {at_least: 90, points: 4}
      - {at_least: 60, points: 2}
"""


def test_the_city_annex_has_its_22_items_and_100_points() -> None:
    framework = shipped_frameworks()["yueyang-annex-3-2"]
    leaves = list(framework.leaves())
    assert len(leaves) == 22
    assert sum(leaf.points for leaf in leaves) == 100
    assert [i.points for i in framework.indicators] == [20, 25, 55]
    # Five items ask for evidence, 20 points in all.
    assert sum(leaf.points for leaf in leaves if leaf.evidence) == 20


@pytest.mark.parametrize(
    ("score", "grade"), [("98", "优"), ("90", "优"), ("89.99", "良"), ("60", "中"), ("59.99", "差")]
)
def test_a_grade_is_derived_from_the_score(score: str, grade: str) -> None:
    assert shipped_frameworks()["yueyang-annex-3-2"].grade(Decimal(score)) == grade


def test_a_bureaus_own_framework_needs_no_code() -> None:
    assert [leaf.id for leaf in parse_framework(MINIMAL, "county.yaml").leaves()] == ["1.1", "1.2"]


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("points: 6", "points: 5", 12, "children add up to 9"),
        ("kind: proportional", "kind: guessed", 19, "kind"),
        ("{at_least: 90, points: 4}", "{at_least: 50, points: 4}", 26, "highest to the lowest"),
        ("total: 10", "total: 11", 1, "indicators add up to 10, not 11"),
        ("name: 数量", "nome: 数量", 17, "Extra inputs"),
        ("points: 4\n    rule", "points: four\n    rule", 22, "valid decimal"),
        ("version: 2026-01-01", "version: soon", 2, "valid date"),
        ("{name: 差, at_least: 0}", "{name: 差, at_least: 10}", 1, "starts at 0"),
        ("id: '1.2'", "id: '1.1'", 1, "used twice"),
    ],
)
def test_a_wrong_framework_names_file_line_and_field(
    old: str, new: str, line: int, word: str
) -> None:
    assert old in MINIMAL
    with pytest.raises(FrameworkError) as caught:
        parse_framework(MINIMAL.replace(old, new), "county.yaml")
    assert f"county.yaml, line {line}," in str(caught.value)
    assert word in str(caught.value)


@pytest.mark.parametrize("text", ["", "a: [1", "- 1", "7"])
def test_what_is_not_a_framework_is_refused_in_words(text: str) -> None:
    with pytest.raises(FrameworkError, match=r"county\.yaml"):
        parse_framework(text, "county.yaml")


def test_every_framework_in_use_is_shipped_with_its_source() -> None:
    shipped = shipped_frameworks()
    assert set(shipped) == {
        "national-self-evaluation",
        "yueyang-annex-3-2",
        "sichuan-self-evaluation",
        "execution-20",
        "transfer-payment-2025",
        "guangshui-self-evaluation",
        "no-points",
    }
    assert all(framework.source for framework in shipped.values())
    assert {f.total for f in shipped.values() if f.id != "no-points"} == {100}
