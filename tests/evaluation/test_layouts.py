"""One report, set in the layouts met in practice: read the same, or told as unread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.evaluation.audit.extract import extract, forms
from govnet.evaluation.audit.readers import text
from govnet.evaluation.audit.registry import audit
from govnet.evaluation.audit.report import FundColumn, Report
from govnet.evaluation.audit.runner import Status, audit_file

Rows = list[list[str]]
LABELS = ("计划安排资金（万元）", "实际到位资金（万元）", "实际支出（万元）", "结余（万元）")


@dataclass(frozen=True)
class Model:
    """The figures of a report, money in 万元."""

    planned: Decimal
    arrived: Decimal
    spent: Decimal
    units: int
    rate: int
    score: int

    @property
    def money(self) -> tuple[Decimal, ...]:
        return (self.planned, self.arrived, self.spent, self.arrived - self.spent)


def _wan(most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(1, most).map(lambda n: Decimal(n) / 10)


MODELS = st.builds(
    Model,
    planned=_wan(99_999),
    arrived=_wan(99_999),
    spent=_wan(99_999),
    units=st.integers(1, 999),
    rate=st.integers(1, 100),
    score=st.integers(1, 100),
)
ONE = Model(Decimal(369), Decimal(369), Decimal("207.5"), 60, 96, 98)


def tables(model: Model, number: Callable[[Decimal], str] = str) -> list[Rows]:
    funds = [
        [
            part
            for label, yuan in zip(LABELS, model.money, strict=True)
            for part in (label, number(yuan))
        ]
    ]
    spending = [
        ["支出内容", "实际支出数（万元）", "会计凭证号", "备注"],
        ["建设费", number(model.spent), "2019年12月48#", ""],
        ["支出合计", number(model.spent), "", ""],
    ]
    indicators = [
        ["一级指标", "二级指标", "指标内容", "指标（目标）值", "实际完成值"],
        ["产出指标", "数量指标", "新增单位", "≥50家", f"{model.units}家"],
        ["满意度指标", "服务对象满意度指标", "满意率", "≥90%", f"{model.rate}%"],
        ["绩效自评综合得分", str(model.score), "", "", ""],
        ["评价等次", "优", "", "", ""],
    ]
    return [funds, spending, indicators]


def facts(report: Report) -> dict[str, object]:
    return {
        "funds": {c.value: a.yuan for c in FundColumn if (a := report.fund(c))},
        "total": report.spending_total and report.spending_total.yuan,
        "lines": [line.amount and line.amount.yuan for line in report.spending],
        "indicators": [
            (row.level2, row.target_value and str(row.target_value), str(row.actual_value))
            for row in report.indicators
        ],
        "score": report.total_score and report.total_score[0],
        "grade": report.grade and report.grade[0],
    }


def expected(model: Model) -> dict[str, object]:
    money = [amount * 10_000 for amount in model.money]
    return {
        "funds": dict(zip((c.value for c in FundColumn), money, strict=True)),
        "total": money[2],
        "lines": [money[2]],
        "indicators": [
            ("数量", "≥50家", f"{model.units}家"),
            ("服务对象满意度", "≥90%", f"{model.rate}%"),
        ],
        "score": model.score,
        "grade": "优",
    }


def _tabs(blocks: list[Rows]) -> str:
    return "\n\n".join("\n".join("\t".join(row) for row in rows) for rows in blocks)


def _pipes(blocks: list[Rows]) -> str:
    return "\n\n".join("\n".join("| " + " | ".join(row) + " |" for row in rows) for rows in blocks)


def _cell_per_line(blocks: list[Rows]) -> str:
    return "\n\n".join(
        "\n\n".join("\n".join(f"\t{cell}" for cell in row) for row in rows) for rows in blocks
    )


def _page_numbers(blocks: list[Rows]) -> str:
    return "\n\n".join(
        "\n".join(
            "\t".join(row) + ("\n- 14 -" if i + 1 < len(rows) else "") for i, row in enumerate(rows)
        )
        for rows in blocks
    )


def _repeated_heads(blocks: list[Rows]) -> str:
    return _tabs(
        [
            [rows[0], *(r for row in rows[1:] for r in (row, rows[0]))]
            if len(rows) > 1 and "内容" in rows[0][0]
            else rows
            for rows in blocks
        ]
    )


def _full_width(blocks: list[Rows]) -> str:
    wide = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
    return "\n\n".join(
        "\n".join("\t".join(c.translate(wide) for c in row) for row in rows) for rows in blocks
    )


def _swapped(old: str, new: str) -> Callable[[list[Rows]], str]:
    return lambda blocks: _tabs(blocks).replace(old, new)


LAYOUTS: dict[str, Callable[[list[Rows]], str]] = {
    "tabs": _tabs,
    "pipes": _pipes,
    "cell a line": _cell_per_line,
    "page numbers between rows": _page_numbers,
    "repeated heads": _repeated_heads,
    "full width": _full_width,
    "≧": _swapped("≥", "≧"),
    ">=": _swapped("≥", ">="),
    "不低于": _swapped("≥", "不低于"),
    "square brackets": _swapped("（万元）", "[万元]"),
    "open bracket": _swapped("（万元）", "(万元"),
    "spread labels": _swapped("结余", "结　余"),
    "以上": lambda b: _tabs(b).replace("≥50家", "50家以上").replace("≥90%", "90%以上"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@given(model=MODELS)
def test_a_report_reads_the_same_in_each_layout(layout: str, model: Model) -> None:
    report = extract(text.parse(LAYOUTS[layout](tables(model))))
    assert facts(report) == expected(model)
    assert report.unread == []


@pytest.mark.parametrize(
    "number",
    [
        lambda wan: f"{wan * 10_000:.0f}元",
        lambda wan: f"{wan * 10_000:,.0f}元",
        lambda wan: f"{wan / 10_000:f}亿元",
        lambda wan: f"{wan}万",
        lambda wan: f"{wan} 万元",
    ],
    ids=["元", "thousands", "亿元", "万", "万元"],
)
@given(model=MODELS)
def test_a_cell_with_its_own_unit_overrides_the_column(
    number: Callable[[Decimal], str], model: Model
) -> None:
    assert facts(extract(text.parse(_tabs(tables(model, number))))) == expected(model)


def test_a_unit_stated_once_for_all_holds_where_a_column_names_none() -> None:
    source = "金额单位：元\n" + _tabs(tables(ONE, lambda wan: f"{wan * 10_000:.0f}"))
    assert facts(extract(text.parse(source.replace("（万元）", "")))) == expected(ONE)


@given(model=MODELS)
def test_a_table_pressed_into_one_line_gives_labelled_figures_and_says_the_rest(
    model: Model,
) -> None:
    line = " ".join(cell for rows in tables(model) for row in rows for cell in row if cell)
    report = extract(text.parse(line))
    found, wanted = facts(report), expected(model)
    for known in ("funds", "total", "score", "grade"):
        assert found[known] == wanted[known]
    assert found["indicators"] == []
    assert any("indicators" in str(note) for note in report.unread)


@pytest.mark.parametrize(
    "source",
    [
        "计划安排 实际到位 实际支出 结余 120.5 120.5 100 20.5",
        "计划安排实际到位实际支出结余\n120.5120.5100%20.5",
        "计划安排\n实际到位\n实际支出\n结余\n369\n369\n207\n162",
    ],
    ids=["labels apart", "glued figures", "columns of a PDF"],
)
def test_figures_apart_from_their_labels_are_unread_never_guessed(source: str) -> None:
    report = extract(text.parse(source + "\n评价等次：优"))
    assert report.funds == {}
    assert any("fund table" in str(note) for note in report.unread)


@pytest.mark.parametrize("cell", ["IOO%", "2O7", "12,34", "120.5120.5", "三百万"])
def test_a_slip_in_an_amount_is_unread_never_guessed(cell: str) -> None:
    report = extract(text.parse(f"计划安排\t{cell}\t实际到位\t369\t实际支出\t207\t结余\t—"))
    assert FundColumn.PLANNED not in {column for column, _ in report.funds}
    assert FundColumn.BALANCE not in {column for column, _ in report.funds}
    assert [str(note) for note in report.unread] == [f"not an amount: 计划安排: {cell}"]


def test_letters_for_digits_are_no_fault_of_the_report() -> None:
    rows = tables(ONE)
    rows[2][2][4] = "IOO%"
    report = extract(text.parse(_tabs(rows)))
    assert [str(note) for note in report.unread] == ["letters in a figure (OCR?): IOO%"]
    assert not [f for f in audit(report) if f.check == "IND-02"]


@pytest.mark.parametrize(
    ("boxes", "in_progress"),
    [
        ("项目实施过程评价☑ 项目完成结果评价□", True),
        ("☑项目实施过程评价 □项目完成结果评价", True),
        ("□项目实施过程评价 ☑项目完成结果评价", False),
        ("项目实施过程评价□ 项目完成结果评价√", False),
        ("项目实施过程评价（ ） 项目完成结果评价（√）", False),
        ("■项目实施过程评价 □项目完成结果评价", True),
        ("项目实施过程评价□ 项目完成结果评价□", None),
        ("项目实施过程评价 项目完成结果评价", None),
    ],
)
def test_boxes_are_read_before_and_after_their_words(boxes: str, in_progress: bool | None) -> None:
    assert extract(text.parse(f"评价类型：{boxes}")).in_progress is in_progress


@pytest.mark.parametrize(
    ("written", "months"),
    [
        ("2019年8月起至2020年5月止", 10),
        ("2019.1.1-2019.12.30", 12),
        ("2019年1月-12月", 12),
        ("２０１９年８月－２０２０年５月", 10),
        ("2019/8-2020/5", 10),
        ("20xx年1月-20xx年12月", None),
        ("2019年13月-14月", None),
    ],
)
def test_periods_are_read_in_their_spellings(written: str, months: int | None) -> None:
    period = extract(text.parse(f"项目起止时间：{written}")).period
    assert (period.months if period else None) == months


@pytest.mark.parametrize("blank", ["—", "/", "空", "无", "", "－"])
def test_a_blank_amount_is_blank_not_unread_and_not_zero(blank: str) -> None:
    report = extract(text.parse(f"计划安排\t369\t实际到位\t369\t实际支出\t207\t结余\t{blank}"))
    assert report.fund(FundColumn.BALANCE) is None
    assert report.unread == []


@pytest.mark.parametrize("minus", ["-6.2", "－6.2", "−6.2"])
def test_a_negative_balance_keeps_its_sign(minus: str) -> None:
    report = extract(text.parse(f"计划安排\t220.2\t实际到位\t200\t实际支出\t206.2\t结余\t{minus}"))
    balance = report.fund(FundColumn.BALANCE)
    assert balance is not None
    assert balance.yuan == -62_000


def test_several_forms_in_a_file_are_several_reports(tmp_path: Path) -> None:
    other = Model(Decimal(100), Decimal(80), Decimal(90), 55, 97, 91)
    source = "\n\n".join(
        f"项目支出绩效自评表\n\n项目名称：{name}\n\n{_tabs(tables(model))}\n"
        for name, model in (("甲", ONE), ("乙", other))
    )
    parts = forms(text.parse(source))
    assert [facts(extract(part)) for part in parts] == [expected(ONE), expected(other)]
    path = tmp_path / "two.txt"
    path.write_text(source, encoding="utf-8")
    result = audit_file(path)
    assert (result.facts["1:项目名称"], result.facts["2:项目名称"]) == ("甲", "乙")
    over = [f for f in result.findings if f.check == "FND-02"]
    assert len(over) == 1
    assert all(source[q.start : q.end] == q.text for q in over[0].quotes)


def test_a_head_that_a_page_break_repeats_begins_no_second_form() -> None:
    source = f"项目名称：甲\n\n{_tabs(tables(ONE))}\n\n{_tabs(tables(ONE)[:1])}"
    assert len(forms(text.parse(source))) == 1


def test_titles_within_a_compressed_paragraph_are_sections() -> None:
    source = (
        "一、项目概况：本项目建设政务外网。二、资金使用情况：财政资金已到位，全部用于建设。"
        "三、存在问题：部分单位带宽不足，有待提升。四、有关建议：加强统筹。"
    )
    report = extract(text.parse(source))
    assert [section.number for section in report.sections] == [1, 2, 3, 4]


def test_a_report_in_another_script_is_unreadable_not_clean(tmp_path: Path) -> None:
    path = tmp_path / "traditional.txt"
    path.write_text("項目名稱：政務外網\n綜合得分：98\n", encoding="utf-8")
    result = audit_file(path)
    assert result.status is Status.UNREADABLE
    assert "none of the known forms" in str(result.unread[0])
