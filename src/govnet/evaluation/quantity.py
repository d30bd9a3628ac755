"""Figures as reports print them: 「≤200 万元」, 「不超过30家」, 「98%」, 「12,345.6」."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from govnet.evaluation.audit.document import squeeze


class Operator(StrEnum):
    """How an actual value is compared with its target."""

    AT_LEAST = "≥"
    AT_MOST = "≤"
    MORE_THAN = ">"
    LESS_THAN = "<"
    EQUAL = "="


_OPERATORS = {
    "≥": Operator.AT_LEAST, ">=": Operator.AT_LEAST, "不低于": Operator.AT_LEAST,
    "不少于": Operator.AT_LEAST, "不小于": Operator.AT_LEAST, "至少": Operator.AT_LEAST,
    "达到": Operator.AT_LEAST, "≤": Operator.AT_MOST, "<=": Operator.AT_MOST,
    "不超过": Operator.AT_MOST, "不高于": Operator.AT_MOST, "不大于": Operator.AT_MOST,
    "不多于": Operator.AT_MOST, "控制在": Operator.AT_MOST, ">": Operator.MORE_THAN,
    "大于": Operator.MORE_THAN, "<": Operator.LESS_THAN, "小于": Operator.LESS_THAN,
    "=": Operator.EQUAL,
}  # fmt: skip
_SUFFIXES = {"以上": Operator.AT_LEAST, "以内": Operator.AT_MOST, "以下": Operator.AT_MOST}
_NUMBER = r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?"
_QUANTITY = re.compile(
    rf"(?P<op>{'|'.join(sorted(_OPERATORS, key=len, reverse=True))})?"
    rf"(?P<number>{_NUMBER})"
    r"(?P<unit>亿元|万元|亿|万|元|%|个百分点|个月|[A-Za-z]+(?:bps|bit/s)?|[一-鿿]{1,3})?"
)
_SAMPLE = re.compile(r"\(有效\d+份\)$")
# Amounts in yuan for each unit that reports use for money; 「207万」 leaves out 「元」.
YUAN = {
    "元": Decimal(1),
    "万": Decimal(10_000),
    "万元": Decimal(10_000),
    "亿": Decimal(100_000_000),
    "亿元": Decimal(100_000_000),
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure with its unit and, for targets, its direction."""

    number: Decimal
    unit: str
    operator: Operator | None = None

    @property
    def is_money(self) -> bool:
        """True when the unit is one of money."""
        return self.unit in YUAN

    @property
    def yuan(self) -> Decimal:
        """The amount in 元.

        Raises:
            KeyError: the unit is not one of money.
        """
        return self.number * YUAN[self.unit]

    def __str__(self) -> str:
        return f"{self.operator or ''}{self.number}{self.unit}"


def parse_quantity(text: str) -> Quantity | None:
    """The figure that a cell states, or None when it states none.

    Only a cell that *is* a figure counts, with an operator before and 「以上」, 「以内」 after;
    「网络升级至100M」 is a name, not a figure.
    """
    squeezed = squeeze(text)
    match = _QUANTITY.match(squeezed)
    if match is None or match.start() != 0:
        return None
    rest = _SAMPLE.sub("", squeezed[match.end() :])
    unit = match["unit"] or ""
    operator = _OPERATORS.get(match["op"] or "")
    for suffix, meaning in _SUFFIXES.items():
        if unit.endswith(suffix):
            unit, operator = unit.removesuffix(suffix), meaning
        elif rest.startswith(suffix):
            rest, operator = rest.removeprefix(suffix), meaning
    # 「12,34」 is neither a thousand nor a decimal, 「120.5120.5」 two figures run together.
    if len(rest) > 8 or re.match(r"[,.]\d|\d", rest):
        return None
    return Quantity(Decimal(match["number"].replace(",", "")), unit, operator)


_BLANK = re.compile(r"[-—–/\\无空未填暂]*(?:填写|涉及)?")
_MISREAD = re.compile(r"[≥≤<>=]?(?=.*[IlOoSB|])(?=.*[\d%])[\dIlOoSB|.,]+%?")


def is_blank(text: str) -> bool:
    """Whether a cell says that it holds nothing: empty, 「—」, 「/」, 「无」, 「空」."""
    return _BLANK.fullmatch(squeeze(text)) is not None


def is_misread(text: str) -> bool:
    """Whether a cell looks like a figure with letters for digits: 「IOO%」, 「2O7」."""
    return _MISREAD.fullmatch(squeeze(text)) is not None


def parse_amount(text: str, unit: str = "") -> Decimal | None:
    """An amount in 元; ``unit`` is the column's unit when the cell has none."""
    quantity = parse_quantity(text)
    if quantity is None:
        return None
    factor = YUAN.get(quantity.unit) or YUAN.get(unit)
    return None if factor is None else quantity.number * factor


def meets(target: Quantity, actual: Quantity) -> bool | None:
    """Whether an actual value meets its target; None when the two cannot be compared."""
    if target.is_money and actual.is_money:
        wanted, found = target.yuan, actual.yuan
    elif target.unit == actual.unit or not (target.unit and actual.unit):
        wanted, found = target.number, actual.number
    else:
        return None
    match target.operator:
        case Operator.AT_MOST:
            return found <= wanted
        case Operator.LESS_THAN:
            return found < wanted
        case Operator.MORE_THAN:
            return found > wanted
        case _:
            return found >= wanted


def wan(amount: Decimal) -> str:
    """An amount in 元 as 万元, without needless zeros: 2062000 → 「206.2 万元」."""
    value = (amount / 10_000).normalize()
    return f"{value:f} 万元"
