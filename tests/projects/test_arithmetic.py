"""Deductions, capitals and budgets: golden cases by hand, and what holds for any figures."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.projects.arithmetic import Balance, Step, YearBudget, deduction, table_errors
from govnet.projects.capital import capital

TABLE = (
    Step(Decimal("99.9"), Decimal(3)),
    Step(Decimal(99), Decimal(12)),
    Step(Decimal(95), Decimal(50)),
)
MONEY = st.decimals(0, 10_000_000, places=2, allow_nan=False)
PERCENT = st.decimals(0, 100, places=6, allow_nan=False)


@pytest.mark.parametrize(
    ("availability", "amount"),
    [
        ("100", "0.00"),
        ("99.9", "0.00"),  # the threshold itself is met
        ("99.8999", "9000.00"),
        ("99", "9000.00"),
        ("98.7654", "36000.00"),  # 12 % of 300,000
        ("94.99", "150000.00"),
        ("0", "150000.00"),
    ],
)
def test_the_lowest_threshold_missed_counts(availability: str, amount: str) -> None:
    found = deduction(Decimal(300_000), Decimal(availability), TABLE)
    assert found.amount == Decimal(amount)


def test_the_formula_shows_every_figure() -> None:
    found = deduction(Decimal(300_000), Decimal("98.7654"), TABLE)
    assert found.formula == "98.7654% < 99% → 300000.00 × 12% = 36000.00"


def test_half_a_fen_is_rounded_up_once() -> None:
    step = (Step(Decimal(100), Decimal("12.5")),)
    assert deduction(Decimal("0.04"), Decimal(50), step).amount == Decimal("0.01")
    assert deduction(Decimal("100.20"), Decimal(50), step).amount == Decimal("12.53")


@given(MONEY, PERCENT, PERCENT, st.lists(st.tuples(PERCENT, PERCENT), max_size=6))
def test_a_better_availability_never_costs_more(
    fee: Decimal, one: Decimal, two: Decimal, pairs: list[tuple[Decimal, Decimal]]
) -> None:
    thresholds = sorted({below for below, _rate in pairs}, reverse=True)
    rates = sorted(rate for _below, rate in pairs)
    steps = [Step(b, r) for b, r in zip(thresholds, rates, strict=False)]
    assert table_errors(steps) == []
    worse, better = sorted((one, two))
    least = deduction(fee, better, steps).amount
    most = deduction(fee, worse, steps).amount
    assert Decimal(0) <= least <= most <= fee


def test_a_table_that_rewards_failure_is_found() -> None:
    wrong = [Step(Decimal(99), Decimal(10)), Step(Decimal(95), Decimal(5))]
    assert table_errors(wrong) == [(Decimal(10), Decimal(5))]


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "人民币零元整"),
        ("2070000", "人民币贰佰零柒万元整"),
        ("3450000", "人民币叁佰肆拾伍万元整"),
        ("240000", "人民币贰拾肆万元整"),
        ("62000", "人民币陆万贰仟元整"),
        ("1409.50", "人民币壹仟肆佰零玖元伍角整"),
        ("6007.14", "人民币陆仟零柒元壹角肆分"),
        ("107000.53", "人民币壹拾万柒仟元伍角叁分"),  # the rule lets 零 be left out here
        ("16409.02", "人民币壹万陆仟肆佰零玖元零贰分"),
        ("325.04", "人民币叁佰贰拾伍元零肆分"),
        ("0.08", "人民币捌分"),
        ("0.50", "人民币伍角整"),
        ("100000001", "人民币壹亿零壹元整"),
        ("100010000", "人民币壹亿零壹万元整"),
        ("10101010", "人民币壹仟零壹拾万壹仟零壹拾元整"),
    ],
)
def test_amounts_in_capitals(amount: str, words: str) -> None:
    assert capital(Decimal(amount)) == words


@given(st.integers(0, 10**14))
def test_capitals_say_the_amount_and_nothing_else(cents: int) -> None:
    amount = Decimal(cents) / 100
    assert _read(capital(amount)) == amount


def _read(text: str) -> Decimal:
    """Reads capitals back: digits with their places, groups of 万 and 亿."""
    total, section, digit = Decimal(0), 0, 0
    value = Decimal(0)
    for char in text.removeprefix("人民币").removesuffix("整"):
        if char in "零壹贰叁肆伍陆柒捌玖":
            digit = "零壹贰叁肆伍陆柒捌玖".index(char)
        elif char in "拾佰仟":
            section += digit * 10 ** ("拾佰仟".index(char) + 1)
            digit = 0
        elif char == "万":
            total += (section + digit) * 10_000
            section = digit = 0
        elif char == "亿":
            total = (total + section + digit) * 100_000_000
            section = digit = 0
        elif char == "元":
            value += total + section + digit
            section = digit = 0
        else:
            value += Decimal(digit) / (10 if char == "角" else 100)
            digit = 0
    return value


@given(MONEY, MONEY, MONEY, MONEY)
def test_what_is_payable_never_exceeds_what_was_agreed(
    amount: Decimal, deducted: Decimal, certified: Decimal, paid: Decimal
) -> None:
    balance = Balance(amount, deducted, certified, paid)
    assert Decimal(0) <= balance.payable <= amount
    assert balance.payable + certified + deducted <= max(amount, certified + deducted)


def test_the_balance_of_xiangyin_is_negative_and_explained() -> None:
    year = YearBudget(
        planned=Decimal(2_202_000),
        arrived=Decimal(2_000_000),
        carried=Decimal(62_000),
        spent=Decimal(2_062_000),
    )
    assert (year.balance, year.available) == (Decimal(-62_000), Decimal(0))
    assert (year.arrival, year.execution) == (Decimal("90.83"), Decimal("93.64"))


def test_nothing_planned_has_no_rate() -> None:
    assert YearBudget(spent=Decimal(5)).execution is None
