"""The money and dates of the two reports that GovNet was built from, marked as demo data.

What the reports state is taken over to the yuan and the day: 岳阳 has two lots of 345 and 24
万元, 207 paid on voucher 2019年12月48#; 湘阴 planned 220.2, received 200, spent 206.2 with 6.2
carried over. What they do not state (how lot 1 is split into instalments, its gates, the days
within a month) is an assumption, and its row says so.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from django.db import transaction

from govnet.inventory.models import Carrier, Contractor, ContractorKind, Region
from govnet.projects import services
from govnet.projects.choices import EntryKind, MilestoneKind, ProjectKind, Source
from govnet.projects.models import BudgetEntry, Contract, Lot, Payment, Project
from govnet.projects.services import PlannedInstalment

YUEYANG: Final = "YY-2019-01"
XIANGYIN: Final = "XY-2022-YW"
MARK: Final = "演示数据"
ASSUMED: Final = f"{MARK}：原报告只给出合同金额与已付金额，分期与付款条件为演示假设。"
TELECOM: Final = "岳阳电信 (演示)"
MOBILE: Final = "岳阳移动 (演示)"
WAN: Final = Decimal(10_000)
# The report names 2019-08-21, 2019-09 and 2020-05; the days between are assumptions.
MILESTONES: Final = (
    (MilestoneKind.BIDDING, date(2019, 8, 21), date(2019, 8, 21)),
    (MilestoneKind.START, date(2019, 9, 2), date(2019, 9, 2)),
    (MilestoneKind.FIELD, date(2019, 12, 31), date(2019, 12, 20)),
    (MilestoneKind.INDOOR, date(2020, 2, 28), date(2020, 2, 20)),
    (MilestoneKind.PRELIMINARY, date(2020, 4, 30), date(2020, 3, 31)),
    (MilestoneKind.TRIAL, date(2020, 7, 31), date(2020, 5, 15)),
    (MilestoneKind.FINAL, date(2020, 8, 31), date(2020, 5, 29)),
)


@transaction.atomic
def load(region: Region | None = None) -> list[Project]:
    """Both projects; one that is there already stays as it is, with what people added.

    Args:
        region: where the city's project lies; the whole site's without one.
    """
    return [
        Project.objects.filter(code=code).first() or make(region)
        for code, make in ((YUEYANG, _yueyang), (XIANGYIN, _xiangyin))
    ]


def contractor(name: str) -> Contractor:
    """A demo contractor, tied to the carrier of the same name where the ledger has one."""
    found, _made = Contractor.objects.get_or_create(
        name=name,
        defaults={
            "kind": ContractorKind.CARRIER,
            "carrier": Carrier.objects.filter(name=name).first(),
            "demo": True,
            "notes": MARK,
        },
    )
    return found


def _yueyang(region: Region | None) -> Project:
    project = Project.objects.create(
        code=YUEYANG,
        name="岳阳市政务服务中心电子政务外网扩容改造（含雪亮工程政务网线路）项目",
        kind=ProjectKind.CONSTRUCTION,
        region=region,
        unit_name="岳阳市政务服务中心",
        starts_on=date(2019, 8, 1),
        ends_on=date(2020, 5, 31),
        demo=True,
        notes=MARK,
    )
    services.plan_milestones(project, {kind: planned for kind, planned, _day in MILESTONES})
    for kind, _planned, reached in MILESTONES:
        services.reach_milestone(project, kind, reached)
    for entry in (EntryKind.PLANNED, EntryKind.ARRIVED):
        _book(project, 2019, Source.CITY, entry, Decimal(369))
    _lot_1(project)
    _lot_2(project)
    return project


def _lot_1(project: Project) -> None:
    contract = _contract(
        project,
        1,
        "带宽升级、新增点位、互联网出口安全及综合运行管理平台",
        "YS-2019-01",
        TELECOM,
        Decimal(345),
    )
    parts = (
        PlannedInstalment(
            "首期款（60%）",
            Decimal(207) * WAN,
            date(2019, 12, 31),
            gates=((("milestone", MilestoneKind.FIELD.value)),),
        ),
        PlannedInstalment(
            "竣工验收款（35%）",
            Decimal("120.75") * WAN,
            date(2020, 6, 30),
            gates=(
                ("milestone", MilestoneKind.FINAL.value),
                ("acceptance", "final"),
                ("document", "settlement"),
            ),
        ),
        PlannedInstalment(
            "质保金（5%）",
            Decimal("17.25") * WAN,
            date(2021, 5, 31),
            retention=True,
            gates=(("acceptance", "final"), ("not_before", "2021-05-31")),
        ),
    )
    first = services.plan_instalments(contract, parts)[0]
    services.put_in_force(contract)
    services.pay(
        services.certify(first, None),
        Decimal(207) * WAN,
        paid_on=date(2019, 12, 31),
        voucher="2019年12月48#",
        content="建设费用和一年网络租赁费用",
        source=Source.CITY,
        user=None,
    )


def _lot_2(project: Project) -> None:
    contract = _contract(
        project,
        2,
        "电子政务内网转外网的部分线路及增加1G互联网出口",
        "YS-2019-02",
        MOBILE,
        Decimal(24),
    )
    gates = (
        ("milestone", MilestoneKind.FINAL.value),
        ("acceptance", "final"),
        ("document", "invoice"),
    )
    parts = (PlannedInstalment("全款", Decimal(24) * WAN, date(2020, 6, 30), gates=gates),)
    services.plan_instalments(contract, parts)
    services.put_in_force(contract)


def _contract(
    project: Project, number: int, name: str, code: str, company: str, wan: Decimal
) -> Contract:
    lot = Lot.objects.create(project=project, number=number, name=name, notes=MARK)
    return Contract.objects.create(
        number=code,
        name=name,
        lot=lot,
        contractor=contractor(company),
        amount=wan * WAN,
        signed_on=date(2019, 9, 2),
        demo=True,
        notes=ASSUMED,
    )


def _book(
    project: Project, year: int, source: Source, kind: EntryKind, wan: Decimal, reason: str = ""
) -> None:
    BudgetEntry.objects.create(
        project=project,
        year=year,
        source=source,
        kind=kind,
        amount=wan * WAN,
        booked_on=date(year, 1, 1),
        reason=reason or MARK,
    )


def _xiangyin(_region: Region | None) -> Project:
    """A county of its own: seen by who sees the whole site.

    The report names no source; 「财政正常年度预算」 of a county is read as the county's.
    """
    project = Project.objects.create(
        code=XIANGYIN,
        name="湘阴县电子政务外网等运维管理专项",
        kind=ProjectKind.MAINTENANCE,
        unit_name="湘阴县行政审批服务局",
        starts_on=date(2022, 1, 1),
        ends_on=date(2022, 12, 31),
        demo=True,
        notes=f"{MARK}：原报告起止时间写 2021 年，资金与时效写 2022 年，此处按 2022 年。",
    )
    for kind, wan, reason in (
        (EntryKind.PLANNED, "220.2", "计划安排资金（含未到位 20.2 万元，原报告未说明）"),
        (EntryKind.ARRIVED, "200", "财政项目资金拨付"),
        (EntryKind.CARRIED, "6.2", "上年结转 6.2 万元，未列入本年到位，故结余为 -6.2 万元"),
        (EntryKind.SPENT, "206.2", "支出明细附后（原报告未附，无会计凭证号）"),
    ):
        _book(project, 2022, Source.COUNTY, kind, Decimal(wan), reason)
    return project


@transaction.atomic
def remove() -> None:
    """Take the demo projects away with all their money; for the removal of the demo."""
    projects = Project.objects.filter(demo=True)
    contracts = Contract.objects.filter(lot__project__in=projects)
    Payment.objects.filter(contract__in=contracts).delete()
    for contract in contracts:
        contract.certificates.all().delete()
        contract.deductions.all().delete()
    contracts.delete()
    Lot.objects.filter(project__in=projects).delete()
    BudgetEntry.objects.filter(project__in=projects).delete()
    projects.delete()
    Contractor.objects.filter(demo=True).delete()
