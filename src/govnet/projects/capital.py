"""Amounts in Chinese capitals (大写金额), as vouchers and certificates carry them.

Rules of the People's Bank for filling in vouchers (支付结算办法, annex 1): 「整」 after yuan or
jiao, 零 for zeros between figures, 角 and 分 after the yuan.
"""

from __future__ import annotations

from decimal import Decimal

from govnet.projects.arithmetic import fen

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万亿")


def capital(amount: Decimal) -> str:
    """An amount in 元 in capitals: 2070000 → 「人民币贰佰零柒万元整」.

    Raises:
        ValueError: below zero, or ten quadrillion and more.
    """
    cents = int(fen(amount) * 100)
    if not 0 <= cents < 10**18:
        raise ValueError(f"no amount of a certificate: {amount}")
    yuan, cents = divmod(cents, 100)
    jiao, cent = divmod(cents, 10)
    whole = f"{_whole(yuan)}元" if yuan or not cents else ""
    if not cents:
        return f"人民币{whole}整"
    zero = "零" if yuan and not jiao else ""
    tenths = f"{_DIGITS[jiao]}角" if jiao else ""
    hundredths = f"{_DIGITS[cent]}分" if cent else "整"
    return f"人民币{whole}{zero}{tenths}{hundredths}"


def _whole(number: int) -> str:
    if number == 0:
        return _DIGITS[0]
    groups = []
    while number:
        number, group = divmod(number, 10_000)
        groups.append(group)
    text, gap = "", False
    for position in range(len(groups) - 1, -1, -1):
        group = groups[position]
        if group == 0:
            gap = bool(text)
            continue
        if text and (gap or group < 1000):
            text += _DIGITS[0]
        text += _group(group) + _GROUPS[position]
        gap = False
    return text


def _group(group: int) -> str:
    """Up to four digits; zeros between digits are one 零, zeros at the end none."""
    text, gap = "", False
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if digit:
            text += (_DIGITS[0] if gap and text else "") + _DIGITS[digit] + _PLACES[place]
        gap = digit == 0
    return text
