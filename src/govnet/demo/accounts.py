"""The demo city's accounts: contracts and money of the seed, this year's maintenance contract."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from django.utils import timezone

from govnet.evaluation import demo_city
from govnet.inventory.models import Region
from govnet.projects import seeds, services
from govnet.projects.choices import EntryKind, ProjectKind, Source
from govnet.projects.models import (
    BudgetEntry,
    Contract,
    DeductionStep,
    DeductionTable,
    Lot,
    Project,
)
from govnet.projects.services import PlannedInstalment
from govnet.surveys import seeds as surveys

CODE: Final = "YY-YW-DEMO"
TABLE: Final = "专线可用率扣款表 (演示)"
# In the shape of a published stepped refund; the rates are an example to be edited.
STEPS: Final = (("99.9", "3"), ("99.5", "6"), ("99", "12"), ("95", "50"))


def load_accounts(city: Region) -> None:
    """Projects, contracts, surveys and the self-evaluation; again is no change."""
    yueyang, _xiangyin = seeds.load(city)
    survey, _county = surveys.load(city)
    if not Project.objects.filter(code=CODE).exists():
        _maintenance(city)
    demo_city.load(city, yueyang, survey)


def _table() -> DeductionTable:
    table, made = DeductionTable.objects.get_or_create(
        name=TABLE, defaults={"demo": True, "notes": seeds.MARK}
    )
    if made:
        for below, rate in STEPS:
            DeductionStep.objects.create(table=table, below=Decimal(below), rate=Decimal(rate))
    return table


def _maintenance(city: Region) -> None:
    """A contract of one year that ends in two months: something for the calendar to tell."""
    today = timezone.localdate()
    ends = today + timedelta(days=60)
    starts = ends - timedelta(days=364)
    project = Project.objects.create(
        code=CODE,
        name="岳阳市电子政务外网年度运维专项（演示）",
        kind=ProjectKind.MAINTENANCE,
        region=city,
        unit_name="岳阳市政务服务中心",
        starts_on=starts,
        ends_on=ends,
        demo=True,
        notes=seeds.MARK,
    )
    amount = Decimal(1_200_000)
    for kind in (EntryKind.PLANNED, EntryKind.ARRIVED):
        BudgetEntry.objects.create(
            project=project,
            year=starts.year,
            source=Source.CITY,
            kind=kind,
            amount=amount,
            booked_on=starts,
            reason=seeds.MARK,
        )
    lot = Lot.objects.create(project=project, number=1, name="线路租赁与运维", notes=seeds.MARK)
    contract = Contract.objects.create(
        number="YS-YW-DEMO",
        name="电子政务外网线路租赁与运维服务（演示）",
        lot=lot,
        contractor=seeds.contractor(seeds.TELECOM),
        amount=amount,
        signed_on=starts,
        starts_on=starts,
        expires_on=ends,
        monthly_fee=Decimal(95_000),
        deduction_table=_table(),
        demo=True,
        notes=seeds.MARK,
    )
    _instalments(contract, starts, ends)


def _instalments(contract: Contract, starts: date, ends: date) -> None:
    quarter = Decimal(285_000)
    parts = [
        PlannedInstalment(
            f"第{number}季度服务费",
            quarter,
            starts + timedelta(days=91 * number),
            gates=(
                ("not_before", (starts + timedelta(days=91 * number)).isoformat()),
                ("document", "invoice"),
            ),
        )
        for number in range(1, 5)
    ]
    retention = PlannedInstalment(
        "质保金（5%）",
        contract.amount - 4 * quarter,
        ends + timedelta(days=365),
        retention=True,
        gates=(("not_before", (ends + timedelta(days=365)).isoformat()),),
    )
    services.plan_instalments(contract, [*parts, retention])
    services.put_in_force(contract)


def remove_accounts() -> None:
    """Take all of it away; raises ``ProtectedError`` when something of your own hangs on it."""
    demo_city.remove()
    seeds.remove()
    DeductionTable.objects.filter(demo=True).delete()
    surveys.remove()
