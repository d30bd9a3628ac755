"""Scoring is exact, monotone, capped, and says how each figure came about."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.evaluation.framework import Denominator, Indicator, shipped_frameworks
from govnet.evaluation.scoring import (
    Answer,
    Funds,
    OwnIndicator,
    ScoringError,
    Standing,
    Support,
    execution_rate,
    grade,
    score,
    totals,
)

YUEYANG = shipped_frameworks()["yueyang-annex-3-2"]
D = Decimal
amounts = st.decimals(0, 10_000, places=2)
points = st.decimals("0.5", 100, places=1)


def _indicator(points: Decimal, rule: dict[str, object]) -> Indicator:
    return Indicator.model_validate({"id": "1", "name": "x", "points": points, "rule": rule})


@pytest.mark.parametrize(
    ("item", "answer", "expected"),
    [
        ("3.1.1", Answer(target=D(50), actual=D(60)), "5.00"),
        ("3.1.1", Answer(target=D(50), actual=D(40)), "4.00"),
        ("2.1.1", Answer(target=D("220.2"), actual=D(200)), "2.72"),
        ("3.2.5", Answer(actual=D(96)), "8.00"),
        ("3.2.5", Answer(actual=D(90)), "8.00"),
        ("3.2.5", Answer(actual=D("89.99")), "6.00"),
        ("3.2.5", Answer(actual=D("59.9")), "0.00"),
        ("2.1.2", Answer(chosen=2), "0.50"),
        ("1.3.2", Answer(held=frozenset({1})), "3.00"),
        ("2.2.1", Answer(deducted={0: D(4), 4: D(2)}), "1.00"),
        ("2.2.1", Answer(deducted={0: D(7), 2: D(6)}), "0.00"),
        ("3.2.1", Answer(chosen=0, share=D(1)), "8.00"),
        ("3.2.1", Answer(chosen=1, share=D("0.6")), "4.80"),
    ],
)
def test_each_rule_of_the_city_annex(item: str, answer: Answer, expected: str) -> None:
    assert str(score(YUEYANG.leaf(item), answer).points) == expected


@pytest.mark.parametrize(("variant", "expected"), [("linear", "9.69"), ("ratio", "9.70")])
def test_the_two_lower_is_better_variants_differ_as_printed(variant: str, expected: str) -> None:
    item = _indicator(D(10), {"kind": "lower_is_better", "variant": variant})
    assert str(score(item, Answer(target=D(200), actual=D("206.2"))).points) == expected


@pytest.mark.parametrize(
    ("item", "answer", "word"),
    [
        ("3.1.1", Answer(target=D(50)), "actual value"),
        ("2.1.2", Answer(chosen=3), "choose one of 3"),
        ("2.2.1", Answer(deducted={0: D(3)}), "deduct 4 to 7"),
        ("1.1.1", Answer(held=frozenset({4})), "no part 5"),
        ("3.2.1", Answer(chosen=1, share=D("0.8")), "部分达成"),
        ("3.2.1", Answer(chosen=0, share=D("1.1")), "not 1.1"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_in_words(
    item: str, answer: Answer, word: str
) -> None:
    with pytest.raises(ScoringError, match=word):
        score(YUEYANG.leaf(item), answer)


@given(points, amounts, amounts, amounts)
def test_more_never_scores_less_and_never_over_the_points(
    full: Decimal, target: Decimal, a: Decimal, b: Decimal
) -> None:
    item = _indicator(full, {"kind": "proportional"})
    low, high = sorted((a, b))
    if target > 0:
        worse = score(item, Answer(target=target, actual=low)).points
        better = score(item, Answer(target=target, actual=high)).points
        assert 0 <= worse <= better <= full


@given(points, amounts, amounts, amounts, st.sampled_from(["linear", "ratio"]))
def test_spending_more_never_scores_more(
    full: Decimal, target: Decimal, a: Decimal, b: Decimal, variant: str
) -> None:
    item = _indicator(full, {"kind": "lower_is_better", "variant": variant})
    low, high = sorted((a, b))
    cheap = score(item, Answer(target=target, actual=low)).points
    dear = score(item, Answer(target=target, actual=high)).points
    assert 0 <= dear <= cheap <= full


@given(st.decimals(0, 100, places=2), st.decimals(0, 100, places=2))
def test_a_band_table_is_monotone(a: Decimal, b: Decimal) -> None:
    item = YUEYANG.leaf("3.2.5")
    low, high = sorted((a, b))
    assert score(item, Answer(actual=low)).points <= score(item, Answer(actual=high)).points


@given(st.lists(st.tuples(st.decimals(0, 20, places=2), st.sampled_from(Support)), max_size=30))
def test_supported_pending_and_unsupported_add_up_to_the_self_score(
    items: list[tuple[Decimal, Support]],
) -> None:
    found = totals([Standing(value, support) for value, support in items])
    assert found.supported + found.pending + found.unsupported == found.self_score
    assert found.self_score == sum(value for value, _ in items)


def test_the_execution_rate_depends_on_its_denominator() -> None:
    county = Funds(
        planned=D("2202000"), adjusted=D("2202000"), arrived=D("2000000"), spent=D("2062000")
    )
    planned = execution_rate(county, Denominator.PLANNED)
    arrived = execution_rate(county, Denominator.ARRIVED)
    assert planned is not None
    assert arrived is not None
    assert f"{planned:.2%}" == "93.64%"
    assert f"{arrived:.2%}" == "103.10%"
    assert execution_rate(Funds(D(0), D(0), D(0), D(5)), Denominator.PLANNED) is None


def test_a_projects_own_indicators_add_up_to_their_items_points() -> None:
    item = shipped_frameworks()["national-self-evaluation"].leaf("2")
    own = (
        OwnIndicator(points=D(30), target=D(50), actual=D(60)),
        OwnIndicator(points=D(20), target=D(200), actual=D("206.2"), ceiling=True),
    )
    assert str(score(item, Answer(own=own)).points) == "49.38"
    with pytest.raises(ScoringError, match="30 points, not 50"):
        score(item, Answer(own=own[:1]))


def test_a_form_without_points_derives_no_grade() -> None:
    assert grade(shipped_frameworks()["no-points"], D(98)) == ""
    assert grade(YUEYANG, D(98)) == "优"
