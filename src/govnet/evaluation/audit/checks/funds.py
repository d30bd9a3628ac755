"""FND: money. Amounts are compared in 元; half a unit of the last printed digit is tolerated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from govnet.evaluation.audit.document import Span
from govnet.evaluation.audit.registry import Finder, Finding, Severity, check
from govnet.evaluation.audit.report import Amount, FundColumn, Indicator, Report, Source
from govnet.evaluation.quantity import wan

# Reports print 万元 with at most two decimals: 0.005 万元 is rounding, not a contradiction.
ROUNDING = Decimal(50)
CARRIED_OVER = r"上年(?:度)?结转[^,。;]{0,6}?(\d+(?:\.\d+)?)万元"


def _differs(a: Decimal, b: Decimal) -> bool:
    return abs(a - b) > ROUNDING


@check("FND-01", "结余勾稽", "Balance arithmetic")
def balance(report: Report, finding: Finder) -> Iterator[Finding]:
    """结余 = 实际到位 − 实际支出 (or 计划 − 支出); a carry-over that the text names may explain."""
    arrived, spent, rest = (
        report.fund(FundColumn.ARRIVED),
        report.fund(FundColumn.SPENT),
        report.fund(FundColumn.BALANCE),
    )
    planned = report.fund(FundColumn.PLANNED)
    if not (arrived and spent and rest):
        return
    expected = {arrived.yuan - spent.yuan, (planned or arrived).yuan - spent.yuan}
    if all(_differs(rest.yuan, value) for value in expected):
        yield finding(
            "结余与“到位－支出”“计划－支出”都不相等。",
            arrived.span,
            spent.span,
            rest.span,
            arithmetic=f"{wan(arrived.yuan)} − {wan(spent.yuan)} = {wan(arrived.yuan - spent.yuan)}"
            f" ≠ {wan(rest.yuan)}",
        )


@check("FND-02", "支出超到位", "Spending over arrived funds")
def spending_over_arrived(report: Report, finding: Finder) -> Iterator[Finding]:
    """实际支出 ≤ 实际到位; a carry-over explains it only when it is part of 到位."""
    arrived, spent = report.fund(FundColumn.ARRIVED), report.fund(FundColumn.SPENT)
    if not (arrived and spent) or spent.yuan <= arrived.yuan + ROUNDING:
        return
    excess = spent.yuan - arrived.yuan
    places = [arrived.span, spent.span]
    message = "实际支出大于实际到位。"
    carried = report.document.squeezed.find(CARRIED_OVER)
    if carried:
        places.append(carried[1])
        message = "实际支出大于实际到位；文中称含上年结转，但结转没有列入到位。"
    yield finding(
        message,
        *places,
        arithmetic=f"{wan(spent.yuan)} − {wan(arrived.yuan)} = {wan(excess)}",
    )


@check("FND-03", "到位与计划", "Arrived against planned", Severity.QUERY)
def arrival_rate(report: Report, finding: Finder) -> Iterator[Finding]:
    """到位率 under 100 % asks for a reason; not asked where the text speaks of 到位率 or 未到位."""
    planned, arrived = report.fund(FundColumn.PLANNED), report.fund(FundColumn.ARRIVED)
    if not (planned and arrived) or arrived.yuan >= planned.yuan - ROUNDING or not planned.yuan:
        return
    if report.document.squeezed.find(r"到位率[为达是]?\d|未(?:能)?(?:全部|足额|及时)?到位"):
        return
    rate = arrived.yuan / planned.yuan * 100
    yield finding(
        "资金未足额到位，没有说明原因。",
        planned.span,
        arrived.span,
        arithmetic=f"{wan(arrived.yuan)} ÷ {wan(planned.yuan)} = {rate:.2f}%",
    )


@check("FND-04", "总额与来源", "Total against sources")
def sources(report: Report, finding: Finder) -> Iterator[Finding]:
    """In each column the filled sources add up to the total; an empty column is not judged."""
    for column in FundColumn:
        total = report.fund(column)
        parts = [
            amount
            for source in Source
            if source is not Source.TOTAL and (amount := report.fund(column, source))
        ]
        added = sum((part.yuan for part in parts), Decimal(0))
        if total and parts and _differs(total.yuan, added):
            yield finding(
                "各来源之和与合计不相等。",
                total.span,
                *(part.span for part in parts),
                arithmetic=f"{' + '.join(wan(part.yuan) for part in parts)} = {wan(added)}"
                f" ≠ {wan(total.yuan)}",
            )


@check("FND-05", "明细合计", "Spending detail against totals")
def spending_detail(report: Report, finding: Finder) -> Iterator[Finding]:
    """Σ detail = 支出合计 = 实际支出; lines without an amount end the comparison of the sum."""
    total, spent = report.spending_total, report.fund(FundColumn.SPENT)
    amounts = [line.amount for line in report.spending if line.amount]
    if total and amounts and len(amounts) == len(report.spending):
        added = sum((amount.yuan for amount in amounts), Decimal(0))
        if _differs(added, total.yuan):
            yield finding(
                "支出明细之和与支出合计不相等。",
                *(amount.span for amount in amounts),
                total.span,
                arithmetic=f"{wan(added)} ≠ {wan(total.yuan)}",
            )
    if total and spent and _differs(total.yuan, spent.yuan):
        yield finding(
            "支出合计与实际支出不相等。",
            total.span,
            spent.span,
            arithmetic=f"{wan(total.yuan)} ≠ {wan(spent.yuan)}",
        )


@check("FND-06", "执行率", "Execution rate")
def execution(report: Report, finding: Finder) -> Iterator[Finding]:
    """A score that the standard ties to the use of funds is not full while much is unspent."""
    planned, spent = report.fund(FundColumn.PLANNED), report.fund(FundColumn.SPENT)
    if not (planned and spent) or not planned.yuan:
        return
    rate = spent.yuan / planned.yuan
    if rate >= Decimal("0.95"):
        return
    rest = report.fund(FundColumn.BALANCE)
    for item in report.items:
        about_funds = "资金使用" in item.definition.squeezed and "如期" in item.definition.squeezed
        if about_funds and item.score == item.points:
            yield finding(
                "该项按资金使用是否如期完成评分，支出未完成却得满分，且没有说明理由。",
                item.definition,
                (rest or spent).span,
                item.span,
                arithmetic=f"{wan(spent.yuan)} ÷ {wan(planned.yuan)} = {rate * 100:.2f}%",
            )


@check("FND-07", "执行率得分", "Score of the execution rate")
def execution_score(report: Report, finding: Finder) -> Iterator[Finding]:
    """National form: rate = executed ÷ annual budget, score = rate × points, capped."""
    for row in report.budget:
        budget = row.adjusted or row.initial
        if not budget or row.executed is None:
            continue
        percent = row.executed / budget * 100
        if row.rate is not None and abs(row.rate - percent) > Decimal("0.1"):
            yield finding(
                "执行率与预算数、执行数不符。",
                row.span,
                arithmetic=f"{wan(row.executed)} ÷ {wan(budget)} = {percent:.2f}% ≠ {row.rate}%",
            )
        if row.points is None or row.score is None:
            continue
        expected = min(percent / 100, Decimal(1)) * row.points
        if abs(row.score - expected) > Decimal("0.1"):
            yield finding(
                "执行率得分与执行率不符。",
                row.span,
                arithmetic=f"{percent:.2f}% × {row.points} = {expected:.2f} ≠ {row.score}",
            )


@check("FND-08", "同一金额前后不一", "The same amount differs")
def cost_target(report: Report, finding: Finder) -> Iterator[Finding]:
    """A cost indicator's ceiling is the planned sum unless the text explains the difference."""
    planned = report.fund(FundColumn.PLANNED)
    if not planned:
        return
    for indicator in report.indicators:
        ceiling = _money_target(indicator)
        if ceiling is None or not _differs(ceiling, planned.yuan):
            continue
        if _mentions(report, planned):
            continue
        yield finding(
            "成本指标的目标与计划安排资金不是同一个数，正文没有说明差额。",
            planned.span,
            indicator.span,
            arithmetic=f"{wan(planned.yuan)} − {wan(ceiling)} = {wan(planned.yuan - ceiling)}",
        )


def _money_target(indicator: Indicator) -> Decimal | None:
    value = indicator.target_value
    is_cost = indicator.level2 == "成本" and value is not None and value.is_money
    return value.yuan if is_cost and value is not None else None


def _mentions(report: Report, amount: Amount) -> bool:
    """Whether the planned sum stands anywhere but in its own cell."""
    figure = amount.cell.squeezed.removesuffix("元").removesuffix("万")
    pattern = rf"(?<![\d.]){figure.replace('.', '[.]')}(?![\d.])"
    places = [span for _, span in report.document.squeezed.finditer(pattern)]
    return any(span.start > amount.cell.span.end for span in places)


@check("FND-10", "未付未实施", "Unpaid part against a claim of completion")
def unpaid(report: Report, finding: Finder) -> Iterator[Finding]:
    """「费用支出到位」 or 「全部支付」 beside a lot that the text itself calls unpaid."""
    squeezed = report.document.squeezed
    claim = squeezed.find(
        r"(?:费用|资金)(?:已)?(?:全部)?(?:支出|支付|拨付)(?:全部)?到位|已全部支付"
    )
    lot = squeezed.find(r"(?:包|标段|标)[\d一二三四五六七八九十]+(?:已|尚|仍|均)*未支付")
    if claim and lot:
        yield finding("文中称费用支出到位，但另有标包未支付。", claim[1], lot[1])


@check("FND-09", "付款早于完工", "Paid before completion", Severity.QUERY)
def paid_early(report: Report, finding: Finder) -> Iterator[Finding]:
    """A lease paid by a voucher dated before the project's end: when does the lease begin?"""
    if report.period is None:
        return
    for line in report.spending:
        if line.voucher is None or "租" not in line.content.squeezed:
            continue
        month = re.search(r"(20\d{2})年(\d{1,2})月", line.voucher.squeezed)
        if month and (int(month[1]), int(month[2])) < (
            report.period.end.year,
            report.period.end.month,
        ):
            yield finding(
                "租赁费的凭证早于项目完工，请说明租赁期起算和预付依据。",
                Span(line.content.span.start, line.voucher.span.end),
                report.period.cell,
            )


@check("FND-11", "数字格式", "Number format", Severity.MINOR)
def number_format(report: Report, finding: Finder) -> Iterator[Finding]:
    """Thousands are grouped by three: 「12,34」 is neither a thousand nor a decimal comma."""
    for _, span in report.document.squeezed.finditer(r"(?<![\d,.])\d{1,3},\d{1,2}(?=万?元)"):
        yield finding("千分位写法不对。", span)


@check("FND-12", "预算调整说明", "Budget adjustment unexplained", Severity.QUERY)
def adjusted_budget(report: Report, finding: Finder) -> Iterator[Finding]:
    """The annual budget differs from the initial one and the text says nothing of it."""
    for row in report.budget[:1]:
        if row.initial is None or row.adjusted is None or not _differs(row.initial, row.adjusted):
            continue
        if not report.document.squeezed.find(r"(?:预算|资金)[^。]{0,8}(?:调整|追加|调减|压减)"):
            yield finding(
                "全年预算数与年初预算数不同，没有说明调整。",
                row.span,
                arithmetic=f"{wan(row.adjusted)} − {wan(row.initial)}"
                f" = {wan(row.adjusted - row.initial)}",
            )
