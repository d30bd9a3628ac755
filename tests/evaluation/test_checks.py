"""Each check fires on the smallest text that proves it and stays quiet on its neighbour."""

from __future__ import annotations

import pytest

from govnet.evaluation.audit import checks  # noqa: F401  # registers them
from govnet.evaluation.audit.readers.text import parse
from govnet.evaluation.audit.registry import CHECKS
from govnet.evaluation.audit.runner import audit_document


def _funds(planned: str, arrived: str, spent: str, balance: str, *rows: str) -> str:
    head = (
        f"计划安排资金（万元）\t{planned}\t实际到位资金（万元）\t{arrived}"
        f"\t实际支出（万元）\t{spent}\t结余（万元）\t{balance}"
    )
    return "\n".join([head, *rows]) + "\n"


def _indicators(*rows: str) -> str:
    return "\n".join(["一级指标\t二级指标\t指标内容\t指标值\t实际完成值", *rows]) + "\n"


def _items(*rows: str, total: str = "总分\t10\t\t10\t\t10\t\t\t10") -> str:
    head = "一级指标\t分值\t二级指标\t分值\t三级指标\t分值\t具体指标\t评价标准\t自评得分"
    return "\n".join([head, *rows, total]) + "\n"


def _national(*rows: str) -> str:
    head = "一级指标\t二级指标\t三级指标\t年度指标值\t实际完成值\t分值\t得分\t偏差原因分析"
    return "\n".join([head, *rows]) + "\n"


def _budget(row: str) -> str:
    return f"项目资金（万元）\t年初预算数\t全年预算数\t全年执行数\t分值\t执行率\t得分\n{row}\n"


PERIOD = "项目起止时间\t2021年1月-2021年12月\t\n"
ITEM = "产出\t10\t产出\t10\t产出数量\t10\t{definition}\t{standard}\t{score}"
BENEFIT = "效益\t10\t效益\t10\t经济效益\t10\t效益\t完成目标得10分\t10"

# check id, a text on which it must fire, a neighbour on which it must not
CASES: list[tuple[str, str, str]] = [
    ("FND-01", _funds("100", "100", "60", "50"), _funds("100", "100", "60", "40")),
    ("FND-02", _funds("100", "90", "95", "-5"), _funds("100", "95", "95", "0")),
    ("FND-03", _funds("100", "90", "90", "0"), _funds("100", "90", "90", "0") + "到位率90%\n"),
    (
        "FND-04",
        _funds("100", "100", "60", "40", "省财政\t30\t省财政\t\t省财政\t\t省财政\t"),
        _funds("100", "100", "60", "40", "省财政\t100\t省财政\t\t省财政\t\t省财政\t"),
    ),
    (
        "FND-05",
        "支出内容\t实际支出数\t凭证\n设备\t50万\t\n线路\t40万\t\n支出合计\t100万\t\n",
        "支出内容\t实际支出数\t凭证\n设备\t50万\t\n线路\t500,000元\t\n支出合计\t100万\t\n",
    ),
    (
        "FND-06",
        _funds("100", "100", "50", "50")
        + _items(ITEM.format(definition="资金使用是否如期完成", standard="s", score="10")),
        _funds("100", "100", "99", "1")
        + _items(ITEM.format(definition="资金使用是否如期完成", standard="s", score="10")),
    ),
    (
        "FND-07",
        _budget("年度资金总额\t100\t100\t80\t10\t80%\t10"),
        _budget("年度资金总额\t100\t100\t80\t10\t80%\t8"),
    ),
    (
        "FND-08",
        _funds("220", "200", "200", "0") + _indicators("产出\t成本指标\t预算\t≤200万元\t200万元"),
        _funds("200", "200", "200", "0") + _indicators("产出\t成本指标\t预算\t≤200万元\t200万元"),
    ),
    (
        "FND-09",
        PERIOD + "支出内容\t实际支出数\t凭证\n线路租赁费\t50万\t2021年3月8#\n",
        PERIOD + "支出内容\t实际支出数\t凭证\n线路租赁费\t50万\t2021年12月8#\n",
    ),
    ("FND-10", "资金全部支付到位。包2尚未支付。", "资金全部支付到位。包2已支付。"),
    ("FND-11", "合计12,34万元。", "合计12,345.6万元。"),
    (
        "FND-12",
        _budget("年度资金总额\t100\t120\t120\t10\t100%\t10"),
        _budget("年度资金总额\t100\t120\t120\t10\t100%\t10") + "年中追加预算，资金追加20万元。\n",
    ),
    (
        "SCR-01",
        _items(ITEM.format(definition="d", standard="s", score="9")),
        _items(ITEM.format(definition="d", standard="s", score="10")),
    ),
    (
        "SCR-02",
        _items("产出\t12\t产出\t10\t产出数量\t10\td\ts\t10"),
        _items("产出\t10\t产出\t10\t产出数量\t10\td\ts\t10"),
    ),
    (
        "SCR-03",
        _items(ITEM.format(definition="d", standard="s", score="11")),
        _items(ITEM.format(definition="d", standard="s", score="10")),
    ),
    ("SCR-04", "综合得分：88\n评价等次：优\n", "综合得分：90\n评价等次：优秀\n"),
    (
        "SCR-05",
        _indicators("效益\t经济效益指标\t\t\t") + _items(BENEFIT),
        _indicators("效益\t经济效益指标\t节约\t≥10万元\t12万元") + _items(BENEFIT),
    ),
    (
        "SCR-06",
        _national("产出\t数量指标\t新增单位\t60家\t50家\t10\t10\t"),
        _national("产出\t数量指标\t新增单位\t60家\t50家\t10\t8.33\t工期"),
    ),
    (
        "SCR-07",
        _national("产出\t数量指标\t新增单位\t60家\t50家\t10\t8.33\t"),
        _national("产出\t数量指标\t新增单位\t60家\t50家\t10\t8.33\t三家单位搬迁"),
    ),
    ("SCR-08", "评价等次：优秀\n", "评价等次：优\n"),
    (
        "IND-01",
        _indicators("效益\t经济效益指标\t节约成本\t\t有效降低"),
        _indicators("效益\t经济效益指标\t节约成本\t≥5万元\t6万元"),
    ),
    (
        "IND-02",
        _indicators("产出\t质量指标\t升级\t100M\t已完成"),
        _indicators("产出\t质量指标\t升级\t100M\t100M"),
    ),
    (
        "IND-03",
        _indicators(
            "产出\t质量指标\t外网全年畅通\t100%\t100%", "效益\t社会效益\t外网运行\t95%\t98%"
        ),
        _indicators(
            "产出\t质量指标\t外网全年畅通\t100%\t100%", "效益\t社会效益\t门户运行\t95%\t98%"
        ),
    ),
    (
        "IND-04",
        _indicators("产出\t数量指标\t新增单位\t50家\t65家"),
        _indicators("产出\t数量指标\t新增单位\t50家\t60家"),
    ),
    (
        "IND-05",
        _indicators("产出\t质量指标\t时延\t≤20ms\t25ms"),
        _indicators("产出\t质量指标\t时延\t≤20ms\t15ms"),
    ),
    (
        "IND-06",
        "预期目标\t实际完成\n新增接入单位六十家。建设运行管理平台。\t新增接入单位已接入六十家。\n",
        "预期目标\t实际完成\n新增接入单位六十家。建设运行管理平台。\t接入单位六十家，管理平台上线。\n",
    ),
    (
        "IND-07",
        _indicators("产出\t数量指标\t1、外网 2、大厅 3、会议\t100%\t100%"),
        _indicators("产出\t数量指标\t外网延伸到村\t100%\t100%"),
    ),
    (
        "IND-08",
        _indicators("产出\t数量指标\t新增\t≥50家\t≥50家"),
        _indicators("产出\t数量指标\t新增\t≥50家\t60家"),
    ),
    ("CNT-01", "共163家，其中老单位100家、新增60家。", "共163家，其中老单位103家、新增60家。"),
    (
        "DAT-01",
        PERIOD + "该项目在2022年12月31日前全面完成。",
        PERIOD + "该项目在2021年12月31日前全面完成。",
    ),
    (
        "DAT-02",
        PERIOD + _indicators("产出\t时效指标\t周期\t12个月\t9个月"),
        PERIOD + _indicators("产出\t时效指标\t周期\t12个月\t12个月"),
    ),
    (
        "DAT-03",
        "项目实施过程评价☑ 项目完成结果评价□\n项目通过了竣工验收。",
        "项目实施过程评价□ 项目完成结果评价☑\n项目通过了竣工验收。",
    ),
    ("DAT-04", "本项目始于201年。", "本项目始于2019年。"),
    (
        "CON-01",
        _funds("9", "9", "9", "0") + "完全节约了运管成本。",
        _funds("9", "9", "9", "0") + "节约了运管成本。",
    ),
    (
        "CON-02",
        "项目尚未完工。\n" + _indicators("满意\t满意度指标\t满意率\t90%\t96%"),
        "项目已经完工。\n" + _indicators("满意\t满意度指标\t满意率\t90%\t96%"),
    ),
    (
        "CON-03",
        _funds("100", "100", "50", "50") + "已竣工验收。",
        _funds("100", "100", "90", "10") + "已竣工验收。",
    ),
    ("STR-01", "一、概况\n1、背景\n3、采购\n", "一、概况\n1、背景\n2、采购\n"),
    ("STR-02", "线路升四、综合评价情况及结论\n", "线路升级。四、综合评价情况及结论\n"),
    (
        "STR-03",
        "项目名称：x\n一、经验、存在问题和建议\n统一建设，统一运维。\n",
        "项目名称：x\n一、经验、存在问题和建议\n运维力量不足。\n",
    ),
    ("STR-04", "项目概况（100字以内）", "项目概况（二期）"),
    (
        "STR-05",
        "评价组组长（签字）：\t年 月 日\n项目单位意见：\t负责人（签章）： 年 月 日\n",
        "评价组组长（签字）：\t已签\n项目单位意见：同意\t负责人（签章）： 年 月 日\n",
    ),
    (
        "STR-06",
        "支出内容\t实际支出数\t凭证\n明细附后\t\t\n合计\t206万\t\n",
        "支出内容\t实际支出数\t凭证\n明细附后\t\t\n合计\t206万\t\n附件1：支出明细\n",
    ),
    ("STR-07", "项目单位：\n", "项目单位：某中心\n"),
    ("STR-08", "包2已未支付", "包2未支付"),
    (
        "STR-09",
        "评价指标体系（参考样表）\n" + _items(BENEFIT) + "进一步完善、量化、细化个性指标\n",
        "评价指标体系\n" + _items(BENEFIT) + "进一步完善、量化、细化个性指标\n",
    ),
    (
        "EVD-01",
        "一、概况\n二、附件\n"
        + _items(ITEM.format(definition="d", standard="需提供佐证资料", score="10")),
        "一、概况\n二、附件\n附上管理办法全文\n"
        + _items(ITEM.format(definition="d", standard="需提供佐证资料", score="10")),
    ),
    (
        "EVD-02",
        _indicators("满意\t满意度指标\t满意率\t90%\t96%"),
        _indicators("满意\t满意度指标\t满意率\t90%\t96%") + "发放问卷50份，收回有效50份。\n",
    ),
    (
        "EVD-03",
        "项目负责人\t张某\t\n姓名\t职称\t单位\n张某\t科长\t中心\n",
        "项目负责人\t张某\t\n姓名\t职称\t单位\n李某\t科长\t中心\n",
    ),
    # Further cases of checks that look at several things.
    (
        "IND-03",
        "预期目标\t实际完成\n接入单位\t满足不超过30家的需求\n",
        "预期目标\t实际完成\n接入单位\t满足28家的需求\n",
    ),
    ("DAT-02", PERIOD + "2021年3月正式启动建设\n", PERIOD + "2021年1月正式启动建设\n"),
    ("STR-07", "项目地址：某县行政审批服务局\n", "项目地址：某县东湖路8号行政审批服务局\n"),
    ("STR-08", "乡镇（街道）、村（社区）三级会议\n", "县、乡镇（街道）、村（社区）三级会议\n"),
    ("STR-09", PERIOD + "本项目长期绩效目标为畅通\n", PERIOD + "本项目年度绩效目标为畅通\n"),
    (
        "EVD-03",
        "填报人：张三\n姓名\t职称\t单位\n张三\t会计\t某局\n",
        "填报人：李四\n姓名\t职称\t单位\n张三\t会计\t某局\n",
    ),
]


def _found(text: str) -> set[str]:
    return {finding.check for finding in audit_document(parse(text))[1]}


@pytest.mark.parametrize(("check", "wrong", "right"), CASES, ids=[case[0] for case in CASES])
def test_a_check_fires_on_its_case_and_not_on_the_neighbour(
    check: str, wrong: str, right: str
) -> None:
    assert check in _found(wrong)
    assert check not in _found(right)


def test_every_check_has_a_case_a_name_and_says_what_it_compares() -> None:
    assert len(CHECKS) == 48
    assert {case[0] for case in CASES} == set(CHECKS)
    for item in CHECKS.values():
        assert item.name_zh
        assert item.name_en
        assert item.compares
